"""Paths as they were typed."""

import argparse
import errno
import os
from pathlib import Path

from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded

TYPED = ("outputs", "data_root", "encoder", "out", "dir", "output", "predictions", "labels")
# The system's refusals that say something of a place, whatever the program does there.
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def place(path: str) -> str:
    """A path as typed, made independent of the folder: kernels and Snakemake work from the
    project's folder."""
    from xstilts_core.files.paths import home

    if not path:
        return ""
    full = expanded(path).resolve()
    return (
        str(full.relative_to(home()))
        if full.is_relative_to(home()) and full != home()
        else str(full)
    )


def model(typed: str) -> str:
    """A model as typed: a folder as `place`, a name as it is."""
    is_folder = (
        typed.startswith((".", "/", "~"))
        or typed.count("/") > 1
        or (typed and expanded(typed).is_dir())
    )
    return place(typed) if is_folder else typed


def require_folder(typed: str, folder: Path) -> None:
    """UsageError where a file stands in the way of the folder that belongs to `--outputs typed`."""
    if found := next((path for path in (folder, *folder.parents) if path.is_file()), None):
        raise UsageError(f"--outputs {typed}: {found} is a file: give a folder")


def refusal(error: OSError, options: argparse.Namespace) -> str:
    """What to say where the system refuses a place; "" for an error that may be a mistake of the
    suite.

    A file that is missing, or one in the way, may be one, unless it is a place that was typed or
    stands above it.
    """
    if not isinstance(error.filename, str):
        return ""
    path = Path(os.path.realpath(error.filename))
    typed = [
        Path(os.path.realpath(expanded(value)))
        for name in TYPED
        if (value := getattr(options, name, ""))
    ]
    stands_there = any(path in (place, *place.parents) for place in typed)
    if error.errno not in REFUSED and not (
        stands_there and isinstance(error, FileNotFoundError | FileExistsError | IsADirectoryError)
    ):
        return ""
    return f"{path} cannot be used ({error.strerror}): give a place that can be read and written"
