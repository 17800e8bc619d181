"""Studies and projects that tests write for themselves."""

import shutil
from pathlib import Path

from xstilts_core.study import Study


def load(folder: Path, text: str, name: str = "made_up") -> Study:
    """The study of this YAML, written into the folder, with its outputs beside it."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return Study.load(str(path), str(folder / "outputs"))


def project(folder: Path) -> Path:
    """Make a project with the suite's notebooks and kept runs, and its studies to be changed."""
    root = Path(__file__).resolve().parents[2]
    shutil.copytree(root / "params", folder / "params")
    for name in ("notebooks", "reference", "Snakefile"):
        (folder / name).symlink_to(root / name)
    return folder
