"""Stop quickly and completely on Ctrl-C, SIGTERM and a closed terminal, whatever signal settings
this process inherited.

A process that is started with SIGINT ignored (by nohup, in a shell's background, as the first
process of a container) keeps ignoring it, and so do all its child processes, unless it installs a
handler. Processes started after that have the default handlers.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Processes that have not ended by then are killed, which leaves files as intact as a power failure
# does.
SECONDS_TO_UNWIND = 1.0


def later(seconds: float, call: Callable[[int], object], argument: int) -> threading.Timer:
    """Call a function after this many seconds, unless the process has ended by then."""
    timer = threading.Timer(seconds, call, [argument])
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def answered(leave: Callable[[int], object], seconds: float) -> Iterator[None]:
    """Call `leave`, which raises, when a signal to stop arrives in the block; the process ends
    `seconds` later at the latest.

    Only the first signal counts: another would interrupt the cleanup. Python discards an exception
    raised inside a destructor, so it is raised again. SIGHUP stays ignored if it was, which is the
    purpose of nohup. Only the main thread can handle signals; in other threads nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    timers: list[threading.Timer] = []
    received: list[int] = []
    exceptions: list[BaseException] = []

    def handle(number: int, _: FrameType | None) -> None:
        if received:
            return
        received.append(number)
        if not timers:
            timers.append(later(seconds, os._exit, 128 + number))
        try:
            leave(number)
        except BaseException as error:
            exceptions.append(error)
            raise

    def raise_again(found: "sys.UnraisableHookArgs") -> None:
        if received and found.exc_value in exceptions:
            later(0.05, signal.raise_signal, received.pop())
        else:
            earlier_hook(found)

    earlier_hook, sys.unraisablehook = sys.unraisablehook, raise_again
    earlier_handlers = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if number != signal.SIGHUP or earlier_handlers[number] != signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        sys.unraisablehook = earlier_hook
        for timer in timers:
            timer.cancel()
        for number, handler in earlier_handlers.items():
            signal.signal(number, handler)


def end(process: "subprocess.Popen[bytes]", patience: float = SECONDS_TO_UNWIND) -> None:
    """End Snakemake and every run below it, first with Ctrl-C and then by force. They are one
    process group, which outlives a Snakemake that is killed alone.

    patience: seconds for Snakemake to end on its own, which cancels the jobs of a cluster.
    """
    for number, seconds in (
        (signal.SIGINT, patience),
        (signal.SIGTERM, SECONDS_TO_UNWIND / 2),
        (signal.SIGKILL, SECONDS_TO_UNWIND),
    ):
        deadline = time.monotonic() + seconds
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
        # macOS raises PermissionError if only zombies are left.
        except (ProcessLookupError, PermissionError):
            return
