"""Locks that die with their processes: a kill or a power cut leaves the file, but never the
lock."""

import fcntl
import os
from pathlib import Path
from typing import TextIO


def acquired(lock: TextIO) -> bool:
    """Take the lock on this open file unless another process has it; says whether it was taken."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def inherit(lock: TextIO) -> None:
    """Let the kernel started from here hold the lock too: it then lasts as long as anything that
    may still write.

    Python opens every file so that child processes do not get it; only kernels are started with
    what is marked here.
    """
    os.set_inheritable(lock.fileno(), True)


def busy(path: Path) -> bool:
    """Whether a live process holds the lock on `path`. Asking takes it for an instant, shared: who
    waits for it tries again."""
    try:
        with path.open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
