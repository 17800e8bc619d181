"""Create a folder atomically: complete, or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xstilts_core.errors import UsageError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `out` at the end. Raise UsageError if `out` is
    not empty, as nothing is overwritten."""
    out = out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is {'not empty' if out.is_dir() else 'a file'}: give a new folder")
    # The leftovers of a killed export are overwritten. The name is a hash because `out.name` may
    # already have the maximum length.
    draft = out.with_name(f".{hashlib.sha256(os.fsencode(out.name)).hexdigest()[:16]}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
    except (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"{out} cannot be made ({error.strerror}): give another folder") from None
    try:
        yield draft
        os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
