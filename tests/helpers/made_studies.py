"""Studies that tests write for themselves."""

from pathlib import Path

from xstilts_core.study import Study


def load(folder: Path, text: str, name: str = "made_up") -> Study:
    """The study of this YAML, written into the folder, with its outputs beside it."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return Study.load(str(path), str(folder / "outputs"))
