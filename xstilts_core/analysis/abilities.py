"""Tabulate how each recipe's encoder did on every target and probing task, run by run, and
correlate target scores with other targets and probing tasks (abilities), as in Pruksachatkun et al.
(2020).

In a study with runs, a row is a recipe and a seed. The score of a target or probing task is its
mean over all languages except English (zero-shot transfer). Published scores
(xstilts_core/study/published) have the same format: a recipe is an intermediate task and a run is
one of the authors' runs. Gains here are means over runs minus the baseline's mean, as in
Pruksachatkun et al. (2020), because their runs are not paired.

Their rule (jiant, scripts/taskmaster_v1), used for published scores: Spearman's rho over the rows
(intermediate task, run) that have both scores, at least three of them; scipy's p-value; Holm's
correction at 0.05 over the whole table of targets by targets and probing tasks. As in theirs, each
pair of targets is in that table twice and counts as two tests; a target with itself is left out,
which changes no other adjusted p-value. In a study with runs each pair is one test, shown in both
orders.

Rows of one recipe are not independent draws, so the p-values are smaller than they should be.
`left_out` shows how much depends on one recipe.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xstilts_core.analysis import association
from xstilts_core.analysis.association import correlations, detectable
from xstilts_core.analysis.scores import (
    AVERAGE,
    ENGLISH,
    contenders,
    in_order,
    recipe_order,
    settled,
    target_scores,
    task_order,
)
from xstilts_core.analysis.significance import PERMUTATIONS, holm
from xstilts_core.analysis.study_runs import finished, runs, unfinished
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
LEVEL = 0.05
NUMBERS = ("estimate", "low", "high", "p", "p_holm")
GIVEN_SIZE = f"{OWN} given size"
ALL = "nothing"
SHOWN = 3


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
    targets, abroad = target_scores(frame), frame["language"] != ENGLISH
    intermediate = frame[(frame["phase"] == "intermediate") & (frame["split"] == "dev")]
    metrics = intermediate["task"].map(lambda name: task(name).metric)
    groups = [
        targets[targets["language"] != ENGLISH].assign(kind="target"),
        frame[(frame["phase"] == "probing") & abroad].assign(kind="probing"),
        intermediate[intermediate["metric"] == metrics].assign(kind="intermediate", task=OWN),
    ]
    table = pd.concat(groups).rename(columns={"seed": "run", "value": "score"})
    means = table.groupby(COLUMNS[:-1], as_index=False)["score"].mean()
    tasks = [*task_order(groups[0]["task"]), *PROBING_NAMES, OWN]
    return ordered(means, recipe_order(means["recipe"]), tasks)


def published_scores(name: str) -> pd.DataFrame:
    """Return `performance` of published scores, tasks in the order of their paper's figures. Raise
    UsageError if a file is malformed."""
    source = reference(name)
    table = _read(source.scores, ("intermediate", "kind", "task", "run", "score"))
    baseline = _read(source.baseline, ("kind", "task", "run", "score"))
    is_intermediate = baseline["kind"] == "intermediate"
    intermediate, others = baseline[is_intermediate], baseline[~is_intermediate]
    groups = [
        table.rename(columns={"intermediate": "recipe"}),
        others.assign(recipe=BASELINE),
        intermediate.assign(recipe=intermediate["task"], task=OWN),
    ]
    scores = pd.concat(groups, ignore_index=True)
    scores["score"] *= 100
    return ordered(scores, [BASELINE, *intermediate["task"]], [*others["task"].unique(), OWN])


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a table of published scores. Raise UsageError if columns are missing, a score is not in
    [0, 1], or a cell occurs twice."""
    table = pd.read_csv(path)
    if missing := [name for name in columns if name not in table]:
        raise UsageError(
            f"{path} lacks the columns {', '.join(missing)}: it has {', '.join(table.columns)}"
        )
    for wrong, problem in (
        (~table["score"].between(0, 1), "a score that is not between 0 and 1"),
        (table.duplicated(list(columns[:-1])), "a cell that occurs twice"),
    ):
        if wrong.any():
            line = wrong.idxmax()
            row = ", ".join(map(str, table.loc[line]))
            raise UsageError(f"{path}, line {line + 2}: {problem}: {row}")
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
    rows = scores[scores["kind"].isin(KINDS)].dropna(subset=["run"]).astype({"run": int})
    order = [name for kind in KINDS for name in tasks_of(scores, kind)]
    table = rows.pivot(index=["recipe", "run"], columns="task", values="score")
    table = table.reindex(columns=order).rename_axis(columns=None)
    keys = rows.loc[rows["recipe"] != BASELINE, ["recipe", "run"]].drop_duplicates()
    values = table.reindex(pd.MultiIndex.from_frame(keys))
    if paired:
        values -= table.reindex(pd.MultiIndex.from_frame(keys.assign(recipe=BASELINE))).to_numpy()
    return settled(values)


def transfer(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over runs minus the baseline's mean, in points: columns recipe kind task
    value baseline gain runs.

    The mean over all targets follows as task "average": NaN unless the recipe and the baseline have
    every target. Values are NaN without a run; runs counts the recipe's.
    """
    recipes = list(dict.fromkeys([BASELINE, *scores["recipe"]]))
    groups = scores[scores["kind"].isin(KINDS)].groupby(["recipe", "task"], sort=False)["score"]
    means = groups.mean().unstack().reindex(recipes)
    counts = groups.count().unstack(fill_value=0).reindex(recipes, fill_value=0)
    rows = []
    for name, kind in product(recipes[1:], KINDS):
        tasks = tasks_of(scores, kind)
        value, base = means.loc[name, tasks].to_numpy(), means.loc[BASELINE, tasks].to_numpy()
        runs = counts.loc[name, tasks]
        if kind == "target" and tasks:
            tasks, runs = [*tasks, AVERAGE], [*runs, runs.min()]
            value, base = np.append(value, value.mean()), np.append(base, base.mean())
        rows += [
            (name, kind, *row) for row in zip(tasks, value, base, value - base, runs, strict=True)
        ]
    columns = ["recipe", "kind", "task", "value", "baseline", "gain", "runs"]
    return pd.DataFrame(rows, columns=columns)


def own_and_gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a row per recipe (the index): its own score OWN, mean over runs, and its gain on every
    target and on average; NaN if missing.

    There is one row per recipe rather than per run, because the runs of a recipe share task and
    size and would count one fact several times.
    """
    table = transfer(scores)
    gain = table[table["kind"] == "target"].pivot(index="recipe", columns="task", values="gain")
    own_scores = scores[scores["task"] == OWN].groupby("recipe")["score"].mean().rename(OWN)
    joined = gain.join(own_scores).filter([OWN, *tasks_of(scores, "target"), AVERAGE])
    return settled(joined).reindex(table["recipe"].unique()).rename_axis(columns=None)


def absent(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of `by_run` without a score, targets first: columns recipe kind task
    runs_missing runs_found. Empty if nothing is missing.

    Only recipes with at least one score are known here; the study's list of runs is more complete.
    """
    table = by_run(scores)
    counts = table.groupby(level="recipe", sort=False).count()
    expected = len(table.index.unique("run"))
    rows = [
        (name, kind, task_name, expected - count, count)
        for kind in KINDS
        for name in counts.index
        for task_name in tasks_of(scores, kind)
        if (count := int(counts.loc[name, task_name])) < expected
    ]
    return pd.DataFrame(rows, columns=["recipe", "kind", "task", "runs_missing", "runs_found"])


def task_correlations(
    study: Study, scores: pd.DataFrame, resamples: int = PERMUTATIONS
) -> pd.DataFrame:
    """Correlate every target (x) with every other target and probing task (y): the columns of
    `correlations`.

    scores: from `performance`. Published scores follow their authors' rule (module docstring).
    Runs: gains over the baseline of the same seed, one test per pair, permutation p-values. With
    one seed there is no interval.
    """
    rows = by_run(scores, paired=not study.published)
    return _of_rows(study, rows, tasks_of(scores, "target"), resamples)


def _of_rows(
    study: Study,
    rows: pd.DataFrame,
    targets: Sequence[str],
    resamples: int = PERMUTATIONS,
    bootstrap: bool = True,
) -> pd.DataFrame:
    """Compute `task_correlations` from rows of `by_run`. bootstrap: whether to compute intervals,
    which take most of the time."""
    if rows.empty:
        return pd.DataFrame(columns=association.COLUMNS)
    compute = partial(
        correlations,
        rows[list(targets)],
        test="scipy" if study.published else "permutation",
        resamples=resamples,
        bootstrap=bootstrap,
    )
    pairs, probing = compute(), compute(rows.drop(columns=list(targets)))
    # The other order of each pair of targets: a separate test, or the same one again.
    reversed_pairs = pairs.rename(columns={"x": "y", "y": "x"})
    table = pd.concat([probing, pairs, reversed_pairs], ignore_index=True).astype(
        dict.fromkeys(NUMBERS, float)
    )
    tests = table if study.published else table[: len(probing) + len(pairs)]
    adjusted = holm(tests["p"].to_numpy())
    repeated = adjusted[len(probing) :][: len(table) - len(tests)]
    table["p_holm"] = np.concatenate([adjusted, repeated])
    table = in_order(table, ["x", "y"], dict.fromkeys(("x", "y"), tuple(rows.columns)))
    if rows.index.unique("run").size < 2:
        table[["low", "high"]] = np.nan
    return table


def _first_of_pair(table: pd.DataFrame) -> pd.Series:
    """Return whether a row of a table of correlations is the first on its two tasks, in either
    order."""
    pairs = [" and ".join(sorted(names)) for names in zip(table["x"], table["y"], strict=True)]
    return ~pd.Series(pairs, table.index, dtype=object).duplicated()


def counts(table: pd.DataFrame, targets: Sequence[str]) -> tuple[int, int]:
    """Return the numbers of pairs of two targets, and of a target and a probing task."""
    pairs = table[_first_of_pair(table)]
    target_pairs = int(pairs["y"].isin(targets).sum())
    return target_pairs, len(pairs) - target_pairs


def own_correlations(
    study: Study, scores: pd.DataFrame, resamples: int = PERMUTATIONS
) -> pd.DataFrame:
    """Correlate an intermediate task's own score (x OWN) with the gain on every target and on
    average (y): the columns of `correlations`.

    Each recipe is one row of data; p-values are from permutations. If the number of training
    examples is known, rows with x GIVEN_SIZE follow: partial correlations given its logarithm,
    tested with Student's t.
    """
    table = own_and_gains(scores)
    own, gains = table[[OWN]], table.drop(columns=OWN)
    if gains.empty:
        return pd.DataFrame(columns=association.COLUMNS)
    tables = [correlations(own, gains, resamples=resamples)]
    examples = training_examples(study).reindex(table.index)
    if examples.notna().any():
        named, logarithm = own.rename(columns={OWN: GIVEN_SIZE}), np.log2(examples).to_frame()
        tables.append(correlations(named, gains, resamples=resamples, controls=logarithm))
    result = pd.concat(tables, ignore_index=True)
    if _extent(scores)[1] < 2:
        result[["low", "high"]] = np.nan
    return result


def by_ability(table: pd.DataFrame) -> pd.DataFrame:
    """Summarize `task_correlations` by y: columns task mean_estimate significant targets strongest
    estimate.

    mean_estimate: over the targets that y is correlated with. significant: number of them with
    p_holm below 0.05. strongest, estimate: the target with the largest coefficient, and that
    coefficient. Rows with most significant targets come first.
    """
    rows = []
    for name, group in table.dropna(subset=["estimate"]).groupby("y", sort=False):
        mean, significant = settled(group["estimate"].mean()), (group["p_holm"] < LEVEL).sum()
        strongest = group.loc[group["estimate"].idxmax(), ["x", "estimate"]]
        rows.append((name, mean, significant, len(group), *strongest))
    columns = ["task", "mean_estimate", "significant", "targets", "strongest", "estimate"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["significant", "mean_estimate"], ascending=False, kind="stable", ignore_index=True
    )


def left_out(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """Repeat `task_correlations` without each recipe: columns left_out rows target_pairs
    probing_pairs mean_estimate.

    The first row has all recipes (left_out "nothing"), the others follow by the number of pairs,
    fewest first. target_pairs, probing_pairs: numbers of pairs of two targets, and of a target and
    a probing task, with p_holm below 0.05, by the same test; mean_estimate: over all pairs.
    """
    rows, targets = by_run(scores, paired=not study.published), tasks_of(scores, "target")
    summaries = []
    for name in [ALL, *rows.index.unique("recipe")] if len(rows) else []:
        others = rows[rows.index.get_level_values("recipe") != name]
        table = _of_rows(study, others, targets, bootstrap=False)
        tests = table if study.published else table[_first_of_pair(table)]
        significant = counts(table[table["p_holm"] < LEVEL], targets)
        summaries.append((name, len(others), *significant, settled(tests["estimate"].mean())))
    summaries.sort(key=lambda row: (row[0] != ALL, row[2] + row[3], row[4]))
    return pd.DataFrame(
        summaries, columns=["left_out", "rows", "target_pairs", "probing_pairs", "mean_estimate"]
    )


def _extent(scores: pd.DataFrame) -> tuple[int, int]:
    """Return the numbers of recipes (apart from the baseline) and runs (seeds) that have scores on
    targets and probing tasks."""
    rows = scores[(scores["recipe"] != BASELINE) & scores["kind"].isin(KINDS)]
    return rows["recipe"].nunique(), rows["run"].nunique()


def missing(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """Return what has no score: for published scores the cells of `absent`, else the runs that are
    not done, with reasons."""
    return absent(scores) if study.published else unfinished(runs(study))


def performance_facts(study: Study, scores: pd.DataFrame) -> dict[str, Any]:
    """Return where the scores of `performance` come from: the numbers of recipes and runs
    (`repeats`), the study's `runs` or the `publication`, and the numbers of cells (recipe and run
    by task) and of `missing` ones."""
    recipes, repeats = _extent(scores)
    rows = by_run(scores)
    return {
        "study": study,
        "recipes": recipes,
        "repeats": repeats,
        "publication": reference(study.published) if study.published else None,
        "runs": runs(study),
        "cells": rows.size,
        "missing": int(rows.isna().sum().sum()),
    }


def correlation_summary(
    study: Study, table: pd.DataFrame, without: pd.DataFrame, scores: pd.DataFrame
) -> dict[str, Any]:
    """Return the numbers of the sentences on `task_correlations` and `left_out`.

    tests: their number. pairs, significant: those of two targets, and of a target and a probing
    task; all, and with p_holm below 0.05. strongest_targets, strongest_probing, abilities: rows of
    the first few. whole_table: the first row of `left_out`; without_one: the others. rows: the
    median number behind a coefficient. detectable_by_one, detectable_by_all: the correlation that
    one test, and one of all, detects with 80 % power.
    """
    known = table.dropna(subset=["p_holm"])
    if known.empty:
        return {"tests": 0}
    targets, probing = tasks_of(scores, "target"), tasks_of(scores, "probing")
    significant, pairs = known[known["p_holm"] < LEVEL], counts(known, targets)
    tests = len(known) if study.published else sum(pairs)
    first = significant[_first_of_pair(significant)].sort_values(
        "estimate", ascending=False, kind="stable"
    )
    abilities = by_ability(known[known["y"].isin(probing)])
    recipes, runs = _extent(scores)
    rows = int(known["n"].median())
    return {
        "tests": tests,
        "pairs": pairs,
        "significant": counts(significant, targets),
        "probing": bool(probing),
        "strongest_targets": first[first["y"].isin(targets)].head(SHOWN),
        "strongest_probing": first[first["y"].isin(probing)].head(SHOWN),
        "abilities": abilities[abilities["significant"] > 0].head(SHOWN),
        "recipes": recipes,
        "runs": runs,
        "whole_table": without.iloc[0],
        "without_one": without.iloc[1:],
        "rows": rows,
        "detectable_by_one": detectable(rows),
        "detectable_by_all": detectable(rows, alpha=LEVEL / tests),
    }
