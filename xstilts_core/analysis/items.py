"""Paired comparison of two runs on the same test items, from the predictions they kept.

A predictions file (predictions/<task>.<language>.jsonl.gz) opens with {"columns": [...], "metric": ...} and goes on with one
object per test item: {"id", "gold", "prediction", "stats"}. `stats` is the item's row of sufficient statistics (metrics.py), so a
replicate needs only the sums of resampled rows and no text is scored again.
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from xstilts_core import metrics
from xstilts_core.analysis.gains import recipe_order
from xstilts_core.analysis.intervals import DRAWS, bounds, weights
from xstilts_core.analysis.runs import states
from xstilts_core.names import UsageError
from xstilts_core.spec import BASELINE, EncoderSpec
from xstilts_core.study import Study

CHUNK = 2**22
UNIQUE_SHARE = 5


@dataclass(frozen=True, slots=True)
class Predictions:
    """ids [items], statistics [items, columns], and the metric that the statistics give."""

    file: Path
    ids: tuple[str, ...]
    statistics: np.ndarray
    columns: tuple[str, ...]
    metric: str


@dataclass(frozen=True, slots=True)
class Paired:
    """Difference of two runs in points (mean over seeds) with its 95 % interval, over `seeds` pairs of runs and `n` test items."""

    gain: float
    low: float
    high: float
    seeds: int
    n: int


@lru_cache(maxsize=512)
def read_predictions(path: Path) -> Predictions:
    """Read a predictions file; UsageError names the file and what is wrong with it."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            head = json.loads(stream.readline())
            lines = [json.loads(line) for line in stream]
        columns = tuple(head["columns"])
        statistics = np.array([line["stats"] for line in lines], dtype=float).reshape(len(lines), len(columns))
        return Predictions(path, tuple(str(line["id"]) for line in lines), statistics, columns, head["metric"])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a file of predictions ({type(error).__name__}: {error}): run its notebook again") from None


def aligned(runs: Sequence[Predictions]) -> list[np.ndarray]:
    """The statistics of several runs, [items, columns] each, in one order of items.

    Mined sentence pairs have a row only where gold or prediction has one: there a missing row is a row of zeros. Elsewhere
    UsageError where the runs did not score the same items by the same metric.
    """
    first = runs[0]
    for run in runs:
        if len(set(run.ids)) < len(run.ids):
            raise UsageError(f"{run.file} has {len(run.ids)} test items but only {len(set(run.ids))} different ids")
        if (run.columns, run.metric) != (first.columns, first.metric):
            raise UsageError(f"{run.file} has {run.metric} from {run.columns}, {first.file} has {first.metric} from {first.columns}")
        if first.columns != metrics.BITEXT and set(run.ids) != set(first.ids):
            raise UsageError(f"{run.file} and {first.file} score different test items ({len(run.ids)} and {len(first.ids)})")
    order = {name: row for row, name in enumerate(dict.fromkeys(name for run in runs for name in run.ids))}
    tables = []
    for run in runs:
        table = np.zeros((len(order), len(first.columns)))
        table[[order[name] for name in run.ids]] = run.statistics
        tables.append(table)
    return tables


def resampled_sums(rows: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """[draws, columns]: column sums of as many rows [items, columns] drawn with replacement.

    Few different rows (labels, tags): the counts of the different rows are multinomial, and the sum is one matrix product.
    Otherwise (span F1): drawn indices are counted, in chunks that stay in memory, and the sum is again a matrix product, which beats
    gathering the rows themselves as soon as several seeds and columns lie side by side.
    """
    items = len(rows)
    different, counts = np.unique(rows, axis=0, return_counts=True)
    if len(different) < items / UNIQUE_SHARE:
        return generator.multinomial(items, counts / items, size=draws) @ different
    step = max(1, CHUNK // items)
    parts = []
    for start in range(0, draws, step):
        size = min(step, draws - start)
        drawn = generator.integers(items, size=(size, items)) + items * np.arange(size)[:, None]
        parts.append(np.bincount(drawn.ravel(), minlength=size * items).reshape(size, items) @ rows)
    return np.concatenate(parts)


def paired_items(pairs: Sequence[tuple[Path, Path]], draws: int = DRAWS, seed: int = 0) -> Paired:
    """Gain of one recipe on one task and language: `pairs` holds, per seed, the predictions of the baseline and of the recipe.

    Each replicate draws the test items once for all runs (they share the test set) and then the seeds; the gain is the mean over
    the drawn seeds of score(recipe) - score(baseline). With one pair only items are drawn: Koehn (2004)'s paired bootstrap.
    """
    if not pairs:
        raise UsageError("paired_items got no pair of files: give (baseline, recipe) predictions of at least one seed")
    runs = [read_predictions(Path(path)) for pair in pairs for path in pair]
    tables = aligned(runs)
    columns, metric, items = runs[0].columns, runs[0].metric, len(tables[0])
    if items == 0:
        raise UsageError(f"{runs[0].file} has no test item")
    if metric not in (known := metrics.score_sums(np.zeros(len(columns)), 1, columns)):
        raise UsageError(f"{runs[0].file}: its columns {', '.join(columns)} give {', '.join(known)}, not {metric}")
    generator = np.random.default_rng([seed, 2])

    def differences(sums: np.ndarray) -> np.ndarray:
        split = sums.reshape(*sums.shape[:-1], len(pairs), 2, len(columns))
        scores = metrics.score_sums(split, items, columns)[metric]
        return scores[..., 1] - scores[..., 0]

    stacked = np.concatenate(tables, axis=1)
    replicates = differences(resampled_sums(stacked, draws, generator))
    mean = (replicates * weights(generator, len(pairs), draws)).sum(axis=1) / len(pairs)
    return Paired(float(differences(stacked.sum(axis=0)).mean()), *bounds(mean, items > 1), len(pairs), items)


def item_intervals(study: Study, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """`paired_items` for every recipe, target and language of a study whose finished runs kept predictions.

    Columns recipe task language gain low high seeds n; no row where either run or its predictions are missing.
    """
    files: dict[tuple[str, str, str], dict[int, Path]] = {}
    for run in states(study):
        if run.state == "done" and isinstance(run.spec, EncoderSpec):
            for path in sorted((run.spec.folder / "predictions").glob("*.jsonl.gz")):
                task, code = path.name.removesuffix(".jsonl.gz").split(".", 1)
                files.setdefault((run.spec.recipe, task, code), {})[run.spec.seed] = path
    rows = []
    for name in [name for name in recipe_order(key[0] for key in files) if name != BASELINE]:
        for (recipe, task, code), found in files.items():
            base = files.get((BASELINE, task, code), {})
            pairs = [(base[number], path) for number, path in sorted(found.items()) if number in base]
            if recipe == name and pairs:
                result = paired_items(pairs, draws, seed)
                rows.append((name, task, code, result.gain, result.low, result.high, result.seeds, result.n))
    return pd.DataFrame(rows, columns=["recipe", "task", "language", "gain", "low", "high", "seeds", "n"])
