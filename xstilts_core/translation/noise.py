"""Controlled noise in training texts: what bad translations do to a training set, by a known
amount.

A share of the words is disturbed, each in one of three ways, equally often: it is dropped, it takes
a wrong sense (another word of the same training set, about as frequent), or it changes places with
the next one. Labels stay. The answer to a question is disturbed on its own, so that it still stands
in its context, and no text loses its last word: no example has to go.

What happens to an example hangs on the seed, its id and its words alone, and a word that is
disturbed at a share is disturbed at every larger one. Words are those of `words.py`: characters
where a language writes no spaces.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from xstilts_core.data import words
from xstilts_core.examples import (
    Answer,
    ChoiceExample,
    Example,
    PairExample,
    SpanExample,
    TagsExample,
)

KINDS = ("drop", "sense", "order")
# A wrong sense is at most so many ranks of frequency away.
_NEAR = 10


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The words of a training set from the most frequent to the rarest, and the rank of each."""

    words: tuple[str, ...]
    ranks: dict[str, int]

    def near(self, word: str, random: Random) -> str:
        """Another word, about as frequent; the word itself where there is no other."""
        rank = self.ranks[word]
        around = [
            *range(max(0, rank - _NEAR), rank),
            *range(rank + 1, min(len(self.words), rank + _NEAR + 1)),
        ]
        return self.words[random.choice(around)] if around else word


def vocabulary(found: Iterable[str]) -> _Vocabulary:
    """Equally frequent words stand in the order of the alphabet, so that the same set always gives
    the same ranks."""
    ordered = tuple(
        word for word, _ in sorted(Counter(found).items(), key=lambda entry: (-entry[1], entry[0]))
    )
    return _Vocabulary(ordered, {word: rank for rank, word in enumerate(ordered)})


def noised(examples: Sequence[Example], code: str, share: float, seed: int) -> list[Example]:
    """The examples of one language with that share of their words (0 to 1) disturbed; as they are
    where it is 0."""
    if not share:
        return list(examples)
    known = vocabulary(word for example in examples for word in words_of(example, code))
    return [
        disturbed(example, code, share, known, Random(f"{seed}/{code}/{example.id}"))
        for example in examples
    ]


def words_of(example: Example, code: str) -> Iterable[str]:
    """Every word of an example's texts."""
    match example:
        case PairExample():
            texts = (example.text_a, example.text_b)
        case ChoiceExample():
            texts = (example.context, example.question, *example.choices)
        case SpanExample():
            texts = (example.question, example.context)
        case TagsExample():
            return example.words
        case _:
            raise TypeError(
                f"a {type(example).__name__} has no labels that noise could leave in place"
            )
    # An answer is disturbed on its own: its words may be cut otherwise than in the running text.
    answers = example.answers if isinstance(example, SpanExample) else ()
    parts = [part for answer in answers[:1] for part in around(example.context, answer)]
    return (word for text in (*texts, *parts) for word in words.words(text, code))


def disturbed(
    example: Example, code: str, share: float, known: _Vocabulary, random: Random
) -> Example:
    """One example with noise in every text. Of several answers the first is kept: training data
    have one."""

    def text(clean: str) -> str:
        return noisy_text(clean, code, share, known, random)

    match example:
        case PairExample():
            return replace(example, text_a=text(example.text_a), text_b=text(example.text_b))
        case ChoiceExample():
            choices = tuple(text(choice) for choice in example.choices)
            return replace(
                example,
                context=text(example.context),
                question=text(example.question),
                choices=choices,
            )
        case SpanExample() if example.answers:
            before, answer, after = (
                text(part) for part in around(example.context, example.answers[0])
            )
            return replace(
                example,
                question=text(example.question),
                context=before + answer + after,
                answers=(Answer(answer, len(before)),),
            )
        case SpanExample():
            return replace(example, question=text(example.question), context=text(example.context))
        case TagsExample():
            kept = noisy_order(example.words, share, known, random)
            return replace(
                example,
                words=tuple(word for word, _ in kept),
                tags=tuple(example.tags[place] for _, place in kept),
            )
    raise TypeError(f"a {type(example).__name__} has no labels that noise could leave in place")


def around(context: str, answer: Answer) -> tuple[str, str, str]:
    """What stands before the answer, the answer, what stands after it."""
    end = answer.start + len(answer.text)
    return context[: answer.start], context[answer.start : end], context[end:]


def noisy_order(
    found: Sequence[str], share: float, known: _Vocabulary, random: Random
) -> list[tuple[str, int]]:
    """(word, place of the word that it stems from) after noise; at least one."""
    # Every word draws the same numbers whatever the share: levels of noise are nested.
    drawn = [(random.random(), random.choice(KINDS), known.near(word, random)) for word in found]
    chosen = [kind if number < share else "" for number, kind, _ in drawn]
    order = list(range(len(found)))
    for place, kind in enumerate(chosen[:-1]):
        if kind == "order":
            order[place], order[place + 1] = order[place + 1], order[place]
    told = [
        (drawn[place][2] if chosen[place] == "sense" else found[place], place) for place in order
    ]
    return [entry for entry in told if chosen[entry[1]] != "drop"] or told[:1]


def noisy_text(text: str, code: str, share: float, known: _Vocabulary, random: Random) -> str:
    """The text after noise. Punctuation stays where it is; a dropped word takes the space before it
    along."""
    places = words.spans(text, code)
    if not places:
        return text
    found = [text[first:end] for first, end in places]
    kept = noisy_order(found, share, known, random)
    dropped = set(range(len(found))) - {place for _, place in kept}
    waiting = iter(word for word, _ in kept)
    # What stood between two words stays between the two that fill their places.
    gaps = [text[end:first] for (_, end), (first, _) in pairwise(places)]
    parts = [text[: places[0][0]]]
    for place, gap in enumerate([*gaps, text[places[-1][1] :]]):
        if place in dropped and len(parts) == 1:
            parts[0] += gap.lstrip()
        elif place in dropped:
            parts[-1] = (parts[-1].rstrip() if gap else parts[-1]) + gap
        else:
            parts += [next(waiting), gap]
    return "".join(parts)
