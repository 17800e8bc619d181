"""A project of the user's own: the notebooks, studies and Snakefile that the commands work with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home

_PACKAGE = Path(__file__).resolve().parents[1]
_PARTS = ("notebooks", "params", "reference", "outputs/README.md", "Snakefile")
# Written by JupyterLab and by runs from the hub: no part of a new project.
_SKIPPED = (".ipynb_checkpoints", "__pycache__", "hub.lock", ".hub.lock")


def require_project() -> None:
    """Raise UsageError if neither the current folder nor a folder above it is a project."""
    missing = [name for name in ("notebooks", "params") if not (home() / name).is_dir()]
    if missing:
        raise UsageError(
            f"{home()} is not in an xstilts project (no {'/, no '.join(missing)}/): "
            "`xstilts init DIR` makes one"
        )


def lay_out(folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy what a project consists of to `folder`, and overwrite nothing.

    Return the files written, and the files left as they are because their content differs, both
    relative to `folder`. Raise UsageError if `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a new or an existing folder")
    written, different = [], []
    for source, path in _files():
        target = folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
            written.append(path)
        elif not target.is_file() or target.read_bytes() != source.read_bytes():
            different.append(path)
    return written, different


def _files() -> Iterator[tuple[Path, Path]]:
    """Yield each file of a new project and its path there. A wheel carries them in its package; in
    a clone they are the repository's own folders."""
    packaged = _PACKAGE / "project"
    root = packaged if packaged.is_dir() else _PACKAGE.parent
    for name in _PARTS:
        top = root / name
        for source in [top] if top.is_file() else sorted(top.rglob("*")):
            path = source.relative_to(root)
            if source.is_file() and not set(path.parts) & set(_SKIPPED):
                yield source, path
