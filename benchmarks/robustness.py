"""A study beside busy neighbors: its wall seconds undisturbed, as a share of those with one
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
# One process forks the others; each spins until the one that started it has ended, however it
# ended.
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
    """`count` processes that do nothing but compute, of this user and at the usual priority.

    They share a session, as if started from another terminal: with autogroup on, Linux divides a
    core by sessions first.
    """
    spinning = subprocess.Popen([sys.executable, "-c", SPIN, str(count)], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(spinning.pid, signal.SIGKILL)
        spinning.wait()


def seconds(study: str) -> float:
    """Wall seconds of `xstilts run STUDY` with its default settings, from nothing. UsageError where
    it fails."""
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
        done = subprocess.run(command, cwd=home(), capture_output=True, text=True)
        if done.returncode:
            raise UsageError(
                f"xstilts run {study} exited with {done.returncode}: {(done.stdout + done.stderr).strip()[-2000:]}"
            )
        return time.monotonic() - began


def run(rounds: int, study: str) -> list[Measure]:
    """The share of its own speed that the study keeps, undisturbed and disturbed in turns."""
    cores = len(os.sched_getaffinity(0))
    undisturbed, disturbed = [], []
    for _ in range(rounds):
        undisturbed.append(seconds(study))
        with busy(cores):
            disturbed.append(seconds(study))
    ratios = tuple(own / beside for own, beside in zip(undisturbed, disturbed, strict=True))
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
