"""A study's grid on Snakemake: started as a subprocess, one grid per study at a time, ended cleanly."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from xstilts_core import results
from xstilts_core.names import UsageError, unknown
from xstilts_core.runner import visible_gpus
from xstilts_core.spec import home
from xstilts_core.study import Study

LOG = "grid.log"
SECONDS_TO_END = 15
Follow = Callable[["subprocess.Popen[bytes]"], object]


def cores() -> int:
    """Cores that this process may use: its affinity, less where a container's quota is smaller."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(count, int(quota) // int(period)))
    except (OSError, ValueError):
        return count


def usual_jobs() -> int:
    """Runs at once where the user names no number: one per GPU where there are any, else one per core."""
    return len(visible_gpus()) or cores()


def profile_folder(name: str) -> Path:
    """params/profiles/<name>; UsageError naming the profiles there are."""
    known = {path.parent.name: path.parent for path in sorted((home() / "params" / "profiles").glob("*/config*.yaml"))}
    if name not in known:
        raise unknown("profile", name, known, "params/profiles/")
    return known[name]


def command(study: Study, targets: Sequence[str], jobs: int, profile: str, partial: bool = False) -> list[str]:
    """The Snakemake call. Its own lock is off: `only_grid` holds a lock that dies with its process, so none is ever left behind."""
    if not (home() / "Snakefile").is_file():
        raise UsageError(f"no Snakefile in {home()}: run this in the project's folder (the one with notebooks/ and params/)")
    threads = max(1, cores() // jobs)
    settings = {"study": study.file, "outputs": study.outputs, "data_root": study.data_root, "threads": threads, "partial": int(partial)}
    parallel = ["--cores", str(jobs * threads)] if profile == "local" else ["--jobs", str(jobs)]
    return [
        *(sys.executable, "-m", "snakemake", *targets, "--snakefile", str(home() / "Snakefile"), "--directory", str(home())),
        *("--profile", str(profile_folder(profile)), *parallel, "--nolock"),
        *("--config", *(f"{key}={json.dumps(value)}" for key, value in settings.items() if value != "")),
    ]


@contextmanager
def only_grid(study: Study) -> Iterator[TextIO]:
    """One grid of a study at a time: gives the held lock; UsageError if another one is at work."""
    study.root.mkdir(parents=True, exist_ok=True)
    with (study.root / results.LOCK).open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = f" (process {lock.read().strip()})"
            way = "wait for it, or give --outputs another folder"
            raise UsageError(f"another 'xstilts run'{holder} is at work in {study.root}: {way}") from None
        yield lock


def forget_stale(study: Study) -> list[Path]:
    """Remove results made with other settings, so that their runs are run again. Returns their folders."""
    stale = [spec.folder for spec in study.specs if results.state(spec).state == "stale"]
    for folder in stale:
        (folder / results.RESULT).unlink(missing_ok=True)
    return stale


def end(process: "subprocess.Popen[bytes]") -> None:
    """End Snakemake and every notebook below it: by Ctrl-C, then by force."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(SECONDS_TO_END)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def run(call: Sequence[str], study: Study, lock: TextIO, follow: Follow) -> int:
    """Run this Snakemake `command` to its end while `follow` watches it. Returns its exit code; its own words go to grid.log.

    Snakemake inherits the lock: should this process be killed alone, no second grid starts beside the one it leaves behind.
    """
    with (study.root / LOG).open("ab") as log:
        # A session of its own: Ctrl-C reaches it only through `end`, once, in the right order.
        process = subprocess.Popen(
            call, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, pass_fds=(lock.fileno(),)
        )
        try:
            lock.truncate(0)
            lock.write(f"{process.pid}\n")
            lock.flush()
            follow(process)
            return process.wait()
        finally:
            end(process)


def make_reports(study: Study, jobs: int, profile: str, lock: TextIO) -> dict[str, str]:
    """Run the report notebooks over the runs that are done. Returns those that failed, and why."""
    call = command(study, ["reports"], jobs, profile, partial=True)
    if run(call, study, lock, lambda process: process.wait()) == 0:
        return {}
    folders = {f"report/{name}": study.root / "report" / name for name in study.reports}
    notes = {name: folder / results.FAILURE for name, folder in folders.items() if not (folder / results.RESULT).is_file()}
    return {name: path.read_text(encoding="utf-8").strip() if path.is_file() else "it was not run" for name, path in notes.items()}


def dry_run(study: Study, jobs: int, profile: str) -> int:
    """Print Snakemake's list of the jobs that would be run, and why. Returns its exit code."""
    return subprocess.run([*command(study, ["all"], jobs, profile), "--dry-run", "--quiet", "rules"]).returncode


def log_tail(study: Study, lines: int = 15) -> str:
    """The end of what Snakemake said."""
    path = study.root / LOG
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if path.is_file() else ""
