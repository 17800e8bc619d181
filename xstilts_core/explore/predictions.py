"""The answers of two runs to the same test items, side by side: which flipped from right to wrong,
and which back.

Predictions are read when a cell is opened, and kept. Right means: the answer counts in full (the
label, every tag of the sentence, the answer's exact words, the pair). share is the part of it that
is right: F1 of an answer's words, tags, average precision of a ranking.
"""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from xstilts_core import metrics
from xstilts_core.errors import UsageError
from xstilts_core.jobs.kept_runs import require_answers

Columns = Mapping[str, np.ndarray]
LOST, WON, LOWER, HIGHER, RIGHT, _WRONG = (
    "right to wrong",
    "wrong to right",
    "worse",
    "better",
    "both right",
    "both wrong",
)
CHANGES = (LOST, WON, LOWER, HIGHER, _WRONG, RIGHT)
_FILES_KEPT = 64


def _whole_pair(column: Columns) -> np.ndarray:
    """Mining: the right pair, or rightly none."""
    return (
        (column["predicted"] == column["true_positive"])
        & (column["gold"] == column["true_positive"])
    ).astype(float)


# Columns of statistics -> the share of an item that is right, in [0, 1].
SHARES: Mapping[tuple[str, ...], Callable[[Columns], np.ndarray]] = MappingProxyType(
    {
        metrics.ACCURACY: lambda column: column["hit"],
        metrics.BINARY: lambda column: column["hit"],
        metrics.SPAN: lambda column: np.where(
            column["exact_match"] == 1, 1.0, np.minimum(column["f1"], 0.999)
        ),
        metrics.TAGGING: lambda column: column["token_hit"] / np.maximum(column["token"], 1),
        metrics.BITEXT: _whole_pair,
        metrics.RANKING: lambda column: column["average_precision"],
    }
)


@dataclass(frozen=True, slots=True)
class Answers:
    """A run's answers by item id: (gold, prediction, share that is right)."""

    rows: Mapping[str, tuple[Any, Any, float]]


@dataclass(frozen=True, slots=True)
class Compared:
    """One test item: what is right, what the baseline and the recipe say, the shares of it that are
    right, and how they differ."""

    id: str
    gold: Any
    before: Any
    after: Any
    before_share: float
    after_share: float

    @property
    def change(self) -> str:
        """One of CHANGES."""
        before, after = self.before_share >= 1, self.after_share >= 1
        if before != after:
            return LOST if before else WON
        if self.before_share != self.after_share:
            return LOWER if self.after_share < self.before_share else HIGHER
        return RIGHT if before else _WRONG


def answers(path: Path) -> Answers:
    """Read a file of predictions, or give what was read before as long as it has not changed.
    UsageError where it is none."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}: its run kept no predictions") from None
    return read_answers(path, changed)


@lru_cache(maxsize=_FILES_KEPT)
def read_answers(path: Path, changed: int) -> Answers:
    """`answers` of the file as it was at that time."""
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
        head = json.loads(lines[0])
        require_answers(head, path)
        columns = tuple(head["columns"])
        items = [json.loads(line) for line in lines[1:]]
        statistics = np.array([item["stats"] for item in items], dtype=float).reshape(
            len(items), len(columns)
        )
        shares = SHARES[columns](dict(zip(columns, statistics.T, strict=True)))
        return Answers(
            {
                str(item["id"]): (item["gold"], item["prediction"], float(share))
                for item, share in zip(items, shares, strict=True)
            }
        )
    except UsageError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise UsageError(
            f"{path} is not a file of predictions ({type(error).__name__}: {error}): run its notebook again"
        ) from None


def compared(before: Path, after: Path) -> list[Compared]:
    """The items of both files, in the order of the baseline's."""
    base, made = answers(before).rows, answers(after).rows
    return [
        Compared(name, gold, guess, made[name][1], share, made[name][2])
        for name, (gold, guess, share) in base.items()
        if name in made
    ]
