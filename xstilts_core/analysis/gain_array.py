"""Hold the gains of a study in one array, so that every question about them is a vector of weights
over its rows.

A row is a recipe, a target and a language; a column is a seed. Gains and items are paired with
those of the baseline. An `Estimate` answers a question: it is a sum of the rows' mean gains times
their weights, with its 95 % interval. The interval says whether the number would be the same with
other seeds and other test items, in the same languages. Items are drawn with replacement, once per
target for all recipes, seeds and languages (items.py). The contribution of seeds is computed, with
Student's t because they are few: intervals.py has the method, its formulas, sources and coverage.
Languages are the fixed list that the benchmark defines, so they are not drawn and nothing is
claimed about other languages (`hierarchical_gains` can draw them).

If predictions are missing, items cannot be drawn, and the interval covers other seeds on the same
items. With one seed there is no interval, because nothing is known about other seeds.
`Estimate.resampled` states both cases.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd

from xstilts_core.analysis.intervals import (
    MANY,
    NOTHING,
    ONE_SEED,
    SEEDS,
    SEEDS_ITEMS,
    Part,
    half_width,
    student_interval,
    variance_parts,
)
from xstilts_core.analysis.items import NO_ITEMS, ItemScores
from xstilts_core.analysis.scores import (
    AVERAGE,
    LAST_DIGIT,
    baseline,
    chosen_languages,
    fact,
    recipe_order,
    settled,
    target_scores,
    task_order,
)
from xstilts_core.metrics import RAW
from xstilts_core.study.spec import BASELINE

_KEY = ["recipe", "task", "language"]
_OVER_LEVELS = ["recipe", "task", "gain", "low", "high"]
_OVER_LEVELS += ["seeds", "languages", "resampled", "reason"]


@dataclass(frozen=True, eq=False)
class Gains:
    """The gains of a study as one array; every question about them is a vector of weights over its
    rows.

    values [rows, seeds]: gains in points, NaN where a score is missing; a row is a recipe, target
    and language (the columns of `labels`) with at least one gain. n [rows]: numbers of test items.
    recipes, tasks: those of the study, in their order. languages: those that means are taken over.
    items: (row, seed) -> the resampled scores of recipe and baseline, where both have predictions;
    see `items.ItemScores`.
    """

    recipes: tuple[str, ...]
    tasks: tuple[str, ...]
    languages: frozenset[str]
    seeds: tuple[int, ...]
    labels: pd.DataFrame
    values: np.ndarray
    n: np.ndarray
    items: Mapping[tuple[int, int], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @cached_property
    def cells(self) -> Mapping[tuple[str, str], Mapping[str, int]]:
        """(recipe, target) -> language -> row."""
        cells: dict[tuple[str, str], dict[str, int]] = {}
        for row, (recipe, task, code) in enumerate(self.labels.itertuples(index=False)):
            cells.setdefault((recipe, task), {})[code] = row
        return cells

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
        """The deviations of each row's seeds from their mean, divided by sqrt(S (S - 1)) for S
        seeds [rows, seeds]."""
        deviations = np.where(self.known, self.values - self.means[:, None], 0.0)
        pulls: np.ndarray = (
            deviations / np.sqrt(np.maximum(self.counts * (self.counts - 1), 1))[:, None]
        )
        return pulls

    @cached_property
    def itemwise(self) -> np.ndarray:
        """Whether test items can be resampled [rows]: every gain has the predictions of both
        runs."""
        complete = ~self.known
        for row, seed in self.items:
            complete[row, self.seeds.index(seed)] = True
        return np.asarray(complete.all(axis=1))

    @cached_property
    def cell_of(self) -> np.ndarray:
        """The number of each row's cell, its recipe and target [rows]."""
        numbers: np.ndarray = self.labels.groupby(["recipe", "task"]).ngroup().to_numpy()
        return numbers

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

    def of_rows(self, rows: Sequence[int]) -> "Estimate":
        """Return the mean over some rows and their seeds; NaN without rows."""
        if not rows:
            return self.nothing(NOTHING)
        counts, weights = self.counts[rows], np.zeros(len(self.values))
        weights[rows] = counts / counts.sum()
        return Estimate(self, weights, 0.0, int(counts.min()))

    def nothing(self, value: float) -> "Estimate":
        """Return a constant, which has neither seeds nor items."""
        return Estimate(self, np.zeros(len(self.values)), value, 0)

    def mean(self, estimates: Sequence["Estimate"]) -> "Estimate":
        """Return the `mean` of estimates over these gains; NaN without any."""
        return mean(estimates) if estimates else self.nothing(NOTHING)

    def gain(self, recipe: str, task: str, codes: Collection[str] | None = None) -> "Estimate":
        """Return the mean over languages (`codes`, or all that means are taken over) and seeds: 0
        for the baseline, NaN if runs are missing. For the task AVERAGE, return the mean over all
        targets."""
        if task == AVERAGE:
            return self.average(recipe)
        if recipe == BASELINE:
            return self.nothing(0.0)
        return self.of_rows(self.rows(recipe, task, codes))

    def average(self, recipe: str, tasks: Sequence[str] = ()) -> "Estimate":
        """Return the mean over these targets, or over all; NaN if one is missing."""
        return self.mean([self.gain(recipe, task) for task in tasks or self.tasks])

    def less_others(self, cells: Sequence[tuple[str, str]], codes: Collection[str]) -> "Estimate":
        """Return the gain in some languages minus that in the others of the same target, mean over
        the `cells` (recipe, target) that have both; NaN if none has."""
        others = self.languages - set(codes)
        return self.mean(
            [
                self.gain(*cell, codes) - self.gain(*cell, others)
                for cell in cells
                if self.rows(*cell, codes) and self.rows(*cell, others)
            ]
        )


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number in points with its interval: a weighted sum of mean gains and a constant. Estimates
    over the same gains can be added and subtracted.

    weights [rows]: those of `gains`. constant: points that do not depend on runs, such as a
    published number; NaN if a gain is missing. count: the smallest number of seeds of the rows; 0
    for a constant.
    """

    gains: Gains
    weights: np.ndarray
    constant: float
    count: int

    @cached_property
    def exact(self) -> float:
        """The number itself, not rounded."""
        return float(self.weights @ self.gains.means) + self.constant

    @property
    def value(self) -> float:
        """`exact`, rounded by `settled` for display and comparison."""
        return float(settled(self.exact))

    @property
    def finished(self) -> bool:
        """Whether no gain is missing."""
        return bool(np.isfinite(self.exact))

    @cached_property
    def pulls(self) -> np.ndarray:
        """The seeds' parts [seeds] of the deviation: their sum of squares is the variance due to
        seeds."""
        pulls: np.ndarray = self.weights @ self.gains.pulls
        return pulls

    @cached_property
    def itemwise(self) -> tuple[np.ndarray, bool]:
        """The rows in which items are resampled, and whether these are all. A target's languages
        share their items, so its rows are resampled together or not at all."""
        rows = np.flatnonzero(self.weights)
        cells, complete = self.gains.cell_of[rows], self.gains.itemwise[rows]
        together = ~np.isin(cells, cells[~complete])
        return rows[together], bool(complete.all())

    @cached_property
    def draws(self) -> np.ndarray:
        """The deviation of each seed's share, 1 / S, of the number on resampled items [draws,
        seeds]."""
        gains = self.gains
        count = next((len(scores) for scores, _ in gains.items.values()), 1)
        changes = np.zeros((count, len(gains.seeds)))
        for row in self.itemwise[0]:
            weight = self.weights[row] / gains.counts[row]
            for column in np.flatnonzero(gains.known[row]):
                scores, base = gains.items[row, gains.seeds[column]]
                changes[:, column] += weight * (scores - base)
        changes -= changes.mean(axis=0)
        return changes

    @property
    def parts(self) -> list[Part]:
        """The variance due to seeds, and that due to items as far as it is not already in it; empty
        below two seeds."""
        if self.count < 2:
            return []
        count, draws, item_variance = self.count, self.draws, 0.0
        if len(draws) > 1:
            shared = draws.sum(axis=1).var()
            both = count / (count - 1) * (draws.var(axis=0).sum() - shared / count)
            item_variance = float(shared - both)
        # A variance below the square of the last digit is rounding error.
        seed_variance, item_variance = (
            variance if variance > LAST_DIGIT**2 else 0.0
            for variance in (float(self.pulls @ self.pulls), item_variance)
        )
        return [Part("seeds", seed_variance, count - 1), Part("items", item_variance, MANY)]

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high end of the 95 % interval: NaN with one seed, of width 0 for a constant."""
        half = half_width(self.parts) if self.count else 0.0
        low, high = settled(np.array([self.exact - half, self.exact + half]))
        return float(low), float(high)

    @property
    def numbers(self) -> tuple[float, float, float]:
        """The value and its interval, as tables have them."""
        return self.value, *self.interval

    @property
    def resampled(self) -> str:
        """What the interval covers: "seeds and items"; "seeds" if predictions of a target are
        missing; or why there is none. "" for a constant or if a gain is missing."""
        if np.isnan(self.constant) or not self.weights.any():
            return ""
        if self.count < 2:
            return ONE_SEED
        return SEEDS_ITEMS if self.itemwise[1] else SEEDS

    def __sub__(self, other: "Estimate") -> "Estimate":
        return combined([self, other], [1, -1])


def combined(parts: Sequence[Estimate], factors: Sequence[float] | np.ndarray) -> Estimate:
    """Return the sum of the parts times the factors, with the smallest positive number of seeds."""
    return Estimate(
        parts[0].gains,
        np.asarray(factors) @ [part.weights for part in parts],
        float(np.dot(factors, [part.constant for part in parts])),
        min((part.count for part in parts if part.count), default=0),
    )


def mean(parts: Sequence[Estimate]) -> Estimate:
    """Return the plain mean; NaN if a part is NaN, so that a missing value cannot go unnoticed."""
    return combined(parts, np.full(len(parts), 1 / len(parts)))


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
            pd.Index(axis).get_indexer(scores[name])
            for name, axis in zip([*_KEY, "seed"], labels, strict=True)
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
    gains = np.full(axes.shape, np.nan)
    if baseline in axes.recipes:
        base = axes.recipes.index(baseline)
        gains = scores - scores[base]
        gains[base] = np.nan
    known, scored = np.isfinite(gains), np.isfinite(scores)
    columns = np.flatnonzero(known.any(axis=(0, 1, 2)))
    seeds = tuple(axes.seeds[column] for column in columns)
    alias = {baseline: BASELINE, BASELINE: baseline}
    names = [alias.get(name, name) for name in axes.recipes]
    rows = tuple(np.argwhere(known.any(axis=-1)).T)
    axes_labels = zip(_KEY, (names, axes.tasks, axes.languages), rows, strict=True)
    labels = pd.DataFrame(
        {name: np.array(axis, dtype=object)[indices] for name, axis, indices in axes_labels}
    )
    resampled = {}
    for row, (recipe, task, code) in enumerate(labels.itertuples(index=False) if items else ()):
        for seed in seeds:
            first, second = (
                items.get((task, code, alias.get(name, name), seed)) for name in (recipe, BASELINE)
            )
            if first is not None and second is not None:
                resampled[row, seed] = first, second
    tasks = (name for index, name in enumerate(axes.tasks) if scored[:, index].any())
    return Gains(
        recipes=tuple(
            name
            for name, any_score in zip(names, scored, strict=True)
            if name != BASELINE and any_score.any()
        ),
        tasks=tuple(task_order({*tasks, *targets})),
        languages=frozenset(languages),
        seeds=seeds,
        labels=labels,
        values=gains[rows][:, columns],
        n=np.where(known, n, 0)[rows].max(axis=-1, initial=0).astype(int),
        items=resampled,
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
    metric: None selects each task's primary one, as `target_scores` does. targets: those of the
    study; all count in the average, even without a score.
    """
    scores = target_scores(frame, metric)
    axes = axes_of(scores)
    return gain_array(
        axes,
        axes.array(scores, "value"),
        axes.array(scores, "n"),
        items,
        languages=chosen_languages(scores["language"], languages),
        targets=targets,
    )


def joined(parts: Mapping[int, Gains]) -> Gains:
    """Return the rows of several arrays in one, so that weights can span them. The recipe `r` of
    the array `k` is named "r k"."""
    seeds = tuple(sorted({seed for part in parts.values() for seed in part.seeds}))
    items: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    tables: list[pd.DataFrame] = []
    for key, part in parts.items():
        first = sum(map(len, tables))
        items |= {(first + row, seed): pair for (row, seed), pair in part.items.items()}
        values = pd.DataFrame(part.values, columns=part.seeds).reindex(columns=seeds)
        recipes = part.labels["recipe"] + f" {key}"
        tables.append(part.labels.assign(recipe=recipes, n=part.n).join(values))
    rows = pd.concat(tables, ignore_index=True)
    return Gains(
        recipes=tuple(rows["recipe"].unique()),
        tasks=tuple(task_order(rows["task"])),
        languages=frozenset().union(*(part.languages for part in parts.values())),
        seeds=seeds,
        labels=rows[_KEY],
        values=rows[list(seeds)].to_numpy(float),
        n=rows["n"].to_numpy(),
        items=items,
    )


def answer_table(
    names: Sequence[str],
    keys: Sequence[tuple[object, ...]],
    estimates: Sequence[Estimate],
    value: str = "gain",
) -> pd.DataFrame:
    """Return one row per estimate: its key in the columns `names`, its value in points, then low,
    high (95 %), seeds and resampled.

    Numbers are NaN if runs are missing. resampled: what the interval covers, or why there is none.
    """
    numbers = np.array([estimate.numbers for estimate in estimates], dtype=float).reshape(-1, 3)
    return pd.DataFrame(keys, columns=list(names)).assign(
        **dict(zip((value, "low", "high"), numbers.T, strict=True)),
        seeds=np.array([estimate.count for estimate in estimates], dtype=int),
        resampled=[estimate.resampled for estimate in estimates],
    )


def gain_table(draws: Gains) -> pd.DataFrame:
    """Return the cells of `gain_matrix` with intervals: columns recipe task gain low high seeds
    languages n resampled; task `average` too.

    n counts the (seed, language) pairs in the mean. `resampled` is what the interval covers, or why
    there is none. gain, low and high are in points; low and high are NaN with one seed. If the runs
    are missing, all three are NaN and the number of seeds and languages is 0.
    """
    tasks = (*draws.tasks, AVERAGE) if draws.tasks else ()
    keys = list(product(draws.recipes, tasks))
    gains = [draws.gain(*key) for key in keys]
    rows = [np.flatnonzero(gain.weights) for gain in gains]
    codes = draws.labels["language"].to_numpy(object)
    table = answer_table(["recipe", "task"], keys, gains)
    table.insert(6, "languages", np.array([len(set(codes[row])) for row in rows], dtype=int))
    table.insert(7, "n", [int(draws.counts[row].sum()) for row in rows])
    table.loc[table["gain"].isna(), ["seeds", "languages"]] = 0
    return table


def gain_matrix(frame: pd.DataFrame, targets: Sequence[str] = ()) -> pd.DataFrame:
    """Return mean zero-shot gains in points (Phang et al. 2020, section 3): a row per recipe,
    columns for targets in XTREME's order and `average`, which is NaN unless the recipe has every
    target. targets: as in `gain_draws`.
    """
    draws = gain_draws(frame, targets=targets)
    table = gain_table(draws).pivot(index="recipe", columns="task", values="gain")
    columns = [*draws.tasks, AVERAGE]
    return table.reindex(index=draws.recipes, columns=columns).rename_axis(columns=None)


def retrieval_measures(frame: pd.DataFrame, targets: Sequence[str] = ()) -> pd.DataFrame:
    """Return the gains in retrieval by the study's measure and by the paper's (raw mean-pooled
    states of one middle layer): columns measure (`own`, `paper`) recipe task score gain low high
    seeds. score: the baseline's zero-shot mean, in percent.

    Intervals cover seeds alone, for both alike: the paper's measure keeps no predictions. Targets
    without a score by the paper's measure are left out, so the table may be empty.
    """
    raw = frame[frame["metric"].str.endswith(RAW)]
    own = frame[frame["task"].isin(raw["task"])]
    primary = raw.assign(metric=raw["metric"].str.removesuffix(RAW))
    columns = ["measure", "recipe", "task", "score", "gain", "low", "high", "seeds"]
    if raw.empty:
        return pd.DataFrame(columns=columns)
    scored = [name for name in targets if name in set(raw["task"])]
    tables = []
    for measure, scores in (("own", own), ("paper", primary)):
        table = gain_table(gain_draws(scores, targets=scored)).query("task != @AVERAGE")
        levels = table["task"].map(baseline(scores).iloc[0])
        tables.append(table.assign(measure=measure, score=levels))
    return pd.concat(tables, ignore_index=True)[columns]


def by_language(draws: Gains, rows: Sequence[int] | None = None) -> pd.DataFrame:
    """Return gains by language, of all rows of the array or of these: columns recipe task language
    gain low high seeds n resampled script resource_level word_order.

    low and high cover seeds, and test items if predictions were stored; they are NaN with one seed.
    `resampled` is "seeds and items", "seeds", or why there is no interval. n: number of test items.
    English is included. resource_level: from the size of the language in CC-100 (languages.py), not
    from the study's own phase 1 data.
    """
    chosen = list(range(len(draws.labels)) if rows is None else rows)
    keys = list(draws.labels.iloc[chosen].itertuples(index=False, name=None))
    estimates = [draws.of_rows([row]) for row in chosen]
    table = answer_table(_KEY, keys, estimates)
    table.insert(7, "n", draws.n[chosen])
    for trait in ("script", "resource_level", "word_order"):
        table[trait] = [fact(code, trait) for code in table["language"]]
    return table


def hierarchical_gains(draws: Gains) -> pd.DataFrame:
    """Return mean gains and their 95 % intervals if languages are drawn too, in points: one row per
    recipe and target, columns _OVER_LEVELS.

    resampled: the levels drawn; reason: why an interval is missing. intervals.py has the method,
    formulas and sources.
    """
    rows = []
    for recipe, task in draws.cells:
        cell = draws.rows(recipe, task)
        if not cell or task not in draws.tasks:
            continue
        seeds = np.flatnonzero(draws.known[cell].any(axis=0))
        values = draws.values[cell][:, seeds].T
        parts: list[Part] = []
        scope, reason = "", ""
        if len(seeds) < 2:
            reason = ONE_SEED
        elif len(cell) < 2:
            reason = "no interval: one language"
        elif np.isnan(values).any():
            reason = "no interval: a language lacks a seed"
        else:
            items, scope = None, "seeds and languages"
            if draws.itemwise[cell].all():
                names = [draws.seeds[seed] for seed in seeds]
                changes = [[np.subtract(*draws.items[row, name]) for name in names] for row in cell]
                items = np.array(changes).T
                scope += " and items"
            parts = variance_parts(values, items)
        value = draws.of_rows(cell).value
        interval = settled(np.array(student_interval(value, parts)))
        rows.append((recipe, task, value, *interval, len(seeds), len(cell), scope, reason))
    return pd.DataFrame(rows, columns=_OVER_LEVELS)
