"""The Jupyter kernel of a run: this interpreter, its own unix sockets and a fixed number of
threads."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import Dict
from traitlets.config import Config

from xstilts_core.files import locks
from xstilts_core.files.paths import search_path
from xstilts_core.jobs.kernel_server import ADDRESS, THREADS, socket_base

PREFIX = "xstilts-sockets-"
LOCK = "lock"
LEFT_AFTER_SECONDS = 60
# Spinning threads of parallel runs starve each other; passive waiting keeps four runs on four cores
# at full speed. Progress bars are useless in a saved notebook, where they stay at 0 %. The
# debugger, which nobody attaches, would warn that it may miss lines.
_QUIET = {
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "TQDM_DISABLE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


class RunKernelManager(AsyncKernelManager):
    """A kernel manager that starts the kernel with this interpreter, whatever kernel specifications
    are installed."""

    environment = Dict(help="variables set in the kernel before it starts").tag(config=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.answers = {
            number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
        }

    @property
    def kernel_spec(self) -> KernelSpec:
        # The kernel's log goes to the terminal. Below this level, every shutdown appears as an
        # error.
        server = ["xstilts_core.jobs.kernel_server", "start"]
        module = server if ADDRESS in os.environ else ["ipykernel_launcher"]
        lifeline = [sys.executable, "-m", "xstilts_core.jobs.lifeline", str(os.getpid())]
        command = [*lifeline, *module, "-f", "{connection_file}", "--log-level=CRITICAL"]
        return KernelSpec(
            argv=command, display_name="Python 3", language="python", env=dict(self.environment)
        )

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
        """Start the process with the locks that are marked as inherited and with this process's own
        signal handlers."""
        if threading.current_thread() is threading.main_thread():
            # nbclient's handler ends the kernel, which then appears to have died. A run that is
            # asked to stop has not failed.
            for number, answer in self.answers.items():
                asyncio.get_running_loop().remove_signal_handler(number)
                signal.signal(number, answer)
        await super()._async_launch_kernel(kernel_cmd, close_fds=False, **options)


def environment(threads: int, gpu: str | None = None, offline: bool = False) -> dict[str, str]:
    """Return the variables of a kernel with `threads` threads (0: the libraries' defaults) on GPU
    `gpu` (None: no restriction).

    offline: the kernel must not access the hub, even if this process may.
    """
    counts = dict.fromkeys(THREADS, str(threads)) if threads else {}
    device = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
    hub = {"HF_HUB_OFFLINE": "1"} if offline else {}
    return {**_QUIET, **counts, **device, **hub, "PYTHONPATH": search_path()}


def remove_left(base: Path) -> None:
    """Remove the socket folders of killed processes. A folder in use is locked, or so young that
    its lock may not exist yet."""
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's folder, or just removed by another run
            if time.time() - folder.stat().st_mtime > LEFT_AFTER_SECONDS and not locks.busy(
                folder / LOCK
            ):
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def socket_config(variables: dict[str, str]) -> Iterator[Config]:
    """Yield the settings of one kernel over unix sockets in a temporary folder.

    Kernels over TCP lose a race for ports in about one of a hundred parallel starts; sockets with a
    unique path never do.
    """
    base = socket_base()
    remove_left(base)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    settings = {
        "transport": "ipc",
        "ip": str(folder / "k"),
        "connection_file": str(folder / "k.json"),
        "environment": variables,
    }
    try:
        with (folder / LOCK).open("w", encoding="ascii") as lock:
            locks.acquire(lock)
            locks.inherit(lock)
            yield Config({"RunKernelManager": settings})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
