"""Add a controlled amount of noise to training texts, of the kind that bad translations add.

A given share of the words is disturbed, in one of three ways with equal probability: the word is
dropped, it takes a wrong sense (another word of the same training set, about as frequent), or it is
swapped with the next word. Labels stay. The answer to a question is disturbed separately, so that
it remains in its context, and no text loses its last word, so that no example is lost.

The noise of an example depends only on the seed, its id and its words, and a word that is disturbed
at one share is disturbed at every larger one. Words are those of `words.py`: characters if a
language writes no spaces.
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
# Maximum distance of a wrong sense, in ranks of frequency.
_NEAR = 10


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The words of a training set from the most to the least frequent, and the rank of each."""

    words: tuple[str, ...]
    ranks: dict[str, int]

    def near(self, word: str, random: Random) -> str:
        """Draw another word of about the same frequency; the word itself if there is no other."""
        rank = self.ranks[word]
        candidates = [
            *range(max(0, rank - _NEAR), rank),
            *range(rank + 1, min(len(self.words), rank + _NEAR + 1)),
        ]
        return self.words[random.choice(candidates)] if candidates else word


def vocabulary(tokens: Iterable[str]) -> _Vocabulary:
    """Rank words by frequency, then alphabetically, so that a set always has the same ranks."""
    ranking = tuple(
        word for word, _ in sorted(Counter(tokens).items(), key=lambda entry: (-entry[1], entry[0]))
    )
    return _Vocabulary(ranking, {word: rank for rank, word in enumerate(ranking)})


def add_noise(examples: Sequence[Example], code: str, share: float, seed: int) -> list[Example]:
    """Return the examples of one language with this share of their words (0 to 1) disturbed;
    unchanged if the share is 0."""
    if not share:
        return list(examples)
    vocab = vocabulary(word for example in examples for word in words_of(example, code))
    return [
        _disturb(example, code, share, vocab, Random(f"{seed}/{code}/{example.id}"))
        for example in examples
    ]


def words_of(example: Example, code: str) -> Iterable[str]:
    """Return every word of an example's texts."""
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
    # An answer is disturbed separately: its words may be segmented differently than in the running
    # text.
    answers = example.answers if isinstance(example, SpanExample) else ()
    passages = [
        passage for answer in answers[:1] for passage in _split_at_answer(example.context, answer)
    ]
    return (word for text in (*texts, *passages) for word in words.words(text, code))


def _disturb(
    example: Example, code: str, share: float, vocab: _Vocabulary, random: Random
) -> Example:
    """Add noise to every text of one example. Of several answers the first is kept, because
    training data have one."""

    def text(clean: str) -> str:
        return noisy_text(clean, code, share, vocab, random)

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
                text(part) for part in _split_at_answer(example.context, example.answers[0])
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
            order = noisy_order(example.words, share, vocab, random)
            return replace(
                example,
                words=tuple(word for word, _ in order),
                tags=tuple(example.tags[position] for _, position in order),
            )
    raise TypeError(f"a {type(example).__name__} has no labels that noise could leave in place")


def _split_at_answer(context: str, answer: Answer) -> tuple[str, str, str]:
    """Split a context into the text before the answer, the answer, and the text after it."""
    end = answer.start + len(answer.text)
    return context[: answer.start], context[answer.start : end], context[end:]


def noisy_order(
    originals: Sequence[str], share: float, vocab: _Vocabulary, random: Random
) -> list[tuple[str, int]]:
    """Return (word, position of the word that it stems from) after noise; at least one."""
    # Every word draws the same numbers at every share, so that levels of noise are nested.
    draws = [
        (random.random(), random.choice(KINDS), vocab.near(word, random)) for word in originals
    ]
    changes = [kind if number < share else "" for number, kind, _ in draws]
    order = list(range(len(originals)))
    for position, kind in enumerate(changes[:-1]):
        if kind == "order":
            order[position], order[position + 1] = order[position + 1], order[position]
    noisy = [
        (draws[position][2] if changes[position] == "sense" else originals[position], position)
        for position in order
    ]
    return [item for item in noisy if changes[item[1]] != "drop"] or noisy[:1]


def noisy_text(text: str, code: str, share: float, vocab: _Vocabulary, random: Random) -> str:
    """Return the text after noise. Punctuation stays where it is; a dropped word is removed
    together with the space before it."""
    bounds = words.spans(text, code)
    if not bounds:
        return text
    originals = [text[first:end] for first, end in bounds]
    order = noisy_order(originals, share, vocab, random)
    dropped = set(range(len(originals))) - {position for _, position in order}
    remaining = iter(word for word, _ in order)
    # The text between two words stays between the two words that replace them.
    gaps = [text[end:first] for (_, end), (first, _) in pairwise(bounds)]
    parts = [text[: bounds[0][0]]]
    for position, gap in enumerate([*gaps, text[bounds[-1][1] :]]):
        if position in dropped and len(parts) == 1:
            parts[0] += gap.lstrip()
        elif position in dropped:
            parts[-1] = (parts[-1].rstrip() if gap else parts[-1]) + gap
        else:
            parts += [next(remaining), gap]
    return "".join(parts)
