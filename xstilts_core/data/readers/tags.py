"""Read sentences with a tag per word: PAN-X (WikiANN) and XTREME's part-of-speech files, one word a
line; supertags (CCGbank)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from xstilts_core.data.readers.text import read_lines, truncation_hint, wrong
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import TagsExample
from xstilts_core.tasks import TASKS

BIO = TASKS["panx"].labels
UPOS = TASKS["udpos"].labels

_ZERO_WIDTH_NON_JOINER = "\u200c"


def sentences(lines: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield the sentences of a file as lists of (line number, line). Blank lines separate
    sentences."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []


def read_panx(path: Path, code: str) -> list[TagsExample]:
    """Read PAN-X: token TAB tag, as `read_tagged`. The raw archive has "de:Berlin": the language's
    own prefix, if on every token, is removed."""
    return read_tagged(path, BIO, f"{code}:")


def read_udpos(path: Path) -> list[TagsExample]:
    """Read XTREME's own part-of-speech files: token TAB tag, as `read_tagged`."""
    return read_tagged(path, UPOS)


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
    rows = [
        [(number, line.split(separator)) for number, line in block] for block in sentences(lines)
    ]
    columns, tagged = (
        (len(rows[0][0][1]), "token TAB tag") if separator == "\t" else (2, "token SPACE tag")
    )
    for number, cells in (row for block in rows for row in block):
        if len(cells) != columns or columns > 2:
            expected = {1: "a token alone, as in the first line", 2: tagged}.get(
                columns, f"{tagged}, or a token alone"
            )
            raise wrong(
                path,
                number,
                f"{len(cells)} columns ({' | '.join(cells)[:80]}): "
                f"expected {expected}{truncation_hint(number, lines)}",
            )
        if columns == 2 and cells[1].strip() not in tags:
            raise unknown("tag", cells[1].strip(), tags, f"{path}, line {number}")
    shared_prefix = (
        prefix if all(cells[0].startswith(prefix) for block in rows for _, cells in block) else ""
    )
    examples: list[TagsExample] = []
    for block in rows:
        words = [
            (cells[0].removeprefix(shared_prefix).strip(), cells[-1].strip()) for _, cells in block
        ]
        nonempty = [row for row in words if row[0]]
        if nonempty:
            forms, word_tags = zip(*nonempty, strict=True)
            examples.append(
                TagsExample(str(len(examples) + 1), forms, word_tags if columns == 2 else ())
            )
    if not examples:
        raise UsageError(
            f"{path}, line {rows[0][0][0]}: no token of the file is a word: expected at least one"
        )
    return examples


def plain_word(word: str) -> str:
    """Return the word without spaces and zero-width non-joiners inside it, as XTREME writes it; ""
    if nothing is left."""
    return word.replace(_ZERO_WIDTH_NON_JOINER, "").replace(" ", "").strip()


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
