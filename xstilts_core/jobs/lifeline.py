"""End a process when the process that started it has ended for any reason.

`python -m xstilts_core.jobs.lifeline PARENT MODULE ...` is `python -m MODULE ...` for as long as
process PARENT is its parent. The driver, Snakemake, the runner and the kernel form a chain: if one
of them is killed, all below it end within a second. Nothing continues unnoticed, and the same
command finds no stale lock.
"""

import os
import runpy
import sys
import threading
import time
from collections.abc import Callable

POLL_SECONDS = 0.3


def watch(parent: int, end: Callable[[], object]) -> None:
    """Call `end` in a thread once process `parent` is no longer the parent of this one.

    The parent's number is an argument because a parent that died before this call must be noticed
    too. An orphan's new parent is the process that collects orphans.
    """

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        end()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def main(arguments: list[str]) -> None:
    """Run a module as the main program on the lifeline of PARENT; see the module's docstring."""
    parent, module, *rest = arguments
    # Exit without unwinding: everything below must survive a kill -9 anyway, and a program that is
    # asked to end may take long.
    watch(int(parent), lambda: os._exit(1))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
