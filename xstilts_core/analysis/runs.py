"""Summarize the runs of a study: their states, where and how long they ran, and how training
went."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from xstilts_core import results
from xstilts_core.analysis.comparable import comparable, left_out
from xstilts_core.analysis.gains import in_order, recipe_order
from xstilts_core.errors import unknown
from xstilts_core.phases import learnt
from xstilts_core.results import COLUMNS, LOG, LOGGED, RESULT, Result, State
from xstilts_core.study import Study
from xstilts_core.study.spec import DataSpec, EncoderSpec, PretrainSpec, RetrievalSpec, Spec

_PHASE1 = "phase 1"
STATES = ("done", "running", "stale", "missing", "failed")
_SUMMARY = ("steps", "first_loss", "last_loss", "best_dev", "tokens_per_second", "padding")
LEARNING = [
    "recipe",
    "seed",
    "task",
    "metric",
    "score",
    "reference",
    "answer",
    "low",
    "high",
    "items",
    "learnt",
    "attempts",
]
_RUN_COLUMNS = [
    "phase",
    "run",
    "recipe",
    "seed",
    "stage",
    "state",
    "reason",
    "seconds",
    "device",
    "commit",
    "dirty",
]


def states(study: Study) -> list[State]:
    """Return the state of every run of the grid. A result that cannot be read counts as failed,
    with the reason."""
    return results.states(study.specs)


def finished_results(study: Study) -> list[tuple[Spec, Result]]:
    """Return the finished runs of the grid with their results."""
    return [
        (run.spec, results.read(run.spec.folder / RESULT))
        for run in states(study)
        if run.state == "done"
    ]


def stage(spec: Spec) -> str:
    """Return a run's column in the grid: its phase, the task it trains on, or the retrieval
    task."""
    if isinstance(spec, RetrievalSpec):
        return spec.task
    return getattr(spec, "train_on", spec.phase)


def of_size(study: Study, size: int | None = None) -> Study:
    """Return the study restricted to targets trained on `size` examples, or on the most examples if
    None. A study whose sizes do not vary is returned unchanged.

    Scores of two sizes are never averaged, so recipes are compared within one such study. Raises
    UsageError for an unknown size.
    """
    sizes = study.target_sizes
    if size is not None and size not in sizes:
        raise unknown("size", size, map(str, sizes), f"{study.file}, target_sizes")
    if len(sizes) < 2:
        return study
    selected_size = size if size is not None else 0 if 0 in sizes else max(sizes)
    fields = {name: getattr(study, name) for name in type(study).model_fields}
    return type(study)(**{**fields, "target_sizes": [selected_size]})


def runs(study: Study) -> pd.DataFrame:
    """Return one row per run of the grid, in the grid's order, with columns _RUN_COLUMNS.

    run: folder below outputs/<study>. stage: pretrain, intermediate, the task trained on, or the
    retrieval task. seconds: wall time. device, commit, dirty: the device, and the source's commit
    and whether it had uncommitted changes. These four are empty (NaN, "") unless the run is done.
    """
    rows = []
    for run in states(study):
        spec = run.spec
        provenance = results.read(spec.folder / RESULT).provenance if run.state == "done" else {}
        origins = (
            provenance.get("seconds", float("nan")),
            provenance.get("device", ""),
            provenance.get("commit", "")[:12],
            bool(provenance.get("dirty", False)),
        )
        key = (
            spec.phase,
            str(spec.folder.relative_to(study.root)),
            getattr(spec, "recipe", ""),
            spec.seed,
            stage(spec),
        )
        rows.append((*key, run.state, run.reason, *origins))
    return pd.DataFrame(rows, columns=_RUN_COLUMNS)


def finished(study: Study) -> pd.DataFrame:
    """Return the scores of the study's finished runs, columns COLUMNS.

    Stale runs, runs no longer in the grid and runs scored on other test items than the rest
    (`left_out` names them) are excluded. If targets have several training-set sizes, only the
    largest counts; `of_size` gives the others.
    """
    return comparable(_every_score(study))


def _every_score(study: Study) -> pd.DataFrame:
    """Return the scores of `finished` together with those that it excludes."""
    rows = results.rows([result for _, result in finished_results(of_size(study))])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def remarks(study: Study) -> dict[str, Any]:
    """Return what a reader of the study's numbers should know.

    left_out: from comparable.py. older: number of results from a version that recorded less.
    unlearnt: recipe -> sentence, from learnt.py. precisions: from `precisions`.
    """
    reasons = [run.reason for run in states(study) if run.state == "done"]
    return {
        "left_out": left_out(_every_score(study)),
        "older": sum(reason.endswith(results.OLDER) for reason in reasons),
        "unlearnt": learnt.unlearnt(study),
        "precisions": precisions(study),
    }


def unfinished(table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that are not done and why, failures first: columns state run reason."""
    not_done = table.loc[table["state"] != "done", ["state", "run", "reason"]]
    return in_order(not_done, ["state"], {"state": STATES[::-1]})


def run_grid(table: pd.DataFrame) -> pd.DataFrame:
    """Count the runs of `runs` for the status grid: one row per recipe and stage, with columns
    recipe, stage, one per state, and total.

    Phase 1 runs belong to no recipe and are listed under the recipe _PHASE1. The run that fetches
    the data is excluded.
    """
    table = table[table["stage"] != DataSpec.phase]
    named_runs = table.assign(recipe=table["recipe"].where(table["recipe"] != "", _PHASE1))
    counts = (
        named_runs.groupby(["recipe", "stage", "state"], sort=False)
        .size()
        .unstack("state", fill_value=0)
    )
    counts = counts.reindex(columns=list(STATES), fill_value=0)
    counts = counts.assign(total=counts.sum(axis=1)).rename_axis(columns=None).reset_index()
    return in_order(counts, ["recipe"], {"recipe": [_PHASE1, *recipe_order(counts["recipe"])]})


def wall_times(table: pd.DataFrame) -> pd.DataFrame:
    """Summarize the wall time of the finished runs by phase: columns phase runs done median_seconds
    longest_seconds total_minutes."""
    groups = table.groupby("phase", sort=False)
    summary = pd.DataFrame(
        {
            "runs": groups.size(),
            "done": groups["state"].agg(lambda column: int((column == "done").sum())),
            "median_seconds": groups["seconds"].median(),
            "longest_seconds": groups["seconds"].max(),
            "total_minutes": groups["seconds"].sum() / 60,
        }
    )
    return summary.reset_index()


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
        for _, result in finished_results(study)
    ]
    if not rows:
        return pd.DataFrame(columns=["runs", "commit", "dirty", "device"])
    table = pd.DataFrame(rows).fillna("")
    combinations = table.groupby(list(table.columns), sort=False).size()
    return combinations.rename("runs").reset_index()[["runs", *table.columns]]


def precisions(study: Study) -> dict[str, list[str]]:
    """Return the finished runs by the precision in which they computed, the rarest first; a phase
    with one precision counts as a whole. Empty if all runs used the same precision."""
    specs = [
        run.spec
        for run in states(study)
        if run.state == "done" and isinstance(run.spec, EncoderSpec | PretrainSpec)
    ]
    precision_of = {
        spec.folder: results.read(spec.folder / RESULT).details.get("precision", "not recorded")
        for spec in specs
    }
    by_phase: dict[str, set[str]] = {}
    for spec in specs:
        by_phase.setdefault(spec.phase, set()).add(precision_of[spec.folder])
    names = {name: list[str]() for name, _ in Counter(precision_of.values()).most_common()[::-1]}
    for spec in specs:
        folder = str(spec.folder.relative_to(study.root))
        name = folder if len(by_phase[spec.phase]) > 1 else f"all {spec.phase} runs"
        if name not in names[precision_of[spec.folder]]:
            names[precision_of[spec.folder]].append(name)
    return names if len(names) > 1 else {}


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


def dagger(unlearnt: Collection[str], *tables: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the tables with a dagger after every recipe that did not learn its tasks."""
    marks = {name: learnt.marked(name, unlearnt) for name in unlearnt}
    recipe_columns = ("recipe", "chosen", "oracle")
    return [
        table.replace({name: marks for name in recipe_columns if name in table}) if marks else table
        for table in tables
    ]


def training_log(study: Study) -> pd.DataFrame:
    """Return the training logs of all runs that have one, one row per logged line: run recipe seed
    stage, then the log's columns.

    A truncated line (the run was killed while writing it) is skipped.
    """
    rows = []
    for spec in study.specs:
        path = spec.folder / LOG
        if path.is_file():
            run = str(spec.folder.relative_to(study.root))
            key = {
                "run": run,
                "recipe": getattr(spec, "recipe", ""),
                "seed": spec.seed,
                "stage": stage(spec),
            }
            rows += [
                {**line, **key} for line in log_lines(path.read_text(encoding="utf-8").splitlines())
            ]
    table = pd.DataFrame(rows)
    return table.reindex(
        columns=list(dict.fromkeys(["run", "recipe", "seed", "stage", *LOGGED, *table.columns]))
    )


def log_lines(lines: Sequence[str]) -> list[dict[str, object]]:
    """Return the JSON objects among the lines of a log."""
    records = []
    for line in lines:
        try:
            content = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(content, dict):
            records.append(content)
    return records


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
    medians = stages[list(_SUMMARY)].median()
    return medians.assign(runs=stages.size()).reset_index()[["stage", "runs", *_SUMMARY]]
