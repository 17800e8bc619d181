"""What became of the runs of a study: done, missing or failed; where and how long they ran; how
training went."""

import json
from collections import Counter
from collections.abc import Collection, Sequence

import pandas as pd

from xstilts_core import results
from xstilts_core.analysis.comparable import comparable, left_out
from xstilts_core.analysis.gains import recipe_order
from xstilts_core.errors import unknown
from xstilts_core.jobs.kept_runs import LOG, LOGGED
from xstilts_core.phases import learnt
from xstilts_core.results import COLUMNS, RESULT, State
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
    """The state of every run of the grid; a result that cannot be read counts as failed, with the
    reason."""
    return results.states(study.specs)


def stage(spec: Spec) -> str:
    """The column of a run in the grid: its phase, the task it trains on, or the retrieval task."""
    if isinstance(spec, RetrievalSpec):
        return spec.task
    return getattr(spec, "train_on", spec.phase)


def of_size(study: Study, size: int | None = None) -> Study:
    """The study with targets trained on that many examples alone, None: on the most; itself where
    sizes are no dimension of it.

    Scores of two sizes are never averaged: whoever compares recipes does so within one of these.
    UsageError for an unknown size.
    """
    sizes = study.target_sizes
    if size is not None and size not in sizes:
        raise unknown("size", size, map(str, sizes), f"{study.file}, target_sizes")
    if len(sizes) < 2:
        return study
    chosen = size if size is not None else 0 if 0 in sizes else max(sizes)
    fields = {name: getattr(study, name) for name in type(study).model_fields}
    return type(study)(**{**fields, "target_sizes": [chosen]})


def runs(study: Study) -> pd.DataFrame:
    """One row per run of the grid, in its order: columns RUN_COLUMNS.

    run: folder below outputs/<study>. stage: pretrain, intermediate, the task trained on, or the
    retrieval task. seconds: wall time; device, commit, dirty: where it ran and from which source;
    these four are empty (NaN, "") unless the run is done.
    """
    rows = []
    for found in states(study):
        spec = found.spec
        made = results.read(spec.folder / RESULT).provenance if found.state == "done" else {}
        where = (
            made.get("seconds", float("nan")),
            made.get("device", ""),
            made.get("commit", "")[:12],
            bool(made.get("dirty", False)),
        )
        key = (
            spec.phase,
            str(spec.folder.relative_to(study.root)),
            getattr(spec, "recipe", ""),
            spec.seed,
            stage(spec),
        )
        rows.append((*key, found.state, found.reason, *where))
    return pd.DataFrame(rows, columns=_RUN_COLUMNS)


def origin(study: Study, table: pd.DataFrame) -> str:
    """Where the numbers of a figure come from, for its note: from `runs`, the table that a report
    keeps as runs.csv."""
    done = int((table["state"] == "done").sum())
    commits = sorted({text for text in table["commit"] if text})
    made = (
        f", made from commit {commits[0]}"
        if len(commits) == 1
        else f", made from {len(commits)} commits"
        if commits
        else ""
    )
    name = f"{study.name} (runs kept in {study.reference})" if study.reference else study.name
    return f"Study {name}: {done} of {len(table)} runs done{made}; their folders: runs.csv."


def finished(study: Study) -> pd.DataFrame:
    """Scores of the finished runs of this study alone (columns COLUMNS): not of stale runs, nor of
    runs it no longer has, nor those of other test items than the rest (`left_out` names them).

    Of several sizes of the targets' training sets, those of the largest; `of_size` gives the
    others.
    """
    return comparable(_every_score(study))


def _every_score(study: Study) -> pd.DataFrame:
    """The scores of `finished` and those that are left out of it."""
    whole = [
        results.read(found.spec.folder / RESULT)
        for found in states(of_size(study))
        if found.state == "done"
    ]
    return pd.DataFrame(results.rows(whole), columns=list(COLUMNS))


def remarks(study: Study) -> str:
    """What a reader of a study's numbers has to know: scores that are left out, older results,
    unlike precisions, no learning; or ""."""
    older = sum(
        found.state == "done" and found.reason.endswith(results.OLDER) for found in states(study)
    )
    told = [f"**{older} of the results are {results.OLDER}**."] if older else []
    failed = learnt.note(learnt.unlearnt(study))
    told += [f"**Not every phase 2 learnt.** {failed}"] if failed else []
    return " ".join(filter(None, [left_out(_every_score(study)), *told, precisions(study)]))


def unfinished(table: pd.DataFrame) -> pd.DataFrame:
    """The runs that are not done and why, failures first: columns state run reason."""
    kept = table[table["state"] != "done"]
    rank = {name: position for position, name in enumerate(reversed(STATES))}
    return kept.sort_values("state", key=lambda column: column.map(rank), kind="stable")[
        ["state", "run", "reason"]
    ].reset_index(drop=True)


def run_grid(table: pd.DataFrame) -> pd.DataFrame:
    """Counts for the status grid, from `runs`: one row per recipe and stage; columns recipe, stage,
    one per state, and total.

    Phase 1 runs, which belong to no recipe, stand under the recipe PHASE1; the run that fetches the
    data is left out.
    """
    table = table[table["stage"] != DataSpec.phase]
    named = table.assign(recipe=table["recipe"].where(table["recipe"] != "", _PHASE1))
    counts = (
        named.groupby(["recipe", "stage", "state"], sort=False)
        .size()
        .unstack("state", fill_value=0)
    )
    counts = counts.reindex(columns=list(STATES), fill_value=0)
    counts = counts.assign(total=counts.sum(axis=1)).rename_axis(columns=None).reset_index()
    order = [_PHASE1, *recipe_order(counts["recipe"])]
    return counts.sort_values(
        "recipe", key=lambda column: column.map(order.index), kind="stable"
    ).reset_index(drop=True)


def wall_times(table: pd.DataFrame) -> pd.DataFrame:
    """Wall time of the finished runs by phase: columns phase runs done median_seconds
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
    """Provenance of the finished runs, one row per different combination: runs, commit, dirty,
    device and a column per package."""
    rows = []
    for found in states(study):
        if found.state == "done":
            made = results.read(found.spec.folder / RESULT).provenance
            commit = made.get("commit", "")[:12] or "not in git"
            rows.append(
                {
                    "commit": commit,
                    "dirty": made.get("dirty", False),
                    "device": made.get("device", ""),
                    **made.get("versions", {}),
                }
            )
    if not rows:
        return pd.DataFrame(columns=["runs", "commit", "dirty", "device"])
    table = pd.DataFrame(rows).fillna("")
    counted = table.groupby(list(table.columns), sort=False).size().rename("runs").reset_index()
    return counted[["runs", *table.columns]]


def precisions(study: Study) -> str:
    """Which finished runs computed in which precision, in words for a report whose tables average
    them; "" where all are alike."""
    done = [
        found.spec
        for found in states(study)
        if found.state == "done" and isinstance(found.spec, EncoderSpec | PretrainSpec)
    ]
    used = {
        spec.folder: results.read(spec.folder / RESULT).details.get("precision", "not recorded")
        for spec in done
    }
    kinds = [name for name, _ in Counter(used.values()).most_common()]
    if len(kinds) < 2:
        return ""
    of_phase: dict[str, set[str]] = {}
    for spec in done:
        of_phase.setdefault(spec.phase, set()).add(used[spec.folder])
    told = {name: list[str]() for name in kinds}
    for spec in done:
        whole = len(of_phase[spec.phase]) == 1
        told[used[spec.folder]].append(
            f"all {spec.phase} runs" if whole else str(spec.folder.relative_to(study.root))
        )
    runs = "; ".join(f"{name}: {', '.join(dict.fromkeys(told[name]))}" for name in reversed(kinds))
    return f"**Not all runs computed in the same precision**, and averages are over all of them: {runs}."


def learning(study: Study) -> pd.DataFrame:
    """Whether finished runs of phase 2 learnt: a row per recipe, seed and task, columns LEARNING;
    scores in percent on English development data, beside the best answer that is the same for every
    item; low, high: 95 % interval of the difference. Empty: nothing is known."""
    rows = [
        {"recipe": spec.recipe, "seed": spec.seed, **judged.content()}
        for spec, judged in learnt.records(study)
    ]
    return pd.DataFrame(rows, columns=LEARNING)


def dagger(unlearnt: Collection[str], *tables: pd.DataFrame) -> list[pd.DataFrame]:
    """Tables to be shown, with a dagger at every recipe that did not learn."""
    marks = {name: learnt.marked(name, unlearnt) for name in unlearnt}
    named = ("recipe", "chosen", "oracle")
    return [
        table.replace({name: marks for name in named if name in table}) if marks else table
        for table in tables
    ]


def training_log(study: Study) -> pd.DataFrame:
    """The training logs of all runs that have one, one row per logged line: run recipe seed stage,
    and the log's own columns.

    A line that is cut off (the run was killed while it wrote) is left out.
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


def log_lines(lines: Sequence[str]) -> list[dict]:
    """The JSON objects among the lines of a log."""
    found = []
    for line in lines:
        try:
            content = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(content, dict):
            found.append(content)
    return found


def training(log: pd.DataFrame) -> pd.DataFrame:
    """Training in one row per stage, from `training_log`; medians over its runs.

    Columns stage runs steps (of the last line) first_loss last_loss best_dev (best development
    score) tokens_per_second padding (share of padding tokens). NaN where the logs have no such
    entry.
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
