"""A study's grid on Snakemake: started as a subprocess, one grid per study at a time, ended
cleanly."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from xstilts_core import results
from xstilts_core.errors import UsageError, unknown
from xstilts_core.files import disk, locks
from xstilts_core.files.paths import home, search_path
from xstilts_core.jobs import aside, cluster, sharing, stopping
from xstilts_core.jobs.kernel_server import serving
from xstilts_core.jobs.runner import visible_gpus
from xstilts_core.study import Study, overrides

LOG = "grid.log"
# More runs at once than this only take each other's memory.
_MOST_PER_CORE, _MOST_IN_QUEUE = 4, 10_000
# After a kill of another driver, what it started follows it within a second or two.
_SECONDS_TO_END, _SECONDS_TO_FOLLOW = 15, 5
Follow = Callable[["subprocess.Popen[bytes]"], object]


def cores() -> int:
    """Cores that this process may use: its affinity, less where a container's quota is smaller."""
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(count, int(quota) // int(period)))
    except (OSError, ValueError):
        return count


def usual_jobs(profile: str = "local") -> int:
    """Runs at once where the user names no number: as a cluster's profile says; here one per GPU,
    else half as many again as cores.

    A run starts, waits and saves for a tenth of its time, which another can use; and beside other
    people's processes a machine is shared by the number of processes.
    """
    if executor(profile) != "local":
        return cluster.usual_jobs(_profile_folder(profile))
    return len(visible_gpus()) or cores() + cores() // 2


def jobs_at_once(typed: str | None, profile: str) -> int:
    """The number of runs at once that was typed, or the usual one. UsageError where it is none, or
    more than can be of use."""
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
            f"--jobs {typed}: give 1 or more, up to {most} ({reason}), or leave it out (then {usual})"
        )
    return int(typed)


def threads(jobs: int) -> int:
    """Threads of each of `jobs` runs at once."""
    return max(1, cores() // jobs)


def targets(study: Study) -> list[str]:
    """What Snakemake is asked for: the whole grid, or the results of the runs that are left of it
    (`Study.of_seeds`)."""
    if len(study.specs) == len(study.by_folder):
        return ["grid"]
    return [str((spec.folder / results.RESULT).relative_to(study.root)) for spec in study.specs]


def _profile_folder(name: str) -> Path:
    """params/profiles/<name>; UsageError naming the profiles there are."""
    known = {
        path.parent.name: path.parent
        for path in sorted((home() / "params" / "profiles").glob("*/config*.yaml"))
    }
    if name not in known:
        raise unknown("profile", name, known, "params/profiles/")
    return known[name]


def executor(profile: str) -> str:
    """What runs a profile's jobs: local, slurm, cluster-generic or another."""
    return cluster.executor(_profile_folder(profile))


def wait_for_jobs(study: Study, profile: str, say: Callable[[str], object]) -> cluster.Queue | None:
    """On Slurm, wait for the jobs that a killed driver left in the queue; returns the queue to
    follow. None on other executors."""
    if executor(profile) != "slurm":
        return None
    seconds = float(
        cluster.settings(_profile_folder(profile)).get("seconds-between-status-checks", 10)
    )
    cluster.wait(study, seconds, say)
    return cluster.Queue(study, seconds)


def command(
    study: Study,
    targets: Sequence[str],
    jobs: int,
    profile: str,
    partial: bool = False,
    folder: Path | None = None,
    again: Sequence[str] = (),
) -> list[str]:
    """The Snakemake call, on this process's lifeline. It works in `folder`, the study's own unless
    another is given.

    There its own files (.snakemake) stand, and the paths of its graph have no letters but those of
    recipes and tasks. All else that it needs to know travels as one word of plain letters: of a
    value with any others Snakemake reads something else. Its own lock is off: `only_grid` holds one
    that dies with its process, so that none is ever left behind. So is its notion of incomplete
    files: a result.json is whole or absent, and one finished beside a killed Snakemake is neither
    made again nor removed. And so is its memory of a run's parameters: what is not the result that
    the study asks for has been set aside (aside.py). partial: reports alone, over the runs that are
    done, and again where their notebooks have changed. again: results that are there and to be made
    again, below the study's folder; what was fetched is one of them where more is to be
    (aside.date_back).
    """
    if not (home() / "Snakefile").is_file():
        raise UsageError(
            f"no Snakefile in {home()}: run this in the project's folder (the one with notebooks/ and params/)"
        )
    places = {
        "home": str(home()),
        "study": study.file,
        "outputs": study.outputs,
        "data_root": study.data_root,
        "source": study.source,
    }
    settings = json.dumps(
        {**places, "encoder": study.encoder, "threads": threads(jobs), "partial": int(partial)}
    )
    parallel = (
        ["--cores", str(jobs * threads(jobs))]
        if executor(profile) == "local"
        else ["--jobs", str(jobs)]
    )
    named = cluster.arguments(study, _profile_folder(profile))
    fetched = study.specs[0] if study.source == "hub" and not partial else None
    again = (
        [*again, "data/result.json"]
        if fetched and results.state(fetched).state != "done"
        else again
    )
    triggers = (
        ("mtime", "input", "params", "--allowed-rules", "reports", "report")
        if partial
        else ("mtime", "input")
    )
    return [
        *(sys.executable, "-m", "xstilts_core.jobs.lifeline", str(os.getpid())),
        *(
            "snakemake",
            *targets,
            "--snakefile",
            str(home() / "Snakefile"),
            "--directory",
            str(folder or study.root),
        ),
        *(
            "--profile",
            str(_profile_folder(profile)),
            *parallel,
            *named,
            "--nolock",
            "--ignore-incomplete",
            "--keep-incomplete",
        ),
        *("--rerun-triggers", *triggers, *(["--forcerun", *again] if again else [])),
        *("--config", f"grid={base64.urlsafe_b64encode(settings.encode()).decode()}"),
    ]


@contextmanager
def only_grid(study: Study) -> Iterator[TextIO]:
    """One grid of a study at a time: gives the held lock; UsageError if another one is at work.

    What a killed driver left behind ends on its own. It is waited for, before and after: what it
    finishes in its last second is then known before Snakemake counts what is missing, and who stops
    a grid leaves nothing running.
    """
    study.root.mkdir(parents=True, exist_ok=True)
    _require_writable(study.root)
    with (study.root / results.LOCK).open("a+", encoding="ascii") as lock:
        until = time.monotonic() + _SECONDS_TO_FOLLOW
        while not locks.acquired(lock):
            if time.monotonic() > until:
                lock.seek(0)
                holder = f" (process {lock.read().strip()})"
                way = "wait for it, or give --outputs another folder"
                raise UsageError(f"another 'xstilts run'{holder} is at work in {study.root}: {way}")
            time.sleep(0.2)
        with suppress(OSError):  # on a full disk it is only the number that is missing
            os.ftruncate(lock.fileno(), 0)
            os.write(lock.fileno(), f"{os.getpid()}\n".encode("ascii"))
        for folder in (study.root, study.root / "report"):
            disk.remove_temporary(folder)
        sharing.require_own_folder(study)
        with suppress(OSError):  # on a full disk: the first run says so
            results.write_text(study.root / sharing.OWNER, f"{sharing.written_in(study)}\n")
            (study.root / overrides.FILE).unlink(missing_ok=True)
            if study.given:
                results.write_text(
                    study.root / overrides.FILE, overrides.text(study.file, study.given)
                )
        _wait_for_runs(study)
        try:
            yield lock
        except BaseException:
            _wait_for_runs(study, stopping.SECONDS_TO_UNWIND)
            raise
        _wait_for_runs(study)


def _require_writable(folder: Path) -> None:
    """UsageError where nothing can be written into this folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} cannot be written: give --outputs another folder")


def _wait_for_runs(study: Study, seconds: float = _SECONDS_TO_END) -> None:
    """Wait until no run holds its folder; not for long, because a person's run by hand is waited
    for by the run that needs its folder."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(results.busy(spec.folder) for spec in study.specs):
        time.sleep(0.2)


@contextmanager
def kernels(
    jobs: int, profile: str, offline: bool = False, training: bool = True
) -> Iterator[None]:
    """Beside a grid on this machine, a server of ready kernels, all of which must not ask the hub
    where `offline`.

    training: some of them train.

    The jobs of a cluster start their own.
    """
    if profile == "local":
        from xstilts_core.jobs.kernel import environment

        with serving(environment(threads(jobs), offline=offline), training):
            yield
    else:
        yield


def environment() -> dict[str, str]:
    """Variables of Snakemake and what it starts: this package wherever they work, and UTF-8
    whatever the terminal has."""
    return {
        **os.environ,
        "PYTHONPATH": search_path(),
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8:backslashreplace",
    }


def run(call: Sequence[str], study: Study, lock: TextIO, follow: Follow) -> int:
    """Run this Snakemake `command` to its end while `follow` watches it. Returns its exit code; its
    own words go to grid.log.

    Snakemake inherits the lock: should this process be killed alone, no second grid starts before
    its Snakemake has followed it.
    """
    with (study.root / LOG).open("ab") as log:
        # A session of its own: Ctrl-C reaches it only through `stopping.end`, once, in the right
        # order.
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
    """What to say where Snakemake ended with this code and no run had failed."""
    if full := [folder for folder in (study.root, home()) if disk.is_exhausted(folder)]:
        return disk.full_sentence(full[0], 0)
    return f"Snakemake stopped with exit code {code}; the end of {study.root / LOG}:\n{_log_tail(study)}"


def standing(study: Study) -> list[dict[str, str | None]]:
    """Where each run stands: folder, state, reason, and the executed notebook if there is one. Only
    reads."""
    queued, rows = cluster.Queue(study).look(), []
    for found in results.states(study.specs):
        entry, spec = cluster.seen(found, queued), found.spec
        notebook = spec.folder / results.NOTEBOOK
        shown = str(notebook) if notebook.is_file() else None
        rows.append(
            {
                "folder": str(spec.folder.relative_to(study.root)),
                "state": entry.state,
                "reason": entry.reason,
                "notebook": shown,
            }
        )
    return rows


def at_work(study: Study) -> str:
    """The process number of the driver that is at work on this study here; "" if there is none."""
    path = study.root / results.LOCK
    return path.read_text(encoding="ascii").strip() or "unknown" if locks.busy(path) else ""


def dry_run(study: Study, jobs: int, profile: str) -> str:
    """The jobs that a run would start, counted by rule: "intermediate 8, target 60, ...";
    UsageError where Snakemake cannot tell.

    Results that a run sets aside first are there still: they are named to Snakemake as to be made
    again.
    """
    plan = aside.plan(study)
    again = [
        str((folder / results.RESULT).relative_to(study.root))
        for folder in (*plan.stale, *plan.after)
    ]
    with (
        TemporaryDirectory() as empty
    ):  # in which as little is made as in a folder that is not there yet
        folder = study.root if study.root.is_dir() else Path(empty)
        _require_writable(folder)
        call = command(
            study,
            [*targets(study), "reports"] if study.specs else ["reports"],
            jobs,
            profile,
            folder=folder,
            again=again,
        )
        call += ["--dry-run", "--quiet", "rules"]
        said = subprocess.run(
            call, capture_output=True, encoding="utf-8", errors="replace", env=environment()
        )
    counts = [
        words
        for line in said.stdout.splitlines()
        if len(words := line.split()) == 2 and words[1].isdigit()
    ]
    if said.returncode:
        raise UsageError(f"Snakemake cannot plan this study:\n{said.stdout}{said.stderr}")
    named = (
        f"{rule} {count}" for rule, count in counts if rule not in ("grid", "reports", "total")
    )
    return ", ".join(dict.fromkeys(named)) or "nothing"


def _log_tail(study: Study, lines: int = 15) -> str:
    """The end of what Snakemake said."""
    path = study.root / LOG
    return (
        "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        if path.is_file()
        else ""
    )
