"""Which model a folder holds: another one at the same place is another experiment."""

import hashlib
from functools import lru_cache
from pathlib import Path

FILES = ("config.json", "*.safetensors", "*.bin", "*.model", "tokenizer*.json", "vocab.*")
BLOCK, BLOCKS = 2**16, 64


def fingerprint(folder: Path) -> str:
    """A hash of the model's files: their names, sizes and 64 blocks spread over each. "" where
    there is no such folder.

    Training moves every weight, so that a model of gigabytes need not be read to be told from
    another.
    """
    found = sorted({path for kind in FILES for path in folder.glob(kind) if path.is_file()})
    return (
        digest(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in found))
        if found
        else ""
    )


@lru_cache(maxsize=64)
def digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """The hash of files as they are at these sizes and times; specs of one study ask for it again
    and again."""
    made = hashlib.sha256()
    for path, size, _ in files:
        made.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as stream:
            for place in sorted(
                {max(0, (size - BLOCK) * step // (BLOCKS - 1)) for step in range(BLOCKS)}
            ):
                stream.seek(place)
                made.update(stream.read(BLOCK))
    return made.hexdigest()[:16]
