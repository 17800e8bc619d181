"""95 % intervals of mean gains over seeds and test items, and the item replicates that they need.

An interval answers this question: would the mean gain be the same with other seeds and other test
items, in the same languages? Each seed, and each item, is paired with its baseline. Items are drawn
with replacement, once per target for all recipes, seeds and languages (items.py). The contribution
of seeds is computed, with Student's t because they are few: hierarchy.py has the method, its
formulas, sources and coverage. Languages are the fixed list that the benchmark defines, so they are
not drawn and nothing is claimed about other languages (`hierarchical_gains` can draw them).

If predictions are missing, items cannot be drawn, and the interval covers other seeds on the same
items. With one seed there is no interval, because nothing is known about other seeds. The column
`resampled` states both cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from xstilts_core.analysis.gains import (
    LAST_DIGIT,
    settled,
)
from xstilts_core.analysis.hierarchy import MANY, NOTHING, ONE_SEED, Part, half_widths
from xstilts_core.analysis.items import ItemScores

NO_ITEMS: ItemScores = MappingProxyType({})
SEEDS_ITEMS, SEEDS = "seeds and items", "seeds"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number in points and the components of its interval. Estimates of the same study can be
    added and subtracted.

    pulls [seeds of the study]: deviation of each seed from the mean of its seeds, (x_s - X) /
    sqrt(S (S - 1)); their sum of squares is the variance of the mean due to seeds. draws [draws,
    seeds]: deviation of each seed's share of the mean, 1 / S, on resampled items; a draw takes the
    same items in every estimate. count: number of seeds S; 0 for a constant, such as the baseline's
    gain of 0.
    """

    exact: float
    pulls: np.ndarray
    draws: np.ndarray
    count: int

    @property
    def value(self) -> float:
        """`exact`, rounded by `settled` for display and comparison."""
        return float(settled(self.exact))

    @property
    def parts(self) -> list[Part]:
        """Variance due to seeds, and the variance due to items that is not already in it."""
        if self.count < 2:
            return []
        item_variance = 0.0
        if len(self.draws) > 1:
            shared = self.draws.sum(axis=1).var()
            both = (
                self.count / (self.count - 1) * (self.draws.var(axis=0).sum() - shared / self.count)
            )
            item_variance = float(shared - both)
        # A variance below the square of the last digit is rounding error.
        seed_variance, item_variance = (
            variance if variance > LAST_DIGIT**2 else 0.0
            for variance in (float(self.pulls @ self.pulls), item_variance)
        )
        return [Part("seeds", seed_variance, self.count - 1), Part("items", item_variance, MANY)]

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high end of the 95 % interval: NaN with one seed, of width 0 for a constant."""
        low, high = intervals([self])[0]
        return float(low), float(high)

    def __sub__(self, other: "Estimate") -> "Estimate":
        return combined([self, other], [1, -1])


def combined(parts: Sequence[Estimate], factors: Sequence[float] | np.ndarray) -> Estimate:
    """Return the sum of the parts times the factors, with the smallest positive number of seeds."""
    exact = float(np.dot([part.exact for part in parts], factors))
    pulls = np.tensordot(factors, np.stack([part.pulls for part in parts]), axes=1)
    draws = np.tensordot(factors, np.stack([part.draws for part in parts]), axes=1)
    return Estimate(
        exact, pulls, draws, min((part.count for part in parts if part.count), default=0)
    )


def intervals(estimates: Sequence[Estimate]) -> np.ndarray:
    """Return [estimates, low and high]: the `interval` of each estimate, computed in one pass."""
    variances, freedoms = np.zeros((len(estimates), 2)), np.full((len(estimates), 2), MANY)
    for row, estimate in enumerate(estimates):
        for column, part in enumerate(estimate.parts):
            variances[row, column], freedoms[row, column] = part.variance, part.freedom
    known = np.array([estimate.count != 1 for estimate in estimates], dtype=bool)
    half = np.where(known, half_widths(variances, freedoms), NOTHING)
    values = np.array([estimate.exact for estimate in estimates])
    ends: np.ndarray = settled(np.stack([values - half, values + half], axis=-1))
    return ends


def mean(parts: Sequence[Estimate]) -> Estimate:
    """Return the plain mean; NaN if a part is NaN, so that a missing value cannot go unnoticed."""
    return combined(parts, np.full(len(parts), 1 / len(parts)))


def covers(seeds: int, itemwise: bool) -> str:
    """Return what an interval over that many seeds covers, or why there is none."""
    return ONE_SEED if seeds < 2 else SEEDS_ITEMS if itemwise else SEEDS
