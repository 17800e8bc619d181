"""Run a notebook's cells in this process."""

import nbformat
import pytest

from xstilts_core.files.paths import home
from xstilts_core.report import report


def said_by(notebook: str, monkeypatch: pytest.MonkeyPatch, **parameters: object) -> str:
    """Run a notebook's cells with parameters; return what it displayed and printed."""
    said: list[str] = []

    def display(*shown: object, **options: object) -> None:
        said.extend(str(getattr(thing, "data", thing)) for thing in shown)

    # The module itself: named by a text, it might be first imported after another of its names
    # was replaced, and would keep that replacement for good.
    monkeypatch.setattr(report, "display", display)
    space: dict[str, object] = {"print": display}
    for cell in nbformat.read(home() / "notebooks" / f"{notebook}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
        if "parameters" in cell.metadata.get("tags", []):
            space |= parameters
    return "\n".join(said)
