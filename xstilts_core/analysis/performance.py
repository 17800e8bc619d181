"""Tabulate how each recipe's encoder did on every target and probing task, run by run, in one
format for runs and for published scores.

In a study with runs, a row is a recipe and a seed. The score of a target or probing task is its
mean over all languages except English (zero-shot transfer). Published scores
(xstilts_core/study/published) have the same format: a recipe is an intermediate task and a run is
one of the authors' runs. Correlations are computed over these rows. Gains here are means over runs
minus the baseline's mean, as in Pruksachatkun et al. (2020), because their runs are not paired.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from xstilts_core.analysis.gains import (
    AVERAGE,
    ENGLISH,
    chosen_languages,
    contenders,
    in_order,
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
"""Column of an intermediate task's own score: mean over the recipe's tasks on their English
development data."""
KINDS = ("target", "probing")


def performance(study: Study) -> pd.DataFrame:
    """Return one row per recipe, run and task: columns COLUMNS, scores in percent, in display
    order.

    kind: target, probing, or intermediate (task OWN). run: the seed, or the number of a published
    run; NaN if only the mean over runs was published. Recipe "none" is the baseline. Controls are
    excluded.
    """
    return published_scores(study.published) if study.published else _scores_of_runs(study)


def _scores_of_runs(study: Study) -> pd.DataFrame:
    """Return `performance` of a study with runs."""
    frame = contenders(finished(study), study.controls)
    targets = target_scores(frame)
    zero_shot = targets[targets["language"].isin(chosen_languages(targets["language"], None))]
    probes = frame[(frame["phase"] == "probing") & (frame["language"] != ENGLISH)]
    own_scores = frame[(frame["phase"] == "intermediate") & (frame["split"] == "dev")]
    own_scores = own_scores[
        own_scores["metric"]
        == own_scores["task"].map({name: task(name).metric for name in own_scores["task"].unique()})
    ]
    groups = [
        zero_shot.assign(kind="target"),
        probes.assign(kind="probing"),
        own_scores.assign(kind="intermediate", task=OWN),
    ]
    table = pd.concat(
        [group[["recipe", "seed", "kind", "task", "value"]] for group in groups]
    ).rename(columns={"seed": "run", "value": "score"})
    means = table.groupby(["recipe", "run", "kind", "task"], as_index=False)["score"].mean()
    return ordered(
        means, recipe_order(means["recipe"]), [*task_order(zero_shot["task"]), *PROBING_NAMES, OWN]
    )


def published_scores(name: str) -> pd.DataFrame:
    """Return `performance` of published scores, tasks in the order of their paper's figures. Raise
    UsageError if a file is malformed."""
    source = reference(name)
    table, baseline = (
        read(source.scores, ("intermediate", "kind", "task", "run", "score")),
        read(source.baseline, ("kind", "task", "run", "score")),
    )
    table = table.rename(columns={"intermediate": "recipe"})
    own_scores = baseline[baseline["kind"] == "intermediate"]
    groups = [
        table,
        baseline[baseline["kind"] != "intermediate"].assign(recipe=BASELINE),
        own_scores.assign(recipe=own_scores["task"], task=OWN),
    ]
    scores = pd.concat(groups, ignore_index=True).assign(score=lambda frame: 100 * frame["score"])
    return ordered(
        scores,
        [BASELINE, *own_scores["task"]],
        [*dict.fromkeys(baseline.loc[baseline["kind"] != "intermediate", "task"]), OWN],
    )


def read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a table of published scores. Raise UsageError if columns are missing, a score is not in
    [0, 1], or a cell occurs twice."""
    table = pd.read_csv(path)
    if missing := [name for name in columns if name not in table]:
        raise UsageError(
            f"{path} lacks the columns {', '.join(missing)}: it has {', '.join(table.columns)}"
        )
    wrong = table[~table["score"].between(0, 1)]
    repeated = table[table.duplicated([name for name in columns if name != "score"])]
    for rows, problem in (
        (wrong, "a score that is not between 0 and 1"),
        (repeated, "a cell that occurs twice"),
    ):
        if len(rows):
            raise UsageError(
                f"{path}, line {rows.index[0] + 2}: {problem}: {', '.join(map(str, rows.iloc[0]))}"
            )
    return table


def ordered(scores: pd.DataFrame, recipes: list[str], tasks: list[str]) -> pd.DataFrame:
    """Sort the rows by recipe, kind, task and run. Raise UsageError for a name that is in neither
    list."""
    for column, legal in (("recipe", recipes), ("task", tasks)):
        if unknown := set(scores[column]) - set(legal):
            raise UsageError(
                f"scores of the {column} {', '.join(sorted(unknown))}, which nothing else mentions"
            )
    orders = {"recipe": recipes, "task": tasks, "kind": ["intermediate", *KINDS]}
    return in_order(scores[COLUMNS], ["recipe", "kind", "task", "run"], orders)


def labels(study: Study) -> Mapping[str, str]:
    """Return short names for figures: the paper's for published scores, none for a study with
    runs."""
    if not study.published:
        return {}
    table = pd.read_csv(reference(study.published).baseline)
    return {BASELINE: BASELINE, **dict(zip(table["task"], table["label"], strict=True))}


def training_examples(study: Study) -> pd.Series:
    """Return the training examples of each intermediate task, if published with the scores; empty
    for a study with runs, which limits them."""
    if not study.published:
        return pd.Series(dtype=float, name="train_examples")
    table = pd.read_csv(reference(study.published).baseline)
    return table[table["kind"] == "intermediate"].set_index("task")["train_examples"]


def tasks_of(scores: pd.DataFrame, kind: str) -> list[str]:
    """Return the tasks of a kind, in display order."""
    return list(dict.fromkeys(scores.loc[scores["kind"] == kind, "task"]))


def by_run(scores: pd.DataFrame, paired: bool = False) -> pd.DataFrame:
    """Return a row per recipe and run (the index) and a column per target and probing task, without
    the baseline; NaN if there is no score.

    paired: return gains over the baseline of the same run instead of scores. A seed's phase 1
    raises or lowers all of its targets at once, which does not make the targets alike. Published
    runs share nothing with the baseline's.
    """
    run_scores = (
        scores[scores["kind"].isin(KINDS)]
        .dropna(subset=["run"])
        .assign(run=lambda frame: frame["run"].astype(int))
    )
    order = [name for kind in KINDS for name in tasks_of(scores, kind)]
    table = run_scores.pivot(index=["recipe", "run"], columns="task", values="score")
    rows = [
        key
        for key in dict.fromkeys(zip(run_scores["recipe"], run_scores["run"], strict=True))
        if key[0] != BASELINE
    ]
    values = table.reindex(
        index=pd.MultiIndex.from_tuples(rows, names=["recipe", "run"]), columns=order
    ).rename_axis(columns=None)
    if paired:
        baseline = table.reindex(
            index=pd.MultiIndex.from_tuples(
                [(BASELINE, run) for _, run in rows], names=["recipe", "run"]
            ),
            columns=order,
        )
        return settled(values - baseline.to_numpy())
    return settled(values)


def transfer(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over runs minus the baseline's mean, in points: columns recipe kind task
    value baseline gain runs.

    The mean over all targets follows as task "average": NaN unless the recipe and the baseline have
    every target. Values are NaN without a run; runs counts the recipe's.
    """
    groups = scores[scores["kind"].isin(KINDS)].groupby(["recipe", "task"], sort=False)["score"]
    means, counts, rows = groups.mean(), groups.count(), []
    for name in dict.fromkeys(scores.loc[scores["recipe"] != BASELINE, "recipe"]):
        for kind in KINDS:
            tasks = tasks_of(scores, kind)
            value, base = (
                means.reindex([(recipe, task_name) for task_name in tasks]).to_numpy()
                for recipe in (name, BASELINE)
            )
            runs = counts.reindex([(name, task_name) for task_name in tasks], fill_value=0)
            columns = [tasks, value, base, value - base, runs]
            if kind == "target" and tasks:
                value, base = value.mean(), base.mean()
                average = AVERAGE, value, base, value - base, runs.min()
                columns = [[*column, last] for column, last in zip(columns, average, strict=True)]
            rows += [(name, kind, *row) for row in zip(*columns, strict=True)]
    return pd.DataFrame(
        rows, columns=["recipe", "kind", "task", "value", "baseline", "gain", "runs"]
    )


def own_and_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a row per recipe (the index): its own score OWN, mean over runs, and its gain on every
    target and on average; NaN if missing.

    There is one row per recipe rather than per run, because the runs of a recipe share task and
    size and would count one fact several times.
    """
    table = transfer(scores)
    gain = table[table["kind"] == "target"].pivot(index="recipe", columns="task", values="gain")
    own_scores = scores[scores["task"] == OWN].groupby("recipe")["score"].mean().rename(OWN)
    columns = [name for name in [*tasks_of(scores, "target"), AVERAGE] if name in gain]
    joined = gain[columns].join(own_scores, how="left")[[OWN, *columns]]
    return settled(joined).reindex(list(dict.fromkeys(table["recipe"]))).rename_axis(columns=None)


def absent(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of `by_run` without a score, targets first: columns recipe kind task
    runs_missing runs_found. Empty if nothing is missing.

    Only recipes with at least one score are known here; the study's list of runs is more complete.
    """
    table = by_run(scores)
    counts = table.groupby(level="recipe", sort=False).count()
    expected = len(table.index.unique("run"))
    rows = [
        (
            name,
            kind,
            task_name,
            expected - int(counts.loc[name, task_name]),
            int(counts.loc[name, task_name]),
        )
        for kind in KINDS
        for name in counts.index
        for task_name in tasks_of(scores, kind)
        if counts.loc[name, task_name] < expected
    ]
    return pd.DataFrame(rows, columns=["recipe", "kind", "task", "runs_missing", "runs_found"])
