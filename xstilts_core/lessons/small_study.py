"""A study of seconds, run in this process: the code cells of the run notebooks, without a kernel of
their own.

The run notebooks stay the only glue. What is finished is not run again, whether it was run here or
by `xstilts run`.
"""

import json
import time
from typing import TYPE_CHECKING, Any

from xstilts_core import analysis, results
from xstilts_core.jobs.notebook import notebook_path
from xstilts_core.study import Study
from xstilts_core.study.spec import Spec

if TYPE_CHECKING:
    import pandas


def run(study: Study) -> "pandas.DataFrame":
    """Run what is missing of a study, one run after the other, a line each; its scores, one row
    each (`results.COLUMNS`)."""
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
    """The code cells of the spec's notebook, in order, with the spec's values as its parameters;
    what they show is not shown."""
    from IPython.utils.capture import capture_output

    page = json.loads(notebook_path(spec.notebook).read_text(encoding="utf-8"))
    cells = [cell for cell in page["cells"] if cell["cell_type"] == "code"]
    values: dict[str, Any] = {}
    with capture_output():
        for cell in cells:
            exec(
                compile("".join(cell["source"]), f"{spec.notebook}, cell {cell['id']}", "exec"),
                values,
            )
            if "parameters" in cell["metadata"].get("tags", []):
                values |= spec.model_dump()
