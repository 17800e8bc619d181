"""Scores on resampled test sets, computed from the predictions that runs stored.

A predictions file (predictions/<task>.<language>.jsonl.gz) starts with the line {"columns": [...],
"metric": ...}, followed by one object per test item: {"id", "gold", "prediction", "stats"}. `stats`
is the item's row of sufficient statistics (metrics), so a replicate needs only the sums of
resampled rows and no text is scored again.

All runs of a task share its test set, and items with the same id in several languages are
translations of each other (XNLI, PAWS-X, XQuAD, parts of MLQA, the embedded suite). A replicate
therefore draws the items of a task once, for all recipes, seeds and languages. Differences stay
paired (Koehn 2004), and the effect that a hard item has in every language at once is not averaged
away.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from xstilts_core import metrics
from xstilts_core.errors import UsageError
from xstilts_core.study.study_kinds import require_answers

# Number of counts drawn at once: their 8 MB fit into the processor's cache.
CHUNK = 2**20
Run = tuple[str, str, int]
"""(language, recipe, seed): identifies the predictions of one task."""
ItemScores = Mapping[tuple[str, str, str, int], np.ndarray]
"""(task, language, recipe, seed) -> [draws] scores in percent, each on a sample of the test items,
drawn with replacement and as large as the test set."""
NO_ITEMS: ItemScores = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of a run: ids [items], statistics [items, columns], and the metric that they
    give; if they were asked for, the gold answers and the run's own [items]."""

    file: Path
    ids: tuple[str, ...]
    statistics: np.ndarray
    columns: tuple[str, ...]
    metric: str
    answers: tuple[tuple[Any, Any], ...] = ()


def read_predictions(path: Path, answers: bool = False) -> Predictions:
    """Read a predictions file, with its answers if wanted. Raise UsageError naming the file and
    what is wrong with it."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            header = json.loads(stream.readline())
            lines = [json.loads(line) for line in stream]
        if answers:
            require_answers(header, path)
        columns = tuple(header["columns"])
        statistics = np.array([line["stats"] for line in lines], dtype=float).reshape(
            len(lines), len(columns)
        )
        predictions = Predictions(
            file=path,
            ids=tuple(str(line["id"]) for line in lines),
            statistics=statistics,
            columns=columns,
            metric=header["metric"],
            answers=tuple((line["gold"], line["prediction"]) for line in lines) if answers else (),
        )
    except UsageError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a file of predictions ({type(error).__name__}: {error}): "
            "run its notebook again"
        ) from None
    if not lines:
        raise UsageError(f"{path} has no test items")
    if len(set(predictions.ids)) < len(lines):
        raise UsageError(
            f"{path} has {len(lines)} test items but only {len(set(predictions.ids))} different ids"
        )
    if predictions.metric not in (legal := metrics.score_sums(np.zeros(len(columns)), 1, columns)):
        raise UsageError(
            f"{path}: the columns {', '.join(columns)} give {', '.join(legal)}, "
            f"not {predictions.metric}"
        )
    return predictions


def read_runs(files: Mapping[Run, Path]) -> dict[Run, Predictions]:
    """Read the predictions of several runs, each file once."""
    predictions = {path: read_predictions(path) for path in dict.fromkeys(files.values())}
    return {run: predictions[path] for run, path in files.items()}


def _aligned(runs: Sequence[Predictions]) -> pd.DataFrame:
    """Return the statistics of the runs of one language side by side: a row per item, with its id
    as index, and runs * columns columns.

    Files of mined sentence pairs have rows only for pairs that are gold or predicted, so a missing
    row means zeros. For other tasks, raise UsageError if the runs did not score the same items with
    the same metric.
    """
    first = runs[0]
    for run in runs:
        if (run.columns, run.metric) != (first.columns, first.metric):
            raise UsageError(
                f"{run.file} has {run.metric} from {run.columns}, "
                f"{first.file} has {first.metric} from {first.columns}"
            )
        if first.columns != metrics.BITEXT and set(run.ids) != set(first.ids):
            raise UsageError(
                f"{run.file} and {first.file} score different test items "
                f"({len(run.ids)} and {len(first.ids)})"
            )
    tables = [pd.DataFrame(run.statistics, index=pd.Index(run.ids)) for run in runs]
    return pd.concat(tables, axis=1, sort=False).fillna(0.0)


def counts(generator: np.random.Generator, items: int, draws: int) -> np.ndarray:
    """Return [draws, items]: how often each item was drawn in samples with replacement as large as
    the test set."""
    cells = generator.integers(items, size=(draws, items)) + items * np.arange(draws)[:, None]
    return np.bincount(cells.ravel(), minlength=draws * items).reshape(draws, items).astype(float)


@dataclass(frozen=True, slots=True)
class Block:
    """The runs of one task in one language. positions [items]: those of its items among the items
    of all languages; statistics [items, runs, columns], in that order."""

    runs: Sequence[Run]
    positions: np.ndarray | slice
    statistics: np.ndarray
    columns: tuple[str, ...]
    metric: str


def blocks(runs: Mapping[Run, Predictions]) -> tuple[int, list[Block]]:
    """Return the number of test items of one task in all its languages, by id, and a block for each
    language. Contiguous positions are a slice, which avoids a copy."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run[0], []).append(run)
    tables = [_aligned([runs[run] for run in group]) for group in groups.values()]
    names = pd.Index(dict.fromkeys(name for table in tables for name in table.index))
    by_language = []
    for group, table in zip(groups.values(), tables, strict=True):
        indices, first = names.get_indexer(table.index), runs[group[0]]
        order = np.argsort(indices)
        low, high = indices.min(), indices.max() + 1
        positions = slice(low, high) if high - low == len(table) else indices[order]
        statistics = table.to_numpy()[order].reshape(len(table), len(group), len(first.columns))
        by_language.append(Block(group, positions, statistics, first.columns, first.metric))
    return len(names), by_language


def resample(
    runs: Mapping[Run, Predictions], draws: int, generator: np.random.Generator
) -> dict[Run, np.ndarray]:
    """Return the scores [draws] of every run of one task. A draw takes items from those of all
    languages together, by id."""
    items, by_language = blocks(runs)
    scores = {run: np.empty(draws) for run in runs}
    step = max(1, CHUNK // items)
    for start in range(0, draws, step):
        sample = counts(generator, items, min(step, draws - start))
        for block in by_language:
            weights, statistics = sample[:, block.positions], block.statistics
            sums = weights @ statistics.reshape(len(statistics), -1)
            # If a tiny language has no item in a draw, its sums are 0, and so is its score.
            values = metrics.score_sums(
                sums.reshape(len(weights), *statistics.shape[1:]),
                np.maximum(weights.sum(axis=1), 1)[:, None],
                block.columns,
            )[block.metric]
            for position, run in enumerate(block.runs):
                scores[run][start : start + len(weights)] = values[:, position]
    return scores
