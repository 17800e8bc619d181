"""Run a study of a few seconds in this process: execute the code cells of the run notebooks without
a kernel.

The run notebooks remain the only glue code. Finished runs are not repeated, whether they were made
here or by `xstilts run`.
"""

import json
import time
from typing import TYPE_CHECKING, Any

from xstilts_core import analysis, results
from xstilts_core.jobs import sharing
from xstilts_core.jobs.notebook import notebook_path
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec

if TYPE_CHECKING:
    import pandas


def run(study: Study) -> "pandas.DataFrame":
    """Execute the missing runs of a study in sequence, print a line for each, and return all
    scores, one per row (`results.COLUMNS`). Runs of the studies that it shares with are taken over.
    """
    sharing.gather(study)
    for spec in study.specs:
        if results.state(spec).state != "done":
            started = time.perf_counter()
            execute(spec)
            print(
                f"{spec.folder.relative_to(study.root)}  {time.perf_counter() - started:.0f} s",
                flush=True,
            )
    return analysis.finished(study)


def execute(spec: Spec) -> None:
    """Execute the code cells of the spec's notebook silently, with its values as parameters."""
    from IPython.utils.capture import capture_output

    notebook = json.loads(notebook_path(spec.notebook).read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    namespace: dict[str, Any] = {}
    with capture_output():
        for cell in cells:
            exec(
                compile("".join(cell["source"]), f"{spec.notebook}, cell {cell['id']}", "exec"),
                namespace,
            )
            if "parameters" in cell["metadata"].get("tags", []):
                namespace |= spec.model_dump()
