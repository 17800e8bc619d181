"""Paths as users type them, and as Python searches them."""

import os
from pathlib import Path

HOME = "XSTILTS_HOME"


def home() -> Path:
    """Return the project's folder: the nearest ancestor of the current folder with notebooks/ and
    params/, otherwise the current folder.

    A kernel of JupyterLab starts in notebooks/, and must find the same outputs/. XSTILTS_HOME gives
    the folder under Snakemake, which works in the study's folder.
    """
    if HOME in os.environ:
        return Path(os.environ[HOME])
    here = Path.cwd()
    return next(
        (
            folder
            for folder in (here, *here.parents)
            if (folder / "notebooks").is_dir() and (folder / "params").is_dir()
        ),
        here,
    )


def expanded(path: str) -> Path:
    """Replace a leading ~ or ~user, if there is such a user; ./~ is a folder of that name."""
    return Path(os.path.expanduser(path))


def search_path() -> str:
    """Return PYTHONPATH with this package in it, for a process started in any folder."""
    package_root = str(Path(__file__).resolve().parent.parent.parent)
    return os.pathsep.join(
        dict.fromkeys(
            [package_root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        )
    )
