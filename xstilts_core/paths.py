"""Paths as a person types them."""

import os
from pathlib import Path


def expanded(path: str) -> Path:
    """The path with ~ or ~user at its very beginning replaced, where there is such a user: ./~ is a folder of that name."""
    return Path(os.path.expanduser(path))
