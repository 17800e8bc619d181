"""Show test items as HTML: texts, gold answer, the answers of baseline and recipe, and the item in
English if there is one."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from markupsafe import Markup

from xstilts_core.analysis.scores import ENGLISH
from xstilts_core.data.source import Source
from xstilts_core.errors import UsageError
from xstilts_core.examples import Example, SpanExample
from xstilts_core.explore.markup import render
from xstilts_core.explore.predictions import Compared
from xstilts_core.explore.text import Span
from xstilts_core.languages import LANGUAGES

# Targets whose real items with the same id are translations of each other (see analysis.items). In
# the embedded suite this holds for all targets.
_TRANSLATED = ("xnli", "pawsx", "xquad", "mlqa")


@dataclass(frozen=True, slots=True)
class Items:
    """The examples of one task, split and language by id, in order. english: the examples with the
    same ids in English; {} if there are none."""

    language: str
    examples: Mapping[str, Example]
    english: Mapping[str, Example] = field(default_factory=dict)


@lru_cache(maxsize=64)
def read_items(task: str, split: str, language: str, source: Source) -> Items:
    """Read the texts behind predictions from the study's source; raise UsageError if they are
    missing."""
    examples = {example.id: example for example in source.load(task, split, language)}
    english: dict[str, Example] = {}
    if language != ENGLISH and (source.name == "mini" or task in _TRANSLATED):
        with suppress(UsageError):  # retrieval has no English-only collection
            english = {example.id: example for example in source.load(task, split, ENGLISH)}
    translations = {
        key: example
        for key, example in english.items()
        if key in examples and _alike(example, examples[key])
    }
    return Items(language, examples, translations)


def _alike(one: Example, other: Example) -> bool:
    """Return whether examples with the same id can be translations: any labels they have are
    equal."""
    return getattr(one, "label", None) == getattr(other, "label", None)


def spans(example: SpanExample, item: Compared | None) -> list[Span]:
    """Return the gold answers and both predictions as marks in the context. A prediction is marked
    where it occurs nearest to the first gold answer."""
    marks = [
        (answer.start, answer.start + len(answer.text), "xs-gold") for answer in example.answers
    ]
    near = example.answers[0].start if example.answers else 0
    answers = ((item.before, "xs-before"), (item.after, "xs-after")) if item else ()
    for answer, label in answers:
        text = str(answer or "")
        matches = re.finditer(f"(?={re.escape(text)})", example.context) if text else ()
        starts = [match.start() for match in matches]
        if starts:
            start = min(starts, key=lambda start: abs(start - near))
            marks.append((start, start + len(text), label))
    return marks


def item_cards(compared: Sequence[Compared], texts: Items, runs: tuple[str, str]) -> Markup:
    """Return the items one below the other, or a note if there are none. runs: names of the
    baseline and the recipe."""
    language = LANGUAGES[texts.language].name if texts.language in LANGUAGES else texts.language
    return render(
        "items.html",
        compared=compared,
        texts=texts,
        language=language,
        baseline=runs[0],
        recipe=runs[1],
        spans=spans,
    )
