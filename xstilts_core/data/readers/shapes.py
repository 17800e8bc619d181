"""Convert rows of files and of the hub's tables to examples: one function per shape of row.

Labels are mapped by their spelling in a file or by class names, never by a position.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from xstilts_core.data.readers.text import Entry
from xstilts_core.errors import UsageError, shown, unknown
from xstilts_core.examples import (
    Answer,
    ChoiceExample,
    Example,
    PairExample,
    SentenceExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.languages import language

_ZERO_WIDTH_NON_JOINER = "\u200c"
AnyExample = TypeVar("AnyExample", bound=Example)
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file or table.

    where: its position, for errors. values: by column. labels: the spelling of a label -> the
    task's label; None: the row has no gold label.
    """

    where: str | Entry
    values: Mapping[str, Any]
    labels: Mapping[str, str | None] = field(default_factory=dict)

    def wrong(self, problem: str) -> UsageError:
        """Return the error for this row."""
        return UsageError(f"{self.where}: {problem}")

    def get(self, name: str, kind: type = str) -> Any:
        """Return the value of a column. Raise UsageError unless it exists and has type `kind`
        (`object`: any)."""
        if not isinstance(self.values, Mapping):
            raise self.wrong(
                f"{type(self.values).__name__} instead of an object: expected one with {name!r}"
            )
        if name not in self.values:
            names = " ".join(", ".join(self.values).split())[:80] or "no keys"
            raise self.wrong(f"no {name!r} among {names}")
        value = self.values[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(f"{name} is {shown(value)}: expected {kind.__name__}")
        return value

    def object(self, name: str) -> "Row":
        """Return the object in a column as a row at the same position."""
        return replace(self, values=self.get(name, dict))

    def objects(self, name: str) -> list["Row"]:
        """Return the objects in a column. Files list them; the hub's tables hold a list per key."""
        value = self.get(name, object)
        try:
            rows = zip(*value.values(), strict=True)
            entries = [dict(zip(value, cells, strict=True)) for cells in rows]
        except (AttributeError, TypeError, ValueError):
            entries = self.get(name, list)
        return [replace(self, values=entry) for entry in entries]

    def text(self, name: str) -> str:
        """Return a text without the white space around it."""
        return str(self.get(name)).strip()

    def label(self, spelling: object, kind: str = "label") -> str | None:
        """Return the label that is spelt so. Raise UsageError if the spelling is not legal."""
        if (text := str(spelling).strip()) not in self.labels:
            raise unknown(kind, text, self.labels, self.where)
        return self.labels[text]

    def index(self, name: str, count: int, first: int = 0) -> int:
        """Return the index of the right choice, written as a number that counts from `first`, or
        as a label that stands for such a number."""
        value = self.get(name, object)
        value = self.label(value) if self.labels else value
        legal = [str(number) for number in range(first, first + count)]
        if not isinstance(value, str | int) or str(value).strip() not in legal:
            raise self.wrong(
                f"label {shown(value)}: "
                f"expected the number of the right choice, {legal[0]} to {legal[-1]}"
            )
        return legal.index(str(value).strip())


def numbered(examples: Iterable[AnyExample | None]) -> list[AnyExample]:
    """Return the examples without None, numbered from 1."""
    present = (example for example in examples if example is not None)
    return [replace(example, id=str(number)) for number, example in enumerate(present, start=1)]


def numbered_repeats(examples: Sequence[SpanExample]) -> list[SpanExample]:
    """Return the examples, with "#" and the position from 1 after every repeated id."""
    counts = Counter(example.id for example in examples)
    return [
        replace(example, id=f"{example.id}#{position}") if counts[example.id] > 1 else example
        for position, example in enumerate(examples, start=1)
    ]


def of_language(items: Sequence[_Item], ids: Iterable[str], code: str, where: str) -> list[_Item]:
    """Return the items whose id begins with the language's English name
    ("finnish-7633091408814529542-0"), as in TyDiQA's data of all languages."""
    prefix = f"{language(code).name.lower()}-"
    selected = [
        item for item, name in zip(items, ids, strict=True) if name.lower().startswith(prefix)
    ]
    if not selected:
        raise UsageError(
            f"{where} holds no question whose id begins with {prefix}: "
            "expected TyDiQA-GoldP's questions of all languages"
        )
    return selected


def _pair(row: Row, first: str, *others: str) -> PairExample | None:
    """Read one text or two, and their label; None without a gold label. A single text is a pair
    whose second text is empty."""
    *second, label = others
    texts = row.text(first), "".join(map(row.text, second))
    name = row.label(row.get(label, object))
    return None if name is None else PairExample("", *texts, name)


def _abstract(row: Row, question: str, abstract: str, decision: str) -> PairExample:
    """Read a question about an abstract: {contexts: its parts} on the hub, a list in files."""
    query, on_hub = row.text(question), isinstance(row.get(abstract, object), dict)
    parts = row.object(abstract).get("contexts", list) if on_hub else row.get(abstract, list)
    if not all(isinstance(part, str) for part in parts):
        raise row.wrong(f"{abstract} must be texts")
    label = row.label(row.get(decision, object))
    return PairExample("", query, " ".join(map(str.strip, parts)), label)


def _choice(context: str, question: str, choices: Iterable[str], label: int) -> ChoiceExample:
    """Return a multiple-choice example with white space around its texts stripped."""
    texts = tuple(map(str.strip, choices))
    return ChoiceExample("", context.strip(), question.strip(), texts, label)


def _choices(row: Row, context: str, question: str, *columns: str, first: int = 0) -> ChoiceExample:
    """Read CosmosQA or SIQA: the answers' columns, then that of the right answer's number."""
    *answers, label = columns
    texts = [row.get(name) for name in (context, question, *answers)]
    return _choice(*texts[:2], texts[2:], row.index(label, len(answers), first))


def _hellaswag(row: Row, first: str, opening: str, endings: str, label: str) -> ChoiceExample:
    """Read HellaSwag. The unfinished sentence ctx_b begins every choice, as in the paper's code."""
    context, unfinished, texts = row.get(first), row.get(opening), row.get(endings, list)
    if invalid := [text for text in texts if not isinstance(text, str)]:
        raise row.wrong(f"an ending is {shown(invalid[0])}: expected texts")
    if len(texts) != 4:
        raise row.wrong(f"{len(texts)} endings: expected 4")
    choices = [f"{unfinished} {text}" for text in texts]
    return _choice(context, "", choices, row.index(label, len(texts)))


def _commonsenseqa(row: Row, question: str, choices: str, key: str) -> ChoiceExample:
    """Read CommonsenseQA. The key's letter is looked up among the letters of the choices. In files
    an object has the question ("stem") and its choices."""
    letter = row.get(key)
    if isinstance(row.get(question, object), dict):
        row, question = row.object(question), "stem"
    stem, entries = row.get(question), row.objects(choices)
    letters = [entry.get("label") for entry in entries]
    if len(set(letters)) < len(letters):
        raise row.wrong(
            f"two choices have the same letter ({', '.join(letters)[:80]}): expected each once"
        )
    if letter not in letters:
        raise unknown(key, letter, letters, row.where)
    return _choice("", stem, [entry.get("text") for entry in entries], letters.index(letter))


def _copa(row: Row, premise: str, question: str, first: str, second: str, label: str) -> Example:
    """Read COPA and XCOPA: the label is the right choice's number, or the name of its column.

    The type of question becomes the English question "What was the cause?" or "What was the
    effect?" in every language, as in XTREME-R's third_party/run_xcopa.py. The file's own type is
    used, although XCOPA's Thai files have "effect" throughout, and the Turkish ones in part, where
    the parallel items of other languages have "cause".
    """
    texts = [row.get(name) for name in (premise, first, second)]
    if (kind := row.get(question)) not in ("cause", "effect"):
        raise unknown("question", kind, ("cause", "effect"), row.where)
    names = (first, second)
    right = names.index(row.label(row.get(label, object))) if row.labels else row.index(label, 2)
    return _choice(texts[0], f"What was the {kind}?", texts[1:], right)


def span(
    row: Row,
    name: str = "id",
    question: str = "question",
    context: str = "context",
    answers: str = "answers",
    *,
    exact: bool = False,
    unanswerable: bool = False,
) -> SpanExample:
    """Read a question about a context.

    White space around a question is stripped. A context is left unchanged, because the offsets of
    the answers count from its beginning. exact: raise UsageError for an answer that is not at its
    offset, which otherwise is searched. unanswerable: the question may be without answer.
    """
    text, whole = row.text(question), row.get(context)
    if not text:
        raise row.wrong("the question is blank: expected a text")
    entries = [
        (entry.get("text"), entry.get("answer_start", int)) for entry in row.objects(answers)
    ]
    if not unanswerable and not any(answer.strip() for answer, _ in entries):
        raise row.wrong(
            "no answer and not marked is_impossible: "
            "expected answers (XTREME removes them from its test files)"
        )
    gold = tuple(_answer(row, whole, answer, start, exact) for answer, start in entries)
    return SpanExample(str(row.get(name, object)), text, whole, gold)


def _answer(row: Row, context: str, text: str, start: int, exact: bool) -> Answer:
    """Return an answer at its position in the context: google/xtreme strips white space from its
    contexts and answers but keeps the old offsets."""
    excerpt = context[start : start + len(text)] if start >= 0 else ""
    if excerpt == text and text.strip():
        return Answer(text, start)
    if exact:
        problem = f"found {excerpt!r}" if excerpt != text else "which is blank"
        raise row.wrong(
            f"expected the answer {text!r} at character {start} of the context, {problem}"
        )
    starts = [match.start() for match in re.finditer(f"(?={re.escape(text)})", context)]
    if not text.strip() or not starts:
        raise row.wrong(f"the answer {text!r} is not in its context (answer_start {start})")
    return Answer(text, min(starts, key=lambda position: abs(position - start)))


def plain_word(word: str) -> str:
    """Return the word without spaces and zero-width non-joiners inside it, as XTREME writes it; ""
    if nothing is left."""
    return word.replace(_ZERO_WIDTH_NON_JOINER, "").replace(" ", "").strip()


def tagged(pairs: Iterable[tuple[str, str]]) -> TagsExample | None:
    """Return the sentence of these words and tags without empty words; None if no word is left."""
    rows = [(word, tag) for word, tag in pairs if word]
    return TagsExample("", *zip(*rows, strict=True)) if rows else None


def _tags(
    row: Row, words: str, tags: str, plain: Callable[[str], str] = str.strip
) -> TagsExample | None:
    """Read words and their tags. White space around a word is stripped; `plain_word` also removes
    it inside the word, as XTREME's own UD files do."""
    forms, values = row.get(words, list), row.get(tags, list)
    if len(forms) != len(values):
        raise row.wrong(f"{len(forms)} words but {len(values)} tags: expected as many")
    names = [str(row.label(value, "tag")) for value in values]
    return tagged(zip(map(plain, forms), names, strict=True))


def both_sides(code: str, sides: Sequence[Iterable[str]]) -> list[SentenceExample]:
    """Return the sentences of a language, then the English ones. Sentence k of one side translates
    sentence k of the other; ids are "<language>-<k>" from 1."""
    return [
        SentenceExample(f"{side}-{number}", side, text.strip(), f"{other}-{number}")
        for texts, side, other in zip(sides, (code, "en"), ("en", code), strict=True)
        for number, text in enumerate(texts, start=1)
    ]


SHAPES: Mapping[str, Callable[..., Example | None]] = {
    "pair": _pair,
    "text": _pair,
    "abstract": _abstract,
    "hellaswag": _hellaswag,
    "cosmosqa": _choices,
    "commonsenseqa": _commonsenseqa,
    "siqa": partial(_choices, first=1),
    "copa": _copa,
    "span": span,
    "answer_sentences": span,
    "tags": _tags,
    "syntactic_words": partial(_tags, plain=plain_word),
}
