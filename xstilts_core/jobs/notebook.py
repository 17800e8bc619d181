"""One executed notebook: found by name, run by papermill over unix sockets, kept as a clean page,
its failure put in one line."""

import logging
import re
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from xstilts_core import results
from xstilts_core.errors import unknown
from xstilts_core.files import disk
from xstilts_core.files.paths import home

START_ATTEMPTS = 3
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BAR = re.compile(r"\d+%\|.*\||\d+it \[\d+:\d+")


class NotebookFailure(RuntimeError):
    """A notebook did not do its work. The text is one line: notebook, cell, error name and
    message."""


def skip_address_grammar() -> None:
    """Call before papermill, nbformat or nbconvert is imported: halves their second and a half of
    start-up.

    jsonschema parses a whole grammar, for a second of every run, only to check international web
    addresses, which no notebook has. It does without where the module is absent, and None in
    sys.modules is how Python says so.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _import_papermill() -> ModuleType:
    """papermill, without the client for Hadoop's file system that it would load, and pyarrow with
    it, in every run."""
    skip_address_grammar()
    hidden = "pyarrow.fs" not in sys.modules
    if hidden:
        sys.modules["pyarrow.fs"] = None  # type: ignore[assignment]
    try:
        return import_module("papermill")
    finally:
        if hidden:
            del sys.modules["pyarrow.fs"]


def notebooks() -> dict[str, Path]:
    """The notebooks of the project by name."""
    return {path.stem: path for path in sorted((home() / "notebooks").glob("*.ipynb"))}


def notebook_path(name: str) -> Path:
    """The notebook called `name` (21_target, or 21_target.ipynb), or the path of any other."""
    known = notebooks()
    path = Path(name)
    if path.stem in known and path.parent == Path("."):
        return known[path.stem]
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    raise unknown("notebook", name, known, "notebooks/")


def tidy(notebook: Any) -> Any:
    """The executed notebook as a page of a lab book: no progress bars, of a rewritten line only
    what stood there at the end."""
    for cell in notebook.cells:
        kept = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "application/vnd.jupyter.widget-view+json" in data and _BAR.search(
                "".join(data.get("text/plain", ""))
            ):
                continue
            if output.output_type == "stream":
                lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in output.text.split("\n")]
                output.text = "\n".join(line for line in lines if not _BAR.search(line))
                if not output.text.strip():
                    continue
            kept.append(output)
        if "outputs" in cell:
            cell.outputs = kept
    return notebook


def _code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _broken_cell(notebook: Any) -> tuple[int, str] | None:
    """Number among the code cells (from 1) and "name: message" of the first that raised; SystemExit
    counts, whatever its code."""
    for number, cell in enumerate(_code_cells(notebook), start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                message = " ".join(_ANSI.sub("", output.evalue).split())
                return number, f"{output.ename}: {message}" if message else output.ename
    return None


def execute(
    notebook: Path, parameters: Mapping[str, Any], output: Path, variables: dict[str, str]
) -> None:
    """One papermill run in this process. Any exception of papermill, nbclient or the kernel's start
    comes through."""
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
            # All that a cell wrote is on its way to the disk: to unload torch in good order would
            # take a second and a half.
            shutdown_kernel="immediate",
        )


def started(output: Path) -> tuple[Any, int | None]:
    """The executed copy (None where there is none) and the number of the last code cell that was
    begun (None: none was)."""
    skip_address_grammar()
    import nbformat

    try:
        copy = nbformat.read(output, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError):
        return None, None
    numbered = enumerate(_code_cells(copy), start=1)
    begun = [
        number
        for number, cell in numbered
        if cell.metadata.get("papermill", {}).get("status", "pending") != "pending"
    ]
    return copy, begun[-1] if begun else None


def run_notebook(
    notebook: Path,
    parameters: Mapping[str, Any],
    output: Path,
    threads: int = 0,
    gpu: str | None = None,
    result: str = results.RESULT,
    offline: bool = False,
) -> None:
    """Execute `notebook` with these parameters and leave its copy, traceback included, at `output`;
    its result under the name `result`.

    A kernel that does not start is tried three times; an error in a cell is never repeated.
    NotebookFailure says what went wrong: an exception, a kernel that died, a SystemExit. OSError
    where the copy cannot be written.
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
        except (
            Exception
        ) as problem:  # papermill, nbclient, zmq and the kernel each have exceptions of their own
            error = problem
        copy, last = started(output)
        if error is None or last is not None or attempt == START_ATTEMPTS or disk.is_full(error):
            break
        time.sleep(attempt)
    if copy is not None:
        results.write_text(output, nbformat.writes(tidy(copy)))
    name = notebook.stem
    found = _broken_cell(copy) if copy is not None else None
    if found:
        raise NotebookFailure(f"{name}, cell {found[0]}: {found[1]}")
    if error is not None:
        place = f"cell {last}" if last is not None else "before its first cell"
        died = type(error).__name__ == "DeadKernelError"
        text = (
            "the kernel died (out of memory, or killed?)"
            if died
            else f"{type(error).__name__}: {' '.join(str(error).split())}"
        )
        raise NotebookFailure(f"{name}, {place}: {text}") from error


def declared(notebook: Path) -> dict[str, Any]:
    """What papermill finds in the cell tagged parameters: name -> {name, inferred_type_name,
    default, help}."""
    papermill = _import_papermill()
    import nbformat

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    page = nbformat.read(notebook, as_version=4)
    page.metadata.setdefault(
        "kernelspec", {"name": "python3", "language": "python", "display_name": "Python 3"}
    )
    return papermill.inspect_notebook(page)
