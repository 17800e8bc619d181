"""95 % intervals of mean gains over seeds and test items, and the replicates of the items that they
are made from.

The question: would the mean gain be the same with other seeds and other test items, in the same
languages? Each seed, and each item, is taken with its baseline. Items are drawn with replacement,
once per target for all recipes, seeds and languages (items.py). What seeds add is computed, with
Student's t for their small number: hierarchy.py has the method, its formulas, sources and coverage.
Languages are the fixed list that the benchmark defines, so they are not drawn: nothing is claimed
of languages outside of it (`hierarchical_gains` can draw them).

Where predictions are missing, items cannot be drawn: the interval then covers other seeds on the
same items. With one seed there is no interval, for nothing is known of another; the column
`resampled` says both.
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
    """A number in points, and what its interval is made of. Estimates of the same study can be
    added and subtracted.

    pulls [seeds of the study]: how far each seed pulls it from the mean of its seeds, (x_s - X) /
    sqrt(S (S - 1)), so that their sum of squares is the variance that seeds give a mean. draws
    [draws, seeds]: by how much each seed's share of it, 1 / S, differs on resampled items; the same
    draw takes the same items in every estimate. count: the seeds behind it, S; 0: it is no
    measurement (the baseline).
    """

    exact: float
    pulls: np.ndarray
    draws: np.ndarray
    count: int

    @property
    def value(self) -> float:
        """`exact` as it is told and compared: `settled`."""
        return float(settled(self.exact))

    @property
    def parts(self) -> list[Part]:
        """Variance of seeds, and of items what is not already in that of seeds."""
        if self.count < 2:
            return []
        of_items = 0.0
        if len(self.draws) > 1:
            shared = self.draws.sum(axis=1).var()
            both = (
                self.count / (self.count - 1) * (self.draws.var(axis=0).sum() - shared / self.count)
            )
            of_items = float(shared - both)
        # What is less than the square of a last digit is no spread.
        of_seeds, of_items = (
            found if found > LAST_DIGIT**2 else 0.0
            for found in (float(self.pulls @ self.pulls), of_items)
        )
        return [Part("seeds", of_seeds, self.count - 1), Part("items", of_items, MANY)]

    @property
    def interval(self) -> tuple[float, float]:
        """95 %; NaN with one seed. What is no measurement has no spread."""
        low, high = intervals([self])[0]
        return float(low), float(high)

    def __sub__(self, other: "Estimate") -> "Estimate":
        return combined([self, other], [1, -1])


def combined(parts: Sequence[Estimate], factors: Sequence[float]) -> Estimate:
    """The sum of the parts times the factors. Of seeds it has those of the part that has fewest."""
    exact = float(np.dot([part.exact for part in parts], factors))
    pulls = np.tensordot(factors, np.stack([part.pulls for part in parts]), axes=1)
    draws = np.tensordot(factors, np.stack([part.draws for part in parts]), axes=1)
    return Estimate(
        exact, pulls, draws, min((part.count for part in parts if part.count), default=0)
    )


def intervals(estimates: Sequence[Estimate]) -> np.ndarray:
    """[estimates, low and high]: the `interval` of each, all in one pass."""
    variances, freedoms = np.zeros((len(estimates), 2)), np.full((len(estimates), 2), MANY)
    for place, estimate in enumerate(estimates):
        for column, part in enumerate(estimate.parts):
            variances[place, column], freedoms[place, column] = part.variance, part.freedom
    known = np.array([estimate.count != 1 for estimate in estimates], dtype=bool)
    half = np.where(known, half_widths(variances, freedoms), NOTHING)
    values = np.array([estimate.exact for estimate in estimates])
    return settled(np.stack([values - half, values + half], axis=-1))


def mean(parts: Sequence[Estimate]) -> Estimate:
    """The plain mean; NaN where a part is, so that nothing missing passes for an average."""
    return combined(parts, np.full(len(parts), 1 / len(parts)))


@dataclass(frozen=True, slots=True)
class Cell:
    """A recipe on one target. By language: estimates of its gain, test items, and whether items
    were resampled."""

    languages: tuple[str, ...]
    gains: tuple[Estimate, ...]
    items: np.ndarray
    itemwise: np.ndarray


@dataclass(frozen=True, slots=True)
class GainDraws:
    """Gains of a study by (recipe, task). languages: those that means are taken over; seeds: all of
    the study; count: item draws."""

    recipes: tuple[str, ...]
    tasks: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    languages: frozenset[str]
    seeds: tuple[int, ...]
    count: int

    def picked(self, recipe: str, task: str) -> np.ndarray:
        """Positions of the cell's languages that count in the mean; empty where there is no
        cell."""
        cell = self.cells.get((recipe, task))
        return np.array(
            []
            if cell is None
            else [place for place, code in enumerate(cell.languages) if code in self.languages],
            dtype=int,
        )

    @property
    def finished(self) -> tuple[str, ...]:
        """The tasks that some recipe has a gain on."""
        return tuple(name for name in self.tasks if any(task == name for _, task in self.cells))

    def nothing(self, value: float) -> Estimate:
        """A number that is no measurement: it has neither seeds nor items."""
        return Estimate(
            value, np.zeros(len(self.seeds)), np.zeros((self.count, len(self.seeds))), 0
        )

    def gain(self, recipe: str, task: str) -> Estimate:
        """Mean gain over languages and seeds. The baseline's is 0; NaN where runs are missing."""
        if recipe == BASELINE:
            return self.nothing(0.0)
        kept = [self.cells[recipe, task].gains[place] for place in self.picked(recipe, task)]
        if not kept:
            return self.nothing(NOTHING)
        runs = sum(part.count for part in kept)
        found = combined(kept, [part.count / runs for part in kept])
        covered = self.resampled(recipe, task) == SEEDS_ITEMS
        return (
            found
            if covered
            else Estimate(found.exact, found.pulls, np.zeros_like(found.draws), found.count)
        )

    def average(self, recipe: str) -> Estimate:
        """Mean over all targets; NaN where one is missing."""
        return (
            mean([self.gain(recipe, task) for task in self.tasks])
            if self.tasks
            else self.nothing(NOTHING)
        )

    def resampled(self, recipe: str, task: str) -> str:
        """What the interval of `gain` covers: "seeds and items", "seeds", or why there is none; ""
        where runs are missing."""
        kept = self.picked(recipe, task)
        if len(kept) == 0:
            return ""
        cell = self.cells[recipe, task]
        return covers(
            min(cell.gains[place].count for place in kept), bool(cell.itemwise[kept].all())
        )


def covers(seeds: int, itemwise: bool) -> str:
    """What an interval over that many seeds covers, or why there is none."""
    return ONE_SEED if seeds < 2 else SEEDS_ITEMS if itemwise else SEEDS


def language_gain(
    rows: pd.DataFrame, items: ItemScores, seeds: Sequence[int], draws: int
) -> tuple[Estimate, bool]:
    """One recipe's gain on one task and language, from a row per seed; and whether items were
    resampled."""
    rows = rows.sort_values("seed")
    first, count = rows.iloc[0], len(rows)
    places = [seeds.index(number) for number in rows["seed"]]
    values = rows["gain"].to_numpy(float)
    pulls, drawn = np.zeros(len(seeds)), np.zeros((draws, len(seeds)))
    if count > 1:
        pulls[places] = (values - values.mean()) / np.sqrt(count * (count - 1))
    keys = [
        [(first["task"], first["language"], name, int(seed)) for seed in rows["seed"]]
        for name in (first["recipe"], BASELINE)
    ]
    itemwise = all(key in items for side in keys for key in side)
    if itemwise:
        made, base = (np.stack([items[key] for key in side], axis=1) for side in keys)
        change = made - base
        drawn[:, places] = (change - change.mean(axis=0)) / count
    return Estimate(float(values.mean()), pulls, drawn, count), itemwise


def gain_draws(
    frame: pd.DataFrame,
    items: ItemScores = NO_ITEMS,
    languages: Sequence[str] | None = None,
    metric: str | None = None,
    targets: Sequence[str] = (),
) -> GainDraws:
    """Gains with what their intervals need, from tidy scores, and `item_scores` of the same study
    where predictions were kept.

    languages: to average over; None: all but English, that is zero-shot transfer. metric: None is
    each task's primary one; the items' scores are of that, so another metric does not use them.
    targets: those of the study, which belong to the average even without a score.
    """
    scores = target_scores(frame, metric)
    table = gains(frame, metric).dropna(subset=["gain"])
    known = items if metric is None else NO_ITEMS
    count = len(next(iter(known.values()))) if known else 1
    seeds = tuple(sorted({int(number) for number in table["seed"]}))
    cells = {}
    for key, rows in table.groupby(["recipe", "task"], sort=False):
        groups = list(rows.groupby("language", sort=True))
        found = [language_gain(group, known, seeds, count) for _, group in groups]
        cells[key] = Cell(
            tuple(code for code, _ in groups),
            tuple(estimate for estimate, _ in found),
            np.array([group["n"].max() for _, group in groups]),
            np.array([itemwise for _, itemwise in found]),
        )
    recipes = tuple(name for name in recipe_order(scores["recipe"]) if name != BASELINE)
    chosen = frozenset(chosen_languages(scores["language"], languages))
    return GainDraws(
        recipes, tuple(task_order({*scores["task"], *targets})), cells, chosen, seeds, count
    )


def gain_table(draws: GainDraws) -> pd.DataFrame:
    """The cells of `gain_matrix` with intervals: columns recipe task gain low high seeds languages
    n resampled; task `average` too.

    n counts the (seed, language) pairs behind the mean, `resampled` says what the interval covers,
    or why there is none. gain, low, high in points; low and high are NaN with one seed; all are NaN
    and the counts 0 where the runs are missing.
    """
    rows, found = [], []
    for recipe in draws.recipes:
        counts, gained, codes = [], [], set()
        for task in draws.tasks:
            kept = draws.picked(recipe, task)
            seeds = np.array(
                [draws.cells[recipe, task].gains[place].count for place in kept] or [0]
            )
            counts.append((int(seeds.max()), len(kept), int(seeds.sum())))
            codes |= {draws.cells[recipe, task].languages[place] for place in kept}
            gained.append(draws.gain(recipe, task))
            rows.append((recipe, task, *counts[-1], draws.resampled(recipe, task)))
        found += gained
        if draws.tasks:
            whole = all(entry[0] for entry in counts)
            means = (
                " / ".join(dict.fromkeys(row[-1] for row in rows[-len(draws.tasks) :]))
                if whole
                else ""
            )
            few = min(entry[0] for entry in counts)
            rows.append(
                (recipe, AVERAGE, few, len(codes) if whole else 0, sum(c[2] for c in counts), means)
            )
            found.append(mean(gained))
    return _with_intervals(
        pd.DataFrame(rows, columns=["recipe", "task", "seeds", "languages", "n", "resampled"]),
        2,
        found,
    )


def _with_intervals(table: pd.DataFrame, place: int, found: Sequence[Estimate]) -> pd.DataFrame:
    """The table with the columns gain, low and high of an estimate a row, from this place on."""
    low, high = intervals(found).T
    made = pd.DataFrame(
        {"gain": [estimate.value for estimate in found], "low": low, "high": high},
        index=table.index,
        dtype=float,
    )
    return pd.concat([table.iloc[:, :place], made, table.iloc[:, place:]], axis=1)


def by_language(draws: GainDraws) -> pd.DataFrame:
    """Gains by language: columns recipe task language gain low high seeds n resampled script
    resource_level word_order.

    low and high cover seeds, and test items where predictions were kept; NaN with one seed.
    `resampled` says which: "seeds and items", "seeds", or that there is no interval. n: test items.
    English is kept. resource_level: by the size of the language in CC-100 (languages.py), not by
    what a study's own phase 1 saw.
    """
    rows, estimates = [], []
    for (recipe, task), cell in draws.cells.items():
        for place, code in enumerate(cell.languages):
            found = cell.gains[place]
            shown = covers(found.count, bool(cell.itemwise[place]))
            facts = LANGUAGES.get(code)
            kind = (
                (facts.script, facts.resource_level, facts.word_order)
                if facts
                else ("unknown",) * 3
            )
            rows.append((recipe, task, code, found.count, cell.items[place], shown, *kind))
            estimates.append(found)
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
