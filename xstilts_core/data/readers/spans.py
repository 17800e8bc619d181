"""Questions about a text in SQuAD's JSON, versions 1.1 and 2.0: SQuAD, XQuAD, MLQA,
TyDiQA-GoldP."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.text import parse_json, read_text
from xstilts_core.errors import UsageError, shown
from xstilts_core.examples import Answer, SpanExample

# The first answers that a file states: XTREME's copies of test files have [{"answer_start": 0,
# "text": ""}] in every question.
REMOVED = re.compile(rb'"answers"\s*:\s*\[\s*\{[^{}\]]*"text"\s*:\s*""')
_STATED = re.compile(rb'"answers"')
_HEAD_BYTES = 1 << 20

_SHAPE = '{"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "answers": [{"text", "answer_start"}]}]}]}]}'


@dataclass(frozen=True, slots=True)
class Question:
    """Where a question stands, for errors: its line is looked for only when it is told."""

    path: Path
    id: str | int

    def __str__(self) -> str:
        text = read_text(self.path)
        written = (text.find(json.dumps(self.id, ensure_ascii=ascii)) for ascii in (False, True))
        line = text.count("\n", 0, max(0, *written)) + 1
        return f"line {line}, question {shown(self.id)}"


def read_squad(path: Path) -> list[SpanExample]:
    """The questions of a file, in its order. No answers: "is_impossible" is true (SQuAD 2.0).

    Ids that a file repeats (XTREME's TyDiQA training files) get "#" and the question's position,
    from 1. UsageError where the JSON is broken or of another shape, where a question is blank,
    where an answer is or does not stand at its offset, and where answers were removed (XTREME's
    test files): an example without answers would mean an unanswerable question. White space around
    a question is taken off, as the hub's rows have none; a context stays as it is, for the offsets
    count from its beginning.
    """
    examples = [example_of(path, context, entry) for context, entry in questions(path)]
    if not examples:
        raise UsageError(f"{path} holds no question: expected at least one in {_SHAPE}")
    return numbered_repeats(examples)


def has_answers(path: Path) -> bool:
    """Whether the file's first question has its answers; undecoded, as `available` asks many
    files."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    stated = _STATED.search(head)
    return not (stated and REMOVED.match(head, stated.start()))


def numbered_repeats(examples: list[SpanExample]) -> list[SpanExample]:
    """The examples, with "#" and the position from 1 behind every id that occurs more than once."""
    repeated = {
        name for name, count in Counter(example.id for example in examples).items() if count > 1
    }
    return [
        SpanExample(f"{kept.id}#{position}", kept.question, kept.context, kept.answers)
        if kept.id in repeated
        else kept
        for position, kept in enumerate(examples, start=1)
    ]


def questions(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(context, entry of "qas") of every question; UsageError where the JSON is truncated or lacks
    a level."""
    for place, paragraph in paragraphs(path):
        context = member(paragraph, "context", str, path, place)
        for entry in member(paragraph, "qas", list, path, place):
            yield context, entry


def paragraphs(path: Path) -> Iterator[tuple[str, Any]]:
    """(its place in the file, the paragraph) of every paragraph."""
    content = parse_json(read_text(path), path, f"a complete file {_SHAPE}")
    for article_number, article in enumerate(member(content, "data", list, path, "the top level")):
        place = f"data[{article_number}]"
        for paragraph_number, paragraph in enumerate(
            member(article, "paragraphs", list, path, place)
        ):
            yield f"{place}.paragraphs[{paragraph_number}]", paragraph


def member(parent: Any, key: str, kind: type, path: Path, place: str | Question) -> Any:
    """parent[key], which must be of that kind."""
    value = parent.get(key) if isinstance(parent, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{path}, {place}: no {kind.__name__} named {key!r}: expected {_SHAPE}")
    return value


def example_of(path: Path, context: str, entry: dict[str, Any]) -> SpanExample:
    """One question with its answers, each checked against the context."""
    name = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise UsageError(
            f"{path}: a question has the id {shown(name)}: expected a text in {_SHAPE}"
        )
    place = Question(path, name)
    question = member(entry, "question", str, path, place).strip()
    if not question:
        raise UsageError(f"{path}, {place}: the question is blank: expected a text")
    impossible = entry.get("is_impossible", False) is True
    raw = entry.get("answers", []) if impossible else member(entry, "answers", list, path, place)
    if impossible and raw:
        raise UsageError(
            f"{path}, {place}: marked is_impossible, and with answers: expected one of the two"
        )
    answers = tuple(
        Answer(
            member(item, "text", str, path, place), member(item, "answer_start", int, path, place)
        )
        for item in raw
    )
    if not impossible and not any(answer.text.strip() for answer in answers):
        raise UsageError(
            f"{path}, {place}: no answer and not marked is_impossible: expected answers (XTREME removes them from its test files)"
        )
    for answer in answers:
        found = context[answer.start : answer.start + len(answer.text)] if answer.start >= 0 else ""
        if found != answer.text or not found.strip():
            there = f"found {found!r}" if found != answer.text else "which is blank"
            raise UsageError(
                f"{path}, {place}: expected the answer {answer.text!r} at character {answer.start} of the context, {there}"
            )
    return SpanExample(str(name), question, context, answers)
