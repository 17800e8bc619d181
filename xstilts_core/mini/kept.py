"""Generated data sets, kept on disk: a run reads in a hundredth of a second what it would generate
in some.

They lie in the user's own cache (XDG_CACHE_HOME, else ~/.cache), in a folder named by the generator
itself: the bytes of its code and lexicons, so that no change of either is ever missed.
XSTILTS_CACHE names another place, and empty means none. Whatever goes wrong there, an unwritable
home or a full disk, costs only the time: the data are generated.
"""

import functools
import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from xstilts_core import examples
from xstilts_core.examples import Example
from xstilts_core.files.paths import expanded

VARIABLE = "XSTILTS_CACHE"


@functools.cache
def generator() -> str:
    """What the generated data depend on, as a short name: this package's files, the example types,
    Python's version."""
    here = Path(__file__).parent
    files = [*here.rglob("*.py"), *here.rglob("*.tsv"), Path(examples.__file__)]
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(files):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def folder() -> Path | None:
    """Where data sets are kept; None where they shall not be, or there is no home."""
    if VARIABLE in os.environ:
        return expanded(os.environ[VARIABLE]) / generator() if os.environ[VARIABLE] else None
    try:
        return (
            Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            / "xstilts"
            / generator()
        )
    except RuntimeError:
        return None


def kept(name: str, make: Callable[[], list[Example]]) -> list[Example]:
    """The data set of that name: read where it has been generated before, else generated and
    kept."""
    place = folder()
    if place is None:
        return make()
    with suppress(
        OSError, EOFError, ValueError, IndexError, AttributeError, pickle.UnpicklingError
    ):  # absent, or damaged
        return pickle.loads((place / name).read_bytes())
    found = make()
    with suppress(OSError):
        write(place / name, pickle.dumps(found, pickle.HIGHEST_PROTOCOL))
    return found


def write(path: Path, content: bytes) -> None:
    """All of it or nothing: several runs may generate the same at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
