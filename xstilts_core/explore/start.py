"""Start a run from the form, as an `xstilts notebook` process that survives closing the page."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.explore.fields import WHERE, given, short, spec_of, text
from xstilts_core.files.paths import home
from xstilts_core.jobs import stopping
from xstilts_core.results import State
from xstilts_core.study.spec import Spec

LINES = 12


@dataclass
class Started:
    """A run started from the form: its process, its spec, and the file with its output."""

    process: "subprocess.Popen[bytes]"
    spec: Spec
    said: Path

    @property
    def going(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        """Return the last lines of its output."""
        return "\n".join(
            self.said.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:]
        )

    def stop(self) -> None:
        """Stop the run and all processes that it started."""
        stopping.end(self.process)


@contextmanager
def places() -> Iterator[None]:
    """Convert errors about impossible paths, such as a name that is too long, to UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{WHERE}: {short(str(error.filename or 'a file'))}: {error.strerror or error}"
        ) from None
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{WHERE}: no file can have this name: {error}") from None


def state_of(spec: Spec) -> State:
    """Return the run's state. Raise OSError if its folder cannot exist (`results.state` says
    "failed")."""
    spec.folder.exists()
    return results.state(spec)


@places()
def check(spec: Spec) -> None:
    """Raise UsageError if the run cannot start or would replace an existing result."""
    spec.require_data_root()
    state = state_of(spec).state
    if state == "running":
        raise UsageError(f"{spec.folder}: a run is already at work there")
    if state in ("done", "stale"):
        raise UsageError(
            f"{spec.folder} has a result already: choose another study name, recipe or seed, "
            "or delete that folder first"
        )
    for parent in spec.parents:
        if not (parent / results.RESULT).is_file():
            raise UsageError(
                f"this run starts from {parent}, where no run has finished yet: run that first"
            )


def start(phase: str, typed: Mapping[str, Any], threads: int) -> Started:
    """Start the run's notebook by `xstilts notebook`. Raise UsageError if `check` does."""
    spec = spec_of(phase, typed)
    check(spec)
    command = [
        sys.executable,
        "-m",
        "xstilts_core.commands.cli",
        "notebook",
        spec.notebook,
        "--threads",
        str(threads),
    ]
    for name, value in given(phase, typed).items():
        command += ["-p", name, text(value)]
    with tempfile.NamedTemporaryFile(prefix="xstilts-run-", suffix=".log", delete=False) as log:
        # The run gets its own session, so that stopping this page's kernel does not stop it.
        process = subprocess.Popen(
            command,
            cwd=home(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Started(process, spec, Path(log.name))
