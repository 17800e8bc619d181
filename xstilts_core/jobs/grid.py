"""Run a study's grid with Snakemake, as a subprocess that ends cleanly; only one grid per study at
a time."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from xstilts_core import results
from xstilts_core.errors import UsageError, unknown
from xstilts_core.files import disk, locks
from xstilts_core.files.paths import home, search_path
from xstilts_core.jobs import aside, cluster, sharing, stopping
from xstilts_core.jobs.kernel_server import serving
from xstilts_core.jobs.machine import cores, visible_gpus
from xstilts_core.study import Study, study_file

LOG = "grid.log"
_LINES_SHOWN = 15
# More parallel runs than this only compete for memory.
_MOST_PER_CORE, _MOST_IN_QUEUE = 4, 10_000
# The processes below a killed driver end within a second or two.
_SECONDS_TO_END, _SECONDS_TO_FOLLOW = 15, 5
Follow = Callable[["subprocess.Popen[bytes]"], object]


def usual_jobs(profile: str = "local") -> int:
    """Return the default number of parallel runs: the number in a cluster's profile; on this
    machine one per GPU, or 1.5 per core without GPUs.

    A run spends a tenth of its time on starting, waiting and saving, which another run can use. On
    a machine that other people use, more processes also get a larger share of it.
    """
    if executor(profile) != "local":
        return cluster.usual_jobs(_profile_folder(profile))
    return len(visible_gpus()) or cores() + cores() // 2


def jobs_at_once(typed: str | None, profile: str) -> int:
    """Return the number of parallel runs given by the user, or the default. Raise UsageError if it
    is not a positive integer or too large to be of use."""
    usual = usual_jobs(profile)
    if typed is None:
        return usual
    local = executor(profile) == "local"
    most = max(usual, _MOST_PER_CORE * cores()) if local else _MOST_IN_QUEUE
    if not (typed.isdecimal() and len(typed) <= len(str(most)) and 1 <= int(typed) <= most):
        reason = (
            f"this machine has {cores()} core{'s' if cores() > 1 else ''}"
            if local
            else f"jobs of profile {profile} in the queue"
        )
        raise UsageError(
            f"--jobs {typed}: give 1 or more, up to {most} ({reason}), "
            f"or leave it out (default: {usual})"
        )
    return int(typed)


def threads(jobs: int) -> int:
    """Return the number of threads of each of `jobs` parallel runs."""
    return max(1, cores() // jobs)


def targets(study: Study) -> list[str]:
    """Return Snakemake's targets: the whole grid, or the results of the selected runs
    (`Study.part`)."""
    if len(study.specs) == len(study.by_folder):
        return ["grid"]
    return [str((spec.folder / results.RESULT).relative_to(study.root)) for spec in study.specs]


def _profile_folder(name: str) -> Path:
    """Return params/profiles/<name>; raise UsageError with the available profiles if it does not
    exist."""
    known = {
        path.parent.name: path.parent
        for path in sorted((home() / "params" / "profiles").glob("*/config*.yaml"))
    }
    if name not in known:
        raise unknown("profile", name, known, "params/profiles/")
    return known[name]


def executor(profile: str) -> str:
    """Return the executor of a profile: local, slurm, cluster-generic or another."""
    return cluster.executor(_profile_folder(profile))


def wait_for_jobs(study: Study, profile: str, say: Callable[[str], object]) -> None:
    """On Slurm, wait for the jobs of a killed driver."""
    if executor(profile) == "slurm":
        options = cluster.settings(_profile_folder(profile))
        cluster.wait(study, float(options.get("seconds-between-status-checks", 10)), say)


def command(
    study: Study,
    targets: Sequence[str],
    jobs: int,
    profile: str,
    partial: bool = False,
    folder: Path | None = None,
    again: Sequence[str] = (),
) -> list[str]:
    """Return the Snakemake call, wrapped so that Snakemake ends with this process (`lifeline`). It
    works in `folder`, by default the study's own. Each job of the Snakefile is `python -m
    xstilts_core.jobs.runner STUDY FOLDER`.

    That folder holds Snakemake's own files (.snakemake), and relative to it, the paths in the graph
    contain only the characters of recipes and tasks. All other settings travel as one base64 word,
    because Snakemake interprets values with special characters.

    Three of Snakemake's own mechanisms are off. Its lock: `only_grid` holds one that ends with its
    process and so is never left behind. Its notion of incomplete files: a result.json is complete
    or absent, and one that was finished while Snakemake was killed must be neither repeated nor
    removed. Its memory of a run's parameters: results that do not match the study have been set
    aside (aside.py).

    partial: only the reports, over the finished runs, and again if their notebooks have changed.
    again: existing results to repeat, below the study's folder; the fetched data are one of them if
    more have to be fetched (aside.prepare).
    """
    if not (home() / "Snakefile").is_file():
        raise UsageError(
            f"no Snakefile in {home()}: run this in a project (`xstilts init DIR` makes one)"
        )
    settings = {
        name: getattr(study, name) for name in ("outputs", "data_root", "source", "encoder")
    }
    settings |= {"home": str(home()), "study": study.file}
    settings |= {"threads": threads(jobs), "partial": int(partial)}
    fetches = study.on_hub and not partial and results.state(study.specs[0]).state != "done"
    again = [*again, *(["data/result.json"] if fetches else [])]
    local, profile_folder = executor(profile) == "local", _profile_folder(profile)
    call = [sys.executable, "-m", "xstilts_core.jobs.lifeline", str(os.getpid()), "snakemake"]
    call += [*targets, "--snakefile", str(home() / "Snakefile")]
    call += ["--directory", str(folder or study.root), "--profile", str(profile_folder)]
    call += ["--cores", str(jobs * threads(jobs))] if local else ["--jobs", str(jobs)]
    call += cluster.arguments(study, profile_folder)
    call += ["--nolock", "--ignore-incomplete", "--keep-incomplete"]
    call += ["--rerun-triggers", "mtime", "input"]
    call += ["params", "--allowed-rules", "reports", "report"] if partial else []
    call += ["--forcerun", *again] if again else []
    grid = base64.urlsafe_b64encode(json.dumps(settings).encode()).decode()
    return [*call, "--config", f"grid={grid}"]


@contextmanager
def only_grid(study: Study) -> Iterator[TextIO]:
    """Hold the lock of a study's grid and yield it; raise UsageError if another grid of the study
    is running.

    The processes of a killed driver end on their own. They are waited for before the block, so that
    Snakemake knows what they finished in their last second, and after it, so that a stopped grid
    leaves nothing running.
    """
    study.root.mkdir(parents=True, exist_ok=True)
    _require_writable(study.root)
    with (study.root / results.LOCK).open("a+", encoding="ascii") as lock:
        deadline = time.monotonic() + _SECONDS_TO_FOLLOW
        while not locks.acquire(lock):
            if time.monotonic() > deadline:
                lock.seek(0)
                holder = f" (process {lock.read().strip()})"
                advice = "wait for it, or choose another folder with --outputs"
                raise UsageError(
                    f"another 'xstilts run'{holder} is at work in {study.root}: {advice}"
                )
            time.sleep(0.2)
        with suppress(OSError):  # on a full disk only the process number is lost
            os.ftruncate(lock.fileno(), 0)
            os.write(lock.fileno(), f"{os.getpid()}\n".encode("ascii"))
        for folder in (study.root, study.root / "report"):
            disk.remove_temporary(folder)
        sharing.require_own_folder(study)
        with suppress(OSError):  # the first run reports a full disk
            results.write_text(study.root / sharing.OWNER, f"{sharing.written_in(study)}\n")
            (study.root / study_file.OVERRIDES).unlink(missing_ok=True)
            if study.given:
                results.write_text(
                    study.root / study_file.OVERRIDES,
                    study_file.overrides_text(study.file, study.given),
                )
        _wait_for_runs(study)
        try:
            yield lock
        except BaseException:
            _wait_for_runs(study, stopping.SECONDS_TO_UNWIND)
            raise
        _wait_for_runs(study)


def _require_writable(folder: Path) -> None:
    """Raise UsageError if this folder is not writable."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} is not writable: choose another folder with --outputs")


def _wait_for_runs(study: Study, seconds: float = _SECONDS_TO_END) -> None:
    """Wait until no run holds its folder. The wait is short, because the run that needs the folder
    also waits for one that was started by hand."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(results.busy(spec.folder) for spec in study.specs):
        time.sleep(0.2)


def kernels(
    jobs: int, profile: str, offline: bool = False, training: bool = True
) -> AbstractContextManager[None]:
    """Run a server of ready kernels beside a grid on this machine; the jobs of a cluster start
    their own.

    offline: the kernels must not access the hub. training: some of the kernels train.
    """
    if profile != "local":
        return nullcontext()
    from xstilts_core.jobs.kernel import environment

    return serving(environment(threads(jobs), offline=offline), training)


def environment() -> dict[str, str]:
    """Return the environment of Snakemake and its child processes: this package from any folder,
    and UTF-8 whatever the terminal's encoding."""
    return {
        **os.environ,
        "PYTHONPATH": search_path(),
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8:backslashreplace",
    }


def run(call: Sequence[str], study: Study, lock: TextIO, follow: Follow) -> int:
    """Run this Snakemake `command` to its end while `follow` watches it. Return its exit code; its
    output goes to grid.log.

    Snakemake inherits the lock: if only this process is killed, no second grid starts before
    Snakemake has ended too.
    """
    with (study.root / LOG).open("ab") as log:
        # A new session: Ctrl-C reaches it only through `stopping.end`, once and in the right order.
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(
            call, **streams, start_new_session=True, pass_fds=(lock.fileno(),), env=environment()
        )
        try:
            follow(process)
            return process.wait()
        finally:
            stopping.end(
                process, _SECONDS_TO_END if "--jobs" in call else stopping.SECONDS_TO_UNWIND
            )


def why_stopped(study: Study, code: int) -> str:
    """Explain why Snakemake ended with this code although no run failed."""
    if full_disks := [folder for folder in (study.root, home()) if disk.is_exhausted(folder)]:
        return disk.full_sentence(full_disks[0], 0)
    log = study.root / LOG
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    end = "\n".join(lines[-_LINES_SHOWN:])
    return f"Snakemake stopped with exit code {code}; the end of {log}:\n{end}"


def standing(study: Study) -> list[dict[str, str | None]]:
    """Return folder, state, reason and executed notebook (None if there is none) of each run,
    without changing any file."""
    return [
        {
            "folder": str(run.spec.folder.relative_to(study.root)),
            "state": run.state,
            "reason": run.reason,
            "notebook": str(notebook) if notebook.is_file() else None,
        }
        for run in results.states(study.specs)
        for notebook in [run.spec.folder / results.NOTEBOOK]
    ]


def at_work(study: Study) -> str:
    """Return the process number of the driver that is running this study on this machine; "" if
    none is."""
    path = study.root / results.LOCK
    return path.read_text(encoding="ascii").strip() or "unknown" if locks.busy(path) else ""


def dry_run(study: Study, jobs: int, profile: str) -> str:
    """Return the jobs that a run would start, counted by rule: "intermediate 8, target 60, ...".
    Raise UsageError if Snakemake cannot plan them.

    The results that a run would set aside first still exist, so Snakemake is told to repeat them.
    """
    plan = aside.plan(study)
    results_before = (folder / results.RESULT for folder in (*plan.stale, *plan.after))
    # An empty folder stands in for a study's folder that does not exist yet.
    with TemporaryDirectory() as empty:
        folder = study.root if study.root.is_dir() else Path(empty)
        _require_writable(folder)
        call = command(
            study,
            [*targets(study), "reports"] if study.specs else ["reports"],
            jobs,
            profile,
            folder=folder,
            again=[str(path.relative_to(study.root)) for path in results_before],
        )
        call += ["--dry-run", "--quiet", "rules"]
        planned = subprocess.run(
            call, capture_output=True, encoding="utf-8", errors="replace", env=environment()
        )
    if planned.returncode:
        raise UsageError(f"Snakemake cannot plan this study:\n{planned.stdout}{planned.stderr}")
    rows = (line.split() for line in planned.stdout.splitlines())
    counts = (row for row in rows if len(row) == 2 and row[1].isdigit())
    others = ("grid", "reports", "total")
    jobs_by_rule = [" ".join(row) for row in counts if row[0] not in others]
    return ", ".join(dict.fromkeys(jobs_by_rule)) or "nothing"
