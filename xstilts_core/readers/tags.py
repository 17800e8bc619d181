"""Sentences with a tag per word: PAN-X (WikiANN), CoNLL-U (Universal Dependencies) and supertags (CCGbank)."""

from collections.abc import Iterator
from pathlib import Path

from xstilts_core.examples import TagsExample
from xstilts_core.names import UsageError, unknown
from xstilts_core.readers.text import read_lines, wrong
from xstilts_core.tasks.targets import BIO, UPOS

COLUMNS = 10
ZERO_WIDTH_NON_JOINER = "\u200c"


def sentences(path: Path) -> Iterator[list[tuple[int, str]]]:
    """The sentences of a file: their (line number, line); blank lines stand between sentences."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*read_lines(path), ""], start=1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []


def read_panx(path: Path) -> list[TagsExample]:
    """PAN-X: token TAB tag. A file whose lines hold the token only (XTREME's test files) gives examples without tags.

    The raw archive writes "de:Berlin": a language prefix that every token of the file shares is cut off. Ids count sentences from 1.
    """
    rows = [[(number, line.split("\t")) for number, line in block] for block in sentences(path)]
    columns = len(rows[0][0][1])
    for number, cells in (row for block in rows for row in block):
        if len(cells) != columns or columns > 2 or not cells[0]:
            expected = {1: "a token alone, as in the first line", 2: "token TAB tag"}.get(columns, "token TAB tag, or a token alone")
            raise wrong(path, number, f"{len(cells)} columns ({' | '.join(cells)}): expected {expected}")
        if columns == 2 and cells[1].strip() not in BIO:
            raise unknown("tag", cells[1].strip(), BIO, f"{path}, line {number}")
    prefix = shared_prefix([cells[0] for block in rows for _, cells in block])
    return [
        TagsExample(
            str(position),
            tuple(cells[0].removeprefix(prefix) for _, cells in block),
            tuple(cells[1].strip() for _, cells in block) if columns == 2 else (),
        )
        for position, block in enumerate(rows, start=1)
    ]


def shared_prefix(tokens: list[str]) -> str:
    """The "xx:" that every token begins with, with a word after it; empty if there is none."""
    prefix, colon, _ = tokens[0].partition(":")
    prefix += colon
    language_like = colon and prefix[:-1].replace("-", "").isalpha() and prefix.islower()
    return prefix if language_like and all(token.startswith(prefix) and token != prefix for token in tokens) else ""


def read_conllu(path: Path) -> list[TagsExample]:
    """CoNLL-U: form (column 2) and universal part of speech (column 4) of every syntactic word.

    As the public copy of XTREME's data has it: multiword ranges (1-2), empty nodes (8.1) and words tagged "_" are left out; spaces
    and U+200C inside a word are removed; a sentence whose forms are all "_" but for one at most (texts that may not be shared) is
    left out. Ids count the sentences kept, from 1. UsageError for a wrong number of columns, an unknown tag or a gap in the word ids.
    """
    examples: list[TagsExample] = []
    for block in sentences(path):
        words = [word for word in (syntactic_word(path, number, line) for number, line in block) if word]
        for position, (number, place, _, _) in enumerate(words, start=1):
            if place != str(position):
                raise wrong(path, number, f"word id {place!r}: expected {position}, word ids count from 1 in every sentence")
        hidden = sum(form == "_" for _, _, form, _ in words)
        kept = [(form, tag) for _, _, form, tag in words if tag != "_" and form]
        if kept and (hidden == 0 or hidden < len(words) - 1):
            forms, tags = zip(*kept, strict=True)
            examples.append(TagsExample(str(len(examples) + 1), forms, tags))
    if not examples:
        raise UsageError(f"{path} holds no sentence with tags: expected CoNLL-U with forms (column 2) and universal tags (column 4)")
    return examples


def syntactic_word(path: Path, number: int, line: str) -> tuple[int, str, str, str] | None:
    """(line number, word id, form, tag), None for comments, ranges and empty nodes."""
    if line.startswith("#"):
        return None
    cells = line.split("\t")
    if len(cells) != COLUMNS:
        raise wrong(path, number, f"{len(cells)} columns: expected the {COLUMNS} of CoNLL-U")
    if "-" in cells[0] or "." in cells[0]:
        return None
    tag = cells[3].strip()
    if tag not in UPOS and tag != "_":
        raise unknown("tag", tag, UPOS, f"{path}, line {number}")
    return number, cells[0], plain_word(cells[1]), tag


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
