"""One file of predictions or labels. UsageError names the file, the line and what was expected."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.spans import Question, member, questions
from xstilts_core.data.readers.text import parse_json, read_lines, read_text, wrong
from xstilts_core.errors import UsageError, shown, unknown

PAIR_SHAPE = "id TAB English id"
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def read_labels(path: Path, legal: Collection[str]) -> list[str]:
    """One label a line."""
    found = [line.strip() for line in read_lines(path)]
    if not set(found) <= set(legal):
        line = next(number for number, label in enumerate(found) if label not in legal)
        raise unknown("label", found[line], legal, f"{path}, line {line + 1}")
    return found


def read_indices(path: Path, count: int = 0) -> list[str]:
    """One number a line: the line, counted from 0, of the other language's file that translates
    this line of the sorted English one.

    count: the lines of both languages' files; 0: as many as this file has. UsageError for a number
    that is no line, or past the last.
    """
    found = [line.strip() for line in read_lines(path)]
    for number, text in enumerate(found, start=1):
        if not _INDEX.fullmatch(text):
            problem = f"{text[:40]!r} is no line number: expected 0, 1, 2 ..., a line of the other language's file, from 0"
            raise wrong(path, number, problem)
    numbers, last = list(map(int, found)), (count or len(found)) - 1
    if (highest := max(numbers)) > last:
        lines = "lines are counted from 0"
        hint = (
            f"; this file counts them from 1: take 1 off every number, for {lines}"
            if (min(numbers), highest) == (1, last + 1)
            else ""
        )
        problem = f"{highest} is past the last line: expected 0 to {last}, as there are {last + 1} lines{hint or f' ({lines})'}"
        raise wrong(path, numbers.index(highest) + 1, problem)
    return found


@dataclass(frozen=True, slots=True)
class Tagged:
    """Tags by sentence, and the line (from 1) on which each sentence begins."""

    tags: list[list[str]]
    lines: list[int]


def read_tags(path: Path, legal: Collection[str] = ()) -> Tagged:
    """One tag a line, a blank line or several between sentences. legal: the tags that may stand
    there; any word where empty."""
    tags: list[list[str]] = []
    lines: list[int] = []
    inside = False
    for number, line in enumerate(read_lines(path), start=1):
        tag = line.strip()
        if not tag:
            inside = False
        elif inside:
            tags[-1].append(tag)
        else:
            tags.append([tag])
            lines.append(number)
            inside = True
    odd = {
        tag for tag in set().union(*tags) if (tag not in legal if legal else len(tag.split()) > 1)
    }
    if odd:
        line, tag = next(
            (first + place, tag)
            for sentence, first in zip(tags, lines, strict=True)
            for place, tag in enumerate(sentence)
            if tag in odd
        )
        raise (
            unknown("tag", tag, legal, f"{path}, line {line}")
            if legal
            else wrong(path, line, f"{tag!r}: expected one tag, no word")
        )
    return Tagged(tags, lines)


def read_pairs(path: Path, once: bool) -> list[tuple[str, str]]:
    """Pairs of sentence ids, one a line. once: a pair that stands there twice is an error."""
    found: dict[tuple[str, str], int] = {}
    pairs = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = tuple(line.strip().split("\t"))
        if len(cells) != 2 or not all(cells):
            raise wrong(path, number, f"{line[:60]!r}: expected {PAIR_SHAPE}")
        if once and cells in found:
            raise wrong(
                path,
                number,
                f"the pair {' '.join(cells)} stands on line {found[cells]} too: expected each once",
            )
        found.setdefault(cells, number)
        pairs.append(cells)
    return pairs


def read_choices(path: Path) -> list[int]:
    """One JSON object a line; its "label" is the number of the choice, 0 or 1."""
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        row = parse_json(line, path, "an object with a label, 0 or 1", number)
        label = row.get("label") if isinstance(row, dict) else None
        if type(label) is not int or label not in (0, 1):
            raise wrong(
                path,
                number,
                f"label {shown(label)}: expected an object whose label is the number 0 or 1",
            )
        found.append(label)
    return found


def _read_object(path: Path, expected: str) -> dict[str, Any]:
    """A JSON object, or the one under its "data"."""
    found = parse_json(read_text(path), path, expected)
    found = found.get("data", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not found:
        raise UsageError(
            f"{path} holds {type(found).__name__ if found else 'no id'}: expected {expected}"
        )
    return found


def read_answers(path: Path) -> dict[str, str]:
    """Question id -> answer."""
    expected = "one object, {question id: answer}"
    found = _read_object(path, expected)
    for name, answer in found.items():
        if not isinstance(answer, str):
            raise UsageError(
                f"{path}: question {name!r} has the answer {shown(answer)}, no text: expected {expected}"
            )
    return found


def read_questions(path: Path) -> dict[str, list[str]]:
    """Question id -> right answers, from a file in SQuAD's JSON. Where an answer stands in its
    context is not looked at."""
    found: dict[str, list[str]] = {}
    for _, entry in questions(path):
        name = str(member(entry, "id", str, path, f"question {len(found)} (counted from 0)"))
        place = Question(path, name)
        answers = [
            member(answer, "text", str, path, place)
            for answer in member(entry, "answers", list, path, place)
        ]
        if not any(answers):
            raise UsageError(
                f"{path}, {place}: no answer: expected labels (XTREME's own test files have their answers removed)"
            )
        if name in found:
            raise UsageError(f"{path}, {place}: the id stands there twice: expected each once")
        found[name] = answers
    if not found:
        raise UsageError(f"{path} holds no question")
    return found


def read_rankings(path: Path) -> dict[str, list[str]]:
    """Id -> ids, best first; in a file of labels, the right ones."""
    expected = "one object, {id: [ids, best first]}"
    found = _read_object(path, expected)
    for name, ids in found.items():
        if not isinstance(ids, list) or not all(isinstance(entry, str) for entry in ids):
            raise UsageError(f"{path}: {name!r} has {shown(ids)}: expected {expected}")
        if len(set(ids)) < len(ids):
            raise UsageError(f"{path}: {name!r} has an id twice: expected {expected}, each once")
    return found
