"""Files on the disk: written whole or not at all; recognizing that there is no room, and saying so
in a sentence."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

MEGABYTE = 1_000_000
TEMPORARY = ".tmp"
# Libraries pass the system's words on in exceptions of their own (safetensors, zlib, a notebook's
# saved traceback).
WORDS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


def is_full(error: BaseException | str) -> bool:
    """Whether this error, or its text, says that a disk or a quota is full."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error) for words in WORDS)


def size(folder: Path) -> int:
    """Bytes in the files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def full_sentence(folder: Path, needed: int) -> str:
    """What to tell about a full disk: which one, at least how much is needed there in bytes, and
    how to go on."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    mount = next(path for path in (place, *place.parents) if os.path.ismount(path))
    amount = max(1, -(-max(needed, free + 1) // MEGABYTE))
    room = f"at least {amount:,} MB are needed, {free / MEGABYTE:,.1f} MB are free"
    return f"no space left on {mount} for {folder}: {room}. Nothing finished is lost: make room, and the same command goes on"


def is_exhausted(folder: Path) -> bool:
    """Whether not even a note can be written here."""
    return shutil.disk_usage(folder).free < 64_000


def sync(path: Path) -> None:
    """Have the disk hold what was written to this file, or this folder's list of names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write all of it or nothing, power cuts included: to a temporary name in the same folder, then
    rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not after the file: a name may be as long as the system takes, and one that is longer is
    # refused.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=TEMPORARY)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
        sync(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_temporary(folder: Path) -> None:
    """Remove what killed writers left here. The caller holds the folder's lock, so that nobody
    writes now."""
    for path in folder.glob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)
