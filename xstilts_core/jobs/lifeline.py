"""A process that ends when the one that started it has ended, however that one ended.

`python -m xstilts_core.jobs.lifeline PARENT MODULE ...` is `python -m MODULE ...` for as long as
process PARENT is its parent. The driver, Snakemake, the runner and the kernel form a chain: kill
one of them, and all below it end within a second, so that nothing works on unseen, and the same
command finds nothing to unlock.
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

    The number is given, not asked for: a parent that died first must be noticed too. A new parent
    is whoever collects orphans.
    """

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        end()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def main(arguments: list[str]) -> None:
    """Run a module as the main program on the lifeline of PARENT; see the module's docstring."""
    parent, module, *rest = arguments
    # At once, without unwinding: everything below must stand a kill -9 in any case, and a program
    # that is told to end may take its time.
    watch(int(parent), lambda: os._exit(1))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
