"""Correlations of target scores with other targets and probing tasks (abilities), over the rows of
a study, as in Pruksachatkun et al. (2020).

Their rule (jiant, scripts/taskmaster_v1), used for published scores: Spearman's rho over the rows
(intermediate task, run) that have both scores, at least three of them; scipy's p-value; Holm's
correction at 0.05 over the whole table of targets by targets and probing tasks. As in theirs, each
pair of targets is in that table twice and counts as two tests; a target with itself is left out,
which changes no other adjusted p-value. In a study with runs each pair is one test, shown in both
orders.

Rows of one recipe are not independent draws, so the p-values are smaller than they should be.
`left_out` shows how much depends on one recipe.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xstilts_core.analysis.correlations import (
    COLUMNS,
    RESAMPLES,
    correlations,
    detectable,
    partial_correlations,
)
from xstilts_core.analysis.gains import in_order, settled
from xstilts_core.analysis.performance import (
    KINDS,
    OWN,
    absent,
    by_run,
    own_and_gains,
    tasks_of,
    training_examples,
)
from xstilts_core.analysis.runs import runs, unfinished
from xstilts_core.analysis.significance import holm
from xstilts_core.study import Study
from xstilts_core.study.published import reference
from xstilts_core.study.spec import BASELINE

LEVEL = 0.05
NUMBERS = ("estimate", "low", "high", "p", "p_holm")
GIVEN_SIZE = f"{OWN} given size"
ALL = "nothing"
SHOWN = 3


def task_correlations(
    study: Study, scores: pd.DataFrame, resamples: int = RESAMPLES
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
    resamples: int = RESAMPLES,
    bootstrap: bool = True,
) -> pd.DataFrame:
    """Compute `task_correlations` from rows of `by_run`. bootstrap: whether to compute intervals,
    which take most of the time."""
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
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
    single = holm(table["p"].to_numpy()[: len(probing) + len(pairs)])
    table["p_holm"] = (
        holm(table["p"].to_numpy())
        if study.published
        else np.concatenate([single, single[len(probing) :]])
    )
    table = in_order(table[COLUMNS], ["x", "y"], dict.fromkeys(("x", "y"), tuple(rows.columns)))
    if rows.index.unique("run").size < 2:
        table[["low", "high"]] = np.nan
    return table


def _first_of_pair(table: pd.DataFrame) -> pd.Series:
    """Return whether a row of a table of correlations is the first on its two tasks, in either
    order."""
    return ~_pair_of(table).duplicated()


def _pair_of(table: pd.DataFrame) -> pd.Series:
    """Return a text with the two tasks of each row, the same in either order."""
    return pd.Series(
        [" and ".join(sorted(names)) for names in zip(table["x"], table["y"], strict=True)],
        table.index,
        dtype=object,
    )


def counts(table: pd.DataFrame, targets: Sequence[str]) -> tuple[int, int]:
    """Return the numbers of pairs of two targets, and of a target and a probing task."""
    pairs = table[_first_of_pair(table)]
    target_pairs = int(pairs["y"].isin(targets).sum())
    return target_pairs, len(pairs) - target_pairs


def own_correlations(
    study: Study, scores: pd.DataFrame, resamples: int = RESAMPLES
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
        return pd.DataFrame(columns=COLUMNS)
    tables = [correlations(own, gains, resamples=resamples)]
    examples = training_examples(study).reindex(table.index)
    if examples.notna().any():
        logarithm = np.log2(examples).to_frame()
        tables.append(
            partial_correlations(
                own.rename(columns={OWN: GIVEN_SIZE}), gains, logarithm, resamples=resamples
            )
        )
    result = pd.concat(tables, ignore_index=True)
    if extent(scores)[1] < 2:
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
        strongest = group.loc[group["estimate"].idxmax()]
        rows.append(
            (
                name,
                settled(group["estimate"].mean()),
                int((group["p_holm"] < LEVEL).sum()),
                len(group),
                strongest["x"],
                strongest["estimate"],
            )
        )
    result = pd.DataFrame(
        rows, columns=["task", "mean_estimate", "significant", "targets", "strongest", "estimate"]
    )
    return result.sort_values(
        ["significant", "mean_estimate"], ascending=False, kind="stable"
    ).reset_index(drop=True)


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


def extent(scores: pd.DataFrame) -> tuple[int, int]:
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
    recipes, repeats = extent(scores)
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
    recipes, runs = extent(scores)
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
