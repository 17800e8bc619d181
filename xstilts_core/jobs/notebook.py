"""Execute one notebook: find it by name, run it with papermill over unix sockets, save it as a
clean page, and report a failure in one line."""

import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from xstilts_core import results
from xstilts_core.errors import unknown
from xstilts_core.files import disk
from xstilts_core.files.paths import home
from xstilts_core.files.project import require_project

START_ATTEMPTS = 3
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BAR = re.compile(r"\d+%\|.*\||\d+it \[\d+:\d+")


class NotebookFailure(RuntimeError):
    """A notebook that failed. The text is one line: notebook, cell, error name and message."""


def skip_address_grammar() -> None:
    """Halve the import time of papermill, nbformat or nbconvert (1.5 seconds); call it before
    importing them.

    jsonschema spends a second of every run parsing a grammar, only to check internationalized web
    addresses, which no notebook has. It skips the check if the module is missing, which None in
    sys.modules signals.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _import_papermill() -> ModuleType:
    """Import papermill without its client for Hadoop's file system, which would load pyarrow in
    every run."""
    skip_address_grammar()
    sys.modules.setdefault("pyarrow.fs", None)  # type: ignore[arg-type]
    try:
        return import_module("papermill")
    finally:
        if sys.modules["pyarrow.fs"] is None:
            del sys.modules["pyarrow.fs"]


def notebooks() -> dict[str, Path]:
    """Return the project's notebooks by name."""
    return {path.stem: path for path in sorted((home() / "notebooks").glob("*.ipynb"))}


def notebook_path(name: str) -> Path:
    """Return the path of the notebook called `name` (21_target, or 21_target.ipynb), or of any
    other notebook given by its path."""
    known = notebooks()
    path = Path(name)
    if path.stem in known and path.parent == Path("."):
        return known[path.stem]
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    require_project()
    raise unknown("notebook", name, known, "notebooks/")


def tidy(notebook: Any) -> Any:
    """Clean the outputs of an executed notebook: remove progress bars, and keep only the final text
    of rewritten lines."""
    for cell in (cell for cell in notebook.cells if "outputs" in cell):
        outputs = []
        for output in cell.outputs:
            data = output.get("data", {})
            is_widget = "application/vnd.jupyter.widget-view+json" in data
            if is_widget and _BAR.search("".join(data.get("text/plain", ""))):
                continue
            if output.output_type == "stream":
                lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in output.text.split("\n")]
                output.text = "\n".join(line for line in lines if not _BAR.search(line))
                if not output.text.strip():
                    continue
            outputs.append(output)
        cell.outputs = outputs
    return notebook


def _broken_cell(cells: Sequence[Any]) -> tuple[int, str] | None:
    """Return the number among these code cells (from 1) and "name: message" of the first cell that
    raised. SystemExit counts, whatever its code."""
    for number, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                message = " ".join(_ANSI.sub("", output.evalue).split())
                return number, f"{output.ename}: {message}" if message else output.ename
    return None


def execute(
    notebook: Path, parameters: Mapping[str, Any], output: Path, variables: dict[str, str]
) -> None:
    """Run a notebook once with papermill in this process. Any exception of papermill, nbclient or
    the kernel's start propagates."""
    from xstilts_core.jobs.kernel import RunKernelManager, socket_config

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    with socket_config(variables) as config:
        _import_papermill().execute_notebook(
            # papermill fills braces in paths with the parameters.
            *(str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, output)),
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=str(home()),
            kernel_manager_class=RunKernelManager,
            config=config,
            # All output of the cells is already with the operating system; unloading torch in an
            # orderly way would take 1.5 seconds.
            shutdown_kernel="immediate",
        )


def _executed(output: Path) -> tuple[Any, list[Any]]:
    """Return the executed copy and its code cells; None and no cells if there is no copy."""
    import nbformat

    try:
        copy = nbformat.read(output, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError):
        return None, []
    return copy, [cell for cell in copy.cells if cell.cell_type == "code"]


def run_notebook(
    notebook: Path,
    parameters: Mapping[str, Any],
    output: Path,
    threads: int = 0,
    gpu: str | None = None,
    result: str = results.RESULT,
    offline: bool = False,
) -> None:
    """Execute `notebook` with these parameters and write its copy, traceback included, to `output`;
    its result gets the name `result`.

    A kernel that fails to start is tried three times; an error in a cell is never retried. Raise
    NotebookFailure if a cell raises (SystemExit included) or the kernel dies or does not start, and
    OSError if the copy cannot be written.
    """
    skip_address_grammar()
    import nbformat

    from xstilts_core.jobs.kernel import environment

    output.parent.mkdir(parents=True, exist_ok=True)
    variables = {**environment(threads, gpu, offline), results.NAME_VARIABLE: result}
    for attempt in range(1, START_ATTEMPTS + 1):
        output.unlink(missing_ok=True)
        error: Exception | None = None
        try:
            execute(notebook, parameters, output, variables)
        except Exception as problem:  # papermill, nbclient and zmq each have their own exceptions
            error = problem
        copy, cells = _executed(output)
        begun = [
            number
            for number, cell in enumerate(cells, start=1)
            if cell.metadata.get("papermill", {}).get("status", "pending") != "pending"
        ]
        if error is None or begun or attempt == START_ATTEMPTS or disk.is_full(error):
            break
        time.sleep(attempt)
    if copy is not None:
        results.write_text(output, nbformat.writes(tidy(copy)))
    if broken_cell := _broken_cell(cells):
        raise NotebookFailure(f"{notebook.stem}, cell {broken_cell[0]}: {broken_cell[1]}")
    if error is not None:
        location = f"cell {begun[-1]}" if begun else "before its first cell"
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if type(error).__name__ == "DeadKernelError":
            reason = "the kernel died (out of memory, or killed?)"
        raise NotebookFailure(f"{notebook.stem}, {location}: {reason}") from error


def declared(notebook: Path) -> dict[str, Any]:
    """Return the parameters that papermill finds in the cell tagged parameters: name -> {name,
    inferred_type_name, default, help}."""
    papermill = _import_papermill()
    import nbformat

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    page = nbformat.read(notebook, as_version=4)
    page.metadata.setdefault(
        "kernelspec", {"name": "python3", "language": "python", "display_name": "Python 3"}
    )
    return papermill.inspect_notebook(page)
