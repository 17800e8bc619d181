"""Files as they come out of broken downloads, editors and converters: what hypothesis draws to try
the readers with."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from xstilts_core.errors import UsageError

# Line ends and separators, blanks, marks that join or turn the text, and what ends a cell, a text
# or a comment.
ODD = (
    "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2028", "\u2029", "\ufeff", "\0", "\t", "\n", "\n\n",
    " ", "\xa0", "\u3000", "\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u202e", "\u0301", "\u094d", "\u05b8", "\x1a", "\ud7ff",
    "\U0001f469", '"', "'", "\\", "{", "}", "[", "]", ",", ":", "#", "-", "_", ".", "&a", "*a", "!", "%", "@", "`", "|", ">", "?", "~",
    "<<: ", "\\ud800", "\\u0000",
)  # fmt: skip
VALUES = (
    "-1", "0", "1", "2", "99", "1.0", "1.5", "1e-5", "٣", "²", "010", "1:30", "0x1F", "1_000", "true", "no", "null", "NaN", "Infinity",
    "[]", "{}", '""', '"1"', '"x"', "[1]", '{"a": 1}', "5-99", "3-2", "1.1", "1-2-3", "9" * 5000, "2020-01-01", ".inf", "~", "[" * 3000,
)  # fmt: skip
ENDS = ("\n", "\r\n", "\r", "\r\r\n", "\n\n", "\u2028", "\x85")
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
MEMBER = re.compile(r'"(\w+)"\s*:\s*("[^"\n]*"|-?\d+|true|false|null)')
NUMBER = re.compile(r"\d+")

Edit = Callable[[str, int, int], str]


def put(text: str, first: int, second: int, gone: int = 0) -> str:
    """An odd character at a place, in the stead of `gone` others."""
    place = first % (len(text) + 1)
    return text[:place] + ODD[second % len(ODD)] + text[place + gone :]


def joined(text: str, first: int, second: int) -> str:
    """Two lines made one."""
    lines = text.split("\n")
    place = first % len(lines)
    return "\n".join([*lines[:place], "".join(lines[place : place + 2]), *lines[place + 2 :]])


def on_lines(change: Callable[[list[str], int, int], list[str]]) -> Edit:
    def edit(text: str, first: int, second: int) -> str:
        return "\n".join(change(text.split("\n"), first, second))

    return edit


def on_line(change: Callable[[str, int], str]) -> Edit:
    """A change of one line."""
    return on_lines(
        lambda lines, a, b: [
            *lines[: a % len(lines)],
            change(lines[a % len(lines)], b),
            *lines[a % len(lines) + 1 :],
        ]
    )


def at(change: Callable[[list[str], int], list[str]]) -> Edit:
    """A change of one line's cells."""
    return on_line(lambda line, b: "\t".join(change(line.split("\t"), b)))


def swapped(items: list[str], first: int, second: int) -> list[str]:
    a, b = first % len(items), second % len(items)
    found = list(items)
    found[a], found[b] = found[b], found[a]
    return found


def instead(pattern: re.Pattern[str], group: int) -> Edit:
    """Another value in the place of one match."""

    def edit(text: str, first: int, second: int) -> str:
        places = [match.span(group) for match in pattern.finditer(text)]
        if not places:
            return text
        begin, end = places[first % len(places)]
        return text[:begin] + VALUES[second % len(VALUES)] + text[end:]

    return edit


def twice(text: str, first: int, second: int) -> str:
    """A member of a JSON object doubled."""
    places = [match.span() for match in MEMBER.finditer(text)]
    if not places:
        return text
    begin, end = places[first % len(places)]
    return f"{text[:end]}, {text[begin:end]}{text[end:]}"


EDITS: dict[str, Edit] = {
    "drop a line": on_lines(lambda lines, a, b: lines[: a % len(lines)] + lines[a % len(lines) + 1 :]),
    "double a line": on_lines(lambda lines, a, b: [*lines[: a % len(lines) + 1], *lines[a % len(lines) :]]),
    "swap two lines": on_lines(swapped),
    "join two lines": joined,
    "swap two columns": at(lambda cells, b: swapped(cells, b, b + 1)),
    "drop a column": at(lambda cells, b: cells[: b % len(cells)] + cells[b % len(cells) + 1 :]),
    "double a column": at(lambda cells, b: [*cells[: b % len(cells) + 1], *cells[b % len(cells) :]]),
    "cut the file": lambda text, a, b: text[: a % (len(text) + 1)],
    "lose its beginning": lambda text, a, b: text[a % (len(text) + 1) :],
    "put in": put,
    "put in at a line's beginning": on_line(lambda line, b: ODD[b % len(ODD)] + line),
    "put in at a line's end": on_line(lambda line, b: line + ODD[b % len(ODD)]),
    "replace": lambda text, a, b: put(text, a, b, 1),
    "other line ends": lambda text, a, b: text.replace("\n", ENDS[b % len(ENDS)]),
    "normal form": lambda text, a, b: unicodedata.normalize(FORMS[b % len(FORMS)], text),
    "other number": instead(NUMBER, 0),
    "other value": instead(MEMBER, 2),
    "other key": instead(MEMBER, 1),
    "key twice": twice,
    "nothing": lambda text, a, b: text,
    "empty": lambda text, a, b: "",
}  # fmt: skip
ENCODINGS = (
    "utf-8",
    "utf-8",
    "utf-8",
    "utf-8",
    "utf-8",
    "utf-8",
    "utf-8-sig",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "latin-1",
    "gzip",
    "byte",
)


def encoded(text: str, encoding: str, place: int) -> bytes:
    if encoding == "gzip":
        return b"\x1f\x8b" + text.encode("utf-8")
    if encoding == "byte":
        raw = text.encode("utf-8")
        return (
            raw[: place % (len(raw) + 1)]
            + bytes([(0x80, 0xFF, 0x00, 0xC3)[place % 4]])
            + raw[place % (len(raw) + 1) + 1 :]
        )
    return text.encode(encoding, "replace")


NUMBERS = st.integers(0, 1 << 20)
# Up to three edits, and how the file is written.
DAMAGE = st.tuples(
    st.lists(st.tuples(st.sampled_from(sorted(EDITS)), NUMBERS, NUMBERS), max_size=3),
    st.sampled_from(ENCODINGS),
    NUMBERS,
)
Damage = tuple[list[tuple[str, int, int]], str, int]


def damaged(text: str, damage: Damage) -> bytes:
    """The file's bytes after the damage."""
    edits, encoding, place = damage
    for name, first, second in edits:
        text = EDITS[name](text, first, second)
    return encoded(text, encoding, place)


def told(error: UsageError, *names: str) -> bool:
    """Whether an error is one sentence that names one of the files."""
    return (
        "\n" not in str(error)
        and "\r" not in str(error)
        and any(name in str(error) for name in names)
        and len(str(error)) < 4000
    )


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def json_lines(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
