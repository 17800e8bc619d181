"""The Jupyter kernel of a run: this interpreter, unix sockets of its own, a fixed number of threads."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import Dict
from traitlets.config import Config

SOCKET_PATH_BYTES = 100  # a unix socket's path may have 107 bytes, "-5" for the port included
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")
# Spinning threads of neighboring runs starve each other: passive waiting is what keeps four runs on four cores at full speed.
# Progress bars are useless in a saved notebook: they stay at 0 %.
QUIET = {
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "TQDM_DISABLE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


class RunKernelManager(AsyncKernelManager):
    """Starts the kernel with the interpreter that runs the suite, whatever kernel specifications are installed."""

    environment = Dict(help="variables set in the kernel before it starts").tag(config=True)

    @property
    def kernel_spec(self) -> KernelSpec:
        # Its log goes to the terminal: without this, every kernel that is shut down says so as an error.
        launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=CRITICAL"]
        return KernelSpec(argv=launch, display_name="Python 3", language="python", env=dict(self.environment))


def environment(threads: int, gpu: str | None = None) -> dict[str, str]:
    """The variables of a kernel with `threads` threads (0: as many as the libraries like) on GPU `gpu` (None: as it is)."""
    counts = dict.fromkeys(THREADS, str(threads)) if threads else {}
    package = str(Path(__file__).resolve().parent.parent)
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    device = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
    return {**QUIET, **counts, **device, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


@contextmanager
def socket_config(variables: dict[str, str]) -> Iterator[Config]:
    """Settings of one kernel over unix sockets in a folder of its own, which is removed afterwards.

    Kernels over TCP lose a race for ports about once in a hundred parallel starts; sockets with a unique path never do.
    """
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="xs", dir=base if len(os.fsencode(base)) < SOCKET_PATH_BYTES - 20 else "/tmp"))
    settings = {"transport": "ipc", "ip": str(folder / "k"), "connection_file": str(folder / "k.json"), "environment": variables}
    try:
        yield Config({"RunKernelManager": settings})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
