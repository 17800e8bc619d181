"""Read labelled sentence pairs from tab-separated tables and JSON lines; a `PairTable` describes
each release.

Labels are mapped by their spelling in a file, never by a position. Ids number the rows that are
kept, from 1.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from xstilts_core.data.readers.text import read_json_lines, read_lines, truncation_hint, wrong
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import PairExample
from xstilts_core.languages import LANGUAGES
from xstilts_core.tasks import TASKS

NLI = TASKS["mnli"].labels

# A file's spelling -> the task's label. None: the annotators agreed on no label, and the row is
# left out.
Spelling = Mapping[str, str | None]
Row = tuple[str, str, str | None]

WORDS: Spelling = MappingProxyType({label: label for label in NLI})
# XNLI's machine-translated MNLI spells the third label like this in every row; XTREME's own
# preparation accepts it in all of XNLI.
XNLI: Spelling = MappingProxyType({**WORDS, "contradictory": "contradiction"})
# The releases of SNLI and MultiNLI have rows without a majority among five annotators.
ANNOTATED: Spelling = MappingProxyType({**WORDS, "-": None, "-1": None})
LETTERS: Spelling = MappingProxyType({label[0]: label for label in NLI})
# The order of classes that Hugging Face's copies of NLI data declare.
NUMBERS: Spelling = MappingProxyType({"0": "entailment", "1": "neutral", "2": "contradiction"})
PARAPHRASE: Spelling = MappingProxyType({"0": "0", "1": "1"})
_DUPLICATE: Spelling = MappingProxyType({"0": "different", "1": "duplicate"})

_ANNOTATORS = tuple(f"label{number}" for number in range(1, 6))
# Largest number of broken rows in a table, or one in a hundred; with more it is another table.
FEW = 10
# A cell that csv.writer quoted because it holds a double quote.
_QUOTED_CELL = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')


@dataclass(frozen=True, slots=True)
class PairTable:
    """The format of a tab-separated release of pairs.

    columns: of the two texts and the label, {code} for the language. header: the column names of a
    file without a header line. language: the column with a row's language, if one file holds
    several. annotators: rows have the labels of one to five annotators, whatever the header says; a
    column that is last in the header is then the last of every row. quoted: cells may be quoted as
    by csv.writer; a file counts as quoted if all its cells with a double quote are (PAWS-X itself
    has none like this, copies of it do). broken: the release itself has some broken rows, which are
    left out, as in Hugging Face's copy of QQP and TensorFlow's of PAWS-X.
    """

    columns: tuple[str, str, str]
    spelling: Spelling
    header: tuple[str, ...] = ()
    language: str = ""
    annotators: bool = False
    quoted: bool = False
    broken: bool = False


_TRANSLATION = ("english1", "english2", "sentence1", "sentence2", "label")
SENTENCES = ("sentence1", "sentence2", "label")
GOLD = ("sentence1", "sentence2", "gold_label")
GLUE_MNLI = PairTable(GOLD, WORDS)
MULTINLI = PairTable(GOLD, ANNOTATED, annotators=True)
SNLI = PairTable(GOLD, ANNOTATED, annotators=True)
XNLI_RAW = PairTable(GOLD, XNLI, language="language")
XNLI_MT = PairTable(("premise", "hypo", "label"), XNLI)
XNLI_NUMBERED = PairTable(("premise", "hypothesis", "label"), NUMBERS)
XNLI_GENRES = PairTable(("sentence1_{code}", "sentence2_{code}", "label"), XNLI)
XNLI_TRANSLATION = PairTable(SENTENCES, XNLI, header=_TRANSLATION)
# Each language has some texts "NS" instead of a sentence. They are kept: the benchmark counts them.
PAWS_X = PairTable(SENTENCES, PARAPHRASE, quoted=True)
PAWS_X_TRANSLATION = PairTable(SENTENCES, PARAPHRASE, header=_TRANSLATION, quoted=True, broken=True)
# Some rows of GLUE's file lack cells.
QQP = PairTable(("question1", "question2", "is_duplicate"), _DUPLICATE, broken=True)


def label_of(cell: str, spelling: Spelling, path: Path, line: int) -> str | None:
    """Return the label that a cell spells. Raise UsageError if the spelling is not legal."""
    if cell.strip() not in spelling:
        raise unknown("label", cell.strip(), spelling, f"{path}, line {line}")
    return spelling[cell.strip()]


def numbered(rows: Iterable[Row]) -> list[PairExample]:
    """Return examples numbered from 1."""
    return [
        PairExample(str(number), first, second, label)
        for number, (first, second, label) in enumerate(rows, start=1)
    ]


def joined(parts: Iterable[Sequence[PairExample]]) -> list[PairExample]:
    """Return the examples of several files, numbered consecutively."""
    return numbered(
        (example.text_a, example.text_b, example.label) for part in parts for example in part
    )


def distinct(examples: Sequence[PairExample]) -> list[PairExample]:
    """Return each pair of texts once, in order, renumbered from 1. Pairs that differ only in white
    space (tokenized text) count as copies."""
    first_copies: dict[tuple[str, str], PairExample] = {}
    for example in examples:
        first_copies.setdefault(
            ("".join(example.text_a.split()), "".join(example.text_b.split())), example
        )
    return joined([list(first_copies.values())])


def read_xtreme_pairs(path: Path, spelling: Spelling = XNLI) -> list[PairExample]:
    """Read XTREME's files of XNLI and PAWS-X: two texts and the label, tab-separated and quoted as
    by csv.writer, without a header.

    If the first line has two columns, the labels were removed (XTREME's test files) and every label
    is None. Line k is the same item in every language.
    """
    rows: list[Row] = []
    columns, lines = 0, read_lines(path)
    for number, line in enumerate(lines, start=1):
        try:
            # Parse one line at a time, so that a stray quote cannot swallow the lines after it. No
            # cell of these files holds a line end.
            cells = next(csv.reader([line], delimiter="\t", strict=True), [])
        except csv.Error as error:
            problem = f"broken quoting ({error}): expected cells quoted as by Python's csv.writer"
            raise wrong(path, number, problem + truncation_hint(number, lines)) from None
        columns = columns or len(cells)
        if len(cells) != columns or columns not in (2, 3):
            expected = columns if columns in (2, 3) else "2 or 3"
            problem = (
                f"{len(cells)} columns: expected {expected} "
                "(first text, second text and, if labelled, label)"
            )
            raise wrong(path, number, problem + truncation_hint(number, lines))
        label = label_of(cells[2], spelling, path, number) if columns == 3 else None
        rows.append((cells[0].strip(), cells[1].strip(), label))
    return numbered(rows)


def read_pairs(path: Path, table: PairTable, code: str = "en") -> list[PairExample]:
    """Return the pairs of one language in a tab-separated table.

    Raise UsageError if the header lacks a column, a row (given by its line) has too few or too many
    columns or an unknown label, or no row is left.
    """
    lines = read_lines(path)
    header = list(table.header) or lines[0].split("\t")
    columns = _positions(header, [name.format(code=code) for name in table.columns], path)
    code_column = _positions(header, [table.language], path)[0] if table.language else None
    rows: list[Row] = []
    errors: list[UsageError] = []
    for number, cells in _cells_of(lines, table):
        if code_column is not None and len(cells) > code_column and cells[code_column] != code:
            if cells[code_column] not in LANGUAGES:
                raise unknown("language", cells[code_column], LANGUAGES, f"{path}, line {number}")
            continue
        try:
            rows.append(
                _row_of(cells, header, columns, table, path, number, truncation_hint(number, lines))
            )
        except UsageError as error:
            # A broken last row may also be the sign of a truncated download.
            if not table.broken or (rows and number == len(lines)):
                raise
            errors.append(error)
    if len(errors) > max(FEW, len(rows) // 100) or (errors and not rows):
        raise errors[0]
    labelled = [row for row in rows if row[2] is not None]
    if not labelled:
        where = f" of language {code!r}" if table.language else ""
        raise UsageError(
            f"{path} holds no row{where}{' with a gold label' if rows else ''}: "
            "expected at least one"
        )
    return numbered(labelled)


def _positions(header: list[str], columns: Sequence[str], path: Path) -> list[int]:
    """Return the positions of the columns. Raise UsageError if one is missing or repeated."""
    for name in columns:
        if name not in header:
            raise unknown("column", name, header, f"the header (line 1) of {path}")
        if header.count(name) > 1:
            raise wrong(path, 1, f"the header has column {name!r} twice: expected each once")
    return [header.index(name) for name in columns]


def _cells_of(lines: list[str], table: PairTable) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of every row."""
    start = 0 if table.header else 1
    unquote = table.quoted and all(
        _QUOTED_CELL.fullmatch(cell)
        for line in lines[start:]
        if '"' in line
        for cell in line.split("\t")
        if '"' in cell
    )
    for number, line in enumerate(lines[start:], start=start + 1):
        cells = line.split("\t")
        yield (
            number,
            [cell[1:-1].replace('""', '"') if '"' in cell else cell for cell in cells]
            if unquote
            else cells,
        )


def _row_of(
    cells: list[str],
    header: list[str],
    positions: Sequence[int],
    table: PairTable,
    path: Path,
    number: int,
    cut: str,
) -> Row:
    """Return the two texts and the label of one row."""
    fewest = (
        len(header) - max(0, sum(name in _ANNOTATORS for name in header) - 1)
        if table.annotators
        else len(header)
    )
    most = fewest + len(_ANNOTATORS) - 1 if table.annotators else len(header)
    if not fewest <= len(cells) <= most:
        expected = (
            f"{fewest} to {most}, with one to five annotators"
            if table.annotators
            else f"{most}, as the header has"
        )
        raise wrong(path, number, f"{len(cells)} columns: expected {expected}{cut}")
    first, second, label = positions
    if table.annotators and label == len(header) - 1:
        label = -1
    return (
        cells[first].strip(),
        cells[second].strip(),
        label_of(cells[label], table.spelling, path, number),
    )


def read_mnli(path: Path) -> list[PairExample]:
    """Read MNLI in one of its two tables, distinguished by the header: GLUE's (sentence1 ...
    gold_label) or XNLI-MT's (premise, hypo, label)."""
    return read_pairs(path, XNLI_MT if "hypo" in read_lines(path)[0].split("\t") else GLUE_MNLI)


def read_json_pairs(
    path: Path, columns: tuple[str, str, str], spelling: Spelling
) -> list[PairExample]:
    """Read pairs from JSON lines. `columns` are the keys of the two texts and of the label (a word,
    letter or number)."""
    first, second, label = columns
    rows = [
        (row[first].strip(), row[second].strip(), label_of(str(row[label]), spelling, path, number))
        for number, row in read_json_lines(path, {first: str, second: str, label: object})
    ]
    labelled = [row for row in rows if row[2] is not None]
    if not labelled:
        raise UsageError(f"{path} holds no row with a gold label: expected at least one")
    return numbered(labelled)
