"""Read sentences with a tag per word: PAN-X (WikiANN) and XTREME's part-of-speech files, one word a
line; supertags (CCGbank)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from xstilts_core.data.readers.shapes import numbered, tagged
from xstilts_core.data.readers.text import blocks, read_lines, truncation_hint, wrong
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import TagsExample
from xstilts_core.tasks import TASKS


def read_panx(path: Path, code: str) -> list[TagsExample]:
    """Read PAN-X: token TAB tag, as `read_tagged`. The raw archive has "de:Berlin": the language's
    own prefix, if on every token, is removed."""
    return read_tagged(path, TASKS["panx"].labels, f"{code}:")


def read_tagged(
    path: Path, tags: Sequence[str], prefix: str = "", separator: Literal["\t", " "] = "\t"
) -> list[TagsExample]:
    """Read token TAB tag. A file with only a token per line (XTREME's test files) gives examples
    without tags, unless token and tag are separated by a space.

    Ids number sentences from 1. prefix: removed if every token begins with it. A word that is only
    white space is left out: XTREME removes U+200C, spaces and the language prefix from words. Raise
    UsageError for a line with more or fewer columns than the first (a truncated download ends in
    one), for an unknown tag, and for a file without a word.
    """
    lines = read_lines(path)
    rows = [[(number, line.split(separator)) for number, line in block] for block in blocks(lines)]
    tabs = separator == "\t"
    columns, shape = (len(rows[0][0][1]), "token TAB tag") if tabs else (2, "token SPACE tag")
    for number, cells in (row for block in rows for row in block):
        if len(cells) != columns or columns > 2:
            expected = {1: "a token alone, as in the first line", 2: shape}.get(
                columns, f"{shape}, or a token alone"
            )
            problem = f"{len(cells)} columns ({' | '.join(cells)[:80]}): expected {expected}"
            raise wrong(path, number, problem + truncation_hint(number, lines))
        if columns == 2 and cells[1].strip() not in tags:
            raise unknown("tag", cells[1].strip(), tags, f"{path}, line {number}")
    shared_prefix = (
        prefix if all(cells[0].startswith(prefix) for block in rows for _, cells in block) else ""
    )
    examples = numbered(
        tagged(
            (cells[0].removeprefix(shared_prefix).strip(), cells[-1].strip()) for _, cells in block
        )
        for block in rows
    )
    if columns == 1:
        examples = [replace(example, tags=()) for example in examples]
    if not examples:
        raise UsageError(
            f"{path}, line {rows[0][0][0]}: no token of the file is a word: expected at least one"
        )
    return examples


def read_ccg(path: Path) -> list[TagsExample]:
    """Read supertags as the paper's code does: words TAB tags, both separated by single spaces. Ids
    are line numbers from 1."""
    examples = []
    for number, line in enumerate(read_lines(path), start=1):
        # Split only at spaces: a no-break space may be part of a word.
        cells = [[word for word in cell.split(" ") if word] for cell in line.split("\t")]
        if len(cells) != 2 or not cells[0] or len(cells[0]) != len(cells[1]):
            counts = (
                f"{len(cells)} columns"
                if len(cells) != 2
                else f"{len(cells[0])} words and {len(cells[1])} tags"
            )
            raise wrong(path, number, f"{counts}: expected words TAB tags, as many tags as words")
        examples.append(TagsExample(str(number), tuple(cells[0]), tuple(cells[1])))
    return examples
