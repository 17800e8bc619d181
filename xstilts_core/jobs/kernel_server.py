"""Kernels that start at once: a server imports torch and the suite one time, and forks a ready
kernel for each notebook of a grid.

Importing takes several seconds of a core, again in every run: a third of a grid of short runs.
`xstilts run` starts the server (`serve`) beside a grid on one machine. papermill's kernel command
is then `start`, a small process that stands for the kernel: it asks the server for a fork, hands
over its standard streams and open locks, passes signals on, and ends as the kernel ends. Should it
be killed, the kernel dies with it. Where no server answers (a cluster, a single notebook), `start`
becomes an ordinary kernel.

The server only imports: it computes nothing, opens no CUDA device and starts no thread, so that a
fork of it is as good as a new process. (The allocator of pyarrow, which pandas brings, has a thread
in the background, and stops it in a fork.)
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
# What must be the same in server and kernel, because it is read while libraries are imported.
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
    # A kernel's own: the debugger, its slowest part, among them.
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.debugger",
    "IPython.extensions.storemagic",
    "sqlite3",
    "tornado.platform.asyncio",
    "xstilts_core.analysis",
    "xstilts_core.report.figures",
    # What matplotlib and pandas import when the first figure and table are written.
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
# A unix socket's path may have 107 bytes, the "-5" for a kernel's port included.
_SOCKET_PATH_BYTES = 100


def fixed(environment: dict[str, str]) -> list[str | None]:
    return [environment.get(name) for name in _FIXED]


def inherited() -> list[int]:
    """Standard streams, and the descriptors that the caller let through: the run folder's lock is
    held until the kernel ends."""
    found = [0, 1, 2]
    for number in (
        sorted(int(name) for name in os.listdir("/proc/self/fd"))
        if os.path.isdir("/proc/self/fd")
        else ()
    ):
        with suppress(OSError):  # the descriptor that listed the folder is gone
            if number > 2 and os.get_inheritable(number):
                found.append(number)
    return found[:_MOST_DESCRIPTORS]


def _become_kernel(parent: int, arguments: Sequence[str]) -> None:
    """Turn this process into an ordinary kernel, which lives as long as its runner `parent`."""
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
    """Stand for a kernel that the server forks; returns its exit code. Becomes a kernel itself
    where no server answers."""
    parent = int(
        os.environ.get("JPY_PARENT_PID", os.getppid())
    )  # as jupyter_client says: it may have been killed already
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.environ.get(ADDRESS, ""))
        wish = {
            "arguments": list(arguments),
            "environment": dict(os.environ),
            "folder": os.getcwd(),
        }
        message = json.dumps(wish).encode()
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
            if (
                os.getppid() != parent
            ):  # the notebook's runner was killed: closing the connection ends the kernel
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
    """A wish for a kernel and the descriptors that came with it; ValueError where the sender broke
    off."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, _MOST_DESCRIPTORS)
    size = struct.unpack("!I", head)[0] if len(head) == 4 else _MOST_BYTES + 1
    if size > _MOST_BYTES:
        raise ValueError("not a wish for a kernel")
    text = b""
    while len(text) < size:
        part = connection.recv(size - len(text))
        if not part:
            raise ValueError("the wish for a kernel broke off")
        text += part
    return json.loads(text), descriptors


def _die_with(connection: socket.socket) -> None:
    """End this kernel at once when the process that stands for it is gone."""
    connection.settimeout(None)
    while connection.recv(1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def _run_kernel(wish: dict[str, Any], descriptors: list[int], connection: socket.socket) -> None:
    """In the forked process: take over streams, environment and folder, and be the kernel."""
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
    """Forks kernels until its lifeline (standard input, held by the grid) closes and the last
    kernel has ended."""

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
        """Take the kernels along, at once: they compute, and hear of the end of their runners only
        between two steps."""
        for kernel in (
            self.kernels if os.getpid() == self.owner else ()
        ):  # not in a fork that has yet to become a kernel
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
            wish, descriptors = _receive(connection)
            if fixed(wish["environment"]) == fixed(dict(os.environ)):
                self.fork(wish, descriptors, connection)
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
        """Tell those who stand for kernels that ended how they ended."""
        while self.kernels:
            kernel, status = os.waitpid(-1, os.WNOHANG)
            if kernel == 0:
                return
            connection = self.kernels.pop(kernel)
            with suppress(OSError):
                connection.sendall(struct.pack("!i", status))
            connection.close()


def serve(address: str, modules: Sequence[str]) -> int:
    """Listen first, so that early kernels wait for the imports instead of making their own; then
    import and fork on demand."""
    server = _Server(address)
    for name in modules:
        import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a kernel would otherwise copy the shared pages
    server.serve()
    shutil.rmtree(Path(address).parent, ignore_errors=True)  # its owner may have been killed
    return 0


def socket_base() -> Path:
    """Where folders of sockets may stand: the folder of temporary files, /tmp where that one's own
    path is too long for a socket's."""
    base = Path(tempfile.gettempdir())
    return base if len(os.fsencode(base)) <= _SOCKET_PATH_BYTES - 40 else Path("/tmp")


@contextmanager
def serving(variables: Mapping[str, str], training: bool = True) -> Iterator[None]:
    """A server for the kernels that are started below this process, with these variables set
    (`kernel.environment`).

    training: they need torch; reports alone do without it, and begin several seconds earlier. The
    server lives as long as this process and its kernels: it reads from a pipe that closes when this
    process ends, however it ends.
    """
    address = f"{(folder := tempfile.mkdtemp(prefix='xs', dir=socket_base()))}/server"
    call = [
        sys.executable,
        "-m",
        "xstilts_core.jobs.kernel_server",
        "serve",
        address,
        *(_TRAINING if training else ()),
        *_REPORTING,
    ]
    server = subprocess.Popen(
        call, stdin=subprocess.PIPE, env={**os.environ, **variables}, start_new_session=True
    )
    while server.poll() is None and not os.path.exists(
        address
    ):  # kernels that ask before it listens would do without it
        time.sleep(0.02)
    os.environ[ADDRESS] = address
    try:
        yield
    finally:
        del os.environ[ADDRESS]
        server.stdin.close()
        try:
            server.wait(_WATCH_SECONDS)
        except subprocess.TimeoutExpired:  # stopped while it imports, or while kernels are at work
            server.terminate()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """`serve ADDRESS MODULE...`, or `start` and the arguments of a kernel."""
    verb, *rest = arguments
    return serve(rest[0], rest[1:]) if verb == "serve" else start(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
