"""Hold the gains of a study in one array, so that every question about them is a vector of weights
over its rows.

A row is a recipe, a target and a language; a column is a seed. Gains and items are paired with
those of the baseline. `Gains.estimate` turns rows and weights into a number with the components of
its interval (intervals.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import (
    AVERAGE,
    chosen_languages,
    recipe_order,
    target_scores,
    task_order,
)
from xstilts_core.analysis.hierarchy import NOTHING
from xstilts_core.analysis.intervals import NO_ITEMS, Estimate, covers, intervals, mean
from xstilts_core.analysis.items import ItemScores
from xstilts_core.languages import LANGUAGES
from xstilts_core.study.spec import BASELINE


@dataclass(frozen=True, eq=False)
class Gains:
    """The gains of a study as one array; every question about them is a vector of weights over its
    rows.

    values [rows, seeds]: gains in points, NaN where a score is missing; a row is a recipe, target
    and language with at least one gain. cells: (recipe, target) -> language -> row. n [rows]:
    numbers of test items. recipes, tasks: those of the study, in their order. languages: those that
    means are taken over. runs: for each row, the resampled scores of recipe and baseline with each
    seed, or None where predictions are missing; see `items.ItemScores`. Empty without any.
    """

    recipes: tuple[str, ...]
    tasks: tuple[str, ...]
    languages: frozenset[str]
    seeds: tuple[int, ...]
    cells: Mapping[tuple[str, str], Mapping[str, int]]
    values: np.ndarray
    n: np.ndarray
    runs: Sequence[Sequence[tuple[np.ndarray, np.ndarray] | None]]

    @cached_property
    def known(self) -> np.ndarray:
        """Whether there is a gain [rows, seeds]."""
        known: np.ndarray = np.isfinite(self.values)
        return known

    @cached_property
    def counts(self) -> np.ndarray:
        """Numbers of seeds [rows]."""
        counts: np.ndarray = self.known.sum(axis=1)
        return counts

    @cached_property
    def means(self) -> np.ndarray:
        """Mean gains [rows]."""
        means: np.ndarray = np.nansum(self.values, axis=1) / self.counts
        return means

    @cached_property
    def pulls(self) -> np.ndarray:
        """The `pulls` of each row's mean [rows, seeds]."""
        deviations = np.where(self.known, self.values - self.means[:, None], 0.0)
        pulls: np.ndarray = (
            deviations / np.sqrt(np.maximum(self.counts * (self.counts - 1), 1))[:, None]
        )
        return pulls

    @cached_property
    def itemwise(self) -> np.ndarray:
        """Whether test items can be resampled [rows]: every gain has the predictions of both
        runs."""
        if not self.runs:
            return np.zeros(len(self.values), dtype=bool)
        rows = zip(self.runs, self.known, strict=True)
        return np.array(
            [all(run or not gain for run, gain in zip(*row, strict=True)) for row in rows],
            dtype=bool,
        )

    @cached_property
    def count(self) -> int:
        """The number of item draws; 1 without predictions."""
        return next((len(run[0]) for row in self.runs for run in row if run), 1)

    @property
    def finished(self) -> tuple[str, ...]:
        """The tasks on which at least one recipe has a gain."""
        return tuple(name for name in self.tasks if any(task == name for _, task in self.cells))

    def rows(self, recipe: str, task: str, codes: Collection[str] | None = None) -> list[int]:
        """Return the rows of a recipe on a target: those that its mean is taken over, or of these
        only some languages. Empty if there are none."""
        by_language = self.cells.get((recipe, task), {})
        return [
            row
            for code, row in by_language.items()
            if code in self.languages and (codes is None or code in codes)
        ]

    def covered(self, rows: Sequence[int]) -> str:
        """Return what an interval over these rows covers: "seeds and items", "seeds", or why there
        is none; "" without rows."""
        if not rows:
            return ""
        return covers(int(self.counts[rows].min()), bool(self.itemwise[rows].all()))

    def estimate(self, rows: Sequence[int], weights: Sequence[float] | np.ndarray) -> Estimate:
        """Return the sum of the rows' mean gains times the weights; NaN without rows. Items are
        resampled if they can be in all of the rows."""
        if not rows:
            return self.nothing(NOTHING)
        changes = np.zeros((self.count, len(self.seeds)))
        for row, weight in zip(rows, weights, strict=True) if self.itemwise[rows].all() else ():
            for column, run in enumerate(self.runs[row]):
                if run and self.known[row, column]:
                    changes[:, column] += weight / self.counts[row] * (run[0] - run[1])
        return Estimate(
            float(np.dot(self.means[rows], weights)),
            np.dot(weights, self.pulls[rows]),
            changes - changes.mean(axis=0),
            int(self.counts[rows].min()),
        )

    def nothing(self, value: float) -> Estimate:
        """Return a constant, which has neither seeds nor items."""
        seeds = len(self.seeds)
        return Estimate(value, np.zeros(seeds), np.zeros((self.count, seeds)), 0)

    def language(self, row: int) -> Estimate:
        """Return the mean over seeds in one language."""
        return self.estimate([row], [1.0])

    def gain(self, recipe: str, task: str) -> Estimate:
        """Return the mean over languages and seeds: 0 for the baseline, NaN if runs are missing."""
        if recipe == BASELINE:
            return self.nothing(0.0)
        rows = self.rows(recipe, task)
        return self.estimate(rows, self.counts[rows] / max(1, self.counts[rows].sum()))

    def average(self, recipe: str) -> Estimate:
        """Return the mean over all targets; NaN if one is missing."""
        return (
            mean([self.gain(recipe, task) for task in self.tasks])
            if self.tasks
            else self.nothing(NOTHING)
        )

    def resampled(self, recipe: str, task: str) -> str:
        """Return what the interval of `gain` covers (see `covered`)."""
        return self.covered(self.rows(recipe, task))


@dataclass(frozen=True, slots=True)
class Axes:
    """The labels of an array of scores [recipes, tasks, languages, seeds], in their order."""

    recipes: tuple[str, ...]
    tasks: tuple[str, ...]
    languages: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.recipes), len(self.tasks), len(self.languages), len(self.seeds)

    def array(self, scores: pd.DataFrame, column: str) -> np.ndarray:
        """Return a column of `target_scores` as an array, NaN where there is no score."""
        labels = (self.recipes, self.tasks, self.languages, self.seeds)
        indices = tuple(
            scores[name].map({label: index for index, label in enumerate(axis)}).to_numpy(int)
            for name, axis in zip(("recipe", "task", "language", "seed"), labels, strict=True)
        )
        values = np.full(self.shape, np.nan)
        values[indices] = scores[column].to_numpy(float)
        return values


def axes_of(scores: pd.DataFrame) -> Axes:
    """Return the labels of scores: recipes and tasks in the order of the tables."""
    return Axes(
        tuple(recipe_order(scores["recipe"])),
        tuple(task_order(scores["task"])),
        tuple(sorted(scores["language"].unique())),
        tuple(sorted({int(number) for number in scores["seed"]})),
    )


def gain_array(
    axes: Axes,
    scores: np.ndarray,
    n: np.ndarray,
    items: ItemScores = NO_ITEMS,
    baseline: str = BASELINE,
    languages: Collection[str] = (),
    targets: Sequence[str] = (),
) -> Gains:
    """Return the gains over `baseline` from scores [recipes, tasks, languages, seeds] in percent,
    NaN where there is none, and numbers of test items n of the same shape.

    The baseline is called `none` in the result, and `none` by the baseline's name.
    """
    base = axes.recipes.index(baseline) if baseline in axes.recipes else None
    gains = scores - scores[base] if base is not None else np.full(axes.shape, np.nan)
    if base is not None:
        gains[base] = np.nan
    known = np.isfinite(gains)
    columns = np.flatnonzero(known.any(axis=(0, 1, 2)))
    seeds = tuple(axes.seeds[column] for column in columns)
    cells: dict[tuple[str, str], dict[str, int]] = {}
    runs: list[list[tuple[np.ndarray, np.ndarray] | None]] = []
    alias = {baseline: BASELINE, BASELINE: baseline}
    indices = np.argwhere(known.any(axis=-1))
    for row, (recipe, task, language) in enumerate(indices):
        name, target, code = axes.recipes[recipe], axes.tasks[task], axes.languages[language]
        cells.setdefault((alias.get(name, name), target), {})[code] = row
        if not items:
            continue
        pairs = (
            (items.get((target, code, name, seed)), items.get((target, code, baseline, seed)))
            for seed in seeds
        )
        runs.append(
            [
                (first, second) if first is not None and second is not None else None
                for first, second in pairs
            ]
        )
    scored = np.isfinite(scores)
    recipes = tuple(
        alias.get(name, name)
        for index, name in enumerate(axes.recipes)
        if name != baseline and scored[index].any()
    )
    tasks = (name for index, name in enumerate(axes.tasks) if scored[:, index].any())
    where = tuple(indices.T)
    return Gains(
        recipes=recipes,
        tasks=tuple(task_order({*tasks, *targets})),
        languages=frozenset(languages),
        seeds=seeds,
        cells=cells,
        values=gains[where][:, columns],
        n=np.where(known, n, 0)[where].max(axis=-1, initial=0).astype(int),
        runs=runs,
    )


def gain_draws(
    frame: pd.DataFrame,
    items: ItemScores = NO_ITEMS,
    languages: Sequence[str] | None = None,
    metric: str | None = None,
    targets: Sequence[str] = (),
) -> Gains:
    """Return the gains of tidy scores, with `item_scores` of the same study if predictions were
    stored.

    languages: those to average over; None selects all but English, that is zero-shot transfer.
    metric: None selects each task's primary metric; item scores are of that metric and are ignored
    for another one. targets: those of the study; all count in the average, even without a score.
    """
    scores = target_scores(frame, metric)
    axes = axes_of(scores)
    return gain_array(
        axes,
        axes.array(scores, "value"),
        axes.array(scores, "n"),
        items if metric is None else NO_ITEMS,
        languages=chosen_languages(scores["language"], languages),
        targets=targets,
    )


def gain_table(draws: Gains) -> pd.DataFrame:
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
            indices = draws.rows(recipe, task)
            seeds = draws.counts[indices]
            counts.append((int(seeds.max(initial=0)), len(indices), int(seeds.sum())))
            codes |= draws.cells.get((recipe, task), {}).keys() & draws.languages
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


def _with_intervals(
    table: pd.DataFrame, position: int, estimates: Sequence[Estimate]
) -> pd.DataFrame:
    """Insert the columns gain, low and high at a position: one estimate per row."""
    low, high = intervals(estimates).T
    columns = pd.DataFrame(
        {"gain": [estimate.value for estimate in estimates], "low": low, "high": high},
        index=table.index,
        dtype=float,
    )
    return pd.concat([table.iloc[:, :position], columns, table.iloc[:, position:]], axis=1)


def by_language(draws: Gains) -> pd.DataFrame:
    """Return gains by language: columns recipe task language gain low high seeds n resampled script
    resource_level word_order.

    low and high cover seeds, and test items if predictions were stored; they are NaN with one seed.
    `resampled` is "seeds and items", "seeds", or why there is no interval. n: number of test items.
    English is included. resource_level: from the size of the language in CC-100 (languages.py), not
    from the study's own phase 1 data.
    """
    rows, estimates = [], []
    for (recipe, task), cell in draws.cells.items():
        for code, index in cell.items():
            estimate = draws.language(index)
            scope = draws.covered([index])
            facts = LANGUAGES.get(code)
            traits = (
                (facts.script, facts.resource_level, facts.word_order)
                if facts
                else ("unknown",) * 3
            )
            rows.append((recipe, task, code, estimate.count, draws.n[index], scope, *traits))
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
