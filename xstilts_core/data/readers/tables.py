"""Read files whose rows are examples: tab-separated tables, CSV, JSON lines, and lines with their
labels in a second file. tables.yaml describes the tables of the releases.

Ids number the rows that are used, from 1.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ConfigDict, TypeAdapter, with_config

from xstilts_core.data.readers.shapes import SHAPES, Row, numbered
from xstilts_core.data.readers.text import (
    Entry,
    parse_json,
    read_lines,
    read_text,
    truncation_hint,
    wrong,
)
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example
from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.languages import LANGUAGES

_ANNOTATORS = tuple(f"label{number}" for number in range(1, 6))
# Largest number of broken rows in a table, or one in a hundred; with more it is another table.
_FEW = 10
# A cell that csv.writer quoted because it holds a double quote.
_QUOTED_CELL = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')
_ROUNDS = ("R1", "R2", "R3")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a release.

    shape: how a row becomes an example (shapes.py). columns: those that the shape reads, in its
    order, with {code} of the language. labels: the spellings of labels. header: the column names of
    a file without a header line. language: the column with a row's language, if one file holds
    several. label_file: the end of the file's name, and what replaces it in the name of the file
    that has the label of every row, the last column, on a line of its own. annotators: rows have
    the labels of one to five annotators, whatever the header says; a column that is last in the
    header is then the last of every row. quoted: cells are quoted as by csv.writer (always), or may
    be (sometimes): a file then counts as quoted if all its cells with a double quote are (PAWS-X
    itself has none like this, copies of it do). broken: the release itself has some broken rows,
    which are left out, as in Hugging Face's copy of QQP and TensorFlow's of PAWS-X.
    """

    shape: str
    columns: tuple[str, ...]
    labels: str = ""
    header: tuple[str, ...] = ()
    language: str = ""
    label_file: tuple[str, ...] = ()
    annotators: bool = False
    quoted: Literal["", "sometimes", "always"] = ""
    broken: bool = False


_CONTENT = yaml.load(Path(__file__).with_name("tables.yaml").read_text("utf-8"), FastLoader)
LABELS: Mapping[str, Mapping[str, str | None]] = {"": {}, **_CONTENT["labels"]}
TABLES = TypeAdapter(dict[str, Table]).validate_python(_CONTENT["tables"])


def read_tables(paths: Sequence[Path], code: str, names: Sequence[str]) -> list[Example]:
    """Return the examples of several files, numbered consecutively. Each file is the first of these
    tables whose columns it has."""
    return numbered(
        example for path in paths for example in read_table(path, _fitting(path, names), code)
    )


def _fitting(path: Path, names: Sequence[str]) -> Table:
    """Return the first of these tables whose columns are in the file's first line."""
    tables = [TABLES[name] for name in names]
    if len(tables) == 1:
        return tables[0]
    first_row = (
        map(str, next(json_rows(path, tables[0])).values)
        if path.suffix == ".jsonl"
        else read_lines(path)[0].split("\t")
    )
    header = set(first_row)
    return next((table for table in tables if header.issuperset(table.columns)), tables[0])


def read_table(path: Path, table: Table, code: str = "en") -> list[Example]:
    """Return the examples of one language in a table.

    Raise UsageError with the line of a row that is not as expected, or if no row is left.
    """
    columns = [name.format(code=code) for name in table.columns]
    examples: list[Example | None] = []
    errors: list[UsageError] = []
    broken = False
    rows = _labelled_elsewhere if table.label_file else _ROWS.get(path.suffix, _separated)
    for row in rows(path, table, code):
        try:
            if isinstance(row, UsageError):
                raise row
            examples.append(SHAPES[table.shape](row, *columns))
            broken = False
        except UsageError as error:
            if not table.broken:
                raise
            errors.append(error)
            broken = True
    # A broken last row may also be the sign of a truncated download.
    if broken and examples:
        raise errors[-1]
    if len(errors) > max(_FEW, len(examples) // 100) or (errors and not examples):
        raise errors[0]
    labelled = numbered(examples)
    if not labelled:
        of_language = f" of language {code!r}" if table.language else ""
        raise UsageError(
            f"{path} holds no row{of_language}{' with a gold label' if examples else ''}: "
            "expected at least one"
        )
    return labelled


# ---- rows of each kind of file


def json_rows(path: Path, table: Table, code: str = "en") -> Iterator[Row]:
    """Yield the object of every line that is not blank."""
    lines = read_lines(path)
    expected = f"one object with {', '.join(dict.fromkeys(table.columns))}"
    for number, line in enumerate(lines, start=1):
        if line.strip():
            cut = truncation_hint(number, lines)
            row = parse_json(line, path, expected, number, cut)
            yield Row(f"{path}, line {number}", row, LABELS[table.labels])


def _json_entries(path: Path, table: Table, code: str) -> Iterator[Row]:
    """Yield the entries of a file with one JSON object, {name: entry}."""
    text, expected = read_text(path), f"{{PMID: {{{', '.join(table.columns)}}}}}"
    content = parse_json(text, path, expected)
    if not isinstance(content, dict) or not content:
        raise UsageError(f"{path} holds no entry: expected {expected}")
    for name, entry in content.items():
        yield Row(Entry(path, name, f"entry {name[:80]}"), entry, LABELS[table.labels])


def _separated(path: Path, table: Table, code: str) -> Iterator[Row | UsageError]:
    """Yield the rows of a table, or the error of a row with too few or too many columns.

    Raise UsageError if the header lacks a column, or for an unknown language.
    """
    lines = read_lines(path)
    rows = _cells_of(path, lines, table)
    header = list(table.header) or next(rows)[-1]
    names = [name.format(code=code) for name in (*table.columns, table.language) if name]
    for name in names:
        if name not in header:
            raise unknown("column", name, header, f"the header (line 1) of {path}")
        if header.count(name) > 1:
            raise wrong(path, 1, f"the header has column {name!r} twice: expected each once")
    positions = {name: header.index(name) for name in names}
    code_column = positions.get(table.language)
    fewest = most = len(header)
    expected = f"{most} ({', '.join(header)})" if table.header else f"{most}, as the header has"
    if table.annotators:
        fewest -= max(0, sum(name in _ANNOTATORS for name in header) - 1)
        most = fewest + len(_ANNOTATORS) - 1
        expected = f"{fewest} to {most}, with one to five annotators"
        if header[-1] in positions:
            positions[header[-1]] = -1
    for number, last, cells in rows:
        if code_column is not None and len(cells) > code_column and cells[code_column] != code:
            if cells[code_column] not in LANGUAGES:
                raise unknown("language", cells[code_column], LANGUAGES, f"{path}, line {number}")
        elif fewest <= len(cells) <= most:
            values = {name: cells[position] for name, position in positions.items()}
            yield Row(f"{path}, line {number}", values, LABELS[table.labels])
        else:
            cut = truncation_hint(last, lines)
            yield wrong(path, number, f"{len(cells)} columns: expected {expected}{cut}")


def _cells_of(path: Path, lines: list[str], table: Table) -> Iterator[tuple[int, int, list[str]]]:
    """Yield (first line, last line, cells) of every row, with the header's."""
    if path.suffix == ".csv":
        # Cells that hold a comma are quoted; cells may hold line ends.
        reader = csv.reader(io.StringIO("\n".join(lines), newline=""), strict=True)
        start = 1
        try:
            for cells in reader:
                yield start, reader.line_num, cells
                start = reader.line_num + 1
        except csv.Error as error:
            problem = (
                f"broken quoting in the row that begins here ({error}): "
                "a quote is not closed, or the download was cut off"
            )
            raise wrong(path, start, problem) from None
        return
    quoted = table.quoted == "always" or (
        table.quoted == "sometimes"
        and all(
            _QUOTED_CELL.fullmatch(cell)
            for line in lines
            for cell in line.split("\t")
            if '"' in cell
        )
    )
    for number, line in enumerate(lines, start=1):
        if not quoted:
            yield number, number, line.split("\t")
            continue
        try:
            # Parse one line at a time, so that a stray quote cannot swallow the lines after it. No
            # cell of these files holds a line end.
            yield number, number, next(csv.reader([line], delimiter="\t", strict=True), [])
        except csv.Error as error:
            problem = f"broken quoting ({error}): expected cells quoted as by Python's csv.writer"
            raise wrong(path, number, problem + truncation_hint(number, lines)) from None


def _labelled_elsewhere(path: Path, table: Table, code: str) -> Iterator[Row]:
    """Yield the rows of JSON lines, or a text per line, which may be blank, with their labels from
    another file. Raise UsageError unless it has as many lines."""
    *names, label = table.columns
    if path.suffix == ".jsonl":
        kind = "questions"
        rows = [{name: row.get(name) for name in names} for row in json_rows(path, table)]
    else:
        kind, rows = "texts", [{names[0]: line} for line in read_lines(path)]
    labels_path = path.with_name(path.name.replace(*table.label_file))
    lines = read_lines(labels_path)
    if len(lines) != len(rows):
        problem = f"{len(lines)} labels here but {len(rows)} {kind} in {path}: expected as many"
        raise wrong(labels_path, len(lines), problem)
    for number, (values, spelling) in enumerate(zip(rows, lines, strict=True), start=1):
        yield Row(
            f"{labels_path}, line {number}", {**values, label: spelling}, LABELS[table.labels]
        )


_ROWS: Mapping[str, Any] = {".json": _json_entries, ".jsonl": json_rows}


# ---- several files


def read_anli_rounds(paths: list[Path]) -> list[Example]:
    """Read the three rounds of ANLI, one after another."""
    rounds = [path.parent.name for path in paths]
    if missing_rounds := [name for name in _ROUNDS if name not in rounds]:
        raise UsageError(
            f"{paths[0].parents[1]} has {paths[0].name} only in {', '.join(rounds)}: "
            f"expected {' and '.join(missing_rounds)} too"
        )
    return read_tables(paths, "en", ["anli"])


def has_labels(path: Path) -> bool:
    """Return whether the lines of a COPA file have labels that are not all 0: XTREME replaces those
    of its test files by 0.

    Return True if a line cannot be read: reading then reports what is wrong.
    """
    try:
        labels = [row.values.get("label") for row in json_rows(path, TABLES["copa"])]
    except (UsageError, AttributeError):
        return True
    return None not in labels and (len(labels) == 1 or any(label != 0 for label in labels))
