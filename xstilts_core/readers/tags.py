"""Sentences with a tag per word, one word a line: PAN-X (WikiANN), XTREME's part-of-speech files; and supertags (CCGbank)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from xstilts_core.examples import TagsExample
from xstilts_core.names import unknown
from xstilts_core.readers.text import cut_off, read_lines, wrong
from xstilts_core.tasks.targets import BIO, UPOS

ZERO_WIDTH_NON_JOINER = "\u200c"


def sentences(lines: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """The sentences among the lines of a file: their (line number, line); blank lines stand between sentences."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []


def read_panx(path: Path) -> list[TagsExample]:
    """PAN-X: token TAB tag, as `read_tagged`. The raw archive writes "de:Berlin": a prefix that every token shares is cut off."""
    return read_tagged(path, BIO, prefixed=True)


def read_udpos(path: Path) -> list[TagsExample]:
    """XTREME's own part-of-speech files: token TAB tag, as `read_tagged`."""
    return read_tagged(path, UPOS)


def read_tagged(path: Path, tags: Sequence[str], prefixed: bool = False) -> list[TagsExample]:
    """Token TAB tag. A file whose lines hold the token only (XTREME's test files) gives examples without tags.

    Ids count sentences from 1. prefixed: every token may begin with the language and a colon. A word of nothing but white space is
    left out: XTREME takes U+200C and spaces out of words, and the language prefix. UsageError for a line with more or fewer columns
    than the first (a truncated download ends in one), and for an unknown tag.
    """
    lines = read_lines(path)
    rows = [[(number, line.split("\t")) for number, line in block] for block in sentences(lines)]
    columns = len(rows[0][0][1])
    for number, cells in (row for block in rows for row in block):
        if len(cells) != columns or columns > 2:
            expected = {1: "a token alone, as in the first line", 2: "token TAB tag"}.get(columns, "token TAB tag, or a token alone")
            raise wrong(path, number, f"{len(cells)} columns ({' | '.join(cells)}): expected {expected}{cut_off(number, lines)}")
        if columns == 2 and cells[1].strip() not in tags:
            raise unknown("tag", cells[1].strip(), tags, f"{path}, line {number}")
    prefix = shared_prefix([cells[0] for block in rows for _, cells in block]) if prefixed else ""
    examples: list[TagsExample] = []
    for block in rows:
        words = [(cells[0].removeprefix(prefix).strip(), cells[-1].strip()) for _, cells in block]
        kept = [row for row in words if row[0]]
        if kept:
            forms, found = zip(*kept, strict=True)
            examples.append(TagsExample(str(len(examples) + 1), forms, found if columns == 2 else ()))
    return examples


def shared_prefix(tokens: list[str]) -> str:
    """The "xx:" that every token begins with; empty if there is none."""
    prefix, colon, _ = tokens[0].partition(":")
    prefix += colon
    language_like = colon and prefix[:-1].replace("-", "").isalpha() and prefix.islower()
    return prefix if language_like and all(token.startswith(prefix) for token in tokens) else ""


def plain_word(word: str) -> str:
    """The word without the spaces and zero-width non-joiners inside it, as XTREME writes it; "" where nothing else is left."""
    return word.replace(ZERO_WIDTH_NON_JOINER, "").replace(" ", "").strip()


def read_ccg(path: Path) -> list[TagsExample]:
    """Supertags as the paper's code reads them: words TAB tags, both apart by single spaces. Ids are line numbers from 1."""
    examples = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = [cell.split() for cell in line.split("\t")]
        if len(cells) != 2 or not cells[0] or len(cells[0]) != len(cells[1]):
            found = f"{len(cells)} columns" if len(cells) != 2 else f"{len(cells[0])} words and {len(cells[1])} tags"
            raise wrong(path, number, f"{found}: expected words TAB tags, as many tags as words")
        examples.append(TagsExample(str(number), tuple(cells[0]), tuple(cells[1])))
    return examples
