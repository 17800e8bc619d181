"""Paths as they were typed."""

from pathlib import Path


def place(path: str) -> str:
    """A path as typed, made independent of the folder: kernels and Snakemake work from the project's folder."""
    from xstilts_core.spec import home

    if not path:
        return ""
    full = Path(path).expanduser().resolve()
    return str(full.relative_to(home())) if full.is_relative_to(home()) and full != home() else str(full)
