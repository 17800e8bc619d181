"""95 % percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13) of mean gains: over seeds and test items.

The question: would the mean gain be the same with other seeds and other test items, in the same languages? Both are drawn with
replacement and independently of each other (they are crossed, not nested: every seed is scored on the same items; the pigeonhole
bootstrap of Owen 2007, which is on the safe side). Each seed, and each item, is drawn with its baseline. Seeds are drawn once for
all targets, because a seed's phase 1 and phase 2 models are shared by them; items once per target (items.py). Languages are the
fixed list that the benchmark defines, so they are not drawn: nothing is claimed of languages outside of it.

Where predictions are missing, items cannot be drawn. Then seeds and languages are, which is another and weaker question; the
column `resampled` says so.

Of S seeds, S - 1 are drawn: S would give a variance too small by the factor (S - 1) / S (Rao and Wu 1988). In simulations with
three seeds the intervals cover the truth in 94 to 98 % of cases where test items matter as much as seeds, in 87 % where seeds
are nearly all that matters; with two seeds 70 % there. Every table therefore has a column `seeds`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import AVERAGE, chosen_languages, gains, recipe_order, target_scores, task_order
from xstilts_core.analysis.items import DRAWS, ItemScores
from xstilts_core.languages import LANGUAGES
from xstilts_core.spec import BASELINE

BOUNDS = (2.5, 97.5)
NO_ITEMS: ItemScores = MappingProxyType({})


def bounds(draws: np.ndarray) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of the bootstrap replicates `draws`; NaN where nothing could be resampled (all NaN)."""
    kept = draws[np.isfinite(draws)]
    if len(kept) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(kept, BOUNDS)
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number in points and its replicates [draws]. Replicates of the same study belong together draw by draw."""

    value: float
    draws: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        return bounds(self.draws)

    def __sub__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value - other.value, self.draws - other.draws)


def mean(parts: Sequence[Estimate]) -> Estimate:
    """The plain mean; NaN where a part is, so that nothing missing passes for an average."""
    return Estimate(float(np.mean([part.value for part in parts])), np.mean([part.draws for part in parts], axis=0))


def weights(generator: np.random.Generator, units: int, draws: int) -> np.ndarray:
    """[draws, units] weights that sum to 1: one unit fewer than there are is drawn with replacement (a single one is always taken)."""
    size = max(1, units - 1)
    return generator.multinomial(size, np.full(units, 1 / units), size=draws) / size


@dataclass(frozen=True, slots=True)
class Cell:
    """A recipe on one target. By language: mean gain over seeds, its replicates [draws, languages], seeds, test items, and whether
    items were resampled."""

    languages: tuple[str, ...]
    gain: np.ndarray
    draws: np.ndarray
    seeds: np.ndarray
    items: np.ndarray
    itemwise: np.ndarray


@dataclass(frozen=True, slots=True)
class GainDraws:
    """Gains of a study with their bootstrap replicates: `cells` by (recipe, task); `languages` are those that means are taken over."""

    recipes: tuple[str, ...]
    tasks: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    languages: frozenset[str]
    count: int
    seed: int

    def picked(self, recipe: str, task: str) -> np.ndarray:
        """Positions of the cell's languages that count in the mean; empty where there is no cell."""
        cell = self.cells.get((recipe, task))
        return np.array([] if cell is None else [place for place, code in enumerate(cell.languages) if code in self.languages], dtype=int)

    def gain(self, recipe: str, task: str) -> Estimate:
        """Mean gain over languages and seeds. The baseline's is 0; NaN where runs are missing. Replicates: see the module."""
        if recipe == BASELINE:
            return Estimate(0.0, np.zeros(self.count))
        kept = self.picked(recipe, task)
        if len(kept) == 0:
            return Estimate(float("nan"), np.full(self.count, np.nan))
        cell = self.cells[recipe, task]
        share = cell.seeds[kept].astype(float)
        value = float(cell.gain[kept] @ share / share.sum())
        if cell.itemwise[kept].all():
            return Estimate(value, cell.draws[:, kept] @ share / share.sum())
        if share.sum() == 1:
            return Estimate(value, np.full(self.count, np.nan))
        drawn = share * weights(np.random.default_rng([self.seed, 3, self.tasks.index(task)]), len(kept), self.count)
        return Estimate(value, (cell.draws[:, kept] * drawn).sum(axis=1) / drawn.sum(axis=1))

    def average(self, recipe: str) -> Estimate:
        """Mean over all targets; NaN where one is missing."""
        nothing = Estimate(float("nan"), np.full(self.count, np.nan))
        return mean([self.gain(recipe, task) for task in self.tasks]) if self.tasks else nothing

    def resampled(self, recipe: str, task: str) -> str:
        """What the interval of `gain` covers: "seeds and items", "items", "seeds and languages", "seeds", "languages" or ""."""
        kept = self.picked(recipe, task)
        if len(kept) == 0:
            return ""
        cell = self.cells[recipe, task]
        second = "items" if cell.itemwise[kept].all() else "languages" if len(kept) > 1 else ""
        return " and ".join(filter(None, ("seeds" if cell.seeds[kept].max() > 1 else "", second)))


def language_draws(rows: pd.DataFrame, items: ItemScores, count: int, seed: int) -> tuple[np.ndarray, bool]:
    """Replicates [draws] of one recipe's gain on one task and language, a row per seed; and whether items were resampled."""
    numbers = sorted(int(number) for number in rows["seed"])
    first = rows.iloc[0]
    keys = [[(first["task"], first["language"], name, number) for number in numbers] for name in (first["recipe"], BASELINE)]
    itemwise = all(key in items for side in keys for key in side)
    if itemwise:
        made, base = (np.stack([items[key] for key in side], axis=1) for side in keys)
        gain = made - base
    else:
        gain = rows.sort_values("seed")["gain"].to_numpy(float)[None, :]
    # The generator follows from the set of seeds: recipes, targets and languages with the same seeds meet the same draws.
    return (gain * weights(np.random.default_rng([seed, 1, *numbers]), len(numbers), count)).sum(axis=1), itemwise


def gain_draws(
    frame: pd.DataFrame,
    items: ItemScores = NO_ITEMS,
    languages: Sequence[str] | None = None,
    metric: str | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> GainDraws:
    """Gains with replicates from tidy scores, and `item_scores` of the same study where predictions were kept.

    languages: to average over; None: all but English, that is zero-shot transfer. metric: None is each task's primary one; the
    items' scores are of that, so another metric does not use them. Deterministic for a `seed`.
    """
    scores = target_scores(frame, metric)
    table = gains(frame, metric).dropna(subset=["gain"])
    known = items if metric is None else NO_ITEMS
    count = len(next(iter(known.values()))) if known else draws
    cells = {}
    for key, rows in table.groupby(["recipe", "task"], sort=False):
        groups = list(rows.groupby("language", sort=True))
        found = [language_draws(group, known, count, seed) for _, group in groups]
        cells[key] = Cell(
            tuple(code for code, _ in groups),
            np.array([group["gain"].mean() for _, group in groups]),
            np.stack([values for values, _ in found], axis=1),
            np.array([len(group) for _, group in groups]),
            np.array([group["n"].max() for _, group in groups]),
            np.array([itemwise for _, itemwise in found]),
        )
    recipes = tuple(name for name in recipe_order(scores["recipe"]) if name != BASELINE)
    chosen = frozenset(chosen_languages(scores["language"], languages))
    return GainDraws(recipes, tuple(task_order(scores["task"])), cells, chosen, count, seed)


def gain_table(draws: GainDraws) -> pd.DataFrame:
    """The cells of `gain_matrix` with intervals: columns recipe task gain low high seeds languages n resampled; task `average` too.

    n counts the (seed, language) pairs behind the mean, `resampled` says what the interval covers. gain, low, high in points; low
    and high are NaN where nothing could be resampled; all are NaN and the counts 0 where the runs are missing.
    """
    rows = []
    for recipe in draws.recipes:
        counts = []
        for task in draws.tasks:
            kept, found = draws.picked(recipe, task), draws.gain(recipe, task)
            seeds = draws.cells[recipe, task].seeds[kept] if len(kept) else np.zeros(1, int)
            counts.append((int(seeds.max()), len(kept), int(seeds.sum())))
            rows.append((recipe, task, found.value, *found.interval, *counts[-1], draws.resampled(recipe, task)))
        if draws.tasks:
            found, whole = draws.average(recipe), all(entry[0] for entry in counts)
            codes = {draws.cells[recipe, task].languages[place] for task in draws.tasks for place in draws.picked(recipe, task)}
            covers = " / ".join(dict.fromkeys(draws.resampled(recipe, task) for task in draws.tasks)) if whole else ""
            few = min(entry[0] for entry in counts)
            rows.append((recipe, AVERAGE, found.value, *found.interval, few, len(codes) if whole else 0, sum(c[2] for c in counts), covers))
    return pd.DataFrame(rows, columns=["recipe", "task", "gain", "low", "high", "seeds", "languages", "n", "resampled"])


def by_language(draws: GainDraws) -> pd.DataFrame:
    """Gains by language: columns recipe task language gain low high seeds n resampled script resource_level word_order.

    low and high cover seeds and test items where predictions were kept, else seeds alone (NaN with one). `resampled` says which:
    "seeds and items", "items", "seeds" or "". n: test items. English is kept. resource_level: by the size of the language in CC-100
    (languages.py), not by what a study's own phase 1 saw.
    """
    rows = []
    for (recipe, task), cell in draws.cells.items():
        for place, code in enumerate(cell.languages):
            several, itemwise = cell.seeds[place] > 1, cell.itemwise[place]
            interval = bounds(cell.draws[:, place]) if several or itemwise else (float("nan"),) * 2
            covers = " and ".join(word for word, covered in (("seeds", several), ("items", itemwise)) if covered)
            facts = LANGUAGES.get(code)
            kind = (facts.script, facts.resource_level, facts.word_order) if facts else ("unknown",) * 3
            rows.append((recipe, task, code, cell.gain[place], *interval, int(cell.seeds[place]), cell.items[place], covers, *kind))
    columns = ["recipe", "task", "language", "gain", "low", "high", "seeds", "n", "resampled", "script", "resource_level", "word_order"]
    return pd.DataFrame(rows, columns=columns)
