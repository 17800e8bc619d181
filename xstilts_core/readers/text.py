"""Text out of a file, with the file and the line named in every error."""

from pathlib import Path

from xstilts_core.names import UsageError

SHOWN = 12


def wrong(path: Path, line: int, problem: str) -> UsageError:
    """The error for line `line` (from 1) of a file."""
    return UsageError(f"{path}, line {line}: {problem}")


def neighbours(path: Path) -> str:
    """What stands beside a missing file: those of the same kind, else the nearest folder that exists."""
    folder = path.parent
    if not folder.is_dir():
        existing = next(parent for parent in folder.parents if parent.is_dir())
        return f"the folder {folder} does not exist either; {existing} holds {listing(existing, '*')}"
    kind = listing(folder, f"*{path.suffix}")
    return f"files of that kind there: {kind}" if kind != "nothing" else f"that folder holds {listing(folder, '*')}"


def listing(folder: Path, pattern: str) -> str:
    """The first names of a folder that fit the pattern."""
    names = sorted(entry.name for entry in folder.glob(pattern))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "nothing"


def read_text(path: Path) -> str:
    """The whole file as text, without a byte order mark. UsageError where it is missing, a folder, empty or not UTF-8."""
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: expected a file; it holds {listing(path, '*')}")
    if not path.is_file():
        raise UsageError(f"{path} is missing: {neighbours(path)}")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise wrong(path, line, f"byte 0x{content[error.start]:02x} is not UTF-8: expected a UTF-8 text file") from None
    if not text.strip():
        raise UsageError(f"{path} is empty: expected at least one example")
    return text


def read_lines(path: Path) -> list[str]:
    """The lines without their ends, LF or CRLF. Other separators (U+2028, U+0085) stand inside texts and cut nothing."""
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    return lines if lines[-1] else lines[:-1]
