"""Training examples in other languages than English: exact translations, published ones, or a
model's; then noise.

Every example of the English training set that a run would use is trained on once, in one of the
languages: with several they share the English size evenly. Which example comes in which language
hangs on the seed. Development data stay English, so that every recipe is judged, and its checkpoint
chosen, on the same items.

Sources: the embedded suite says the same in every language. Published translations
(tasks/translated.py) are matched by id, which in tables is the number of the row; where an example
is missing there, another one of the set takes its place. A model translates sentence by sentence;
the answer to a question is marked by brackets before translation and found again by them after it,
and an example whose brackets are gone, doubled or around nothing is dropped. What became of how
many is counted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xstilts_core import model
from xstilts_core.data import splits
from xstilts_core.examples import Answer, ChoiceExample, Example, PairExample, SpanExample
from xstilts_core.files.paths import home
from xstilts_core.languages import language
from xstilts_core.study.spec import IntermediateSpec
from xstilts_core.tasks import TRANSLATIONS
from xstilts_core.translation import noise, translator

ENGLISH = "en"
# A blank between two English sentences: after a stop that ends neither initials nor a title, before
# what may begin a sentence.
TITLES = "".join(rf"(?<!\b{title}\.)" for title in ("Mr", "Ms", "Mrs", "Dr", "St", "vs"))
BREAK = re.compile(
    rf"(?:(?<=[a-z0-9%)\]\"'][.!?])|(?<=[.!?][\"')\]])){TITLES}\s+(?=[\"'(\[]?[A-Z0-9])|\n+"
)
MARKS = (("[", "]"), ("{", "}"), ("<", ">"))


@dataclass(frozen=True, slots=True)
class Count:
    """Training examples of a part in a language. found: by id; filled: others of the published set
    in their place; dropped: lost."""

    part: str
    language: str
    found: int
    filled: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """Training examples by part, and what became of how many."""

    parts: dict[str, list[Example]]
    counts: tuple[Count, ...] = ()


def training(name: str, spec: IntermediateSpec) -> Prepared:
    """The training examples of an intermediate task as the spec wishes: languages, translator,
    noise. English by default, as it is."""
    english = splits.training(name, spec.examples_of(name), spec.seed, spec.source, spec.data_root)
    if not spec.data_languages and not spec.noise:
        return Prepared(english)
    codes, parts, counts = spec.data_languages or [ENGLISH], {}, []
    for part, examples in english.items():
        told: list[Example | None] = [None] * len(examples)
        for code, places in divided(len(examples), codes, spec.seed).items():
            got, count = _in_language(part, code, [examples[place] for place in places], spec)
            counts.append(count)
            kept = [position for position, example in enumerate(got) if example is not None]
            disturbed = noise.noised(
                [got[position] for position in kept], code, spec.noise, spec.seed
            )
            for position, example in zip(kept, disturbed, strict=True):
                told[places[position]] = example
        parts[part] = [example for example in told if example is not None]
    return Prepared(parts, tuple(counts))


def divided(count: int, codes: Sequence[str], seed: int) -> dict[str, list[int]]:
    """Places of `count` examples by language, in their order: shares that differ by one at most,
    drawn by the seed."""
    order = np.random.default_rng([seed, 6]).permutation(count)
    return {
        code: sorted(order[position :: len(codes)].tolist()) for position, code in enumerate(codes)
    }


def _in_language(
    part: str, code: str, english: Sequence[Example], spec: IntermediateSpec
) -> tuple[list[Example | None], Count]:
    """The examples in a language, in the same order; None where one was dropped. Their ids say the
    language."""
    if code == ENGLISH:
        return list(english), Count(part, code, len(english))
    if spec.translator:
        told = _by_model(english, code, spec)
        found = sum(example is not None for example in told)
        got, count = told, Count(part, code, found, 0, len(told) - found)
    else:
        name = part if spec.source == "mini" else TRANSLATIONS[part]
        got, count = matched(
            english,
            splits.load(name, "train", code, spec.source, spec.data_root),
            Count(part, code, 0),
            spec.seed,
        )
    return [example and replace(example, id=f"{code}-{example.id}") for example in got], count


def matched(
    english: Sequence[Example], own: Sequence[Example], count: Count, seed: int
) -> tuple[list[Example | None], Count]:
    """Of a set in another language the examples with the same ids and labels; for the others of it,
    drawn by the seed, as far as there are.

    Where ids are numbers of rows, the label tells tables apart that are not parallel: few examples
    are then found, and most are filled up.
    """
    by_id = {example.id: example for example in own}
    found = {
        example.id: other
        for example in english
        if (other := by_id.get(example.id)) is not None and label(other) == label(example)
    }
    spare = [example for example in own if example.id not in found]
    drawn = iter(np.random.default_rng([seed, 7]).permutation(len(spare)).tolist())
    got: list[Example | None] = []
    for example in english:
        other = found.get(example.id)
        place = next(drawn, None) if other is None else None
        got.append(other if place is None else spare[place])
    filled = min(len(english) - len(found), len(spare))
    return got, replace(
        count, found=len(found), filled=filled, dropped=len(english) - len(found) - filled
    )


def label(example: Example) -> object:
    """The label of an example that has one."""
    return example.label if isinstance(example, PairExample | ChoiceExample) else None


def _by_model(
    english: Sequence[Example], code: str, spec: IntermediateSpec
) -> list[Example | None]:
    """The examples as the spec's translator says them in a language; None where it did not."""
    sources = dict.fromkeys(source for example in english for source in sources_of(example))
    folder = home() / spec.outputs / "translations"
    told = translator.translations(
        spec.translator_for(code), code, sources, Path(folder), lambda: model.device(spec.device)
    )
    return [rebuilt(example, code, told) for example in english]


def sentences(text: str) -> list[str]:
    """The sentences of an English text, as far as stops and capitals tell: none has to be a whole
    one."""
    return [part.strip() for part in BREAK.split(text) if part and part.strip()]


def marked(example: SpanExample) -> tuple[list[str], int, tuple[str, str]] | None:
    """(sentences of the context, the one with the answer in marks, those marks). None where all
    kinds of marks stand in the context."""
    answer, context = example.answers[0], example.context
    marks = next((pair for pair in MARKS if not set(pair) & set(context)), None)
    if marks is None:
        return None
    end = answer.start + len(answer.text)
    # The sentence of the answer reaches from the last break before it to the first one behind it:
    # no answer is cut in two.
    breaks = [match.span() for match in BREAK.finditer(context)]
    first = max((last for _, last in breaks if last <= answer.start), default=0)
    last = min((begin for begin, _ in breaks if begin >= end), default=len(context))
    inside = context[first : answer.start] + marks[0] + answer.text + marks[1] + context[end:last]
    before = sentences(context[:first])
    return [*before, inside.strip(), *sentences(context[last:])], len(before), marks


def sources_of(example: Example) -> list[str]:
    """What has to be translated of an example: its sentences, that of an answer with marks around
    it."""
    match example:
        case PairExample():
            return [*sentences(example.text_a), *sentences(example.text_b)]
        case ChoiceExample():
            return [
                part
                for text in (example.context, example.question, *example.choices)
                for part in sentences(text)
            ]
        case SpanExample() if example.answers:
            found = marked(example)
            return [*sentences(example.question), *found[0]] if found else []
        case SpanExample():
            return [*sentences(example.question), *sentences(example.context)]
    raise TypeError(f"a {type(example).__name__} cannot be translated")


def joined(parts: Sequence[str], code: str) -> str | None:
    """Translated sentences as one text; None where one of them has no translation."""
    return (" " if language(code).whitespace else "").join(parts) if all(parts) else None


def rebuilt(example: Example, code: str, told: Mapping[str, str]) -> Example | None:
    """The example with every text translated, its label as it was; None where a sentence has no
    translation or the answer is lost."""

    def text(english: str) -> str | None:
        return joined([told[part] for part in sentences(english)], code)

    match example:
        case PairExample():
            first, second = text(example.text_a), text(example.text_b)
            return (
                None if not first or not second else replace(example, text_a=first, text_b=second)
            )
        case ChoiceExample():
            context, question, choices = (
                text(example.context),
                text(example.question),
                [text(choice) for choice in example.choices],
            )
            if context is None or question is None or not all(choices):
                return None
            return replace(
                example,
                context=context,
                question=question,
                choices=tuple(choice or "" for choice in choices),
            )
        case SpanExample() if example.answers:
            found, asked = marked(example), text(example.question)
            context = projected(found, code, told) if found else None
            return (
                None
                if context is None or not asked
                else replace(example, question=asked, context=context[0], answers=(context[1],))
            )
        case SpanExample():
            asked, context = text(example.question), text(example.context)
            return (
                None
                if not asked or not context
                else replace(example, question=asked, context=context)
            )
    raise TypeError(f"a {type(example).__name__} cannot be translated")


def projected(
    found: tuple[list[str], int, tuple[str, str]], code: str, told: Mapping[str, str]
) -> tuple[str, Answer] | None:
    """The translated context without the marks, and the answer that they were around.

    None where a sentence is missing, a mark is gone or doubled, they stand in the wrong order, or
    nothing is between them.
    """
    parts, place, (opening, closing) = found
    translated = [told[part] for part in parts]
    whole = translated[place]
    if not all(translated) or whole.count(opening) != 1 or whole.count(closing) != 1:
        return None
    before, _, rest = whole.partition(opening)
    answer, mark, after = rest.partition(closing)
    if not mark or not answer.strip():
        return None
    # Blanks inside the marks belong outside of them, one at most.
    before = before.rstrip() + (
        " " if before.strip() and (before[-1].isspace() or answer[0].isspace()) else ""
    )
    after = (
        " " if after.strip() and (after[0].isspace() or answer[-1].isspace()) else ""
    ) + after.lstrip()
    between = " " if language(code).whitespace else ""
    head = "".join(part + between for part in translated[:place]) + before
    context = (
        head + answer.strip() + after + "".join(between + part for part in translated[place + 1 :])
    )
    return context.rstrip(), Answer(answer.strip(), len(head))
