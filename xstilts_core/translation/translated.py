"""Training examples in languages other than English, from exact, published or model translations,
with optional noise.

Every example of the English training set that a run would use appears once, in one of the
languages: several languages share the English size evenly. The seed determines the language of each
example. Development data stay English, so that every recipe is evaluated, and its checkpoint
chosen, on the same items.

Sources: the embedded suite has every item in every language. Published translations
(tasks/tasks.yaml) are matched by id, which in tables is the row number; a missing example is
replaced by another one of the set. A model translates sentence by sentence. The answer to a
question is marked with brackets before translation and located by them afterwards; an example whose
brackets are missing, doubled or empty is dropped. Found, replaced and dropped examples are counted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xstilts_core import model
from xstilts_core.data.source import source_of
from xstilts_core.examples import Example, SpanExample, TranslationCount
from xstilts_core.files.paths import home
from xstilts_core.languages import language
from xstilts_core.study.spec import IntermediateSpec
from xstilts_core.tasks import TRANSLATIONS
from xstilts_core.translation import noise, translator

ENGLISH = "en"
# White space between two English sentences: after a stop that ends neither initials nor a title,
# before a character that may begin a sentence.
_TITLES = "".join(rf"(?<!\b{title}\.)" for title in ("Mr", "Ms", "Mrs", "Dr", "St", "vs"))
BREAK = re.compile(
    rf"(?:(?<=[a-z0-9%)\]\"'][.!?])|(?<=[.!?][\"')\]])){_TITLES}\s+(?=[\"'(\[]?[A-Z0-9])|\n+"
)
MARKS = (("[", "]"), ("{", "}"), ("<", ">"))
# The sentences of a context, the index of the one with the marked answer, and its marks.
_Marked = tuple[list[str], int, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Training examples by part, and the counts of found, replaced and dropped examples."""

    parts: dict[str, list[Example]]
    counts: tuple[TranslationCount, ...] = ()


def training(name: str, spec: IntermediateSpec) -> TrainingSet:
    """Return the training examples of an intermediate task with the languages, translator and noise
    of the spec. By default they are the unchanged English examples."""
    english = source_of(spec).training(name, spec.examples_of(name), spec.seed)
    if not spec.data_languages and not spec.noise:
        return TrainingSet(english)
    codes, parts, counts = spec.data_languages or [ENGLISH], {}, []
    for part, examples in english.items():
        # At random, in sizes that differ by at most one.
        order = np.random.default_rng([spec.seed, 6]).permutation(len(examples)).tolist()
        by_position: dict[int, Example] = {}
        for number, code in enumerate(codes):
            positions = sorted(order[number :: len(codes)])
            translations, count = _in_language(
                part, code, [examples[index] for index in positions], spec
            )
            counts.append(count)
            present = {
                position: example
                for position, example in zip(positions, translations, strict=True)
                if example is not None
            }
            noisy = noise.add_noise(list(present.values()), code, spec.noise, spec.seed)
            by_position |= dict(zip(present, noisy, strict=True))
        parts[part] = [by_position[position] for position in sorted(by_position)]
    return TrainingSet(parts, tuple(counts))


def _in_language(
    part: str, code: str, english: Sequence[Example], spec: IntermediateSpec
) -> tuple[list[Example | None], TranslationCount]:
    """Return the examples in a language, in the same order, with None for a dropped one. Their ids
    begin with the language."""
    if code == ENGLISH:
        return list(english), TranslationCount(part, code, found=len(english))
    if spec.translator:
        translations = translator.translations(
            spec.translator_for(code),
            code,
            (source for example in english for source in sources_of(example)),
            home() / spec.outputs / "translations",
            lambda: model.device(spec.device),
        )
        examples, filled = [rebuild(example, code, translations) for example in english], 0
    else:
        name = part if spec.embedded else TRANSLATIONS[part]
        published = source_of(spec).load(name, "train", code)
        examples, filled = match_by_id(english, published, spec.seed)
    dropped = examples.count(None)
    count = TranslationCount(part, code, len(english) - filled - dropped, filled, dropped)
    return [example and replace(example, id=f"{code}-{example.id}") for example in examples], count


def match_by_id(
    english: Sequence[Example], translations: Sequence[Example], seed: int
) -> tuple[list[Example | None], int]:
    """Match English examples with those of a set in another language by id and label. Others of
    that set, drawn by the seed, replace the examples without a match, as far as there are enough:
    return also how many.

    If ids are row numbers, comparing labels detects tables that are not parallel: few examples are
    then found, and most are replaced.
    """
    by_id = {example.id: example for example in translations}
    matches = {
        example.id: match
        for example in english
        if (match := by_id.get(example.id))
        and getattr(match, "label", None) == getattr(example, "label", None)
    }
    spare = [example for example in translations if example.id not in matches]
    order = np.random.default_rng([seed, 7]).permutation(len(spare)).tolist()
    others = (spare[index] for index in order)
    examples = [matches.get(example.id) or next(others, None) for example in english]
    return examples, min(len(english) - len(matches), len(spare))


def sentences(text: str) -> list[str]:
    """Split an English text at stops and capitals; a piece need not be a whole sentence."""
    return [part.strip() for part in BREAK.split(text) if part and part.strip()]


def mark_answer(example: SpanExample) -> _Marked | None:
    """Mark the first answer; return None if the context contains all kinds of marks."""
    answer, context = example.answers[0], example.context
    marks = next((pair for pair in MARKS if not set(pair) & set(context)), None)
    if marks is None:
        return None
    end = answer.start + len(answer.text)
    # The sentence of the answer extends from the last break before it to the first one after it, so
    # that no answer is split.
    breaks = [match.span() for match in BREAK.finditer(context)]
    first = max((last for _, last in breaks if last <= answer.start), default=0)
    last = min((begin for begin, _ in breaks if begin >= end), default=len(context))
    sentence = context[first : answer.start] + marks[0] + answer.text + marks[1] + context[end:last]
    before = sentences(context[:first])
    return [*before, sentence.strip(), *sentences(context[last:])], len(before), marks


def sources_of(example: Example) -> list[str]:
    """Return the texts of an example to translate: its sentences, with marks around the answer."""
    if isinstance(example, SpanExample) and example.answers:
        marking = mark_answer(example)
        return [*sentences(example.question), *marking[0]] if marking else []
    texts = noise.texts_of(example).values()
    return [sentence for parts in texts for text in parts for sentence in sentences(text)]


def rebuild(example: Example, code: str, translations: Mapping[str, str]) -> Example | None:
    """Return the example with every text translated and its label unchanged; None if a sentence has
    no translation or the answer is lost."""

    def text(english: str) -> str | None:
        """Join the sentences' translations; None if one of them has none."""
        parts = [translations[part] for part in sentences(english)]
        return (" " if language(code).whitespace else "").join(parts) if all(parts) else None

    texts: dict[str, Sequence[str | None]] = {}
    for name, parts in noise.texts_of(example).items():
        if name == "context" and isinstance(example, SpanExample) and example.answers:
            marking = mark_answer(example)
            texts[name] = (marking and project_answer(marking, code, translations)) or [None]
        else:
            texts[name] = [text(part) for part in parts]
    if any(None in parts for parts in texts.values()):
        return None
    return noise.with_texts(example, texts)


def project_answer(
    marking: _Marked, code: str, translations: Mapping[str, str]
) -> tuple[str, str, str] | None:
    """Return the translated context without the marks, in three parts: before the answer, the
    answer, after it.

    Return None if a sentence is missing, a mark is missing or doubled, the marks are in the wrong
    order, or nothing is between them.
    """
    parts, index, marks = marking
    translated = [translations[part] for part in parts]
    opening, closing = map(re.escape, marks)
    text = f"([^{opening}{closing}]*?)"
    match = re.fullmatch(
        rf"{text}(\s*){opening}(\s*){text}(\s*){closing}(\s*){text}", translated[index]
    )
    if not all(translated) or not match or not match[4]:
        return None
    # White space inside the marks moves outside them, one space at most.
    before = match[1] + (" " if match[1] and match[2] + match[3] else "")
    after = (" " if match[7] and match[5] + match[6] else "") + match[7]
    between = " " if language(code).whitespace else ""
    head = "".join(part + between for part in translated[:index]) + before
    tail = after + "".join(between + part for part in translated[index + 1 :])
    return head, match[4], tail.rstrip()
