"""Paths as a person types them, and as Python searches them."""

import os
from pathlib import Path

HOME = "XSTILTS_HOME"


def home() -> Path:
    """The project's folder: the nearest one, upwards from here, with notebooks/ and params/; else
    the current folder.

    A kernel of JupyterLab starts in notebooks/, papermill's where the command was typed: both must
    find the same outputs/. Below Snakemake, which works in the study's folder, XSTILTS_HOME names
    it.
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
    """The path with ~ or ~user at its very beginning replaced, where there is such a user: ./~ is a
    folder of that name."""
    return Path(os.path.expanduser(path))


def search_path() -> str:
    """PYTHONPATH with this package in it, in whatever folder a process starts."""
    own = str(Path(__file__).resolve().parent.parent.parent)
    return os.pathsep.join(
        dict.fromkeys([own, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
    )
