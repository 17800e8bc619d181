"""Text out of a file, with the file and the line named in every error."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from xstilts_core.errors import UsageError, shown

SHOWN = 12
# First bytes of files that are no text yet.
_PACKED = ((b"PK\x03\x04", "zip"), (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"))
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# What this process has read: (bytes, modification time in ns) of each file as it was then. A run's
# result names the files it stands on.
opened: dict[Path, tuple[int, int]] = {}
# Half of a pair that JSON can write and UTF-8 cannot.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def wrong(path: Path, line: int, problem: str) -> UsageError:
    """The error for line `line` (from 1) of a file."""
    return UsageError(f"{path}, line {line}: {problem}")


def cut_off(line: int, lines: list[str]) -> str:
    """What the error for line `line` (from 1) adds where it is the last one: a download that broke
    off ends inside a row."""
    return (
        "; this is the last line: the download may have been cut off" if line == len(lines) else ""
    )


def neighbours(path: Path) -> str:
    """What stands beside a missing file: those of the same kind, else the nearest folder that
    exists."""
    folder = path.parent
    if not folder.is_dir():
        existing = next(parent for parent in folder.parents if parent.is_dir())
        return (
            f"the folder {folder} does not exist either; {existing} holds {listing(existing, '*')}"
        )
    kind = listing(folder, f"*{path.suffix}")
    return (
        f"files of that kind there: {kind}"
        if kind != "nothing"
        else f"that folder holds {listing(folder, '*')}"
    )


def listing(folder: Path, pattern: str) -> str:
    """The first names of a folder that fit the pattern."""
    names = sorted(entry.name for entry in folder.glob(pattern))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "nothing"


def opening(path: Path) -> Path:
    """Note in `opened` that this file is being read; returns it."""
    status = path.stat()
    opened.setdefault(path, (status.st_size, status.st_mtime_ns))
    return path


def read_text(path: Path) -> str:
    """The whole file as text, without a byte order mark.

    UsageError where it is missing, a folder, empty, still packed, UTF-16 or else not UTF-8, or has
    NUL bytes (a damaged download).
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: expected a file; it holds {listing(path, '*')}")
    if not path.is_file():
        raise UsageError(f"{path} is missing: {neighbours(path)}")
    content = opening(path).read_bytes()
    for start, kind in _PACKED:
        if content.startswith(start):
            raise UsageError(f"{path} is a packed file ({kind}): unpack it first")
    if content.startswith(_UTF_16):
        raise UsageError(f"{path} is UTF-16 text: expected UTF-8")
    empty = content.find(b"\0")
    if empty >= 0:
        raise wrong(
            path,
            content.count(b"\n", 0, empty) + 1,
            "a NUL byte: expected UTF-8 text; the file is damaged or no text",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise wrong(
            path,
            line,
            f"byte 0x{content[error.start]:02x} is not UTF-8: expected a UTF-8 text file",
        ) from None
    if not text.strip():
        raise UsageError(f"{path} is empty: expected at least one example")
    return text


def read_lines(path: Path) -> list[str]:
    """The lines without their ends, LF or CRLF. Other separators (U+2028, U+0085) stand inside
    texts and cut nothing.

    UsageError for a carriage return elsewhere: what was a line end would join two rows unseen.
    """
    text = read_text(path)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if "\r" in text:
        for number, line in enumerate(lines, start=1):
            if "\r" in line:
                raise wrong(
                    path,
                    number,
                    "a carriage return inside the line: expected line ends LF or CRLF (old Mac files have CR alone)",
                )
    return lines if lines[-1] else lines[:-1]


def parse_json(text: str, path: Path, expected: str, line: int = 0, cut: str = "") -> Any:
    """The value of a JSON text; UsageError where it is broken, or says what no reader would see.

    That is: a key that stands twice in an object (json keeps the last one), NaN and infinities,
    half surrogates, a nesting too deep. line: where the text stands, if it is one line of a file.
    cut: what is added where the text breaks off.
    """

    def place(found: int = 1) -> int:
        return line or found

    def once(entries: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(entries)
        if len(found) < len(entries):
            names = [name for name, _ in entries]
            repeated = next(name for position, name in enumerate(names) if name in names[:position])
            number = text.count("\n", 0, max(0, text.rfind(f'"{repeated}"'))) + 1
            raise wrong(
                path,
                place(number),
                f"key {shown(repeated)} stands twice in an object: expected each once",
            )
        return found

    def constant(name: str) -> NoReturn:
        raise wrong(
            path,
            place(text.count("\n", 0, text.find(name)) + 1),
            f"{name} is no JSON: expected {expected}",
        )

    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=constant)
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        problem = f"JSON breaks off at column {error.colno} ({error.msg}): expected {expected}{cut}"
        raise wrong(path, place(error.lineno), problem) from None
    except UnicodeEncodeError:
        number = text.count("\n", 0, _SURROGATE.search(text).start()) + 1
        raise wrong(
            path, place(number), f"half a surrogate pair (\\ud800 to \\udfff): expected {expected}"
        ) from None
    except RecursionError:
        raise wrong(path, place(), f"JSON is nested too deeply: expected {expected}") from None
    except UsageError:
        raise
    except ValueError:
        raise wrong(path, place(), f"a number of too many digits: expected {expected}") from None
    return found


def read_json_lines(path: Path, keys: Mapping[str, type]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of every line that is not blank; each object has `keys`, with
    values of their types.

    UsageError naming the line where the JSON is broken, no object, or lacks a key.
    """
    lines = read_lines(path)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = parse_json(
            line, path, f"one object with {', '.join(keys)}", number, cut_off(number, lines)
        )
        for key, kind in keys.items():
            json_member(row, key, kind, path, number)
        yield number, row


def json_member(row: Any, key: str, kind: type, path: Path, line: int) -> Any:
    """row[key], which must be there and of that kind (`object`: any)."""
    if not isinstance(row, dict):
        raise wrong(
            path, line, f"{type(row).__name__} in place of an object: expected one with {key!r}"
        )
    if key not in row:
        raise wrong(
            path, line, f"no {key!r} among {' '.join(', '.join(row).split())[:80] or 'no keys'}"
        )
    if not isinstance(row[key], kind) or (kind is int and isinstance(row[key], bool)):
        raise wrong(path, line, f"{key} is {shown(row[key])}: expected {kind.__name__}")
    return row[key]
