"""Sentence pairs with a label: XNLI in XTREME's layout, and tables with a header (GLUE MNLI, XNLI-MT, labelled XNLI tests)."""

import csv
from collections.abc import Sequence
from pathlib import Path

from xstilts_core.examples import PairExample
from xstilts_core.names import UsageError, unknown
from xstilts_core.readers.text import read_lines, wrong
from xstilts_core.tasks.intermediate import NLI

# XNLI's machine-translated MNLI spells the label so in every row.
SPELLINGS = {"contradictory": "contradiction"}
GLUE = ("sentence1", "sentence2", "gold_label")
XNLI_MT = ("premise", "hypo", "label")


def label_of(cell: str, labels: Sequence[str], path: Path, line: int) -> str:
    """The label that a cell names; UsageError with the legal ones otherwise."""
    name = SPELLINGS.get(cell.strip(), cell.strip())
    if name not in labels:
        raise unknown("label", name, labels, f"{path}, line {line}")
    return name


def read_xnli(path: Path, labels: Sequence[str] = NLI) -> list[PairExample]:
    """XTREME's XNLI files: premise, hypothesis, label, tab-separated and quoted as csv.writer does, without a header.

    Two columns in the first line: the labels were removed (XTREME's test files), every label is None. Ids are line numbers from 1,
    and line k is the same item in every language.
    """
    examples, columns = [], 0
    for number, line in enumerate(read_lines(path), start=1):
        try:
            # One line at a time: no cell of these files holds a line end, and so a stray quote cannot swallow the lines after it.
            cells = next(csv.reader([line], delimiter="\t", strict=True), [])
        except csv.Error as error:
            raise wrong(path, number, f"broken quoting ({error}): expected cells quoted as by Python's csv.writer") from None
        columns = columns or len(cells)
        if len(cells) != columns or columns not in (2, 3):
            expected = columns if columns in (2, 3) else "2 or 3"
            raise wrong(path, number, f"{len(cells)} columns: expected {expected} (premise, hypothesis and, if labelled, label)")
        label = label_of(cells[2], labels, path, number) if columns == 3 else None
        examples.append(PairExample(str(number), cells[0].strip(), cells[1].strip(), label))
    return examples


def read_pairs(path: Path, columns: tuple[str, str, str], labels: Sequence[str] = NLI, numbered: bool = False) -> list[PairExample]:
    """A tab-separated table with a header and no quoting; `columns` names those of the two texts and of the label.

    numbered: labels are written as their position in `labels` (from 0). Without a label column (GLUE's test files) every label is
    None. Ids are row numbers from 1, the header not counted.
    """
    lines = read_lines(path)
    header = lines[0].split("\t")
    for name in columns[:2]:
        if name not in header:
            raise unknown("column", name, header, f"the header (line 1) of {path}")
    places = [header.index(name) if name in header else None for name in columns]
    examples = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(header):
            raise wrong(path, number, f"{len(cells)} columns: expected {len(header)}, as the header has")
        label = None
        if places[2] is not None:
            cell = cells[places[2]]
            if numbered and cell.strip() not in map(str, range(len(labels))):
                raise wrong(path, number, f"label {cell!r}: expected a number from 0 to {len(labels) - 1} ({', '.join(labels)})")
            label = labels[int(cell)] if numbered else label_of(cell, labels, path, number)
        examples.append(PairExample(str(number - 1), cells[places[0]].strip(), cells[places[1]].strip(), label))
    if not examples:
        raise UsageError(f"{path} holds a header and nothing else: expected at least one row")
    return examples


def read_mnli(path: Path) -> list[PairExample]:
    """MNLI in one of its two layouts, told apart by the header: GLUE (sentence1 ... gold_label) or XNLI-MT (premise, hypo, label)."""
    header = read_lines(path)[0].split("\t")
    return read_pairs(path, XNLI_MT if XNLI_MT[1] in header else GLUE)


def distinct(examples: Sequence[PairExample]) -> list[PairExample]:
    """Each pair of texts once, in order, numbered anew from 1. Copies that differ in white space only (tokenized text) are copies."""
    seen: dict[tuple[str, str], PairExample] = {}
    for example in examples:
        seen.setdefault(("".join(example.text_a.split()), "".join(example.text_b.split())), example)
    return [PairExample(str(number), kept.text_a, kept.text_b, kept.label) for number, kept in enumerate(seen.values(), start=1)]
