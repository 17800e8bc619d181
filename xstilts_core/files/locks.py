"""Locks that end with their processes: a kill or a power cut leaves the file, never the lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def acquire(lock: TextIO) -> bool:
    """Acquire the lock on this open file if no process has it; return whether it was acquired."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock on `path`, after waiting for any process that has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def inherit(lock: TextIO) -> None:
    """Let a kernel started by this process hold the lock too, so that it lasts as long as any
    process that may still write.

    Python opens every file so that child processes do not get it; only kernels are started with the
    files marked here.
    """
    os.set_inheritable(lock.fileno(), True)


def busy(path: Path) -> bool:
    """Return whether a live process holds the lock on `path`. Probing briefly takes a shared lock;
    a concurrent waiter simply retries."""
    try:
        with path.open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
