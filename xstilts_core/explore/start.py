"""A run that a person started from the form: a process of the suite's own command, which goes on
when the page is closed."""

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
    """The process, the run it makes, and the file with what it says."""

    process: "subprocess.Popen[bytes]"
    spec: Spec
    said: Path

    @property
    def going(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        """The last lines of what it said."""
        return "\n".join(
            self.said.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:]
        )

    def stop(self) -> None:
        """End it with all that it started."""
        stopping.end(self.process)


@contextmanager
def places() -> Iterator[None]:
    """A file or folder that this machine cannot have, such as one of a name too long, as a
    sentence."""
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
    """The state of the run. OSError where it can have no folder: `results.state` takes that for a
    failed run."""
    spec.folder.exists()
    return results.state(spec)


@places()
def check(spec: Spec) -> None:
    """UsageError where the run cannot start, or would replace a result that is there."""
    spec.require_places()
    state = state_of(spec).state
    if state == "running":
        raise UsageError(f"{spec.folder}: a run is at work there already")
    if state in ("done", "stale"):
        raise UsageError(
            f"{spec.folder} has a result already: choose another study name, recipe or seed, or delete that folder first"
        )
    for parent in spec.parents:
        if not (parent / results.RESULT).is_file():
            raise UsageError(
                f"it starts from {parent}, where no run has finished yet: run that first"
            )


def start(phase: str, typed: Mapping[str, Any], threads: int) -> Started:
    """Start the run's notebook by `xstilts notebook`. UsageError where `check` says so."""
    spec = spec_of(phase, typed)
    check(spec)
    call = [
        sys.executable,
        "-m",
        "xstilts_core.commands.cli",
        "notebook",
        spec.notebook,
        "--threads",
        str(threads),
    ]
    for name, value in given(phase, typed).items():
        call += ["-p", name, text(value)]
    with tempfile.NamedTemporaryFile(prefix="xstilts-run-", suffix=".log", delete=False) as said:
        # A session of its own, so that stopping the kernel of this page does not stop the run
        # halfway.
        process = subprocess.Popen(
            call,
            cwd=home(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Started(process, spec, Path(said.name))
