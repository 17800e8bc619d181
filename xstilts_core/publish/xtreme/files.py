"""Read a file of predictions or labels. A UsageError names file, line and expected content."""

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
    """Read a file with one label per line."""
    labels = [line.strip() for line in read_lines(path)]
    if not set(labels) <= set(legal):
        line = next(number for number, label in enumerate(labels) if label not in legal)
        raise unknown("label", labels[line], legal, f"{path}, line {line + 1}")
    return labels


def read_indices(path: Path, count: int = 0) -> list[str]:
    """Read a file with one number per line: the index, from 0, of the line in the other language's
    file that translates this line of the sorted English file.

    count: number of lines of both languages' files; 0 for the number in this file. Raise UsageError
    for anything but a line index below `count`.
    """
    texts = [line.strip() for line in read_lines(path)]
    for number, text in enumerate(texts, start=1):
        if not _INDEX.fullmatch(text):
            problem = (
                f"{text[:40]!r} is not a line number: expected 0, 1, 2 ..., a line of the other "
                "language's file, counted from 0"
            )
            raise wrong(path, number, problem)
    numbers, last = list(map(int, texts)), (count or len(texts)) - 1
    if (highest := max(numbers)) > last:
        lines = "lines are counted from 0"
        hint = (
            f"; this file counts them from 1: subtract 1 from every number, as {lines}"
            if (min(numbers), highest) == (1, last + 1)
            else ""
        )
        problem = (
            f"{highest} is past the last line: expected 0 to {last}, as there are {last + 1} "
            f"lines{hint or f' ({lines})'}"
        )
        raise wrong(path, numbers.index(highest) + 1, problem)
    return texts


@dataclass(frozen=True, slots=True)
class Tagged:
    """Tags by sentence, and the line number (from 1) on which each sentence begins."""

    tags: list[list[str]]
    lines: list[int]


def read_tags(path: Path, legal: Collection[str] = ()) -> Tagged:
    """Read a file with one tag per line and at least one blank line between sentences.

    legal: the allowed tags; if empty, any tag without spaces.
    """
    tags: list[list[str]] = []
    lines: list[int] = []
    in_sentence = False
    for number, line in enumerate(read_lines(path), start=1):
        tag = line.strip()
        if not tag:
            in_sentence = False
        elif in_sentence:
            tags[-1].append(tag)
        else:
            tags.append([tag])
            lines.append(number)
            in_sentence = True
    illegal_tags = {
        tag for tag in set().union(*tags) if (tag not in legal if legal else len(tag.split()) > 1)
    }
    if illegal_tags:
        line, tag = next(
            (first + offset, tag)
            for sentence, first in zip(tags, lines, strict=True)
            for offset, tag in enumerate(sentence)
            if tag in illegal_tags
        )
        raise (
            unknown("tag", tag, legal, f"{path}, line {line}")
            if legal
            else wrong(path, line, f"{tag!r}: expected one tag, without a word")
        )
    return Tagged(tags, lines)


def read_pairs(path: Path, once: bool) -> list[tuple[str, str]]:
    """Read a file with one pair of sentence ids per line. once: raise UsageError for duplicates."""
    line_numbers: dict[tuple[str, str], int] = {}
    pairs = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = tuple(line.strip().split("\t"))
        if len(cells) != 2 or not all(cells):
            raise wrong(path, number, f"{line[:60]!r}: expected {PAIR_SHAPE}")
        if once and cells in line_numbers:
            raise wrong(
                path,
                number,
                f"the pair {' '.join(cells)} is also on line {line_numbers[cells]}: "
                "expected each once",
            )
        line_numbers.setdefault(cells, number)
        pairs.append(cells)
    return pairs


def read_choices(path: Path) -> list[int]:
    """Read a file with one JSON object per line, whose "label" is the index of a choice, 0 or 1."""
    labels = []
    for number, line in enumerate(read_lines(path), start=1):
        row = parse_json(line, path, "an object with a label, 0 or 1", number)
        label = row.get("label") if isinstance(row, dict) else None
        if type(label) is not int or label not in (0, 1):
            raise wrong(
                path,
                number,
                f"label {shown(label)}: expected an object whose label is the number 0 or 1",
            )
        labels.append(label)
    return labels


def _read_object(path: Path, expected: str) -> dict[str, Any]:
    """Read a JSON object; if it has the key "data", return the object under it."""
    content = parse_json(read_text(path), path, expected)
    content = content.get("data", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not content:
        raise UsageError(
            f"{path} holds {type(content).__name__ if content else 'no id'}: expected {expected}"
        )
    return content


def read_answers(path: Path) -> dict[str, str]:
    """Read the answer to each question id."""
    expected = "one object, {question id: answer}"
    answers = _read_object(path, expected)
    for name, answer in answers.items():
        if not isinstance(answer, str):
            raise UsageError(
                f"{path}: question {name!r} has the answer {shown(answer)}, which is not text: "
                f"expected {expected}"
            )
    return answers


def read_questions(path: Path) -> dict[str, list[str]]:
    """Read the right answers to each question id from a file in SQuAD's JSON format. The positions
    of the answers are not checked."""
    answers_by_id: dict[str, list[str]] = {}
    for _, question in questions(path):
        name = str(
            member(question, "id", str, path, f"question {len(answers_by_id)} (counted from 0)")
        )
        location = Question(path, name)
        answers = [
            member(answer, "text", str, path, location)
            for answer in member(question, "answers", list, path, location)
        ]
        if not any(answers):
            raise UsageError(
                f"{path}, {location}: no answer: expected labels (XTREME's own test files have "
                "their answers removed)"
            )
        if name in answers_by_id:
            raise UsageError(f"{path}, {location}: the id is in the file twice: expected each once")
        answers_by_id[name] = answers
    if not answers_by_id:
        raise UsageError(f"{path} holds no question")
    return answers_by_id


def read_rankings(path: Path) -> dict[str, list[str]]:
    """Read the ids for each query id: ranked with the best first, or the right ones in labels."""
    expected = "one object, {id: [ids, best first]}"
    rankings = _read_object(path, expected)
    for name, ids in rankings.items():
        if not isinstance(ids, list) or not all(isinstance(ranked_id, str) for ranked_id in ids):
            raise UsageError(f"{path}: {name!r} has {shown(ids)}: expected {expected}")
        if len(set(ids)) < len(ids):
            raise UsageError(f"{path}: {name!r} has an id twice: expected {expected}, each once")
    return rankings
