"""Paths as a person types them, and as Python searches them."""

import os
from pathlib import Path


def expanded(path: str) -> Path:
    """The path with ~ or ~user at its very beginning replaced, where there is such a user: ./~ is a folder of that name."""
    return Path(os.path.expanduser(path))


def search_path() -> str:
    """PYTHONPATH with this package in it, in whatever folder a process starts."""
    own = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join(dict.fromkeys([own, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))
