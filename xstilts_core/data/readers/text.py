"""Read text from a file. Every error names the file and the line."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

from xstilts_core.errors import UsageError, shown

_SHOWN = 12
# First bytes of files that cannot be read -> what they are.
_UNREADABLE = {
    b"PK\x03\x04": "a compressed file (zip): unpack it first",
    b"\x1f\x8b": "a compressed file (gzip): unpack it first",
    b"BZh": "a compressed file (bzip2): unpack it first",
    b"\xff\xfe": "UTF-16 text: expected UTF-8",
    b"\xfe\xff": "UTF-16 text: expected UTF-8",
}
# Files that this process has read: (bytes, modification time in ns) of each at that time. A run's
# result lists the files it depends on.
opened: dict[Path, tuple[int, int]] = {}
# Half of a surrogate pair, which JSON can express but UTF-8 cannot.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def wrong(path: Path, line: int, problem: str) -> UsageError:
    """Return the error for line `line` (from 1) of a file."""
    return UsageError(f"{path}, line {line}: {problem}")


@dataclass(frozen=True, slots=True)
class Entry:
    """The position of a named entry of a JSON file, for errors. Its line is searched only if it is
    printed."""

    path: Path
    name: str | int
    shown: str

    def __str__(self) -> str:
        text = read_text(self.path)
        written = (text.find(json.dumps(self.name, ensure_ascii=ascii)) for ascii in (False, True))
        line = text.count("\n", 0, max(0, *written)) + 1
        return f"{self.path}, line {line}, {self.shown}"


def truncation_hint(line: int, lines: list[str]) -> str:
    """Return the hint for an error on line `line` (from 1) if it is the last one: a broken download
    ends inside a row."""
    return (
        "; this is the last line: the download may have been cut off" if line == len(lines) else ""
    )


def _neighbours(path: Path) -> str:
    """Return what exists beside a missing file: files of the same kind, otherwise the nearest
    existing folder."""
    folder = path.parent
    if not folder.is_dir():
        existing = next(parent for parent in folder.parents if parent.is_dir())
        return (
            f"the folder {folder} does not exist either; {existing} holds {listing(existing, '*')}"
        )
    siblings = listing(folder, f"*{path.suffix}")
    return (
        f"files of that kind there: {siblings}"
        if siblings != "nothing"
        else f"that folder holds {listing(folder, '*')}"
    )


def listing(folder: Path, pattern: str) -> str:
    """Return the first names of a folder that match the pattern."""
    names = sorted(entry.name for entry in folder.glob(pattern))
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest if names else "nothing"


def record_opening(path: Path) -> Path:
    """Record in `opened` that this file is being read, and return it."""
    status = path.stat()
    opened.setdefault(path, (status.st_size, status.st_mtime_ns))
    return path


def read_text(path: Path) -> str:
    """Return the whole file as text, without a byte order mark.

    Raise UsageError if it is missing, a folder, empty, compressed, UTF-16 or otherwise not UTF-8,
    or if it has NUL bytes (a damaged download).
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: expected a file; it holds {listing(path, '*')}")
    if not path.is_file():
        raise UsageError(f"{path} is missing: {_neighbours(path)}")
    content = record_opening(path).read_bytes()
    for start, problem in _UNREADABLE.items():
        if content.startswith(start):
            raise UsageError(f"{path} is {problem}")
    nul_position = content.find(b"\0")
    if nul_position >= 0:
        problem = "a NUL byte: expected UTF-8 text; the file is damaged or not text"
        raise wrong(path, content.count(b"\n", 0, nul_position) + 1, problem)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"byte 0x{content[error.start]:02x} is not UTF-8: expected a UTF-8 text file"
        raise wrong(path, line, problem) from None
    if not text.strip():
        raise UsageError(f"{path} is empty: expected at least one example")
    return text


def read_lines(path: Path) -> list[str]:
    """Return the lines without their ends, LF or CRLF. Other separators (U+2028, U+0085) belong to
    the texts and do not end a line.

    Raise UsageError for a carriage return elsewhere, which would join two rows unnoticed.
    """
    text = read_text(path)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if "\r" in text:
        for number, line in enumerate(lines, start=1):
            if "\r" in line:
                problem = (
                    "a carriage return inside the line: expected line ends LF or CRLF "
                    "(old Mac files have CR alone)"
                )
                raise wrong(path, number, problem)
    return lines if lines[-1] else lines[:-1]


def blocks(lines: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield the sentences of a file as lists of (line number, line). Blank lines separate
    sentences."""
    numbered = enumerate(lines, start=1)
    for is_sentence, block in groupby(numbered, lambda entry: bool(entry[1].strip())):
        if is_sentence:
            yield list(block)


def parse_json(text: str, path: Path, expected: str, line: int = 0, cut: str = "") -> Any:
    """Return the value of a JSON text. Raise UsageError if it is malformed, or silently wrong.

    The latter are: a key repeated in an object (json keeps the last one), NaN and infinities, half
    surrogates, too deep a nesting. line: the line number, if the text is one line of a file. cut:
    appended to the message if the text breaks off.
    """

    def failure(position: int, problem: str) -> UsageError:
        return wrong(path, line or text.count("\n", 0, max(0, position)) + 1, problem)

    def unique_keys(entries: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(entries)
        if len(mapping) < len(entries):
            counts = Counter(name for name, _ in entries)
            repeated = next(name for name, count in counts.items() if count > 1)
            problem = f"key {shown(repeated)} is repeated in an object: expected each once"
            raise failure(text.rfind(f'"{repeated}"'), problem)
        return mapping

    def refuse_constant(name: str) -> NoReturn:
        raise failure(text.find(name), f"{name} is not JSON: expected {expected}")

    half = _SURROGATE.search(text)
    try:
        value = json.loads(text, object_pairs_hook=unique_keys, parse_constant=refuse_constant)
        if half:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except UsageError:
        raise
    except json.JSONDecodeError as error:
        position, problem = error.pos, f"JSON breaks off at column {error.colno} ({error.msg})"
        expected += cut
    except UnicodeEncodeError:
        position, problem = half.start(), "half a surrogate pair (\\ud800 to \\udfff)"
    except RecursionError:
        position, problem = 0, "JSON is nested too deeply"
    except ValueError:
        position, problem = 0, "a number with too many digits"
    raise failure(position, f"{problem}: expected {expected}")
