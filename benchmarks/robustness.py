"""Measure a study beside busy processes: its undisturbed wall seconds relative to those with one
spinning process per core."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measure import Measure
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home

PART = "robustness"
GOAL = 0.6
# One process forks the others; each spins until its parent has ended for any reason.
SPIN = """import os, sys
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
parent = os.getppid()
while os.getppid() == parent:
    sum(range(10_000))
"""


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Run `count` processes that only compute, as this user and at normal priority.

    They share a session, as if started from another terminal: with autogroup on, Linux divides a
    core by sessions first.
    """
    process = subprocess.Popen([sys.executable, "-c", SPIN, str(count)], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def seconds(study: str) -> float:
    """Return the wall seconds of `xstilts run STUDY` from scratch with its default settings. Raise
    UsageError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "xstilts_core.commands.cli",
            "run",
            study,
            "--outputs",
            folder,
        ]
        completed = subprocess.run(command, cwd=home(), capture_output=True, text=True)
        if completed.returncode:
            raise UsageError(
                f"xstilts run {study} exited with {completed.returncode}: "
                f"{(completed.stdout + completed.stderr).strip()[-2000:]}"
            )
        return time.monotonic() - began


def run(rounds: int, study: str) -> list[Measure]:
    """Measure the study's relative speed beside busy processes, undisturbed and disturbed runs in
    turn."""
    cores = len(os.sched_getaffinity(0))
    undisturbed, disturbed = [], []
    for _ in range(rounds):
        undisturbed.append(seconds(study))
        with busy(cores):
            disturbed.append(seconds(study))
    ratios = tuple(free / loaded for free, loaded in zip(undisturbed, disturbed, strict=True))
    details = {"undisturbed_seconds": undisturbed, "disturbed_seconds": disturbed}
    return [
        Measure(
            PART,
            f"study {study} beside {cores} busy processes",
            "itself, undisturbed",
            "x",
            ratios,
            GOAL,
            details,
        )
    ]
