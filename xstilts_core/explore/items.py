"""One test item with its answers as HTML: text, gold, what the baseline and the recipe say, and the
item in English where there is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from xstilts_core.data import splits
from xstilts_core.errors import UsageError
from xstilts_core.examples import (
    ChoiceExample,
    Example,
    PairExample,
    RankingExample,
    SentenceExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.explore.predictions import Compared
from xstilts_core.explore.text import Span, name, passage, plain
from xstilts_core.languages import LANGUAGES
from xstilts_core.tasks import Source

ENGLISH = "en"
# Targets whose real items of one id say the same in every language (analysis.items); in the
# embedded suite all do.
TRANSLATED = ("xnli", "pawsx", "xquad", "mlqa")
YES, _NO = "\N{CHECK MARK}", "\N{MULTIPLICATION X}"
NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Items:
    """The examples of one task, split and language by id, in order; english: those of the same ids
    in English, {} where there are none."""

    language: str
    examples: Mapping[str, Example]
    english: Mapping[str, Example] = field(default_factory=dict)


@lru_cache(maxsize=64)
def read_items(task: str, split: str, language: str, source: Source, data_root: str) -> Items:
    """The texts behind predictions, from the study's own source. UsageError where the data are not
    on this machine."""
    found = {
        example.id: example for example in splits.load(task, split, language, source, data_root)
    }
    if language == ENGLISH or (source != "mini" and task not in TRANSLATED):
        return Items(language, found)
    try:
        english = {
            example.id: example for example in splits.load(task, split, ENGLISH, source, data_root)
        }
    except UsageError:
        return Items(language, found)  # retrieval has no collection of English alone
    return Items(
        language,
        found,
        {
            key: example
            for key, example in english.items()
            if key in found and alike(example, found[key])
        },
    )


def alike(one: Example, other: Example) -> bool:
    """Whether two examples of one id can be translations: they have the same label, where their
    kind has one."""
    return getattr(one, "label", None) == getattr(other, "label", None)


def places(text: str, wanted: str, near: int = 0) -> list[tuple[int, int]]:
    """Where `wanted` stands in the text: the place nearest to character `near`; nowhere for ""."""
    found, start = [], text.find(wanted) if wanted else -1
    while start >= 0:
        found.append((start, start + len(wanted)))
        start = text.find(wanted, start + 1)
    return sorted(found, key=lambda span: abs(span[0] - near))[:1]


def spans(example: SpanExample, item: Compared | None) -> list[Span]:
    """The gold answers and both predictions as marks in the context."""
    found = [
        (answer.start, answer.start + len(answer.text), "xs-gold") for answer in example.answers
    ]
    near = example.answers[0].start if example.answers else 0
    for guess, label in ((item.before, "xs-before"), (item.after, "xs-after")) if item else ():
        found += [(*place, label) for place in places(example.context, str(guess or ""), near)]
    return found


def _tag_words(example: TagsExample, language: str, item: Compared | None) -> str:
    """Words with their gold tags; below them the tags of baseline and recipe where they are
    wrong."""
    before, after = (list(item.before), list(item.after)) if item else (example.tags, example.tags)
    boxes = []
    for word, gold, one, two in zip(example.words, example.tags, before, after, strict=False):
        wrong = [
            f'<s class="{kind}">{plain(tag)}</s>'
            for tag, kind in ((one, "xs-before"), (two, "xs-after"))
            if tag != gold
        ]
        lines = f"<b>{passage(word, language)}</b><i>{plain(gold)}</i>{''.join(wrong)}"
        boxes.append(f'<span class="xs-word{" xs-wrong" if wrong else ""}">{lines}</span>')
    return f'<div class="xs-words" lang="{plain(language)}" dir="auto">{"".join(boxes)}</div>'


def lines(*rows: tuple[str, str]) -> str:
    """Labelled lines of text; those without text left out."""
    return "".join(f"<dt>{plain(label)}</dt><dd>{text}</dd>" for label, text in rows if text)


def body(example: Example, language: str, item: Compared | None) -> str:
    """The texts of an example by its kind. item None: without predictions (the English one
    beside)."""
    match example:
        case PairExample():
            return lines(
                ("first", passage(example.text_a, language)),
                ("second", passage(example.text_b, language)),
            )
        case SpanExample():
            context = passage(example.context, language, spans(example, item))
            return lines(("question", passage(example.question, language)), ("context", context))
        case TagsExample():
            return lines(("words", _tag_words(example, language, item)))
        case ChoiceExample():
            choices = [
                (f"{number}", passage(choice, language))
                for number, choice in enumerate(example.choices)
            ]
            return lines(
                ("context", passage(example.context, language)),
                ("question", passage(example.question, language)),
                *choices,
            )
        case SentenceExample():
            return lines(("sentence", passage(example.text, example.language)))
        case RankingExample():
            return lines(("query", passage(example.query, language)))
    raise UsageError(f"{type(example).__name__} is no kind of test item that can be shown")


def _found_text(identifier: Any, items: Items) -> str:
    """A sentence of a collection by its id, with its language; the id itself where it is none."""
    example = items.examples.get(str(identifier))
    return (
        passage(example.text, example.language)
        if isinstance(example, SentenceExample)
        else name(identifier)
    )


def answer(example: Example, value: Any, items: Items) -> str:
    """A gold answer or prediction in the words of its kind."""
    if value is None or value == [] or value == "":
        return plain(NOTHING)
    match example:
        case SpanExample():
            return " / ".join(
                passage(str(text), items.language)
                for text in (value if isinstance(value, list) else [value])
            )
        case SentenceExample():
            return _found_text(value, items)
        case RankingExample():
            known = {entry.id: entry for entry in example.passages}
            first = [str(entry) for entry in (value if isinstance(value, list) else [value])][:3]
            return ", ".join(
                passage(known[entry].text, known[entry].language) if entry in known else name(entry)
                for entry in first
            )
    return name(value)


_SHOWN_BY_WORD = (TagsExample,)


def verdicts(example: Example, item: Compared, items: Items, labels: tuple[str, str]) -> str:
    """Gold and both answers with a sign each; for tags, which stand at their words, the share that
    is right."""
    rows = (
        []
        if isinstance(example, _SHOWN_BY_WORD)
        else [("gold", answer(example, item.gold, items), "xs-gold", "")]
    )
    for label, value, share, kind in (
        (labels[0], item.before, item.before_share, "xs-before"),
        (labels[1], item.after, item.after_share, "xs-after"),
    ):
        sign = YES if share >= 1 else _NO
        part = f" {100 * share:.0f} %" if 0 < share < 1 else ""
        text = "" if isinstance(example, _SHOWN_BY_WORD) else answer(example, value, items)
        rows.append((label, text, kind, f'<span class="xs-sign">{sign}{part}</span> '))
    return "".join(
        f'<dt class="{kind}">{name(label)}</dt><dd>{sign}{text}</dd>'
        for label, text, kind, sign in rows
    )


def item_card(item: Compared, items: Items, labels: tuple[str, str]) -> str:
    """One item. labels: names of the baseline and the recipe."""
    example = items.examples.get(item.id)
    head = f'<header>{name(item.id)} <span class="xs-change">{plain(item.change)}</span></header>'
    if example is None:
        return f'<article class="xs-item">{head}<p>its text is not in the data on this machine</p></article>'
    translation = items.english.get(item.id)
    beside = ""
    if translation is not None:
        beside = f'<section class="xs-english"><h4>in English</h4><dl>{body(translation, ENGLISH, None)}</dl></section>'
    own = LANGUAGES[items.language].name if items.language in LANGUAGES else items.language
    texts = (
        f"<section><h4>{plain(own)}</h4><dl>{body(example, items.language, item)}</dl></section>"
    )
    answers = (
        f'<section class="xs-answers"><dl>{verdicts(example, item, items, labels)}</dl></section>'
    )
    return f'<article class="xs-item">{head}<div class="xs-sides">{texts}{beside}</div>{answers}</article>'


def item_cards(found: Sequence[Compared], items: Items, labels: tuple[str, str]) -> str:
    """The items one below the other."""
    return (
        "".join(item_card(item, items, labels) for item in found)
        or '<p class="xs-note">No such item.</p>'
    )
