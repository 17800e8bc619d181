"""The server of ready kernels: forks what is asked for, lets go of nothing, leaves nothing
behind."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from xstilts_core.files.locks import acquire
from xstilts_core.jobs import kernel_server
from xstilts_core.jobs.kernel import environment
from xstilts_core.jobs.kernel_server import ADDRESS, serving

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="sockets and locks as on Linux"),
    pytest.mark.slow,
]
START = [sys.executable, "-m", "xstilts_core.jobs.kernel_server", "start"]


def test_a_long_folder_of_temporary_files_holds_no_socket(tmp_path, monkeypatch):
    """A unix socket's path has at most 107 bytes."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    short = kernel_server.socket_base()
    long = tmp_path / ("a" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert kernel_server.socket_base() == Path("/tmp") and short in (tmp_path, Path("/tmp"))
    with serving(environment(1)):
        address = os.environ[ADDRESS]
        assert address.startswith("/tmp/xs") and Path(address).is_socket()
    assert not Path(address).parent.exists() and not list(long.iterdir())


@pytest.fixture(scope="module")
def server():
    """A server with one thread."""
    with serving(environment(1)):
        yield os.environ[ADDRESS]


def start(folder: Path, threads: int = 1, **options: object) -> tuple[subprocess.Popen, dict]:
    """A kernel that has written its connection file, and that file's content."""
    file = folder / "kernel.json"
    file.unlink(missing_ok=True)
    call = [*START, "-f", str(file), "--transport=ipc", f"--ip={folder}/k", "--log-level=CRITICAL"]
    stand_in = subprocess.Popen(
        call, env={**os.environ, **environment(threads)}, start_new_session=True, **options
    )
    wait(lambda: file.is_file() and file.read_text())
    return stand_in, json.loads(file.read_text())


def wait(condition, seconds: float = 60.0):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def forks(address: str) -> list[int]:
    """The kernels of the server at `address`: the children of its children, which wait for them; all
    bear its command line, and so does what kernels fork in turn."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError, IndexError):
            if address.encode() in path.read_bytes().split(b"\0"):
                parents[int(path.parent.name)] = int(
                    path.with_name("stat").read_text().rsplit(")", 1)[1].split()[1]
                )
    servers = {number for number, parent in parents.items() if parent not in parents}
    waiting = {number for number, parent in parents.items() if parent in servers}
    return [number for number, parent in parents.items() if parent in waiting]


def run(folder: Path, code: str) -> str:
    """Run `code` in the kernel of `folder`; what it printed."""
    from jupyter_client import BlockingKernelClient

    client = BlockingKernelClient(connection_file=str(folder / "kernel.json"))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    said: list[str] = []
    client.execute_interactive(
        code,
        output_hook=lambda message: said.append(message["content"].get("text", "")),
        timeout=60,
    )
    client.stop_channels()
    return "".join(said)


def test_a_forked_kernel_has_the_caller_s_environment_folder_and_modules(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("XSTILTS_TEST_VALUE", "seen")
    monkeypatch.chdir(tmp_path)
    stand_in, _ = start(tmp_path)
    (kernel,) = forks(server)
    code = "import os, sys; print(os.environ['XSTILTS_TEST_VALUE'], os.getcwd(), 'transformers' in sys.modules, os.getpid())"
    assert run(tmp_path, code).split() == ["seen", str(tmp_path), "True", str(kernel)]
    stand_in.terminate()
    stand_in.wait(20)
    wait(lambda: not forks(server))


def test_a_kernel_dies_with_the_process_that_stands_for_it(server, tmp_path):
    stand_in, _ = start(tmp_path)
    assert len(forks(server)) == 1
    stand_in.kill()
    stand_in.wait()
    wait(lambda: not forks(server))


def test_a_killed_kernel_shows_as_killed(server, tmp_path):
    stand_in, _ = start(tmp_path)
    os.kill(forks(server)[0], signal.SIGKILL)
    assert stand_in.wait(20) == -signal.SIGKILL


def test_a_lock_is_held_until_the_kernel_is_gone(server, tmp_path):
    path = tmp_path / "lock"
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stand_in, _ = start(tmp_path, pass_fds=(lock.fileno(),))
    with path.open("a") as again:
        with pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stand_in.kill()
        wait(lambda: acquire(again))


def test_other_threads_than_the_server_s_make_an_ordinary_kernel(server, tmp_path):
    stand_in, _ = start(tmp_path, threads=2)
    assert forks(server) == []
    assert run(
        tmp_path, "import os; print(os.environ['OMP_NUM_THREADS'], os.getpid())"
    ).split() == ["2", str(stand_in.pid)]
    stand_in.kill()
    stand_in.wait()


def test_without_a_server_an_ordinary_kernel_starts(tmp_path, monkeypatch):
    monkeypatch.setenv(ADDRESS, str(tmp_path / "nobody"))
    stand_in, _ = start(tmp_path)
    assert run(tmp_path, "import os; print(os.getpid())").split() == [str(stand_in.pid)]
    stand_in.kill()
    stand_in.wait()


def test_nonsense_does_not_end_the_server(server, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(server)
        caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            assert caller.recv(1) == b""
    stand_in, _ = start(tmp_path)
    assert len(forks(server)) == 1
    stand_in.kill()
    stand_in.wait()


def test_the_server_ends_with_its_owner_however_that_ends(tmp_path):
    code = (
        "import os, time; from xstilts_core.jobs.kernel import environment; from xstilts_core.jobs import kernel_server\n"
        "with kernel_server.serving(environment(1)): print(os.environ[kernel_server.ADDRESS], flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    address = owner.stdout.readline().strip()
    wait(lambda: Path(address).exists())
    owner.kill()
    owner.wait()
    wait(lambda: not Path(address).parent.exists())


def test_wishes_are_compared_by_what_libraries_read_at_import():
    same = {**environment(1), "OTHER": "1"}
    assert kernel_server.fixed(same) == kernel_server.fixed(environment(1))
    assert kernel_server.fixed(environment(2)) != kernel_server.fixed(environment(1))
