"""Read questions about a text in SQuAD's JSON, versions 1.1 and 2.0: SQuAD, XQuAD, MLQA,
TyDiQA-GoldP."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.shapes import Row, numbered_repeats, span
from xstilts_core.data.readers.text import parse_json, read_text
from xstilts_core.errors import UsageError, shown
from xstilts_core.examples import SpanExample

# The first answers in a file if they were removed: XTREME's copies of test files have
# [{"answer_start": 0, "text": ""}] in every question.
_REMOVED = re.compile(rb'"answers"\s*:\s*\[\s*\{[^{}\]]*"text"\s*:\s*""')
_ANSWERS_KEY = re.compile(rb'"answers"')
_HEAD_BYTES = 1 << 20

_SHAPE = (
    '{"data": [{"paragraphs": [{"context", "qas": [{"id", "question", '
    '"answers": [{"text", "answer_start"}]}]}]}]}'
)


@dataclass(frozen=True, slots=True)
class Question:
    """The position of a question, for errors. Its line is searched only if it is printed."""

    path: Path
    id: str | int

    def __str__(self) -> str:
        text = read_text(self.path)
        written = (text.find(json.dumps(self.id, ensure_ascii=ascii)) for ascii in (False, True))
        line = text.count("\n", 0, max(0, *written)) + 1
        return f"line {line}, question {shown(self.id)}"


def read_squad(path: Path) -> list[SpanExample]:
    """Return the questions of a file, in order. Unanswerable ones have "is_impossible" (SQuAD 2.0).

    Repeated ids (XTREME's TyDiQA training files) get "#" and the question's position, from 1. Raise
    UsageError if the JSON is malformed or of another shape, if a question is blank, if an answer is
    blank or not at its offset, and if answers were removed (XTREME's test files): an example
    without answers would mean an unanswerable question. White space around a question is stripped,
    as the hub's rows have none. A context is left unchanged, because the offsets count from its
    beginning.
    """
    examples = [example_of(path, context, entry) for context, entry in questions(path)]
    if not examples:
        raise UsageError(f"{path} holds no question: expected at least one in {_SHAPE}")
    return numbered_repeats(examples)


def has_answers(path: Path) -> bool:
    """Return whether the file's first question has its answers. The file is not decoded, because
    `available` checks many files."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    answers = _ANSWERS_KEY.search(head)
    return not (answers and _REMOVED.match(head, answers.start()))


def questions(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (context, entry of "qas") of every question. Raise UsageError if the JSON is truncated
    or lacks a level."""
    for origin, paragraph in paragraphs(path):
        context = member(paragraph, "context", str, path, origin)
        for entry in member(paragraph, "qas", list, path, origin):
            yield context, entry


def paragraphs(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (its position in the file, the paragraph) of every paragraph."""
    content = parse_json(read_text(path), path, f"a complete file {_SHAPE}")
    for article_number, article in enumerate(member(content, "data", list, path, "the top level")):
        origin = f"data[{article_number}]"
        for paragraph_number, paragraph in enumerate(
            member(article, "paragraphs", list, path, origin)
        ):
            yield f"{origin}.paragraphs[{paragraph_number}]", paragraph


def member(parent: Any, key: str, kind: type, path: Path, origin: str | Question) -> Any:
    """Return parent[key]. Raise UsageError unless it has type `kind`."""
    value = parent.get(key) if isinstance(parent, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{path}, {origin}: no {kind.__name__} named {key!r}: expected {_SHAPE}")
    return value


def example_of(path: Path, context: str, entry: dict[str, Any]) -> SpanExample:
    """Return one question with its answers, each checked against the context."""
    name = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise UsageError(
            f"{path}: a question has the id {shown(name)}: expected a text in {_SHAPE}"
        )
    impossible = entry.get("is_impossible", False) is True
    answers = {"answers": []} if impossible else {}
    values = {**answers, **entry, "context": context}
    row = Row(lambda: f"{path}, {Question(path, name)}", values)
    if impossible and entry.get("answers"):
        raise row.wrong("marked is_impossible but has answers: expected one of the two")
    return span(row, exact=True, unanswerable=impossible)
