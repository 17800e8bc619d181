"""A new folder that is there whole or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xstilts_core.errors import UsageError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write in; it gets the name `out` at the end. UsageError where something stands
    there: nothing is overwritten."""
    out = out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is {'not empty' if out.is_dir() else 'a file'}: give a new folder")
    # What a killed export left is written over. Not after the whole name, which may be as long as
    # the system takes.
    part = out.with_name(f".{hashlib.sha256(os.fsencode(out.name)).hexdigest()[:16]}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
    except (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"{out} cannot be made ({error.strerror}): give another folder") from None
    try:
        yield part
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
