"""Start kernels at once: a server imports torch and this package one time, and forks a ready kernel
for each notebook of a grid.

Importing takes several seconds of a core in every run: a third of a grid of short runs. `xstilts
run` starts the server (`serve`) beside a grid on one machine. papermill's kernel command is then
`start`, a small process that represents the kernel: it requests a fork from the server, passes on
its standard streams, open locks and signals, and ends when the kernel ends. If it is killed, the
kernel dies with it. If no server answers (on a cluster, or for a single notebook), `start` becomes
an ordinary kernel.

The server only imports and forks. It computes nothing, opens no CUDA device and starts no thread,
so that a fork of it is as good as a new process. (The allocator of pyarrow, which pandas loads, has
a background thread, and stops it in a fork.) Each kernel is the child of a fork that waits for it
and for the process that represents it.
"""

import gc
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from xstilts_core.jobs import lifeline

ADDRESS = "XSTILTS_KERNEL_SERVER"
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
# Variables that must be equal in server and kernel, because libraries read them on import.
_FIXED = (*THREADS, "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "PYTHONHASHSEED", "HF_HUB_OFFLINE")
_TRAINING = (
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.xlm_roberta.modeling_xlm_roberta",
    "xstilts_core.phases.pretrain",
    "xstilts_core.retrieve",
    "xstilts_core.phases.control",
    "xstilts_core.phases.probing",
)
_REPORTING = (
    # The kernel's own modules; the slowest is the debugger.
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.debugger",
    "IPython.extensions.storemagic",
    "sqlite3",
    "tornado.platform.asyncio",
    "xstilts_core.analysis",
    "xstilts_core.report.figures",
    # Modules that matplotlib and pandas import when they write the first figure and table.
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "fontTools.subset",
    "pandas.io.formats.csvs",
    "pandas.io.formats.html",
)
_WATCH_SECONDS = 1.0
_MOST_BYTES = 2**20
_MOST_DESCRIPTORS = 64
_LAUNCHER = "ipykernel_launcher"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A unix socket's path may have 107 bytes, including the "-5" for a kernel's port.
_SOCKET_PATH_BYTES = 100


def fixed(environment: Mapping[str, str]) -> list[str | None]:
    return [environment.get(name) for name in _FIXED]


def _socket() -> socket.socket:
    """Return a socket that keeps messages whole. Without such sockets (macOS), there is no
    server."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _inherited() -> list[int]:
    """Return the standard streams and the descriptors marked as inheritable, such as the lock of
    the run's folder, which is held until the kernel ends."""
    descriptors = []
    for number in range(_MOST_DESCRIPTORS):
        with suppress(OSError):  # it is not open
            if os.get_inheritable(number):
                descriptors.append(number)
    return descriptors


def start(arguments: Sequence[str]) -> int:
    """Represent a kernel that the server forks, and return its exit code. Become a kernel if no
    server answers."""
    try:
        server = _socket()
        server.connect(os.environ.pop(ADDRESS, ""))
        request = json.dumps((list(arguments), dict(os.environ), os.getcwd()))
        socket.send_fds(server, [request.encode()], _inherited())
        kernel = int(server.recv(_MOST_BYTES))
    except (OSError, ValueError):
        sys.argv = [_LAUNCHER, *arguments]
        runpy.run_module(_LAUNCHER, run_name="__main__", alter_sys=True)
        return 0
    for number in _SIGNALS:
        signal.signal(number, lambda name, _: os.kill(kernel, name))
    status = server.recv(_MOST_BYTES)
    code = os.waitstatus_to_exitcode(int(status)) if status else 1
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _run_kernel(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    descriptors: Sequence[int],
) -> None:
    """Run the kernel in the forked process, after taking over streams, environment and folder."""
    os.setsid()
    for number in _SIGNALS:
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.environ.pop("JPY_PARENT_PID", None)
    os.chdir(folder)
    lifeline.watch(os.getppid(), lambda: os._exit(1))
    sys.argv = [_LAUNCHER, *arguments]
    import_module("ipykernel.kernelapp").launch_new_instance()


def _attend(caller: socket.socket) -> None:
    """Fork the requested kernel, unless it needs other variables than this server has. Kill it when
    the process that represents it ends; tell that process how the kernel ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors, _, _ = socket.recv_fds(caller, _MOST_BYTES, _MOST_DESCRIPTORS)
    arguments, environment, folder = json.loads(request)
    if fixed(environment) != fixed(os.environ):
        return
    if (kernel := os.fork()) == 0:
        caller.close()
        _run_kernel(arguments, environment, folder, descriptors)
        return
    for descriptor in descriptors:
        os.close(descriptor)
    caller.send(str(kernel).encode())

    def follow() -> None:
        caller.recv(1)  # nothing, once that process has ended
        os.kill(kernel, signal.SIGKILL)

    threading.Thread(target=follow, daemon=True).start()
    caller.send(str(os.waitpid(kernel, 0)[1]).encode())


def serve(address: str, owner: int, modules: Sequence[str]) -> int:
    """Import the modules and fork kernels on demand until the grid's process `owner` ends. Listen
    before importing, so that early kernels wait for the imports instead of repeating them."""
    listener = _socket()
    listener.bind(address)
    listener.listen(_MOST_DESCRIPTORS)
    for name in modules:
        import_module(name)
    gc.collect()
    gc.freeze()  # otherwise a garbage collection in a kernel would copy the shared pages
    listener.settimeout(_WATCH_SECONDS)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while os.getppid() == owner:
        with suppress(TimeoutError):
            connection, _ = listener.accept()
            if os.fork() == 0:
                try:
                    listener.close()
                    connection.setblocking(True)
                    _attend(connection)
                finally:
                    os._exit(1)
            connection.close()
    shutil.rmtree(Path(address).parent, ignore_errors=True)
    return 0


def socket_base() -> Path:
    """Return the parent of socket folders: the folder of temporary files, or /tmp if that path is
    too long for a socket."""
    base = Path(tempfile.gettempdir())
    return base if len(os.fsencode(base)) <= _SOCKET_PATH_BYTES - 40 else Path("/tmp")


@contextmanager
def serving(variables: Mapping[str, str], training: bool = True) -> Iterator[None]:
    """Run a server for the kernels started below this process, with these variables set
    (`kernel.environment`). It ends with this process, and its kernels with their runners.

    training: the kernels need torch; reports do not, and start several seconds earlier without it.
    """
    modules = (*(_TRAINING if training else ()), *_REPORTING)
    command = [sys.executable, "-m", "xstilts_core.jobs.kernel_server", "serve"]
    with tempfile.TemporaryDirectory(prefix="xs", dir=socket_base()) as folder:
        address = f"{folder}/server"
        server = subprocess.Popen(
            [*command, address, str(os.getpid()), *modules],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **variables},
            start_new_session=True,
        )
        # Kernels that start before the server listens would run without it.
        while server.poll() is None and not os.path.exists(address):
            time.sleep(0.02)
        os.environ[ADDRESS] = address
        try:
            yield
        finally:
            del os.environ[ADDRESS]
            server.terminate()
            server.wait()


def main(arguments: list[str]) -> int:
    """Run `serve ADDRESS OWNER MODULE...`, or `start` with the arguments of a kernel."""
    verb, *rest = arguments
    return serve(rest[0], int(rest[1]), rest[2:]) if verb == "serve" else start(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
