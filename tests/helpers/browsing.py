"""A Chromium that is there, and servers for it: started as `make explore` and `make lab` start
them, with the token that they print."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xstilts_core.files.paths import HOME

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# A container has no sandbox of its own to give, and a test asks the network for nothing.
OPTIONS = (
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-dev-shm-usage",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
START_SECONDS, STOP_SECONDS = 180, 20


def browser() -> str:
    """The path of a Chromium; "" where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), "")


def recipe(target: str) -> list[str]:
    """The command that a target of the Makefile ends with: a program and its arguments."""
    lines = (
        (ROOT / "Makefile")
        .read_text(encoding="utf-8")
        .split(f"\n{target}:")[1]
        .split("\n\n")[0]
        .splitlines()
    )
    words = lines[-1].strip().split()
    assert words[0].startswith("$(BIN)/"), words
    return [words[0].removeprefix("$(BIN)/"), *words[1:]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(target: str, project: Path) -> Iterator[tuple[str, int]]:
    """The server of `make explore` or `make lab` on another port: gives the address with its token,
    and the port."""
    program, *arguments = recipe(target)
    port, log = free_port(), project / f"{target}.log"
    # A name of its own for the server's root where these tests run as root, as a container's do.
    extra = ["--allow-root"] if program == "jupyter" else []
    call = [sys.executable, "-m", program, *arguments, "--no-browser", f"--port={port}", *extra]
    with log.open("w", encoding="utf-8") as said:
        # The project's own studies, also where the variable names another project.
        environment = {**os.environ, HOME: str(project)}
        server = subprocess.Popen(
            call, cwd=project, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        yield address(server, log, port), port
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # it waits for kernels that are busy; they end with it
            server.kill()
            server.wait()


def address(server: "subprocess.Popen[bytes]", log: Path, port: int) -> str:
    """What the server prints once it is there."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        found = re.search(
            rf"http://(?:127\.0\.0\.1|localhost):{port}/\S*token=\w+",
            log.read_text(encoding="utf-8"),
        )
        if found:
            return found[0]
        time.sleep(0.2)
    raise AssertionError(f"no server with a token:\n{log.read_text(encoding='utf-8')[-2000:]}")


def listens_on(port: int) -> set[str]:
    """The local addresses, in the kernel's hexadecimal spelling, on which something listens at this
    port (Linux)."""
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    return {
        local.split(":")[0]
        for _, local, _, state, *_ in rows
        if state == "0A" and int(local.split(":")[1], 16) == port
    }
