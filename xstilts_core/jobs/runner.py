"""Run one notebook: validated parameters, papermill over unix sockets, one writer per folder, one
GPU per run, and a reliable record of how it ended.

`python -m xstilts_core.jobs.runner STUDY FOLDER` runs the notebook of the run that belongs in
outputs/<study>/FOLDER. Exit codes: 0 the run is done, 1 it failed (FOLDER/failure.txt has the
reason), 2 a parameter is wrong and nothing was started.
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
from xstilts_core.jobs.machine import visible_gpus
from xstilts_core.jobs.notebook import NotebookFailure, declared, notebook_path, run_notebook
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, Spec, make


@contextmanager
def only_writer(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock. Yield True if another process held it for more than a second, long
    enough to have made the result.

    The kernel inherits the lock, so a kernel that outlives a killed runner is no second writer: the
    next runner waits until it has gone too, within a second because of its lifeline. A run started
    by hand is waited for too, because it must not be killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waited = 0.0
    with (folder / results.LOCK).open("a") as lock:
        while not locks.acquire(lock):
            waited += 0.2
            time.sleep(0.2)
        locks.inherit(lock)
        os.utime(folder / results.LOCK)  # records when the last run in this folder began
        yield waited > 1


@contextmanager
def one_gpu(device: str) -> Iterator[str | None]:
    """Wait for a GPU that no other run holds and yield its id; yield None on the CPU or with fewer
    than two GPUs."""
    ids = visible_gpus()
    if device == "cpu" or len(ids) < 2:
        yield None
        return
    while True:
        for name in ids:
            path = Path(tempfile.gettempdir()) / f"xstilts-{os.getuid()}-gpu-{name}.lock"
            with path.open("a") as lock:
                if locks.acquire(lock):
                    locks.inherit(lock)
                    yield name
                    return
        time.sleep(1)


def clear(folder: Path) -> None:
    """Remove the files of earlier runs except the notebook and a checkpoint, so that later files
    are the next run's."""
    for name in (results.RESULT, results.UNFINISHED, results.FAILURE):
        (folder / name).unlink(missing_ok=True)
    for name in results.MADE:
        shutil.rmtree(folder / name, ignore_errors=True)
    disk.remove_temporary(folder)


def failed(folder: Path, error: NotebookFailure | OSError, needed: int) -> NotebookFailure:
    """Write failure.txt in place of a result; return the failure, with a full disk reported in a
    plain sentence.

    `needed`: bytes that such a run takes, as far as known.
    """
    is_plain = isinstance(error, NotebookFailure)
    reason = str(error) if is_plain else f"{type(error).__name__}: {error}"
    for name in (results.RESULT, results.UNFINISHED):
        (folder / name).unlink(missing_ok=True)
    if disk.is_full(error) or disk.is_full(reason):
        reason = f"{disk.full_sentence(folder, max(needed, disk.size(folder)))} ({reason})"
        # Half a model is useless, and failure.txt needs its space.
        for name in results.MADE:
            shutil.rmtree(folder / name, ignore_errors=True)
    with suppress(OSError):  # the caller reports it too
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
    """Run a notebook whose last cell writes folder/result.json and return that path; on failure
    write failure.txt and raise NotebookFailure.

    The caller holds the folder (`only_writer`). The result gets its final name last, after the
    executed copy: a run that is killed before that is not done, and one that is done is complete.
    """
    copy, result = folder / results.NOTEBOOK, folder / results.RESULT
    try:
        clear(folder)
        with one_gpu(device) as gpu:
            run_notebook(notebook, parameters, copy, threads, gpu, results.UNFINISHED, offline)
        if (folder / results.UNFINISHED).is_file():
            return results.publish(folder)
        # A report writes its result under the final name, because no other run depends on it.
        if not result.is_file():
            raise NotebookFailure(
                f"{notebook.stem}, after its last cell: MissingResult: every cell ran, "
                f"but {result.name} was not written"
            )
    except (NotebookFailure, OSError) as error:
        raise failed(folder, error, needed) from error
    return result


def run_spec(spec: Spec, threads: int = 0, offline: bool = False, by_hand: bool = False) -> Path:
    """Run the notebook of `spec` in its own folder and return the path of result.json. Raise
    UsageError if a required folder is missing.

    offline: the notebook must not access the hub. by_hand: run it again even if another process
    has just finished it.
    """
    spec.require_data_root()
    with only_writer(spec.folder) as had_to_wait:
        if had_to_wait and not by_hand and results.state(spec).state == "done":
            return spec.folder / results.RESULT
        finished = (spec.root / spec.phase).rglob(results.RESULT)
        needed = max((disk.size(path.parent) for path in finished), default=0)
        with aside.keeping(spec):
            return run_in_folder(
                notebook_path(spec.notebook),
                spec.changed(),
                spec.folder,
                threads,
                spec.device,
                needed,
                offline,
            )


def run_report(study: Study, name: str, threads: int = 0) -> Path:
    """Run a report notebook over the study's current results, in outputs/<study>/report/<name>/."""
    notebook = notebook_path(name)
    folder = study.root / "report" / notebook.stem
    values = {
        "study": study.name if Path(study.file).parent == home() / "params" else study.file,
        "outputs": study.outputs,
        "data_root": study.data_root,
        "folder": str(folder),
    }
    values = {key: value for key, value in values.items() if key in declared(notebook)}
    with only_writer(folder):
        return run_in_folder(notebook, values, folder, threads, "cpu", offline=study.on_hub)


def run_by_hand(
    name: str, parameters: Mapping[str, Any], output: str = "", threads: int = 0
) -> Path:
    """Run one notebook with the user's parameters and return the path of the executed copy. A run's
    notebook writes where its spec says, any other in outputs/<study>/report/<name>, as its
    parameters or their defaults say."""
    notebook = notebook_path(name)
    spec_class = next((cls for cls in SPECS.values() if cls.notebook == notebook.stem), None)
    if spec_class is not None:
        spec = make(spec_class, dict(parameters), "-p")
        folder = run_spec(spec, threads, by_hand=True).parent
    else:
        signature = declared(notebook)
        for key in parameters:
            if key not in signature:
                raise unknown("parameter", key, signature, f"{notebook.name}, -p")
        defaults = {key: entry["default"].strip("\"'") for key, entry in signature.items()}
        values = {"outputs": "outputs", "study": "by_hand", **defaults, **parameters}
        study = Path(str(values["study"])).stem
        folder = home() / str(values["outputs"]) / study / "report" / notebook.stem
        with only_writer(folder):
            run_notebook(notebook, parameters, folder / results.NOTEBOOK, threads)
    copy = folder / results.NOTEBOOK
    if not output:
        return copy
    results.write_text(Path(output), copy.read_text(encoding="utf-8"))
    return Path(output)


def _leave(number: int) -> None:
    """Exit by raising SystemExit, so that this process's kernel ends too."""
    sys.exit(128 + number)


def main(arguments: list[str] | None = None) -> int:
    """Run one notebook of a study; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m xstilts_core.jobs.runner")
    parser.add_argument("study", help="name in params/ or path of a study's YAML file")
    parser.add_argument("folder", help="below outputs/<study>/: report/00_study, for example")
    parser.add_argument("--outputs", default="outputs")
    parser.add_argument("--data-root", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--with-parent", action="store_true", help="end when its parent has ended")
    options = parser.parse_args(arguments)
    if options.with_parent:
        lifeline.watch(os.getppid(), lambda: os.kill(os.getpid(), signal.SIGTERM))
    # Snakemake and Slurm end a job with SIGTERM.
    with stopping.answered(_leave, stopping.SECONDS_TO_UNWIND):
        try:
            study = Study.load(options.study, options.outputs, options.data_root)
            folder = Path(options.folder)
            if folder.parts[:1] == ("report",) and len(folder.parts) == 2:
                run_report(study, folder.name, options.threads)
            elif not sharing.gather(study, [spec := study.spec(folder)]):
                run_spec(spec, options.threads, study.goes_offline(spec))
        except UsageError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except (NotebookFailure, OSError) as error:
            reason = str(error)
            if isinstance(error, OSError):
                if not disk.is_full(error):
                    raise
                reason = disk.full_sentence(home() / options.outputs, 0)
            print(f"failed: {options.folder}: {reason}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
