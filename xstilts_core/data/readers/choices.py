"""Read multiple choice from the releases' own files: HellaSwag, CosmosQA, CommonsenseQA, SIQA, COPA
and XCOPA.

Ids are positions from 1. The right choice is looked up by the letter or number that the release
documents.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from xstilts_core.data.readers.text import (
    json_member,
    parse_json,
    read_json_lines,
    read_lines,
    truncation_hint,
    wrong,
)
from xstilts_core.errors import UsageError, shown, unknown
from xstilts_core.examples import ChoiceExample

COSMOSQA = ("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label")
ANSWERS = ("answerA", "answerB", "answerC")
QUESTIONS = ("cause", "effect")


def numbered(rows: Iterable[tuple[str, str, Sequence[str], int]]) -> list[ChoiceExample]:
    """Return examples numbered from 1, with white space around their texts stripped."""
    return [
        ChoiceExample(
            id=str(number),
            context=context.strip(),
            question=question.strip(),
            choices=tuple(choice.strip() for choice in choices),
            label=label,
        )
        for number, (context, question, choices, label) in enumerate(rows, start=1)
    ]


def joined(parts: Iterable[Sequence[ChoiceExample]]) -> list[ChoiceExample]:
    """Return the examples of several files, numbered consecutively."""
    return numbered(
        (example.context, example.question, example.choices, example.label)
        for part in parts
        for example in part
    )


def _choice_index(value: Any, count: int, path: Path, line: int, first: int = 0) -> int:
    """Return the index of the right choice, written as a number that counts from `first`."""
    legal = [str(number) for number in range(first, first + count)]
    if not isinstance(value, str | int) or str(value).strip() not in legal:
        raise wrong(
            path,
            line,
            f"label {shown(value)}: "
            f"expected the number of the right choice, {legal[0]} to {legal[-1]}",
        )
    return legal.index(str(value).strip())


def read_hellaswag(path: Path) -> list[ChoiceExample]:
    """Read HellaSwag's JSON lines. The unfinished sentence ctx_b begins every choice, as in the
    paper's code."""
    rows = []
    for number, row in read_json_lines(
        path, {"ctx_a": str, "ctx_b": str, "endings": list, "label": object}
    ):
        if invalid := [ending for ending in row["endings"] if not isinstance(ending, str)]:
            raise wrong(path, number, f"an ending is {shown(invalid[0])}: expected texts")
        endings = [f"{row['ctx_b']} {ending}" for ending in row["endings"]]
        if len(endings) != 4:
            raise wrong(path, number, f"{len(endings)} endings: expected 4")
        rows.append(
            (row["ctx_a"], "", endings, _choice_index(row["label"], len(endings), path, number))
        )
    return numbered(rows)


def read_cosmosqa(path: Path) -> list[ChoiceExample]:
    """Read CosmosQA's CSV with a header. Cells that hold a comma are quoted; cells may hold line
    ends."""
    lines = read_lines(path)
    reader = csv.reader(io.StringIO("\n".join(lines), newline=""), strict=True)
    rows, start = [], 1
    try:
        header = next(reader)
        for name in COSMOSQA[1:]:
            if name not in header:
                raise unknown("column", name, header, f"the header (line 1) of {path}")
        columns = [header.index(name) for name in COSMOSQA[1:]]
        start = reader.line_num + 1
        for cells in reader:
            if len(cells) != len(header):
                cut = truncation_hint(start, lines[: reader.line_num])
                problem = f"{len(cells)} columns: expected {len(header)}, as the header has"
                raise wrong(
                    path,
                    start,
                    problem + (cut if not "".join(lines[reader.line_num :]).strip() else ""),
                )
            context, question, *answers, label = (cells[column] for column in columns)
            rows.append(
                (context, question, answers, _choice_index(label, len(answers), path, start))
            )
            start = reader.line_num + 1
    except csv.Error as error:
        problem = (
            f"broken quoting in the row that begins here ({error}): "
            "a quote is not closed, or the download was cut off"
        )
        raise wrong(path, start, problem) from None
    if not rows:
        raise UsageError(f"{path} holds only a header: expected at least one row")
    return numbered(rows)


def read_commonsenseqa(path: Path) -> list[ChoiceExample]:
    """Read CommonsenseQA's JSON lines. The key's letter is looked up among the letters of the
    choices."""
    rows = []
    for number, row in read_json_lines(path, {"answerKey": str, "question": dict}):
        stem = json_member(row["question"], "stem", str, path, number)
        choices = json_member(row["question"], "choices", list, path, number)
        letters = [json_member(choice, "label", str, path, number) for choice in choices]
        texts = [json_member(choice, "text", str, path, number) for choice in choices]
        if len(set(letters)) < len(letters):
            raise wrong(
                path,
                number,
                f"two choices have the same letter ({', '.join(letters)[:80]}): expected each once",
            )
        if row["answerKey"] not in letters:
            raise unknown("answerKey", row["answerKey"], letters, f"{path}, line {number}")
        rows.append(("", stem, texts, letters.index(row["answerKey"])))
    return numbered(rows)


def read_siqa(path: Path) -> list[ChoiceExample]:
    """Read SIQA's JSON lines: "correct" is A, B or C. The older release (train.jsonl) has 1, 2 or 3
    per line in train-labels.lst."""
    labels_path = labels_file(path)
    keys = {"context": str, "question": str, **dict.fromkeys(ANSWERS, str)} | (
        {} if labels_path else {"correct": str}
    )
    numbered_rows = list(read_json_lines(path, keys))
    if labels_path:
        label_lines = read_lines(labels_path)
        if len(label_lines) != len(numbered_rows):
            raise wrong(
                labels_path,
                len(label_lines),
                f"{len(label_lines)} labels here but {len(numbered_rows)} questions in {path}: "
                "expected as many",
            )
        labels = [
            _choice_index(label, len(ANSWERS), labels_path, number, first=1)
            for number, label in enumerate(label_lines, start=1)
        ]
    else:
        for number, row in numbered_rows:
            if row["correct"] not in ("A", "B", "C"):
                raise unknown("label", row["correct"], "ABC", f"{path}, line {number}")
        labels = ["ABC".index(row["correct"]) for _, row in numbered_rows]
    rows = zip(numbered_rows, labels, strict=True)
    return numbered(
        (row["context"], row["question"], [row[name] for name in ANSWERS], label)
        for (_, row), label in rows
    )


def labels_file(path: Path) -> Path | None:
    """Return the file of labels that SIQA's older release has beside the questions, or None."""
    labels = path.with_name(f"{path.stem}-labels.lst")
    return labels if labels.is_file() else None


def read_copa(path: Path) -> list[ChoiceExample]:
    """Read COPA's and XCOPA's JSON lines. The type of question becomes the English question "What
    was the cause?" or "What was the effect?" in every language, as in XTREME-R's
    third_party/run_xcopa.py.

    The file's own type is used, although XCOPA's Thai files have "effect" throughout, and the
    Turkish ones in part, where the parallel items of other languages have "cause". Raise UsageError
    if the labels were removed (`has_labels`).
    """
    rows = []
    for number, row in read_json_lines(
        path, {"premise": str, "choice1": str, "choice2": str, "question": str, "label": object}
    ):
        if row["question"] not in QUESTIONS:
            raise unknown("question", row["question"], QUESTIONS, f"{path}, line {number}")
        label = _choice_index(row["label"], 2, path, number)
        rows.append(
            (
                row["premise"],
                f"What was the {row['question']}?",
                (row["choice1"], row["choice2"]),
                label,
            )
        )
    if not has_labels(path):
        raise UsageError(
            f"{path} has label 0 for every question: "
            "the labels were removed, as XTREME does with its test files"
        )
    return numbered(rows)


def has_labels(path: Path) -> bool:
    """Return whether the lines of a COPA file have labels that are not all 0: XTREME replaces those
    of its test files by 0.

    Return True if a line cannot be read: `read_copa` then reports what is wrong.
    """
    try:
        labels = [
            parse_json(line, path, "one object").get("label")
            for line in read_lines(path)
            if line.strip()
        ]
    except (UsageError, AttributeError):
        return True
    return None not in labels and (len(labels) == 1 or any(label != 0 for label in labels))
