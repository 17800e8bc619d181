"""Checkpoints of trainings, written whole or not at all and resumed by the same training only."""

import hashlib
import os
import pickle
import random
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

FILE = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The folder that stores an unfinished training, the steps between writes, and what its run's
    numbers depend on (identity.py).

    The file is about four times the size of the weights: the model, AdamW's two moments and, after
    the first evaluation, the best weights (2.2 GB each for XLM-R Large in float32). The old file
    stays while a new one is written. name: of the file.
    """

    folder: Path
    every: int = 0
    run: dict[str, Any] = field(default_factory=dict)
    name: str = FILE

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def temporary(self) -> Path:
        """Return the path to write to. It is always the same, so that the half-written file of a
        killed run is overwritten instead of filling the disk."""
        return self.folder / f".{self.name}.part"

    def write(self, state: dict[str, Any], identity: dict[str, Any]) -> None:
        """Store `state`. An OSError, as on a full disk, leaves the previous checkpoint intact."""
        try:
            with self.temporary.open("wb") as stream:
                torch.save({"identity": {**self.run, **identity}, **state}, stream)
                stream.flush()
                os.fsync(stream.fileno())
        # On a full disk torch raises a RuntimeError that does not name the cause.
        except (OSError, RuntimeError) as error:
            self.temporary.unlink(missing_ok=True)
            free = shutil.disk_usage(self.folder).free / 1e9
            raise OSError(
                f"no checkpoint can be written to {self.folder}: "
                f"is the disk full ({free:.1f} GB free)?"
            ) from error
        os.replace(self.temporary, self.path)

    def read(self, identity: dict[str, Any]) -> dict[str, Any] | None:
        """Return the state to resume from, its tensors on the CPU.
        Return None if there is none, or, with a printed explanation, if it cannot be used."""
        if not self.path.is_file():
            return None
        state: dict[str, Any] = {}
        try:
            # torch.load itself reads damaged weights silently.
            with zipfile.ZipFile(self.path) as archive:
                broken = archive.testzip()
            problem = f"it is damaged ({broken})"
            if not broken:
                state = torch.load(self.path, map_location="cpu", weights_only=True)
                stored, current = state["identity"], {**self.run, **identity}
                keys = {*stored, *current}
                names = sorted(key for key in keys if stored.get(key) != current.get(key))
                problem = f"it was made with other {', '.join(names)}" if names else ""
        except (
            OSError,
            RuntimeError,
            ValueError,
            LookupError,
            TypeError,
            EOFError,
            zipfile.BadZipFile,
            pickle.UnpicklingError,
        ) as error:
            problem = f"it cannot be read ({type(error).__name__})"
        if problem:
            print(f"{self.path} is not used, training begins anew: {problem}", flush=True)
            return None
        return state

    def remove(self) -> None:
        """Delete the checkpoint of a finished training."""
        for path in (self.path, self.temporary):
            path.unlink(missing_ok=True)


def fingerprint(arrays: Iterable[Tensor | np.ndarray]) -> str:
    """Return a digest of the arrays' bytes, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        values = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
        digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def random_states() -> dict[str, Any]:
    """Return the states of the global generators of torch (used by dropout), CUDA, numpy and
    Python, as types that torch loads without code."""
    kind, keys, *rest = cast("tuple[str, np.ndarray, int, int, float]", np.random.get_state())
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    return {
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "numpy": (kind, keys.tolist(), *rest),
        "python": random.getstate(),
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Restore what `random_states` returned."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"])
    np.random.set_state(states["numpy"])
    random.setstate(states["python"])
