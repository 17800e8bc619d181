"""Compare the answers of two runs to the same test items: which ones changed from right to wrong,
and which from wrong to right.

Predictions are read when a cell is opened, and cached. An answer is right if it counts in full (the
label, every tag of the sentence, the answer's exact words, the pair). Its share is the fraction
that is right: F1 of an answer's words, share of right tags, average precision of a ranking.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from xstilts_core import metrics
from xstilts_core.analysis.items import read_predictions
from xstilts_core.errors import UsageError

_Columns = Mapping[str, np.ndarray]
Answers = Mapping[str, tuple[Any, Any, float]]
"""Item id -> (gold answer, the run's answer, share that is right)."""
LOST, WON, LOWER, HIGHER = "right to wrong", "wrong to right", "worse", "better"
_RIGHT, _WRONG = "both right", "both wrong"
CHANGES = (LOST, WON, LOWER, HIGHER, _WRONG, _RIGHT)
_FILES_CACHED = 64
# Columns of statistics -> the share of an item that is right, from 0 to 1. A mined pair is right if
# it is the gold pair, or if the item rightly has none.
_SHARES: Mapping[tuple[str, ...], Callable[[_Columns], np.ndarray]] = {
    metrics.ACCURACY: lambda column: column["hit"],
    metrics.SPAN: lambda column: np.where(
        column["exact_match"] == 1, 1.0, np.minimum(column["f1"], 0.999)
    ),
    metrics.TAGGING: lambda column: column["token_hit"] / np.maximum(column["token"], 1),
    metrics.BITEXT: lambda column: (
        (column["predicted"] == column["true_positive"])
        & (column["gold"] == column["true_positive"])
    ).astype(float),
    metrics.RANKING: lambda column: column["average_precision"],
}


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
        return _RIGHT if before else _WRONG


def answers(path: Path) -> Answers:
    """Read a file of predictions; return the cached answers if the file has not changed. Raise
    UsageError if there is no such file or it is not a file of predictions."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}: its run kept no predictions") from None
    return _answers(path, changed)


@lru_cache(maxsize=_FILES_CACHED)
def _answers(path: Path, changed: int) -> Answers:
    """Read a file of predictions that was last changed at that time."""
    predictions = read_predictions(path, answers=True)
    columns = dict(zip(predictions.columns, predictions.statistics.T, strict=True))
    shares = _SHARES[predictions.columns](columns).tolist()
    items = zip(predictions.ids, predictions.answers, shares, strict=True)
    return {name: (*pair, share) for name, pair, share in items}


def compared(before: Path, after: Path) -> list[Compared]:
    """Return the items that both files have, in the order of the baseline's."""
    recipe_answers = answers(after)
    return [
        Compared(name, gold, answer, recipe_answers[name][1], share, recipe_answers[name][2])
        for name, (gold, answer, share) in answers(before).items()
        if name in recipe_answers
    ]
