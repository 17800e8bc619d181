"""Run one notebook: typed parameters, papermill over unix sockets, one writer per folder, one GPU
per run, an honest end.

`python -m xstilts_core.jobs.runner STUDY FOLDER` runs the notebook of the run that belongs in
outputs/<study>/FOLDER. Exit codes: 0 the run is done, 1 it failed (FOLDER/failure.txt says why), 2
a parameter is wrong and nothing was started.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xstilts_core import results
from xstilts_core.errors import UsageError, unknown
from xstilts_core.files import disk, locks
from xstilts_core.files.paths import home
from xstilts_core.jobs import aside, lifeline, sharing, stopping
from xstilts_core.jobs.notebook import NotebookFailure, declared, notebook_path, run_notebook
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, Spec, make


@contextmanager
def only_writer(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock. Gives True if another process held it first and had to be waited for.

    The kernel inherits the lock. So a kernel that outlives a killed runner is no second writer: the
    next runner waits until it too has gone, which its lifeline makes a matter of a second. To wait
    is right for a person's run by hand as well, which nobody may end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waited = 0.0
    with (folder / results.LOCK).open("a") as lock:
        while not locks.acquired(lock):
            waited += 0.2
            time.sleep(0.2)
        locks.inherit(lock)
        os.utime(folder / results.LOCK)  # when the last run here began
        yield waited > 1


def visible_gpus() -> list[str]:
    """Ids of the NVIDIA GPUs that this process may use, without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    return sorted(
        (path.name[6:] for path in Path("/dev").glob("nvidia[0-9]*")),
        key=lambda name: (len(name), name),
    )


@contextmanager
def one_gpu(device: str) -> Iterator[str | None]:
    """The id of a GPU that no other run holds; waits for one. None where there is no choice to
    make."""
    ids = visible_gpus()
    if device == "cpu" or len(ids) < 2:
        yield None
        return
    while True:
        for name in ids:
            path = Path(tempfile.gettempdir()) / f"xstilts-{os.getuid()}-gpu-{name}.lock"
            with path.open("a") as lock:
                if locks.acquired(lock):
                    locks.inherit(lock)
                    yield name
                    return
        time.sleep(1)


def clear(folder: Path) -> None:
    """Remove what earlier runs left, but for the notebook and a checkpoint: what stands there
    afterwards is the next run's."""
    for name in (results.RESULT, results.UNFINISHED, results.FAILURE):
        (folder / name).unlink(missing_ok=True)
    for name in results.MADE:
        shutil.rmtree(folder / name, ignore_errors=True)
    disk.remove_temporary(folder)


def failed(folder: Path, error: NotebookFailure | OSError, needed: int) -> NotebookFailure:
    """Leave failure.txt in place of a result; returns the failure, in which a full disk is put in a
    plain sentence.

    `needed`: bytes that such a run takes, as far as known.
    """
    reason = (
        str(error) if isinstance(error, NotebookFailure) else f"{type(error).__name__}: {error}"
    )
    for name in (results.RESULT, results.UNFINISHED):
        (folder / name).unlink(missing_ok=True)
    if disk.is_full(error) or disk.is_full(reason):
        reason = f"{disk.full_sentence(folder, max(needed, disk.size(folder)))} ({reason})"
        for name in results.MADE:  # half a model is of no use, and its room is needed for the note
            shutil.rmtree(folder / name, ignore_errors=True)
    with suppress(OSError):  # the caller says it too
        results.write_text(folder / results.FAILURE, f"{reason}\n")
    return NotebookFailure(reason)


def run_in_folder(
    notebook: Path,
    parameters: Mapping[str, Any],
    folder: Path,
    threads: int = 0,
    device: str = "auto",
    needed: int = 0,
    offline: bool = False,
) -> Path:
    """Run a notebook whose last cell writes folder/result.json; returns that path, else leaves
    failure.txt and raises NotebookFailure.

    The caller holds the folder (`only_writer`). The result gets its name last of all, after the
    executed copy: a run that is killed at any moment before is not done, and one that is done is
    complete.
    """
    done = folder / results.RESULT
    try:
        clear(folder)
        with one_gpu(device) as gpu:
            run_notebook(
                notebook,
                parameters,
                folder / results.NOTEBOOK,
                threads,
                gpu,
                results.UNFINISHED,
                offline,
            )
        if (folder / results.UNFINISHED).is_file():
            return results.publish(folder)
        if not done.is_file():  # a report writes under the final name: nothing waits for it
            raise NotebookFailure(
                f"{notebook.stem}, after its last cell: MissingResult: every cell ran, but {done.name} was not written"
            )
    except (NotebookFailure, OSError) as error:
        raise failed(folder, error, needed) from error
    return done


def _bytes_needed(spec: Spec) -> int:
    """What the largest finished run of this phase takes on the disk; 0 where none has finished."""
    return max(
        (disk.size(path.parent) for path in (spec.root / spec.phase).rglob(results.RESULT)),
        default=0,
    )


def run_spec(spec: Spec, threads: int = 0, offline: bool = False) -> Path:
    """Run the notebook of `spec` in its own folder; returns the path of result.json. UsageError
    where a place is missing.

    offline: it must not ask the hub.
    """
    spec.require_places()
    with only_writer(spec.folder) as waited:
        if waited and results.state(spec).state == "done":
            return spec.folder / results.RESULT
        notebook, needed = notebook_path(spec.notebook), _bytes_needed(spec)
        with aside.keeping(spec):
            return run_in_folder(
                notebook, spec.changed(), spec.folder, threads, spec.device, needed, offline
            )


def run_report(study: Study, name: str, threads: int = 0) -> Path:
    """Run a report notebook over what the study has so far, in outputs/<study>/report/<name>/."""
    notebook = notebook_path(name)
    folder = study.root / "report" / notebook.stem
    file = Path(study.file)
    known = file.parent == home() / "params"
    offered = {
        "study": study.name if known else study.file,
        "outputs": study.outputs,
        "data_root": study.data_root,
        "folder": str(folder),
    }
    wanted = declared(notebook)
    with only_writer(folder):
        return run_in_folder(
            notebook,
            {key: value for key, value in offered.items() if key in wanted},
            folder,
            threads,
            "cpu",
            offline=study.source == "hub",
        )


def run_by_hand(
    name: str, parameters: Mapping[str, Any], output: str = "", threads: int = 0
) -> Path:
    """One notebook with parameters given by a person. A run notebook writes where its spec says;
    returns the executed copy's path."""
    notebook = notebook_path(name)
    cls = next((entry for entry in SPECS.values() if entry.notebook == notebook.stem), None)
    if cls is not None:
        spec = make(cls, dict(parameters), "-p")
        spec.require_places()
        folder, values = spec.folder, spec.changed()
        with only_writer(folder), aside.keeping(spec):
            run_in_folder(notebook, values, folder, threads, spec.device)
    else:
        legal = declared(notebook)
        for key in parameters:
            if key not in legal:
                raise unknown("parameter", key, legal, f"{notebook.name}, -p")
        folder, values = report_folder(notebook.stem, legal, parameters), dict(parameters)
        with only_writer(folder):
            run_notebook(notebook, values, folder / results.NOTEBOOK, threads)
    if output:
        results.write_text(Path(output), (folder / results.NOTEBOOK).read_text(encoding="utf-8"))
        return Path(output)
    return folder / results.NOTEBOOK


def report_folder(name: str, legal: Mapping[str, Any], parameters: Mapping[str, Any]) -> Path:
    """outputs/<study>/report/<name> after the parameters, or the notebook's own defaults."""

    def value(key: str, default: str) -> str:
        written = str(legal[key]["default"]).strip("\"'") if key in legal else default
        return str(parameters.get(key, written))

    return (
        home()
        / value("outputs", "outputs")
        / Path(value("study", "by_hand")).stem
        / "report"
        / name
    )


def leave(number: int) -> None:
    """End this process by unwinding, so that its kernel ends too."""
    sys.exit(128 + number)


def main(arguments: list[str] | None = None) -> int:
    """Run one notebook of a study; see the module's docstring."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m xstilts_core.jobs.runner", description=__doc__, formatter_class=raw
    )
    parser.add_argument(
        "study", metavar="STUDY", help="name in params/ or path of a study's YAML file"
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        help="below outputs/<study>/: target/mnli/from-none/seed1, report/00_study",
    )
    parser.add_argument(
        "--outputs",
        default="outputs",
        metavar="DIR",
        help="folder that holds <study>/ (default: outputs)",
    )
    parser.add_argument(
        "--data-root",
        default="",
        metavar="DIR",
        help="folder of the original files, for studies with source files",
    )
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="threads of the kernel (default: 1)"
    )
    parser.add_argument(
        "--device", default="", help="auto, cpu or cuda (default: what the study says)"
    )
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="end when the process that started this one has ended",
    )
    options = parser.parse_args(arguments)
    if options.with_parent:
        lifeline.watch(os.getppid(), lambda: os.kill(os.getpid(), signal.SIGTERM))
    with stopping.answered(
        leave, stopping.SECONDS_TO_UNWIND
    ):  # Snakemake and Slurm end a job with SIGTERM
        return _run_folder(options)


def _run_folder(options: argparse.Namespace) -> int:
    """Run the notebook that was asked for; returns the exit code."""
    try:
        study = Study.load(options.study, options.outputs, options.data_root)
        folder = Path(options.folder)
        if folder.parts[:1] == ("report",) and len(folder.parts) == 2:
            run_report(study, folder.name, options.threads)
        else:
            spec = study.spec(folder)
            if options.device:
                spec = make(type(spec), {**spec.changed(), "device": options.device}, "--device")
            if not sharing.gather(study, [spec]):
                run_spec(spec, options.threads, study.goes_offline(spec))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except NotebookFailure as error:
        print(f"failed: {options.folder}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if not disk.is_full(error):
            raise
        print(
            f"failed: {options.folder}: {disk.full_sentence(home() / options.outputs, 0)}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
