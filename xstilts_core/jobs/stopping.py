"""A stop is quick and whole: what Ctrl-C, SIGTERM and a closed terminal do, whatever the process
that started this one had set.

A process that is started with SIGINT ignored (by nohup, in a shell's background, as the first one
of a container) keeps ignoring it, and so does all that it starts: only a handler of its own changes
that. What it starts then begins with the system's own answers.
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
# Of a stop: what has not ended in good order by then is killed, and is as whole as after a power
# cut.
SECONDS_TO_UNWIND = 1.0


def later(seconds: float, call: Callable[[int], object], argument: int) -> threading.Timer:
    """Call this in so many seconds, unless the process has ended by then."""
    timer = threading.Timer(seconds, call, [argument])
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def answered(leave: Callable[[int], object], seconds: float) -> Iterator[None]:
    """In the block, a signal to stop calls `leave`, which raises; the process ends `seconds` later,
    unwound or not.

    Only the first signal counts: another would interrupt the clearing up. What is raised while a
    destructor runs goes nowhere: then it is raised again. SIGHUP stays ignored where it was, which
    is what nohup is for. Only the main thread can answer signals; in another nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last_resort: list[threading.Timer] = []
    given: list[int] = []
    raised: list[BaseException] = []

    def answer(number: int, _: FrameType | None) -> None:
        if given:
            return
        given.append(number)
        if not last_resort:
            last_resort.append(later(seconds, os._exit, 128 + number))
        try:
            leave(number)
        except BaseException as error:
            raised.append(error)
            raise

    def lost(found: "sys.UnraisableHookArgs") -> None:
        if given and found.exc_value in raised:
            later(0.05, signal.raise_signal, given.pop())
        else:
            hook(found)

    hook, sys.unraisablehook = sys.unraisablehook, lost
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if number != signal.SIGHUP or before[number] != signal.SIG_IGN:
            signal.signal(number, answer)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for timer in last_resort:
            timer.cancel()
        for number, earlier in before.items():
            signal.signal(number, earlier)


def end(process: "subprocess.Popen[bytes]", patience: float = SECONDS_TO_UNWIND) -> None:
    """End Snakemake and every run below it: by Ctrl-C, then by force. They are one group, which
    outlives a Snakemake killed alone.

    patience: seconds for Snakemake to end in its own way, which cancels the jobs of a cluster.
    """
    for number, seconds in (
        (signal.SIGINT, patience),
        (signal.SIGTERM, SECONDS_TO_UNWIND / 2),
        (signal.SIGKILL, SECONDS_TO_UNWIND),
    ):
        until = time.monotonic() + seconds
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < until:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
        except (
            ProcessLookupError,
            PermissionError,
        ):  # macOS says the second where only zombies are left
            return
