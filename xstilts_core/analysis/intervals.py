"""95 % percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13) of mean gains.

Two questions, two resampling plans, both paired (a seed or an item is drawn with its baseline):

- a cell of the main table (recipe x target): would the mean gain be the same with other seeds and other languages? Seeds and
  languages are crossed, so both are drawn with replacement, independently of each other (the pigeonhole bootstrap of Owen 2007,
  which is on the safe side). Seeds are drawn once for all targets, because a seed's phase 1 and phase 2 models are shared by them.
- one language: would the gain be the same with other seeds and other test items? Seeds and, where predictions were kept, items
  (items.py).

With S seeds only S ** S draws differ, and the percentile interval is too narrow by about sqrt((S - 1) / S): with two or three seeds
it is a description of what was seen, not a test. Every table therefore has a column `seeds`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import AVERAGE, chosen_languages, gains, recipe_order, target_scores, task_order
from xstilts_core.languages import LANGUAGES
from xstilts_core.spec import BASELINE

DRAWS = 2_000
BOUNDS = (2.5, 97.5)


def bounds(draws: np.ndarray, spread: bool = True) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of the bootstrap replicates `draws`; NaN where nothing could be resampled (`spread` False)."""
    kept = draws[np.isfinite(draws)]
    if not spread or len(kept) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(kept, BOUNDS)
    return float(low), float(high)


def weights(generator: np.random.Generator, units: int, draws: int) -> np.ndarray:
    """[draws, units]: how often each unit was drawn when as many units are drawn with replacement."""
    return generator.multinomial(units, np.full(units, 1 / units), size=draws).astype(float)


def crossed_means(values: np.ndarray, seed_weights: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """[draws] weighted means of values [seeds, languages], NaN cells left out; languages are drawn here.

    A draw that met no filled cell is NaN.
    """
    values = values[:, np.isfinite(values).any(axis=0)]
    if values.shape[1] == 0:
        return np.full(len(seed_weights), np.nan)
    language_weights = weights(generator, values.shape[1], len(seed_weights))
    filled = np.isfinite(values)
    total = ((seed_weights @ np.where(filled, values, 0)) * language_weights).sum(axis=1)
    count = ((seed_weights @ filled) * language_weights).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def recipe_rows(name: str, kept: pd.DataFrame, tasks: Sequence[str], draws: int, generator: np.random.Generator) -> list[tuple]:
    """The rows of `gain_table` of one recipe: a row per task, and `average` where every task has a gain.

    A task with a single pair has no interval, and then the average has none either: it would look surer than it is.
    """
    seeds = sorted(kept["seed"].unique())
    seed_weights = weights(generator, max(len(seeds), 1), draws)
    rows, means, replicates = [], [], []
    for task in tasks:
        cells = kept[kept["task"] == task]
        if cells.empty:
            rows.append((name, task, *[float("nan")] * 3, 0, 0, 0))
            continue
        values = cells.pivot(index="seed", columns="language", values="gain").reindex(seeds).to_numpy(float)
        means.append(cells["gain"].mean())
        replicates.append(crossed_means(values, seed_weights, generator))
        if len(cells) == 1:
            replicates[-1] = np.full(draws, np.nan)
        rows.append((name, task, means[-1], *bounds(replicates[-1]), cells["seed"].nunique(), cells["language"].nunique(), len(cells)))
    whole = len(means) == len(tasks) > 0
    mean = float(np.mean(means)) if whole else float("nan")
    interval = bounds(np.mean(replicates, axis=0)) if whole else (float("nan"),) * 2
    return [*rows, (name, AVERAGE, mean, *interval, len(seeds) if whole else 0, kept["language"].nunique() if whole else 0, len(kept))]


def gain_table(
    frame: pd.DataFrame, languages: Sequence[str] | None = None, metric: str | None = None, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """The cells of `gain_matrix` with intervals: columns recipe task gain low high seeds languages n; task `average` too.

    n counts the (seed, language) pairs behind the mean. gain, low, high in points; low and high are NaN with a single pair;
    all are NaN and the counts 0 where the runs are missing. Deterministic: `seed` starts a generator of its own per recipe.
    """
    scores = target_scores(frame, metric)
    table = gains(frame, metric).dropna(subset=["gain"])
    table = table[table["language"].isin(chosen_languages(scores["language"], languages))]
    tasks = task_order(scores["task"])
    rows = []
    for position, name in enumerate(recipe for recipe in recipe_order(scores["recipe"]) if recipe != BASELINE):
        kept = table[table["recipe"] == name]
        rows += recipe_rows(name, kept, tasks, draws, np.random.default_rng([seed, position]))
    return pd.DataFrame(rows, columns=["recipe", "task", "gain", "low", "high", "seeds", "languages", "n"])


def by_language(frame: pd.DataFrame, items: pd.DataFrame | None = None, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Gains by language: columns recipe task language gain low high seeds n resampled script resource_level word_order.

    items: `item_intervals` of the same study; where it has a row, low and high come from seeds and test items, elsewhere from
    seeds alone (NaN with one). `resampled` says which: "seeds and items", "items", "seeds" or "". n: test items. English is kept.
    resource_level: by the size of the language in CC-100 (languages.py), not by what a study's own phase 1 saw.
    """
    table = gains(frame).dropna(subset=["gain"])
    known = {} if items is None else {(row.recipe, row.task, row.language): (row.low, row.high) for row in items.itertuples()}
    generator = np.random.default_rng([seed, 1])
    rows = []
    for key, cells in table.groupby(["recipe", "task", "language"], sort=False):
        count = len(cells)
        if key in known:
            interval, resampled = known[key], "seeds and items" if count > 1 else "items"
        else:
            means = weights(generator, count, draws) @ cells["gain"].to_numpy(float) / count
            interval, resampled = bounds(means, count > 1), "seeds" if count > 1 else ""
        facts = LANGUAGES.get(key[2])
        kind = (facts.script, facts.resource_level, facts.word_order) if facts else ("unknown",) * 3
        rows.append((*key, cells["gain"].mean(), *interval, count, cells["n"].max(), resampled, *kind))
    columns = ["recipe", "task", "language", "gain", "low", "high", "seeds", "n", "resampled", "script", "resource_level", "word_order"]
    return pd.DataFrame(rows, columns=columns)
