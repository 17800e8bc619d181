"""Time a notebook's work alone: `python -m benchmarks.repeat EXECUTED_NOTEBOOK` runs its code cells
twice and times the second pass.

By then everything is imported, so the notebook's time beyond that of the second pass is its
start-up.
"""

import contextlib
import io
import json
import sys
import time
from pathlib import Path


def seconds(cells: list[str]) -> float:
    """Return the wall seconds of one pass over the cells in a fresh namespace; their output is
    discarded."""
    names: dict[str, object] = {"__name__": "__main__"}
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            exec(cell, names)
    return time.perf_counter() - started


def main(path: str) -> int:
    page = json.loads(Path(path).read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in page["cells"] if cell["cell_type"] == "code"]
    seconds(cells)
    print(seconds(cells))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
