"""One file of predictions or labels. UsageError names the file, the line and what was expected."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts_core.names import UsageError, unknown
from xstilts_core.readers.spans import member, questions
from xstilts_core.readers.text import read_lines, read_text, wrong

PAIR_SHAPE = "id TAB English id"


def read_labels(path: Path, legal: Collection[str]) -> list[str]:
    """One label a line."""
    found = [line.strip() for line in read_lines(path)]
    if not set(found) <= set(legal):
        line = next(number for number, label in enumerate(found) if label not in legal)
        raise unknown("label", found[line], legal, f"{path}, line {line + 1}")
    return found


def read_indices(path: Path) -> list[str]:
    """One number a line: the line, counted from 0, of the other language's file that translates this line of the sorted English one."""
    found = [line.strip() for line in read_lines(path)]
    for number, text in enumerate(found, start=1):
        if not (text.isascii() and text.isdigit() and str(int(text)) == text):
            raise wrong(path, number, f"{text!r} is no line number: expected 0, 1, 2 ..., a line of the other language's file, from 0")
    return found


@dataclass(frozen=True, slots=True)
class Tagged:
    """Tags by sentence, and the line (from 1) on which each sentence begins."""

    tags: list[list[str]]
    lines: list[int]


def read_tags(path: Path, legal: Collection[str] = ()) -> Tagged:
    """One tag a line, a blank line or several between sentences. legal: the tags that may stand there; any word where empty."""
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
    odd = {tag for tag in set().union(*tags) if (tag not in legal if legal else len(tag.split()) > 1)}
    if odd:
        line, tag = next(
            (first + place, tag) for sentence, first in zip(tags, lines, strict=True) for place, tag in enumerate(sentence) if tag in odd
        )
        raise unknown("tag", tag, legal, f"{path}, line {line}") if legal else wrong(path, line, f"{tag!r}: expected one tag, no word")
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
            raise wrong(path, number, f"the pair {' '.join(cells)} stands on line {found[cells]} too: expected each once")
        found.setdefault(cells, number)
        pairs.append(cells)
    return pairs


def read_choices(path: Path) -> list[int]:
    """One JSON object a line; its "label" is the number of the choice, 0 or 1."""
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise wrong(path, number, f"no JSON ({error.msg} at column {error.colno}): expected an object with a label, 0 or 1") from None
        label = row.get("label") if isinstance(row, dict) else None
        if type(label) is not int or label not in (0, 1):
            raise wrong(path, number, f"label {label!r}: expected an object whose label is the number 0 or 1")
        found.append(label)
    return found


def once(path: Path, entries: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a JSON object; UsageError where a key is repeated: JSON itself would keep the last one and say nothing."""
    found = dict(entries)
    if len(found) < len(entries):
        repeated = Counter(key for key, _ in entries).most_common(1)[0][0]
        raise UsageError(f"{path}: id {repeated!r} stands there twice: expected each once")
    return found


def read_object(path: Path, expected: str) -> dict[str, Any]:
    """A JSON object, or the one under its "data"."""
    text = read_text(path)
    try:
        found = json.loads(text, object_pairs_hook=lambda entries: once(path, entries))
    except json.JSONDecodeError as error:
        raise wrong(path, error.lineno, f"no JSON ({error.msg} at column {error.colno}): expected {expected}") from None
    found = found.get("data", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not found:
        raise UsageError(f"{path} holds {type(found).__name__ if found else 'no id'}: expected {expected}")
    return found


def read_answers(path: Path) -> dict[str, str]:
    """Question id -> answer."""
    expected = "one object, {question id: answer}"
    found = read_object(path, expected)
    for name, answer in found.items():
        if not isinstance(answer, str):
            raise UsageError(f"{path}: question {name!r} has the answer {answer!r}, no text: expected {expected}")
    return found


def read_questions(path: Path) -> dict[str, list[str]]:
    """Question id -> right answers, from a file in SQuAD's JSON. Where an answer stands in its context is not looked at."""
    found: dict[str, list[str]] = {}
    for _, entry in questions(path):
        name = str(member(entry, "id", str, path, f"question {len(found)} (counted from 0)"))
        place = f"question {name!r}"
        answers = [member(answer, "text", str, path, place) for answer in member(entry, "answers", list, path, place)]
        if not any(answers):
            raise UsageError(f"{path}, {place}: no answer: expected labels (XTREME's own test files have their answers removed)")
        if name in found:
            raise UsageError(f"{path}, {place}: the id stands there twice: expected each once")
        found[name] = answers
    if not found:
        raise UsageError(f"{path} holds no question")
    return found


def read_rankings(path: Path) -> dict[str, list[str]]:
    """Id -> ids, best first; in a file of labels, the right ones."""
    expected = "one object, {id: [ids, best first]}"
    found = read_object(path, expected)
    for name, ids in found.items():
        if not isinstance(ids, list) or not all(isinstance(entry, str) for entry in ids):
            raise UsageError(f"{path}: {name!r} has {str(ids)[:60]!r}: expected {expected}")
        if len(set(ids)) < len(ids):
            raise UsageError(f"{path}: {name!r} has an id twice: expected {expected}, each once")
    return found
