"""How each recipe's encoder did on every target and probing task, run by run, in one shape for runs
and for published scores.

In a study with runs, a row is a recipe and a seed, and a target's or probing task's score is its
mean over all languages but English (zero-shot transfer). Published scores
(xstilts_core/study/published) have the same shape: there a recipe is an intermediate task, a run is
one of the authors'. Correlations are taken over these rows; gains here are means over runs less the
baseline's mean, as in Pruksachatkun et al. (2020): their runs are not paired.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import (
    AVERAGE,
    ENGLISH,
    chosen_languages,
    contenders,
    recipe_order,
    settled,
    target_scores,
    task_order,
)
from xstilts_core.analysis.runs import finished
from xstilts_core.errors import UsageError
from xstilts_core.study import Study
from xstilts_core.study.published import reference
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import PROBING_NAMES, task

COLUMNS = ["recipe", "run", "kind", "task", "score"]
OWN = "own score"
"""The column of an intermediate task's own score: on its English development data, mean over the
tasks of the recipe."""
KINDS = ("target", "probing")


def performance(study: Study) -> pd.DataFrame:
    """One row per recipe, run and task: columns COLUMNS, scores in percent, in the order in which
    they are shown.

    kind: target, probing, or intermediate (task OWN). run: the seed, or the number of a published
    run; NaN where only the mean over runs was published. Recipe "none" is the baseline. Controls
    are left out.
    """
    return published_scores(study.published) if study.published else _scores_of_runs(study)


def _scores_of_runs(study: Study) -> pd.DataFrame:
    """`performance` of a study with runs."""
    frame = contenders(finished(study), study.controls)
    targets = target_scores(frame)
    kept = targets[targets["language"].isin(chosen_languages(targets["language"], None))]
    probes = frame[(frame["phase"] == "probing") & (frame["language"] != ENGLISH)]
    own = frame[(frame["phase"] == "intermediate") & (frame["split"] == "dev")]
    own = own[
        own["metric"] == own["task"].map({name: task(name).metric for name in own["task"].unique()})
    ]
    parts = [
        kept.assign(kind="target"),
        probes.assign(kind="probing"),
        own.assign(kind="intermediate", task=OWN),
    ]
    table = pd.concat([part[["recipe", "seed", "kind", "task", "value"]] for part in parts]).rename(
        columns={"seed": "run", "value": "score"}
    )
    means = table.groupby(["recipe", "run", "kind", "task"], as_index=False)["score"].mean()
    return ordered(
        means, recipe_order(means["recipe"]), [*task_order(kept["task"]), *PROBING_NAMES, OWN]
    )


def published_scores(name: str) -> pd.DataFrame:
    """`performance` of published scores, tasks in the order of their paper's figures. UsageError
    where a file is not as it should be."""
    found = reference(name)
    table, base = (
        read(found.scores, ("intermediate", "kind", "task", "run", "score")),
        read(found.baseline, ("kind", "task", "run", "score")),
    )
    table = table.rename(columns={"intermediate": "recipe"})
    own = base[base["kind"] == "intermediate"]
    parts = [
        table,
        base[base["kind"] != "intermediate"].assign(recipe=BASELINE),
        own.assign(recipe=own["task"], task=OWN),
    ]
    scores = pd.concat(parts, ignore_index=True).assign(score=lambda frame: 100 * frame["score"])
    return ordered(
        scores,
        [BASELINE, *own["task"]],
        [*dict.fromkeys(base.loc[base["kind"] != "intermediate", "task"]), OWN],
    )


def read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table of published scores; UsageError where columns are missing, a score is none, or a cell
    stands twice."""
    table = pd.read_csv(path)
    if lacking := [name for name in columns if name not in table]:
        raise UsageError(
            f"{path} lacks the columns {', '.join(lacking)}: it has {', '.join(table.columns)}"
        )
    wrong = table[~table["score"].between(0, 1)]
    twice = table[table.duplicated([name for name in columns if name != "score"])]
    for rows, problem in (
        (wrong, "a score that is not between 0 and 1"),
        (twice, "a cell that stands twice"),
    ):
        if len(rows):
            raise UsageError(
                f"{path}, line {rows.index[0] + 2}: {problem}: {', '.join(map(str, rows.iloc[0]))}"
            )
    return table


def ordered(scores: pd.DataFrame, recipes: list[str], tasks: list[str]) -> pd.DataFrame:
    """The rows by recipe, kind, task and run; UsageError for a name that is in none of the two
    lists."""
    for column, legal in (("recipe", recipes), ("task", tasks)):
        if strange := set(scores[column]) - set(legal):
            raise UsageError(
                f"scores of the {column} {', '.join(sorted(strange))}, of which nothing else is known"
            )
    place = {"recipe": recipes, "task": tasks, "kind": ["intermediate", *KINDS]}

    def rank(column: pd.Series) -> pd.Series:
        return column.map(place[column.name].index) if column.name in place else column

    return (
        scores[COLUMNS]
        .sort_values(["recipe", "kind", "task", "run"], key=rank, kind="stable")
        .reset_index(drop=True)
    )


def labels(study: Study) -> Mapping[str, str]:
    """Short names for figures: those of the paper, for published scores; a study with runs has
    none."""
    if not study.published:
        return {}
    table = pd.read_csv(reference(study.published).baseline)
    return {BASELINE: BASELINE, **dict(zip(table["task"], table["label"], strict=True))}


def training_examples(study: Study) -> pd.Series:
    """Training examples of each intermediate task, where published with the scores; empty for a
    study with runs, which cuts them."""
    if not study.published:
        return pd.Series(dtype=float, name="train_examples")
    table = pd.read_csv(reference(study.published).baseline)
    return table[table["kind"] == "intermediate"].set_index("task")["train_examples"]


def tasks_of(scores: pd.DataFrame, kind: str) -> list[str]:
    """The tasks of a kind, in the order in which they are shown."""
    return list(dict.fromkeys(scores.loc[scores["kind"] == kind, "task"]))


def by_run(scores: pd.DataFrame, paired: bool = False) -> pd.DataFrame:
    """A row per recipe and run (the index), a column per target and probing task; NaN where there
    is no score. Without the baseline.

    paired: gains over the baseline of the same run instead of scores. A seed's phase 1 lifts or
    lowers all of its targets at once, which is no likeness between targets; published runs share
    nothing with the baseline's.
    """
    kept = (
        scores[scores["kind"].isin(KINDS)]
        .dropna(subset=["run"])
        .assign(run=lambda frame: frame["run"].astype(int))
    )
    order = [name for kind in KINDS for name in tasks_of(scores, kind)]
    table = kept.pivot(index=["recipe", "run"], columns="task", values="score")
    rows = [
        key
        for key in dict.fromkeys(zip(kept["recipe"], kept["run"], strict=True))
        if key[0] != BASELINE
    ]
    found = table.reindex(
        index=pd.MultiIndex.from_tuples(rows, names=["recipe", "run"]), columns=order
    ).rename_axis(columns=None)
    if paired:
        base = table.reindex(
            index=pd.MultiIndex.from_tuples(
                [(BASELINE, run) for _, run in rows], names=["recipe", "run"]
            ),
            columns=order,
        )
        return settled(found - base.to_numpy())
    return settled(found)


def transfer(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over runs less the baseline's mean, in points: columns recipe kind task value baseline
    gain runs.

    The mean over all targets follows as task "average": NaN unless the recipe and the baseline have
    every target. NaN where there is no run; runs counts the recipe's.
    """
    kept = scores[scores["kind"].isin(KINDS)]
    means = (
        kept.groupby(["recipe", "kind", "task"], sort=False)
        .agg(value=("score", "mean"), runs=("score", "count"))
        .reset_index()
    )
    base = means[means["recipe"] == BASELINE].set_index("task")["value"]
    rows = []
    for name in dict.fromkeys(scores.loc[scores["recipe"] != BASELINE, "recipe"]):
        found = means[means["recipe"] == name].set_index("task")
        for kind in KINDS:
            tasks = tasks_of(scores, kind)
            cells = [
                (
                    found["value"].get(entry, np.nan),
                    base.get(entry, np.nan),
                    int(found["runs"].get(entry, 0)),
                )
                for entry in tasks
            ]
            rows += [
                (name, kind, entry, value, none, value - none, runs)
                for entry, (value, none, runs) in zip(tasks, cells, strict=True)
            ]
            if kind == "target" and cells:
                value, none, runs = (
                    np.mean([cell[0] for cell in cells]),
                    np.mean([cell[1] for cell in cells]),
                    min(cell[2] for cell in cells),
                )
                rows.append((name, "target", AVERAGE, value, none, value - none, runs))
    return pd.DataFrame(
        rows, columns=["recipe", "kind", "task", "value", "baseline", "gain", "runs"]
    )


def own_and_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per recipe (the index): its own score OWN, mean over runs, and its gain on every target
    and on average; NaN where missing.

    One row a recipe and not a run: the runs of a recipe share task and size, and several of them
    would count one fact several times.
    """
    table = transfer(scores)
    gain = table[table["kind"] == "target"].pivot(index="recipe", columns="task", values="gain")
    own = scores[scores["task"] == OWN].groupby("recipe")["score"].mean().rename(OWN)
    columns = [name for name in [*tasks_of(scores, "target"), AVERAGE] if name in gain]
    joined = gain[columns].join(own, how="left")[[OWN, *columns]]
    return settled(joined).reindex(list(dict.fromkeys(table["recipe"]))).rename_axis(columns=None)


def absent(scores: pd.DataFrame) -> pd.DataFrame:
    """Cells of `by_run` without a score: columns recipe kind task runs_missing runs_found, targets
    first. Empty: nothing is missing.

    Only recipes of which something is there are known here: a study's own list of runs says more.
    """
    table = by_run(scores)
    counts = table.groupby(level="recipe", sort=False).count()
    expected = len(table.index.unique("run"))
    rows = [
        (name, kind, entry, expected - int(counts.loc[name, entry]), int(counts.loc[name, entry]))
        for kind in KINDS
        for name in counts.index
        for entry in tasks_of(scores, kind)
        if counts.loc[name, entry] < expected
    ]
    return pd.DataFrame(rows, columns=["recipe", "kind", "task", "runs_missing", "runs_found"])
