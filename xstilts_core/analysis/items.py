"""Resampled test items: what each score would have been on another draw of the test set, from the
predictions that runs kept.

A predictions file (predictions/<task>.<language>.jsonl.gz) opens with {"columns": [...], "metric":
...} and goes on with one object per test item: {"id", "gold", "prediction", "stats"}. `stats` is
the item's row of sufficient statistics (metrics), so a replicate needs only the sums of resampled
rows and no text is scored again.

All runs of a task share its test set, and items of the same id in several languages are
translations of each other (XNLI, PAWS-X, XQuAD, parts of MLQA, the embedded suite). So a replicate
draws the items of a task once, for all recipes, seeds and languages: differences stay paired (Koehn
2004), and what a hard item does in every language at once is not averaged away.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xstilts_core import metrics
from xstilts_core.analysis.runs import finished, of_size, states
from xstilts_core.errors import UsageError
from xstilts_core.study import Study
from xstilts_core.study.spec import ControlSpec, RetrievalSpec, TargetSpec
from xstilts_core.tasks import TARGET_NAMES

DRAWS = 2_000
# Counts drawn at once: 8 MB stay in the processor's cache.
CHUNK = 2**20
Run = tuple[str, str, int]
"""(language, recipe, seed): what tells the predictions of one task apart."""
ItemScores = Mapping[tuple[str, str, str, int], np.ndarray]
"""(task, language, recipe, seed) -> [draws] scores in percent, each on as many test items drawn
with replacement."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """ids [items], statistics [items, columns], and the metric that the statistics give."""

    file: Path
    ids: tuple[str, ...]
    statistics: np.ndarray
    columns: tuple[str, ...]
    metric: str


def read_predictions(path: Path) -> Predictions:
    """Read a predictions file; UsageError names the file and what is wrong with it."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            head = json.loads(stream.readline())
            lines = [json.loads(line) for line in stream]
        columns = tuple(head["columns"])
        statistics = np.array([line["stats"] for line in lines], dtype=float).reshape(
            len(lines), len(columns)
        )
        found = Predictions(
            path, tuple(str(line["id"]) for line in lines), statistics, columns, head["metric"]
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a file of predictions ({type(error).__name__}: {error}): run its notebook again"
        ) from None
    if not lines:
        raise UsageError(f"{path} has no test item")
    if len(set(found.ids)) < len(lines):
        raise UsageError(
            f"{path} has {len(lines)} test items but only {len(set(found.ids))} different ids"
        )
    if found.metric not in (known := metrics.score_sums(np.zeros(len(columns)), 1, columns)):
        raise UsageError(
            f"{path}: its columns {', '.join(columns)} give {', '.join(known)}, not {found.metric}"
        )
    return found


def aligned(runs: Sequence[Predictions]) -> tuple[tuple[str, ...], np.ndarray]:
    """Ids [items] of one language, and the statistics of its runs side by side in that order,
    [items, runs * columns].

    Mined sentence pairs need a row only where gold or prediction has one: there a missing row is a
    row of zeros. Elsewhere UsageError where the runs did not score the same items by the same
    metric.
    """
    first = runs[0]
    for run in runs:
        if (run.columns, run.metric) != (first.columns, first.metric):
            raise UsageError(
                f"{run.file} has {run.metric} from {run.columns}, {first.file} has {first.metric} from {first.columns}"
            )
        if (
            run.ids != first.ids
            and first.columns != metrics.BITEXT
            and set(run.ids) != set(first.ids)
        ):
            raise UsageError(
                f"{run.file} and {first.file} score different test items ({len(run.ids)} and {len(first.ids)})"
            )
    order = {
        name: row
        for row, name in enumerate(dict.fromkeys(name for run in runs for name in run.ids))
    }
    width = len(first.columns)
    table = np.zeros((len(order), len(runs) * width))
    for position, run in enumerate(runs):
        table[[order[name] for name in run.ids], position * width : (position + 1) * width] = (
            run.statistics
        )
    return tuple(order), table


def counts(generator: np.random.Generator, items: int, draws: int) -> np.ndarray:
    """[draws, items]: how often each item was drawn when as many items are drawn with
    replacement."""
    drawn = generator.integers(items, size=(draws, items)) + items * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * items).reshape(draws, items).astype(float)


def placed(
    ids: Sequence[str], table: np.ndarray, order: Mapping[str, int]
) -> tuple[np.ndarray | slice, np.ndarray]:
    """Where the items of a language stand among those of all, and its table in that order. A slice
    where they stand together: no copy."""
    places = np.array([order[name] for name in ids])
    rows = np.argsort(places)
    first, last = places[rows[0]], places[rows[-1]]
    return slice(first, last + 1) if last - first + 1 == len(rows) else places[rows], table[rows]


def resample(
    runs: Mapping[Run, Predictions], draws: int, generator: np.random.Generator
) -> dict[Run, np.ndarray]:
    """Scores [draws] of every run of one task. A draw takes items from all languages' items
    together, by id."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run[0], []).append(run)
    found = {code: aligned([runs[run] for run in group]) for code, group in groups.items()}
    order = {
        name: place
        for place, name in enumerate(
            dict.fromkeys(name for ids, _ in found.values() for name in ids)
        )
    }
    tables = {code: placed(*table, order) for code, table in found.items()}
    scores = {run: np.empty(draws) for run in runs}
    step = max(1, CHUNK // len(order))
    for start in range(0, draws, step):
        drawn = counts(generator, len(order), min(step, draws - start))
        for code, group in groups.items():
            (places, table), first = tables[code], runs[group[0]]
            part = drawn[:, places]
            sums = (part @ table).reshape(len(part), len(group), len(first.columns))
            # Where a tiny language has no item in a draw, its sums are 0 and so is its score.
            values = metrics.score_sums(
                sums, np.maximum(part.sum(axis=1), 1)[:, None], first.columns
            )[first.metric]
            for position, run in enumerate(group):
                scores[run][start : start + len(part)] = values[:, position]
    return scores


def prediction_files(study: Study) -> dict[str, dict[Run, Path]]:
    """Target -> run -> file, of the finished runs, as far as `finished` has their scores. A control
    without an encoder was run once: it stands beside every seed."""
    files: dict[str, dict[Run, Path]] = {}
    kept = set(
        finished(study)[["task", "language", "recipe", "seed"]].itertuples(index=False, name=None)
    )
    for found in states(of_size(study)):
        spec = found.spec
        if found.state == "done" and isinstance(spec, TargetSpec | RetrievalSpec | ControlSpec):
            for path in sorted((spec.folder / "predictions").glob("*.jsonl.gz")):
                task, code = path.name.removesuffix(".jsonl.gz").split(".", 1)
                for number in study.seeds if isinstance(spec, ControlSpec) else [spec.seed]:
                    if (task, code, spec.recipe, spec.seed) not in kept:
                        continue
                    files.setdefault(task, {})[code, spec.recipe, number] = path
    return files


def item_scores(study: Study, draws: int = DRAWS, seed: int = 0) -> ItemScores:
    """`resample` for every task whose finished runs kept predictions; each task has a generator of
    its own."""
    scores: dict[tuple[str, str, str, int], np.ndarray] = {}
    for task, files in prediction_files(study).items():
        known = {path: read_predictions(path) for path in dict.fromkeys(files.values())}
        generator = np.random.default_rng([seed, TARGET_NAMES.index(task)])
        found = resample({run: known[path] for run, path in files.items()}, draws, generator)
        scores |= {(task, *run): values for run, values in found.items()}
    return scores
