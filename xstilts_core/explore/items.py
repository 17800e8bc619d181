"""Show one test item as HTML: its text, gold answer, the answers of baseline and recipe, and the
item in English if there is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from xstilts_core.data.source import Source
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

ENGLISH = "en"
# Targets whose real items with the same id are translations of each other (see analysis.items). In
# the embedded suite this holds for all targets.
TRANSLATED = ("xnli", "pawsx", "xquad", "mlqa")
YES, _NO = "\N{CHECK MARK}", "\N{MULTIPLICATION X}"
NOTHING = "(nothing)"


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
    if language == ENGLISH or not (source.name == "mini" or task in TRANSLATED):
        return Items(language, examples)
    try:
        english = {example.id: example for example in source.load(task, split, ENGLISH)}
    except UsageError:
        return Items(language, examples)  # retrieval has no English-only collection
    return Items(
        language,
        examples,
        {
            key: example
            for key, example in english.items()
            if key in examples and alike(example, examples[key])
        },
    )


def alike(one: Example, other: Example) -> bool:
    """Return whether examples with the same id can be translations: any labels they have are
    equal."""
    return getattr(one, "label", None) == getattr(other, "label", None)


def places(text: str, wanted: str, near: int = 0) -> list[tuple[int, int]]:
    """Return the position of `wanted` in the text that is nearest to character `near`, as a list of
    at most one (start, end). The list is empty if `wanted` is "" or does not occur."""
    matches, start = [], text.find(wanted) if wanted else -1
    while start >= 0:
        matches.append((start, start + len(wanted)))
        start = text.find(wanted, start + 1)
    return sorted(matches, key=lambda span: abs(span[0] - near))[:1]


def spans(example: SpanExample, item: Compared | None) -> list[Span]:
    """Return the gold answers and both predictions as marks in the context."""
    marks = [
        (answer.start, answer.start + len(answer.text), "xs-gold") for answer in example.answers
    ]
    near = example.answers[0].start if example.answers else 0
    for guess, label in ((item.before, "xs-before"), (item.after, "xs-after")) if item else ():
        marks += [(*match, label) for match in places(example.context, str(guess or ""), near)]
    return marks


def _tag_words(example: TagsExample, language: str, item: Compared | None) -> str:
    """Return the words with their gold tags, and below them the wrong tags of both runs."""
    before, after = (list(item.before), list(item.after)) if item else (example.tags, example.tags)
    boxes = []
    for word, gold, base, recipe in zip(example.words, example.tags, before, after, strict=False):
        wrong = [
            f'<s class="{kind}">{plain(tag)}</s>'
            for tag, kind in ((base, "xs-before"), (recipe, "xs-after"))
            if tag != gold
        ]
        lines = f"<b>{passage(word, language)}</b><i>{plain(gold)}</i>{''.join(wrong)}"
        boxes.append(f'<span class="xs-word{" xs-wrong" if wrong else ""}">{lines}</span>')
    return f'<div class="xs-words" lang="{plain(language)}" dir="auto">{"".join(boxes)}</div>'


def lines(*rows: tuple[str, str]) -> str:
    """Return labeled lines of text, without those whose text is empty."""
    return "".join(f"<dt>{plain(label)}</dt><dd>{text}</dd>" for label, text in rows if text)


def body(example: Example, language: str, item: Compared | None) -> str:
    """Return the texts of an example, according to its kind. item: None for an example without
    predictions, such as the English one beside it."""
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
    raise UsageError(f"test items of kind {type(example).__name__} cannot be shown")


def _sentence_text(identifier: Any, items: Items) -> str:
    """Return the sentence with this id, in its language; or the id if there is no such sentence."""
    example = items.examples.get(str(identifier))
    return (
        passage(example.text, example.language)
        if isinstance(example, SentenceExample)
        else name(identifier)
    )


def answer(example: Example, value: Any, items: Items) -> str:
    """Format a gold answer or prediction according to the example's kind."""
    if value is None or value == [] or value == "":
        return plain(NOTHING)
    match example:
        case SpanExample():
            return " / ".join(
                passage(str(text), items.language)
                for text in (value if isinstance(value, list) else [value])
            )
        case SentenceExample():
            return _sentence_text(value, items)
        case RankingExample():
            known = {entry.id: entry for entry in example.passages}
            best = [str(entry) for entry in (value if isinstance(value, list) else [value])][:3]
            return ", ".join(
                passage(known[entry].text, known[entry].language) if entry in known else name(entry)
                for entry in best
            )
    return name(value)


_TAGGED = (TagsExample,)


def verdicts(example: Example, item: Compared, items: Items, labels: tuple[str, str]) -> str:
    """Return gold and both answers, each with a sign for right or wrong. Tags are shown at their
    words, so only the share of right ones is given here."""
    rows = (
        []
        if isinstance(example, _TAGGED)
        else [("gold", answer(example, item.gold, items), "xs-gold", "")]
    )
    for label, value, share, kind in (
        (labels[0], item.before, item.before_share, "xs-before"),
        (labels[1], item.after, item.after_share, "xs-after"),
    ):
        sign = YES if share >= 1 else _NO
        percent = f" {100 * share:.0f} %" if 0 < share < 1 else ""
        text = "" if isinstance(example, _TAGGED) else answer(example, value, items)
        rows.append((label, text, kind, f'<span class="xs-sign">{sign}{percent}</span> '))
    return "".join(
        f'<dt class="{kind}">{name(label)}</dt><dd>{sign}{text}</dd>'
        for label, text, kind, sign in rows
    )


def item_card(item: Compared, items: Items, labels: tuple[str, str]) -> str:
    """Return one item as HTML. labels: names of the baseline and the recipe."""
    example = items.examples.get(item.id)
    head = f'<header>{name(item.id)} <span class="xs-change">{plain(item.change)}</span></header>'
    if example is None:
        return (
            f'<article class="xs-item">{head}'
            "<p>The text of this item is not in the data on this machine.</p></article>"
        )
    translation = items.english.get(item.id)
    beside = ""
    if translation is not None:
        beside = (
            '<section class="xs-english"><h4>in English</h4>'
            f"<dl>{body(translation, ENGLISH, None)}</dl></section>"
        )
    title = LANGUAGES[items.language].name if items.language in LANGUAGES else items.language
    texts = (
        f"<section><h4>{plain(title)}</h4><dl>{body(example, items.language, item)}</dl></section>"
    )
    answers = (
        f'<section class="xs-answers"><dl>{verdicts(example, item, items, labels)}</dl></section>'
    )
    return (
        f'<article class="xs-item">{head}<div class="xs-sides">{texts}{beside}</div>'
        f"{answers}</article>"
    )


def item_cards(found: Sequence[Compared], items: Items, labels: tuple[str, str]) -> str:
    """Return the items one below the other, or a note if there are none."""
    return (
        "".join(item_card(item, items, labels) for item in found)
        or '<p class="xs-note">No such item.</p>'
    )
