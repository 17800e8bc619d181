"""Write files whole or not at all, and recognize and report a full disk."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

MEGABYTE = 1_000_000
TEMPORARY = ".tmp"
# Libraries repeat the system's words in exceptions of their own (safetensors, zlib, the saved
# traceback of a notebook).
WORDS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


def is_full(error: BaseException | str) -> bool:
    """Return whether this error, or its text, reports a full disk or quota."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error) for words in WORDS)


def size(folder: Path) -> int:
    """Return the number of bytes in the files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def full_sentence(folder: Path, needed: int) -> str:
    """Describe a full disk: which one, the minimum number of bytes needed, and how to go on."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    mount = next(path for path in (existing, *existing.parents) if os.path.ismount(path))
    amount = max(1, -(-max(needed, free + 1) // MEGABYTE))
    room = f"at least {amount:,} MB are needed, {free / MEGABYTE:,.1f} MB are free"
    return (
        f"no space left on {mount} for {folder}: {room}. Nothing finished is lost: make room, and "
        "the same command goes on"
    )


def is_exhausted(folder: Path) -> bool:
    """Return whether there is no room here even for a note."""
    return shutil.disk_usage(folder).free < 64_000


def sync(path: Path) -> None:
    """Make sure that this file's content, or this folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing, even in a power cut: write to a temporary name in the same
    folder, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name is not derived from the file's, which may already have the longest name
    # that the system allows.
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
    """Remove what killed writers left here. The caller holds the folder's lock: nobody writes."""
    for path in folder.glob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)
