"""A disk cache of generated data sets: reading takes a hundredth of a second, generating some
seconds.

The cache is in the user's own cache folder (XDG_CACHE_HOME, else ~/.cache). Its subfolder is named
by a checksum over the generator's code and lexicons, so that no change of either is missed.
XSTILTS_CACHE names another folder, and an empty value turns the cache off. Any failure, such as an
unwritable home or a full disk, costs only time: the data are generated.
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
from xstilts_core.tasks import embedded_sizes

VARIABLE = "XSTILTS_CACHE"


@functools.cache
def generator() -> str:
    """Return a short checksum over what the generated data depend on: this package's files, the
    example types, the sizes and Python's version."""
    package = Path(__file__).parent
    files = [file for file in package.rglob("*") if file.suffix in (".py", ".tsv", ".yaml")]
    sizes = Path(embedded_sizes.__file__)
    files += [Path(examples.__file__), sizes, sizes.with_suffix(".yaml")]
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(files):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def folder() -> Path | None:
    """Return the folder of the cache; None if it is turned off or there is no home."""
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


def cached(name: str, generate: Callable[[], list[Example]]) -> list[Example]:
    """Return the data set of this name from the cache; generate and cache it if it is not there."""
    cache = folder()
    if cache is None:
        return generate()
    with suppress(
        OSError, EOFError, ValueError, IndexError, AttributeError, pickle.UnpicklingError
    ):  # absent or damaged
        return pickle.loads((cache / name).read_bytes())
    data = generate()
    with suppress(OSError):
        write(cache / name, pickle.dumps(data, pickle.HIGHEST_PROTOCOL))
    return data


def write(path: Path, content: bytes) -> None:
    """Write a whole file or nothing, because several runs may generate the same data at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
