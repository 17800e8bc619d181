"""Identify the model in a folder. A different model at the same path is a different experiment."""

import hashlib
from functools import lru_cache
from pathlib import Path

FILES = ("config.json", "*.safetensors", "*.bin", "*.model", "tokenizer*.json", "vocab.*")
BLOCK, BLOCKS = 2**16, 64


def fingerprint(folder: Path) -> str:
    """Return a hash of the model's files, or "" if there is no such folder.

    It covers the names, the sizes and 64 blocks spread over each file. Training changes every
    weight, so two models of gigabytes can be distinguished without reading them whole.
    """
    files = sorted({path for kind in FILES for path in folder.glob(kind) if path.is_file()})
    return (
        digest(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))
        if files
        else ""
    )


@lru_cache(maxsize=64)
def digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Return the hash of files with these sizes and times. Cached, because the specs of one study
    ask for the same files repeatedly."""
    sha256 = hashlib.sha256()
    for path, size, _ in files:
        sha256.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as stream:
            for offset in sorted(
                {max(0, (size - BLOCK) * step // (BLOCKS - 1)) for step in range(BLOCKS)}
            ):
                stream.seek(offset)
                sha256.update(stream.read(BLOCK))
    return sha256.hexdigest()[:16]
