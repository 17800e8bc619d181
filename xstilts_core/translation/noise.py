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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Any

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
        near = range(max(0, rank - _NEAR), min(len(self.words), rank + _NEAR + 1))
        candidates = [other for other in near if other != rank]
        return self.words[random.choice(candidates)] if candidates else word


def vocabulary(tokens: Iterable[str]) -> _Vocabulary:
    """Rank words by frequency, then alphabetically, so that a set always has the same ranks."""
    counts = Counter(tokens)
    ranking = tuple(sorted(counts, key=lambda word: (-counts[word], word)))
    return _Vocabulary(ranking, {word: rank for rank, word in enumerate(ranking)})


def add_noise(examples: Sequence[Example], code: str, share: float, seed: int) -> list[Example]:
    """Return the examples of one language with this share of their words (0 to 1) disturbed;
    unchanged if the share is 0."""
    if not share:
        return list(examples)
    vocab = vocabulary(word for example in examples for word in _words_of(example, code))
    return [
        _disturb(example, code, share, vocab, Random(f"{seed}/{code}/{example.id}"))
        for example in examples
    ]


# The texts of an example, in the order in which they are disturbed.
_FIELDS: dict[type[Example], tuple[str, ...]] = {
    PairExample: ("text_a", "text_b"),
    ChoiceExample: ("choices", "context", "question"),
    SpanExample: ("question", "context"),
}


def texts_of(example: Example) -> dict[str, tuple[str, ...]]:
    """Return the texts of a training example by field, in the order in which they are disturbed.

    A context with an answer comes first, in three parts: before the answer, the answer, after it.
    Of several answers the first is used, because training data have one.
    """
    if type(example) not in _FIELDS:
        raise TypeError(f"a {type(example).__name__} has no labels that stay if its texts change")
    if isinstance(example, SpanExample) and example.answers:
        start, context = example.answers[0].start, example.context
        end = start + len(example.answers[0].text)
        parts = context[:start], context[start:end], context[end:]
        return {"context": parts, "question": (example.question,)}
    values = {name: getattr(example, name) for name in _FIELDS[type(example)]}
    return {name: (text,) if isinstance(text, str) else text for name, text in values.items()}


def with_texts(example: Example, texts: Mapping[str, Sequence[str]]) -> Example:
    """Return the example with other texts, given as by `texts_of`."""
    fields: dict[str, Any] = {
        name: tuple(parts) if name == "choices" else "".join(parts) for name, parts in texts.items()
    }
    if isinstance(example, SpanExample) and example.answers:
        before, answer, _ = texts["context"]
        fields["answers"] = (Answer(answer, len(before)),)
    return replace(example, **fields)


def _words_of(example: Example, code: str) -> Iterable[str]:
    """Return every word of an example's texts."""
    if isinstance(example, TagsExample):
        return example.words
    texts = [text for parts in texts_of(example).values() for text in parts]
    # The words of an answer may be segmented differently in the running text.
    if isinstance(example, SpanExample) and example.answers:
        texts.append(example.context)
    return (word for text in texts for word in words.words(text, code))


def _disturb(
    example: Example, code: str, share: float, vocab: _Vocabulary, random: Random
) -> Example:
    """Add noise to every text of one example."""
    if isinstance(example, TagsExample):
        order = noisy_order(example.words, share, vocab, random)
        return replace(
            example,
            words=tuple(word for word, _ in order),
            tags=tuple(example.tags[position] for _, position in order),
        )
    noisy = {
        name: [noisy_text(text, code, share, vocab, random) for text in parts]
        for name, parts in texts_of(example).items()
    }
    return with_texts(example, noisy)


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
