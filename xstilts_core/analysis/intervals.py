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
import pandas as pd

from xstilts_core.analysis.gains import (
    AVERAGE,
    LAST_DIGIT,
    chosen_languages,
    gains,
    recipe_order,
    settled,
    target_scores,
    task_order,
)
from xstilts_core.analysis.hierarchy import MANY, NOTHING, ONE_SEED, Part, half_widths
from xstilts_core.analysis.items import ItemScores
from xstilts_core.languages import LANGUAGES
from xstilts_core.study.spec import BASELINE

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


@dataclass(frozen=True, slots=True)
class Cell:
    """The gains of a recipe on one target, by language: the estimate, the number of test items, and
    whether items were resampled."""

    languages: tuple[str, ...]
    gains: tuple[Estimate, ...]
    items: np.ndarray
    itemwise: np.ndarray


@dataclass(frozen=True, slots=True)
class GainDraws:
    """The gains of a study by (recipe, task). languages: those that means are taken over; seeds:
    all seeds of the study; count: number of item draws."""

    recipes: tuple[str, ...]
    tasks: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    languages: frozenset[str]
    seeds: tuple[int, ...]
    count: int

    def picked(self, recipe: str, task: str) -> np.ndarray:
        """Return the positions of the cell's languages that enter the mean; empty if there is no
        cell."""
        cell = self.cells.get((recipe, task))
        return np.array(
            []
            if cell is None
            else [index for index, code in enumerate(cell.languages) if code in self.languages],
            dtype=int,
        )

    @property
    def finished(self) -> tuple[str, ...]:
        """The tasks on which at least one recipe has a gain."""
        return tuple(name for name in self.tasks if any(task == name for _, task in self.cells))

    def nothing(self, value: float) -> Estimate:
        """Return a constant, which has neither seeds nor items."""
        return Estimate(
            value, np.zeros(len(self.seeds)), np.zeros((self.count, len(self.seeds))), 0
        )

    def gain(self, recipe: str, task: str) -> Estimate:
        """Return the mean over languages and seeds: 0 for the baseline, NaN if runs are missing."""
        if recipe == BASELINE:
            return self.nothing(0.0)
        estimates = [self.cells[recipe, task].gains[index] for index in self.picked(recipe, task)]
        if not estimates:
            return self.nothing(NOTHING)
        runs = sum(part.count for part in estimates)
        average = combined(estimates, [part.count / runs for part in estimates])
        covers_items = self.resampled(recipe, task) == SEEDS_ITEMS
        return (
            average
            if covers_items
            else Estimate(average.exact, average.pulls, np.zeros_like(average.draws), average.count)
        )

    def average(self, recipe: str) -> Estimate:
        """Return the mean over all targets; NaN if one is missing."""
        return (
            mean([self.gain(recipe, task) for task in self.tasks])
            if self.tasks
            else self.nothing(NOTHING)
        )

    def resampled(self, recipe: str, task: str) -> str:
        """Return what the interval of `gain` covers: "seeds and items", "seeds", or why there is
        none; "" if runs are missing."""
        indices = self.picked(recipe, task)
        if len(indices) == 0:
            return ""
        cell = self.cells[recipe, task]
        return covers(
            min(cell.gains[index].count for index in indices), bool(cell.itemwise[indices].all())
        )


def covers(seeds: int, itemwise: bool) -> str:
    """Return what an interval over that many seeds covers, or why there is none."""
    return ONE_SEED if seeds < 2 else SEEDS_ITEMS if itemwise else SEEDS


def language_gain(
    rows: pd.DataFrame, items: ItemScores, seeds: Sequence[int], draws: int
) -> tuple[Estimate, bool]:
    """Return one recipe's gain on one task and language, from a row per seed, and whether items
    were resampled."""
    rows = rows.sort_values("seed")
    first, count = rows.iloc[0], len(rows)
    positions = [seeds.index(number) for number in rows["seed"]]
    values = rows["gain"].to_numpy(float)
    pulls, replicates = np.zeros(len(seeds)), np.zeros((draws, len(seeds)))
    if count > 1:
        pulls[positions] = (values - values.mean()) / np.sqrt(count * (count - 1))
    keys = [
        [(first["task"], first["language"], name, int(seed)) for seed in rows["seed"]]
        for name in (first["recipe"], BASELINE)
    ]
    itemwise = all(key in items for side in keys for key in side)
    if itemwise:
        scores, baseline = (np.stack([items[key] for key in side], axis=1) for side in keys)
        differences = scores - baseline
        replicates[:, positions] = (differences - differences.mean(axis=0)) / count
    return Estimate(float(values.mean()), pulls, replicates, count), itemwise


def gain_draws(
    frame: pd.DataFrame,
    items: ItemScores = NO_ITEMS,
    languages: Sequence[str] | None = None,
    metric: str | None = None,
    targets: Sequence[str] = (),
) -> GainDraws:
    """Return the gains and the components of their intervals, from tidy scores, and from
    `item_scores` of the same study if predictions were stored.

    languages: those to average over; None selects all but English, that is zero-shot transfer.
    metric: None selects each task's primary metric; item scores are of that metric and are ignored
    for another one. targets: those of the study; all count in the average, even without a score.
    """
    scores = target_scores(frame, metric)
    table = gains(frame, metric).dropna(subset=["gain"])
    item_draws = items if metric is None else NO_ITEMS
    count = len(next(iter(item_draws.values()))) if item_draws else 1
    seeds = tuple(sorted({int(number) for number in table["seed"]}))
    cells = {}
    for key, rows in table.groupby(["recipe", "task"], sort=False):
        groups = list(rows.groupby("language", sort=True))
        estimates = [language_gain(group, item_draws, seeds, count) for _, group in groups]
        cells[key] = Cell(
            tuple(code for code, _ in groups),
            tuple(estimate for estimate, _ in estimates),
            np.array([group["n"].max() for _, group in groups]),
            np.array([itemwise for _, itemwise in estimates]),
        )
    recipes = tuple(name for name in recipe_order(scores["recipe"]) if name != BASELINE)
    averaged = frozenset(chosen_languages(scores["language"], languages))
    return GainDraws(
        recipes, tuple(task_order({*scores["task"], *targets})), cells, averaged, seeds, count
    )


def gain_table(draws: GainDraws) -> pd.DataFrame:
    """Return the cells of `gain_matrix` with intervals: columns recipe task gain low high seeds
    languages n resampled; task `average` too.

    n counts the (seed, language) pairs in the mean. `resampled` is what the interval covers, or why
    there is none. gain, low and high are in points; low and high are NaN with one seed. If the runs
    are missing, all three are NaN and the counts are 0.
    """
    rows, estimates = [], []
    for recipe in draws.recipes:
        counts, task_gains, codes = [], [], set()
        for task in draws.tasks:
            indices = draws.picked(recipe, task)
            seeds = np.array(
                [draws.cells[recipe, task].gains[index].count for index in indices] or [0]
            )
            counts.append((int(seeds.max()), len(indices), int(seeds.sum())))
            codes |= {draws.cells[recipe, task].languages[index] for index in indices}
            task_gains.append(draws.gain(recipe, task))
            rows.append((recipe, task, *counts[-1], draws.resampled(recipe, task)))
        estimates += task_gains
        if draws.tasks:
            whole = all(count[0] for count in counts)
            scope = (
                " / ".join(dict.fromkeys(row[-1] for row in rows[-len(draws.tasks) :]))
                if whole
                else ""
            )
            few = min(count[0] for count in counts)
            rows.append(
                (recipe, AVERAGE, few, len(codes) if whole else 0, sum(c[2] for c in counts), scope)
            )
            estimates.append(mean(task_gains))
    return _with_intervals(
        pd.DataFrame(rows, columns=["recipe", "task", "seeds", "languages", "n", "resampled"]),
        2,
        estimates,
    )


def _with_intervals(table: pd.DataFrame, place: int, found: Sequence[Estimate]) -> pd.DataFrame:
    """Insert the columns gain, low and high at position `place`: one estimate per row."""
    low, high = intervals(found).T
    columns = pd.DataFrame(
        {"gain": [estimate.value for estimate in found], "low": low, "high": high},
        index=table.index,
        dtype=float,
    )
    return pd.concat([table.iloc[:, :place], columns, table.iloc[:, place:]], axis=1)


def by_language(draws: GainDraws) -> pd.DataFrame:
    """Return gains by language: columns recipe task language gain low high seeds n resampled script
    resource_level word_order.

    low and high cover seeds, and test items if predictions were stored; they are NaN with one seed.
    `resampled` is "seeds and items", "seeds", or why there is no interval. n: number of test items.
    English is included. resource_level: from the size of the language in CC-100 (languages.py), not
    from the study's own phase 1 data.
    """
    rows, estimates = [], []
    for (recipe, task), cell in draws.cells.items():
        for index, code in enumerate(cell.languages):
            estimate = cell.gains[index]
            scope = covers(estimate.count, bool(cell.itemwise[index]))
            facts = LANGUAGES.get(code)
            traits = (
                (facts.script, facts.resource_level, facts.word_order)
                if facts
                else ("unknown",) * 3
            )
            rows.append((recipe, task, code, estimate.count, cell.items[index], scope, *traits))
            estimates.append(estimate)
    columns = [
        "recipe",
        "task",
        "language",
        "seeds",
        "n",
        "resampled",
        "script",
        "resource_level",
        "word_order",
    ]
    return _with_intervals(pd.DataFrame(rows, columns=columns), 3, estimates)
