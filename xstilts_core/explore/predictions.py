"""Compare the answers of two runs to the same test items: which ones changed from right to wrong,
and which from wrong to right.

Predictions are read when a cell is opened, and cached. An answer is right if it counts in full (the
label, every tag of the sentence, the answer's exact words, the pair). Its share is the fraction
that is right: F1 of an answer's words, share of right tags, average precision of a ranking.
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


def _right_pair(column: Columns) -> np.ndarray:
    """Score mining: 1 if the predicted pair is right or if the item rightly has none, else 0."""
    return (
        (column["predicted"] == column["true_positive"])
        & (column["gold"] == column["true_positive"])
    ).astype(float)


# Columns of statistics -> the share of an item that is right, from 0 to 1.
SHARES: Mapping[tuple[str, ...], Callable[[Columns], np.ndarray]] = MappingProxyType(
    {
        metrics.ACCURACY: lambda column: column["hit"],
        metrics.SPAN: lambda column: np.where(
            column["exact_match"] == 1, 1.0, np.minimum(column["f1"], 0.999)
        ),
        metrics.TAGGING: lambda column: column["token_hit"] / np.maximum(column["token"], 1),
        metrics.BITEXT: _right_pair,
        metrics.RANKING: lambda column: column["average_precision"],
    }
)


@dataclass(frozen=True, slots=True)
class Answers:
    """A run's answers by item id, each as (gold, prediction, share that is right)."""

    rows: Mapping[str, tuple[Any, Any, float]]


@dataclass(frozen=True, slots=True)
class Compared:
    """One test item: the gold answer, the answers of baseline and recipe, their shares that are
    right, and the kind of change."""

    id: str
    gold: Any
    before: Any
    after: Any
    before_share: float
    after_share: float

    @property
    def change(self) -> str:
        """Return the kind of change, one of CHANGES."""
        before, after = self.before_share >= 1, self.after_share >= 1
        if before != after:
            return LOST if before else WON
        if self.before_share != self.after_share:
            return LOWER if self.after_share < self.before_share else HIGHER
        return RIGHT if before else _WRONG


def answers(path: Path) -> Answers:
    """Read a file of predictions; return the cached answers if the file has not changed. Raise
    UsageError if there is no such file or it is not a file of predictions."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}: its run kept no predictions") from None
    return read_answers(path, changed)


@lru_cache(maxsize=_FILES_KEPT)
def read_answers(path: Path, changed: int) -> Answers:
    """Read the file of predictions; its time of last change, `changed`, is part of the cache
    key."""
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
            f"{path} is not a file of predictions ({type(error).__name__}: {error}): "
            "run its notebook again"
        ) from None


def compared(before: Path, after: Path) -> list[Compared]:
    """Return the items that both files have, in the order of the baseline's."""
    baseline_rows, recipe_rows = answers(before).rows, answers(after).rows
    return [
        Compared(name, gold, guess, recipe_rows[name][1], share, recipe_rows[name][2])
        for name, (gold, guess, share) in baseline_rows.items()
        if name in recipe_rows
    ]
