"""Tests start their children with default signals, also where the tests themselves were started
with signals ignored."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ASKED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def test_a_child_can_be_stopped():
    code = f"import signal; print(*(signal.getsignal(number) != signal.SIG_IGN for number in {tuple(map(int, ASKED))}))"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.split() == ["True"] * len(ASKED)


def test_a_child_can_be_stopped_where_the_tests_ignore_signals():
    """As a background job of a script starts them, or nohup, or some CI runners."""
    own = f"{Path(__file__)}::test_a_child_can_be_stopped"
    call = (
        f"trap '' INT QUIT TERM HUP; exec '{sys.executable}' -m pytest -p no:cacheprovider '{own}'"
    )
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        ["/bin/sh", "-c", call],
        capture_output=True,
        text=True,
        env=settings,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
