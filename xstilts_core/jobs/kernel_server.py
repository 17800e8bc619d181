"""Start kernels at once: a server imports torch and this package one time, and forks a ready kernel
for each notebook of a grid.

Importing takes several seconds of a core in every run: a third of a grid of short runs. `xstilts
run` starts the server (`serve`) beside a grid on one machine. papermill's kernel command is then
`start`, a small process that represents the kernel: it requests a fork from the server, passes on
its standard streams, open locks and signals, and ends when the kernel ends. If it is killed, the
kernel dies with it. If no server answers (on a cluster, or for a single notebook), `start` becomes
an ordinary kernel.

The server only imports. It computes nothing, opens no CUDA device and starts no thread, so that a
fork of it is as good as a new process. (The allocator of pyarrow, which pandas loads, has a
background thread, and stops it in a fork.)
"""

import gc
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

ADDRESS = "XSTILTS_KERNEL_SERVER"
# Variables that must be equal in server and kernel, because libraries read them on import.
THREADS = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
_FIXED = (*THREADS, "PYTHONHASHSEED", "HF_HUB_OFFLINE")
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
# A unix socket's path may have 107 bytes, including the "-5" for a kernel's port.
_SOCKET_PATH_BYTES = 100


def fixed(environment: dict[str, str]) -> list[str | None]:
    return [environment.get(name) for name in _FIXED]


def inherited() -> list[int]:
    """Return the standard streams and the descriptors marked as inheritable, such as the lock of
    the run's folder, which is held until the kernel ends."""
    descriptors = [0, 1, 2]
    for number in (
        sorted(int(name) for name in os.listdir("/proc/self/fd"))
        if os.path.isdir("/proc/self/fd")
        else ()
    ):
        with suppress(OSError):  # the descriptor that listed the folder is closed
            if number > 2 and os.get_inheritable(number):
                descriptors.append(number)
    return descriptors[:_MOST_DESCRIPTORS]


def _become_kernel(parent: int, arguments: Sequence[str]) -> None:
    """Turn this process into an ordinary kernel, which ends with its runner `parent`."""
    os.environ.pop(ADDRESS, None)
    os.execv(
        sys.executable,
        [
            sys.executable,
            "-m",
            "xstilts_core.jobs.lifeline",
            str(parent),
            "ipykernel_launcher",
            *arguments,
        ],
    )


def start(arguments: Sequence[str]) -> int:
    """Represent a kernel that the server forks, and return its exit code. Become a kernel if no
    server answers."""
    # jupyter_client names the parent, which may have been killed already.
    parent = int(os.environ.get("JPY_PARENT_PID", os.getppid()))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.environ.get(ADDRESS, ""))
        request = {
            "arguments": list(arguments),
            "environment": dict(os.environ),
            "folder": os.getcwd(),
        }
        message = json.dumps(request).encode()
        socket.send_fds(connection, [struct.pack("!I", len(message))], inherited())
        connection.sendall(message)
        answer = connection.recv(4)
    except OSError:
        answer = b""
    if len(answer) < 4:
        connection.close()
        _become_kernel(parent, arguments)
    kernel = struct.unpack("!i", answer)[0]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda name, _: os.kill(kernel, name))
    connection.settimeout(_WATCH_SECONDS)
    while True:
        try:
            status = connection.recv(4)
            break
        except TimeoutError:
            # If the notebook's runner was killed, closing the connection ends the kernel.
            if os.getppid() != parent:
                return 1
    if len(status) < 4:
        return 1
    code = os.waitstatus_to_exitcode(struct.unpack("!i", status)[0])
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a request for a kernel and the descriptors that came with it; raise ValueError if the
    request is incomplete."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, _MOST_DESCRIPTORS)
    size = struct.unpack("!I", head)[0] if len(head) == 4 else _MOST_BYTES + 1
    if size > _MOST_BYTES:
        raise ValueError("not a request for a kernel")
    text = b""
    while len(text) < size:
        chunk = connection.recv(size - len(text))
        if not chunk:
            raise ValueError("the request for a kernel is incomplete")
        text += chunk
    return json.loads(text), descriptors


def _die_with(connection: socket.socket) -> None:
    """Kill this kernel when the process that represents it ends."""
    connection.settimeout(None)
    while connection.recv(1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def _run_kernel(wish: dict[str, Any], descriptors: list[int], connection: socket.socket) -> None:
    """Run the kernel in the forked process, after taking over streams, environment and folder."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(
        {
            name: value
            for name, value in wish["environment"].items()
            if name not in (ADDRESS, "JPY_PARENT_PID")
        }
    )
    os.chdir(wish["folder"])
    threading.Thread(target=_die_with, args=(connection,), daemon=True).start()
    sys.argv = ["ipykernel_launcher", *wish["arguments"]]
    import_module("ipykernel.kernelapp").launch_new_instance()


class _Server:
    """A server that forks kernels until its lifeline (standard input, held open by the grid) closes
    and the last kernel has ended."""

    def __init__(self, address: str) -> None:
        self.owner = os.getpid()
        self.kernels: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(address)
        self.listener.listen(_MOST_DESCRIPTORS)
        woken, self.waker = socket.socketpair()
        for end in (woken, self.waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for source in (self.listener, woken, sys.stdin):
            self.selector.register(source, selectors.EVENT_READ)
        self.woken, self.open = woken, True

    def serve(self) -> None:
        signal.signal(signal.SIGTERM, self.end)
        while self.open or self.kernels:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is self.woken:
                    self.woken.recv(4096)
                elif not os.read(sys.stdin.fileno(), 4096):
                    self.close()
            self.reap()

    def end(self, *_: object) -> None:
        """Kill the kernels at once: while they compute, they notice the end of their runners only
        between two steps."""
        # A fork that has not become a kernel yet must not kill its siblings.
        for kernel in self.kernels if os.getpid() == self.owner else ():
            os.kill(kernel, signal.SIGKILL)
        os._exit(143)

    def close(self) -> None:
        self.open = False
        self.selector.unregister(sys.stdin)
        self.selector.unregister(self.listener)
        self.listener.close()

    def accept(self) -> None:
        connection, _ = self.listener.accept()
        connection.settimeout(_WATCH_SECONDS)
        descriptors: list[int] = []
        try:
            request, descriptors = _receive(connection)
            if fixed(request["environment"]) == fixed(dict(os.environ)):
                self.fork(request, descriptors, connection)
            else:
                connection.close()
        except (OSError, ValueError, KeyError):
            connection.close()
        for descriptor in descriptors:
            os.close(descriptor)

    def fork(self, wish: dict[str, Any], descriptors: list[int], connection: socket.socket) -> None:
        kernel = os.fork()
        if kernel == 0:
            try:
                signal.set_wakeup_fd(-1)
                self.selector.close()
                for other in (self.listener, self.woken, self.waker, *self.kernels.values()):
                    other.close()
                _run_kernel(wish, descriptors, connection)
            finally:
                os._exit(1)
        self.kernels[kernel] = connection
        connection.sendall(struct.pack("!i", kernel))

    def reap(self) -> None:
        """Send the exit statuses of ended kernels to the processes that represent them."""
        while self.kernels:
            kernel, status = os.waitpid(-1, os.WNOHANG)
            if kernel == 0:
                return
            connection = self.kernels.pop(kernel)
            with suppress(OSError):
                connection.sendall(struct.pack("!i", status))
            connection.close()


def serve(address: str, modules: Sequence[str]) -> int:
    """Import the modules and fork kernels on demand. Listen before importing, so that early kernels
    wait for the imports instead of repeating them."""
    server = _Server(address)
    for name in modules:
        import_module(name)
    gc.collect()
    gc.freeze()  # otherwise a garbage collection in a kernel would copy the shared pages
    server.serve()
    shutil.rmtree(Path(address).parent, ignore_errors=True)  # the owner may have been killed
    return 0


def socket_base() -> Path:
    """Return the parent of socket folders: the folder of temporary files, or /tmp if that path is
    too long for a socket."""
    base = Path(tempfile.gettempdir())
    return base if len(os.fsencode(base)) <= _SOCKET_PATH_BYTES - 40 else Path("/tmp")


@contextmanager
def serving(variables: Mapping[str, str], training: bool = True) -> Iterator[None]:
    """Run a server for the kernels started below this process, with these variables set
    (`kernel.environment`).

    training: the kernels need torch; reports do not, and start several seconds earlier without it.
    The server ends with this process and its kernels: it reads from a pipe that closes when this
    process ends for any reason.
    """
    address = f"{(folder := tempfile.mkdtemp(prefix='xs', dir=socket_base()))}/server"
    command = [
        sys.executable,
        "-m",
        "xstilts_core.jobs.kernel_server",
        "serve",
        address,
        *(_TRAINING if training else ()),
        *_REPORTING,
    ]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, env={**os.environ, **variables}, start_new_session=True
    )
    # Kernels that start before the server listens would run without it.
    while server.poll() is None and not os.path.exists(address):
        time.sleep(0.02)
    os.environ[ADDRESS] = address
    try:
        yield
    finally:
        del os.environ[ADDRESS]
        server.stdin.close()
        try:
            server.wait(_WATCH_SECONDS)
        except subprocess.TimeoutExpired:  # stopped during its imports or a kernel's work
            server.terminate()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Run `serve ADDRESS MODULE...`, or `start` with the arguments of a kernel."""
    verb, *rest = arguments
    return serve(rest[0], rest[1:]) if verb == "serve" else start(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
