"""Resolve paths given on the command line and explain the system's errors about them."""

import argparse
import errno
import os
from pathlib import Path

from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded

TYPED = ("outputs", "data_root", "encoder", "out", "dir", "output", "predictions", "labels")
# Errors that concern the path itself, whatever the program was doing there.
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def place(path: str) -> str:
    """Return a typed path, relative to the project's folder if inside it, else absolute. Kernels
    and Snakemake work from the project's folder."""
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
    """Return the model given on the command line: a folder as from `place`, a hub name as is."""
    from xstilts_core.study.study_file import is_folder

    return place(typed) if is_folder(typed, expanded(typed)) else typed


def require_folder(typed: str, folder: Path) -> None:
    """Raise UsageError if `folder`, from `--outputs typed`, or one of its parents is a file."""
    if file := next((path for path in (folder, *folder.parents) if path.is_file()), None):
        raise UsageError(f"--outputs {typed}: {file} is a file: give a folder")


def refusal(error: OSError, options: argparse.Namespace) -> str:
    """Return the message for a path that cannot be used; "" for an error that may be a bug of ours.

    A missing file, or an existing one in the way, may be a bug unless its path was typed or is a
    parent of a typed path.
    """
    if not isinstance(error.filename, str):
        return ""
    path = Path(os.path.realpath(error.filename))
    typed = [
        Path(os.path.realpath(expanded(value)))
        for name in TYPED
        if (value := getattr(options, name, ""))
    ]
    was_typed = any(path in (typed_path, *typed_path.parents) for typed_path in typed)
    if error.errno not in REFUSED and not (
        was_typed and isinstance(error, FileNotFoundError | FileExistsError | IsADirectoryError)
    ):
        return ""
    return f"{path} cannot be used ({error.strerror}): give a place that can be read and written"
