"""A study is killed at random moments, any process of it, and started again: nothing is lost,
repeated or changed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Twenty, as many as were asked for, take seven minutes: a release is tested with XSTILTS_KILLS=20.
KILLS = int(os.environ.get("XSTILTS_KILLS", "2"))
LONGEST_DELAY = 4.0
# From when the seconds of delay count: the last kill or start; a kernel at work; one more run
# finished. Most kills would hit the start of the study otherwise, and none its end.
SINCE = ("now", "a kernel", "a kernel", "a result", "a result")
MARK = "XSTILTS_INTERRUPT_TEST"
# What is killed, and by which signal. A kill of a runner or kernel leaves the driver at work: these
# stand twice.
KINDS = [
    ("driver", signal.SIGINT),
    ("driver", signal.SIGTERM),
    ("driver", signal.SIGKILL),
    ("snakemake", signal.SIGKILL),
    ("everything", signal.SIGKILL),  # a power cut, as far as processes go
    *[("runner", signal.SIGKILL), ("kernel", signal.SIGKILL)] * 2,
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        sys.platform != "linux", reason="finds the processes of a study in /proc, which is Linux's"
    ),
]


@dataclass(frozen=True)
class Process:
    """A live process of the test, as /proc shows it. locks: the .lock files it has open."""

    number: int
    kind: str
    locks: tuple[str, ...]


def kind_of(words: list[str], parent_words: list[str], leads: bool) -> str:
    """What a process is, by its command line: a kernel is forked from the server, whose command
    line it keeps.

    leads: it has a session of its own, as every kernel has. A kernel's own fork, on its way to
    become git, looks the same but for that.
    """
    text, parent = " ".join(words), " ".join(parent_words)
    if "ipykernel_launcher" in text or (
        "kernel_server serve" in text and "kernel_server serve" in parent
    ):
        return "kernel" if leads else "other"
    kinds = {
        "xstilts_core.jobs.runner": "runner",
        "snakemake": "snakemake",
        "xstilts_core.commands.cli": "driver",
        "kernel_server": "server",
    }
    return next((kind for name, kind in kinds.items() if name in text), "other")


def words(number: int) -> list[str]:
    return Path(f"/proc/{number}/cmdline").read_bytes().decode(errors="replace").split("\0")


def alive(mark: str) -> list[Process]:
    """Every process that inherited the mark in its environment, whatever session or parent it has
    now; no zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if f"{MARK}={mark}".encode() not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            state, parent, _, session = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            links = [os.readlink(link) for link in (entry / "fd").iterdir()]
            kind = kind_of(words(int(entry.name)), words(int(parent)), session == entry.name)
        except OSError:  # it ended just now
            continue
        if state != "Z":
            found.append(
                Process(
                    int(entry.name),
                    kind,
                    tuple(sorted(link for link in links if link.endswith("/.lock"))),
                )
            )
    return found


def kernels(mark: str) -> set[tuple[int, str]]:
    """(process, lock) of every live kernel."""
    return {
        (process.number, lock)
        for process in alive(mark)
        if process.kind == "kernel"
        for lock in process.locks
    }


def twice(found: set[tuple[int, str]]) -> dict[str, int]:
    """The locks that several kernels have open, and how many do."""
    return {lock: count for lock, count in Counter(lock for _, lock in found).items() if count > 1}


@dataclass
class Watcher:
    """Looks again and again: at most one live kernel in a folder, and a result.json that stands
    there never changes."""

    root: Path
    mark: str
    results: dict[Path, tuple[int, bytes]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    quiet: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        found = kernels(self.mark)
        if twice(
            found
        ):  # one may have ended, and the next begun, while the processes were gone through: both must be there still
            self.wrong += [
                f"{count} kernels at once in {lock}"
                for lock, count in twice(found & kernels(self.mark)).items()
            ]
        for path in self.root.glob("*/**/result.json"):
            if path.relative_to(self.root).parts[0] == "report":
                continue
            now = (
                path.stat().st_ino,
                path.read_bytes(),
            )  # its seconds are in it; Snakemake sets the time stamp once more
            if self.results.setdefault(path, now) != now:
                self.wrong.append(f"{path} was made again")
                self.results[path] = now
        self.wrong += [f"{path} is gone" for path in self.results if not path.is_file()]
        self.looks += 1

    def forget(self, folder: Path) -> None:
        """The test itself removes this run."""
        with self.quiet:
            del self.results[folder / "result.json"]
            shutil.rmtree(folder)

    def follow(self) -> None:
        while not self.over.wait(0.2):
            with self.quiet:
                self.look()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The real project as far as it takes to run `smoke`, in a folder of its own; one report is
    enough here."""
    for name in ("notebooks", "params"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    study = tmp_path / "params" / "smoke.yaml"
    study.write_text(
        "".join(line for line in study.open() if not line.startswith("reports:"))
        + "reports: [00_study]\n"
    )
    return tmp_path


def start(project: Path, outputs: str, mark: str) -> "subprocess.Popen[bytes]":
    settings = {**os.environ, "PYTHONPATH": str(ROOT), MARK: mark}
    call = [
        sys.executable,
        "-m",
        "xstilts_core.commands.cli",
        "run",
        "smoke",
        "--outputs",
        outputs,
        "--jobs",
        "2",
    ]
    with (project / f"{outputs}.txt").open("ab") as log:
        return subprocess.Popen(
            call,
            cwd=project,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=settings,
            start_new_session=True,
        )


def strike(
    kind: str, number: int, driver: "subprocess.Popen[bytes]", mark: str, chance: random.Random
) -> str:
    """Send the signal; returns what was hit. Where no such process lives at this moment, the driver
    is hit."""
    processes = alive(mark)
    targets = [process for process in processes if kind == "everything" or process.kind == kind]
    if kind not in ("everything", "driver") and targets:
        targets = [chance.choice(targets)]
    elif kind != "everything" or not targets:
        kind, targets = "driver", [Process(driver.pid, "driver", ())]
    for process in targets:
        try:
            os.kill(process.number, number)
        except ProcessLookupError:  # it ended just now
            continue
    return kind


def await_moment(
    since: str, driver: "subprocess.Popen[bytes]", mark: str, watcher: Watcher
) -> None:
    """Wait until the delay begins; not when the driver has ended."""
    before = len(watcher.results)
    while driver.poll() is None:
        at_work = any(process.kind == "kernel" for process in alive(mark))
        if since == "now" or (since == "a kernel" and at_work) or len(watcher.results) > before:
            return
        time.sleep(0.1)


def disturb(project: Path, mark: str, chance: random.Random, watcher: Watcher) -> list[str]:
    """KILLS kills, with a new start whenever the driver has ended. Returns what was done."""
    driver, history = start(project, "killed", mark), []
    runs = sum(
        path.relative_to(project).parts[2] != "report"
        for path in project.glob("undisturbed/smoke/*/**/result.json")
    )
    while len(history) < KILLS:
        since, delay, (kind, number) = (
            chance.choice(SINCE),
            chance.uniform(0, LONGEST_DELAY),
            chance.choice(KINDS),
        )
        await_moment(since, driver, mark, watcher)
        try:
            driver.wait(delay)
        except subprocess.TimeoutExpired:
            hit = strike(kind, number, driver, mark, chance)
            history.append(
                f"{signal.Signals(number).name} to {hit}, {delay:.1f} s from {since}; {len(watcher.results)} runs are done"
            )
            print(history[-1], flush=True)
            if hit in ("driver", "snakemake", "everything"):
                # Hit when all runs were done, it may still end well.
                assert driver.wait(90) != 0 or len(watcher.results) == runs
        if driver.poll() is not None:
            if driver.returncode == 0:
                leaves = [
                    path.parent
                    for path in watcher.results
                    if path.relative_to(watcher.root).parts[0] in ("target", "retrieval")
                ]
                folder = chance.choice(sorted(leaves))
                print(f"all done: {folder.relative_to(watcher.root)} is removed", flush=True)
                watcher.forget(folder)
            driver = start(project, "killed", mark)
    driver.send_signal(signal.SIGTERM)
    driver.wait(90)
    return history


@pytest.mark.release
def test_kills_at_random_moments(project: Path) -> None:
    seed = int(os.environ.get("XSTILTS_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"\nseed {seed} (again: XSTILTS_TEST_SEED={seed})", flush=True)
    mark = f"{os.getpid()}-{seed}"
    undisturbed = start(project, "undisturbed", f"{mark}-reference")
    assert undisturbed.wait(400) == 0, (project / "undisturbed.txt").read_text()
    watcher = Watcher(project / "killed" / "smoke", mark)
    follower = threading.Thread(target=watcher.follow, daemon=True)
    follower.start()
    try:
        history = disturb(project, mark, random.Random(seed), watcher)
        last = start(project, "killed", mark)
        assert last.wait(400) == 0, (project / "killed.txt").read_text()
    finally:
        watcher.over.set()
        follower.join()
        for process in alive(mark):
            os.kill(process.number, signal.SIGKILL)
    print(f"{len(history)} kills, {watcher.looks} looks", flush=True)
    assert watcher.wrong == []
    assert len(history) == KILLS and watcher.looks > KILLS
    scores = [project / name / "smoke" / "scores.csv" for name in ("undisturbed", "killed")]
    assert scores[0].read_bytes() == scores[1].read_bytes()
    assert not list(watcher.root.rglob("*.tmp")) and not list(
        watcher.root.rglob(".result.json.unfinished")
    )
