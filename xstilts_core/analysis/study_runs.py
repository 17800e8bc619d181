"""Read the runs of a study: their states, where and how long they ran, how training went, and the
scores, development scores and predictions of those that are finished."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xstilts_core import results
from xstilts_core.analysis.items import ItemScores, Run, read_runs, resample
from xstilts_core.analysis.scores import comparable, in_order, left_out, recipe_order
from xstilts_core.errors import unknown
from xstilts_core.phases import learnt
from xstilts_core.results import COLUMNS, LOG, LOGGED, RESULT, Result
from xstilts_core.study import Study
from xstilts_core.study.spec import (
    ControlSpec,
    DataSpec,
    EncoderSpec,
    PretrainSpec,
    RetrievalSpec,
    Scoring,
    Spec,
)
from xstilts_core.tasks import TARGET_NAMES

DRAWS = 2_000
_PHASE1 = "phase 1"
_STATES = ("done", "running", "stale", "missing", "failed")
_SUMMARY = ("steps", "first_loss", "last_loss", "best_dev", "tokens_per_second", "padding")
LEARNING = ["recipe", "seed", "task", "metric", "score", "reference"]
LEARNING += ["answer", "low", "high", "items", "learnt", "attempts"]

_RUN_COLUMNS = ["phase", "run", "recipe", "seed", "stage", "state", "reason"]
_NOT_MADE = {"seconds": float("nan"), "device": "", "commit": "", "dirty": False}
_RUN_COLUMNS += _NOT_MADE


def _finished_results(study: Study) -> list[tuple[Spec, Result]]:
    """Return the finished runs of the grid with their results."""
    return [
        (run.spec, results.read(run.spec.folder / RESULT))
        for run in results.states(study.specs)
        if run.state == "done"
    ]


def stage(spec: Spec) -> str:
    """Return a run's column in the grid: its phase, the task it trains on, or the retrieval
    task."""
    if isinstance(spec, RetrievalSpec):
        return spec.task
    return getattr(spec, "train_on", spec.phase)


def of_size(study: Study, size: int | None = None) -> Study:
    """Return the study restricted to targets trained on `size` examples, or on the first size named
    if None. A study whose sizes do not vary is returned unchanged.

    Scores of two sizes are never averaged, so recipes are compared within one such study. Raises
    UsageError for an unknown size.
    """
    sizes = study.target_sizes
    if size is not None and size not in sizes:
        raise unknown("size", size, map(str, sizes), f"{study.file}, target_sizes")
    if len(sizes) < 2:
        return study
    fields = {name: getattr(study, name) for name in type(study).model_fields}
    return type(study)(**{**fields, "target_sizes": [sizes[0] if size is None else size]})


def runs(study: Study) -> pd.DataFrame:
    """Return one row per run of the grid, in the grid's order, with columns _RUN_COLUMNS.

    run: folder below outputs/<study>. stage: pretrain, intermediate, the task trained on, or the
    retrieval task. seconds: wall time. device, commit, dirty: the device, and the source's commit
    and whether it had uncommitted changes. These four are empty (NaN, "") unless the run is done.
    A result that cannot be read counts as failed.
    """
    rows = []
    for run in results.states(study.specs):
        made = results.read(run.spec.folder / RESULT).provenance if run.state == "done" else {}
        key = {"phase": run.spec.phase, **_key(study, run.spec)}
        rows.append(_NOT_MADE | made | key | {"state": run.state, "reason": run.reason})
    table = pd.DataFrame(rows, columns=_RUN_COLUMNS)
    return table.assign(commit=table["commit"].str[:12])


def _key(study: Study, spec: Spec) -> dict[str, Any]:
    """Return the columns that identify a run."""
    return {
        "run": str(spec.folder.relative_to(study.root)),
        "recipe": getattr(spec, "recipe", ""),
        "seed": spec.seed,
        "stage": stage(spec),
    }


def finished(study: Study) -> pd.DataFrame:
    """Return the scores of the study's finished runs, columns COLUMNS.

    Stale runs, runs no longer in the grid and runs scored on other test items than the rest
    (`left_out` names them) are excluded. If targets have several training-set sizes, only the
    first one named counts; `of_size` gives the others.
    """
    return comparable(_every_score(study))


def _every_score(study: Study) -> pd.DataFrame:
    """Return the scores of `finished` together with those that it excludes."""
    rows = results.rows([result for _, result in _finished_results(of_size(study))])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def development(study: Study) -> pd.DataFrame:
    """Return the development scores of the finished runs in percent: columns recipe task seed
    value. A run that scores several targets has a row for each; one without development data has
    none.

    The score of a retrieval run is that of its layer.
    """
    rows = []
    for spec, result in _finished_results(of_size(study)):
        if isinstance(spec, Scoring) and spec.recipe not in study.controls:
            by_layer = result.details.get("development", {})
            value = result.details.get("best_score", by_layer.get(str(result.details.get("layer"))))
            rows += [(spec.recipe, name, spec.seed, value) for name in spec.scores]
    table = pd.DataFrame(rows, columns=["recipe", "task", "seed", "value"])
    return table.astype({"value": float}).dropna(ignore_index=True)


def prediction_files(study: Study) -> dict[str, dict[Run, Path]]:
    """Return target -> run -> file for the finished runs whose scores `finished` returns. A control
    without an encoder is run once and serves for every seed."""
    files: dict[str, dict[Run, Path]] = {}
    scores = finished(study)[["task", "language", "recipe", "seed"]]
    scored = set(scores.itertuples(index=False, name=None))
    for spec, _ in _finished_results(of_size(study)):
        if isinstance(spec, Scoring):
            for path in sorted((spec.folder / "predictions").glob("*.jsonl.gz")):
                task, code = path.name.removesuffix(".jsonl.gz").split(".", 1)
                if (task, code, spec.recipe, spec.seed) in scored:
                    for seed in study.seeds if isinstance(spec, ControlSpec) else [spec.seed]:
                        files.setdefault(task, {})[code, spec.recipe, seed] = path
    return files


def item_scores(study: Study, draws: int = DRAWS) -> ItemScores:
    """Return the scores of `resample` for every task whose finished runs stored predictions. Each
    task has a generator of its own."""
    scores: dict[tuple[str, str, str, int], np.ndarray] = {}
    for task, files in prediction_files(study).items():
        generator = np.random.default_rng([0, TARGET_NAMES.index(task)])
        runs = resample(read_runs(files), draws, generator)
        scores |= {(task, *run): values for run, values in runs.items()}
    return scores


def remarks(study: Study) -> dict[str, Any]:
    """Return what a reader of the study's numbers should know.

    left_out: from scores.py. older: number of results from a version that recorded less. unlearnt:
    recipe -> sentence, from learnt.py. precisions: from `precisions`.
    """
    states = results.states(study.specs)
    return {
        "left_out": left_out(_every_score(study)),
        "older": sum(run.state == "done" and run.reason.endswith(results.OLDER) for run in states),
        "unlearnt": learnt.unlearnt(study),
        "precisions": precisions(study),
    }


def unfinished(table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that are not done and why, failures first: columns state run reason."""
    not_done = table.loc[table["state"] != "done", ["state", "run", "reason"]]
    return in_order(not_done, ["state"], {"state": _STATES[::-1]})


def run_grid(table: pd.DataFrame) -> pd.DataFrame:
    """Count the runs of `runs` for the status grid: one row per recipe and stage, with columns
    recipe, stage, one per state, and total.

    Phase 1 runs belong to no recipe and are listed under the recipe _PHASE1. The run that fetches
    the data is excluded.
    """
    table = table[table["stage"] != DataSpec.phase]
    table = table.assign(recipe=table["recipe"].replace("", _PHASE1))
    groups = table.groupby(["recipe", "stage", "state"], sort=False)
    counts = groups.size().unstack(fill_value=0).reindex(columns=list(_STATES), fill_value=0)
    counts = counts.assign(total=counts.sum(axis=1)).rename_axis(columns=None).reset_index()
    return in_order(counts, ["recipe"], {"recipe": [_PHASE1, *recipe_order(counts["recipe"])]})


def wall_times(table: pd.DataFrame) -> pd.DataFrame:
    """Summarize the wall time of the finished runs by phase: columns phase runs done median_seconds
    longest_seconds total_minutes."""
    table = table.assign(done=table["state"] == "done")
    summary = table.groupby("phase", sort=False).agg(
        runs=("run", "size"),
        done=("done", "sum"),
        median_seconds=("seconds", "median"),
        longest_seconds=("seconds", "max"),
        total_minutes=("seconds", "sum"),
    )
    return summary.assign(total_minutes=summary["total_minutes"] / 60).reset_index()


def machines(study: Study) -> pd.DataFrame:
    """Return the provenance of the finished runs, one row per distinct combination: runs, commit,
    dirty, device and a column per package."""
    rows = [
        {
            "commit": result.provenance.get("commit", "")[:12] or "not in git",
            "dirty": result.provenance.get("dirty", False),
            "device": result.provenance.get("device", ""),
            **result.provenance.get("versions", {}),
        }
        for _, result in _finished_results(study)
    ]
    if not rows:
        return pd.DataFrame(columns=["runs", "commit", "dirty", "device"])
    table = pd.DataFrame(rows).fillna("")
    combinations = table.groupby(list(table), sort=False).size().reset_index(name="runs")
    return combinations[["runs", *table]]


def precisions(study: Study) -> dict[str, list[str]]:
    """Return the finished runs by the precision in which they computed, the rarest first; a phase
    with one precision counts as a whole. Empty if all runs used the same precision."""
    rows = [
        (
            spec.phase,
            str(spec.folder.relative_to(study.root)),
            result.details.get("precision", "not recorded"),
        )
        for spec, result in _finished_results(study)
        if isinstance(spec, EncoderSpec | PretrainSpec)
    ]
    table = pd.DataFrame(rows, columns=["phase", "run", "precision"])
    several = table.groupby("phase")["precision"].transform("nunique") > 1
    names = table["run"].where(several, "all " + table["phase"] + " runs")
    counts = Counter(table["precision"]).most_common()[::-1]
    by_precision = {
        precision: list(names[table["precision"] == precision].unique()) for precision, _ in counts
    }
    return by_precision if len(by_precision) > 1 else {}


def learning(study: Study) -> pd.DataFrame:
    """Return whether finished phase 2 runs learnt: a row per recipe, seed and task, columns
    LEARNING.

    Scores are percentages on English development data, next to the best constant answer (the same
    for every item). low, high: 95 % interval of the difference. Empty if nothing is recorded.
    """
    rows = [
        {"recipe": spec.recipe, "seed": spec.seed, **judged.content()}
        for spec, judged in learnt.records(study)
    ]
    return pd.DataFrame(rows, columns=LEARNING)


def dagger(unlearnt: Collection[str], table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a dagger after every recipe that did not learn its tasks."""
    marks = {name: learnt.marked(name, unlearnt) for name in unlearnt}
    columns = [name for name in ("recipe", "chosen", "oracle") if name in table]
    return table.replace(dict.fromkeys(columns, marks)) if marks else table


def training_log(study: Study) -> pd.DataFrame:
    """Return the training logs of all runs that have one, one row per logged line: run recipe seed
    stage, then the log's columns.

    A truncated line (the run was killed while writing it) is skipped.
    """
    rows = [
        {**line, **_key(study, spec)}
        for spec in study.specs
        if (spec.folder / LOG).is_file()
        for line in log_lines((spec.folder / LOG).read_text(encoding="utf-8").splitlines())
    ]
    table = pd.DataFrame(rows)
    names = dict.fromkeys(["run", "recipe", "seed", "stage", *LOGGED, *table.columns])
    return table.reindex(columns=list(names))


def log_lines(lines: Sequence[str]) -> list[dict[str, object]]:
    """Return the JSON objects among the lines of a log."""
    records = []
    for line in lines:
        with suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return [record for record in records if isinstance(record, dict)]


def training(log: pd.DataFrame) -> pd.DataFrame:
    """Summarize `training_log` in one row per stage; values are medians over its runs.

    Columns: stage runs steps (of the last line) first_loss last_loss best_dev (best development
    score) tokens_per_second padding (share of padding tokens). NaN if the logs lack an entry.
    """
    if log.empty:
        return pd.DataFrame(columns=["stage", "runs", *_SUMMARY])
    by_run = log.groupby(["stage", "run"], sort=False).agg(
        steps=("step", "max"),
        first_loss=("loss", "first"),
        last_loss=("loss", "last"),
        best_dev=("dev", "max"),
        tokens_per_second=("tokens_per_second", "median"),
        padding=("padding", "mean"),
    )
    stages = by_run.groupby("stage", sort=False)
    medians = stages.median().assign(runs=stages.size()).reset_index()
    return medians[["stage", "runs", *_SUMMARY]]
