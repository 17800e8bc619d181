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

import numpy as np
import pandas as pd

from xstilts_core.analysis.correlations import (
    COLUMNS,
    RESAMPLES,
    correlations,
    detectable,
    partial_correlations,
)
from xstilts_core.analysis.findings import counted, headline
from xstilts_core.analysis.gains import AVERAGE, in_order, settled
from xstilts_core.analysis.performance import (
    KINDS,
    OWN,
    absent,
    by_run,
    own_and_gains,
    tasks_of,
    training_examples,
)
from xstilts_core.analysis.runs import origin, runs, unfinished
from xstilts_core.analysis.significance import holm
from xstilts_core.study import Study
from xstilts_core.study.published import reference
from xstilts_core.study.spec import BASELINE

LEVEL = 0.05
NUMBERS = ("estimate", "low", "high", "p", "p_holm")
GIVEN_SIZE = f"{OWN} given size"
ALL = "nothing"
SHOWN = 3
NOTHING = (
    "**No correlations yet.** They need finished runs of at least three recipes or seeds on the "
    "same two targets, and of the baseline."
)


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


def source(study: Study, scores: pd.DataFrame) -> str:
    """Return the origin of a figure's numbers, with the numbers of recipes and runs."""
    attribution = (
        f"Scores of {reference(study.published).authors}: scores.csv."
        if study.published
        else origin(study, runs(study))
    )
    recipes, repeats = _extent(scores)
    return (
        f"{counted(recipes, 'recipe')}, {counted(repeats, 'run' if study.published else 'seed')}. "
        f"{attribution}"
    )


def _extent(scores: pd.DataFrame) -> tuple[int, int]:
    """Return the numbers of recipes (apart from the baseline) and runs (seeds) that have scores on
    targets and probing tasks."""
    rows = scores[(scores["recipe"] != BASELINE) & scores["kind"].isin(KINDS)]
    return rows["recipe"].nunique(), rows["run"].nunique()


def provenance(study: Study, scores: pd.DataFrame) -> str:
    """Return Markdown on the origin of the numbers and on what is missing."""
    if not study.published:
        return headline(runs(study))
    publication, rows = reference(study.published), by_run(scores)
    count = int(rows.isna().sum().sum())
    cells = (
        f"{counted(rows.size - count, 'score')} of {rows.size} (recipe and run by task) are "
        f"available, {count} are missing: `missing.csv`."
    )
    return (
        f"{publication.citation} <{publication.url}>\n\nTaken from {publication.source}. "
        f"{publication.license}. {publication.remarks}\n\n{cells}"
    )


def missing(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """Return what has no score: for published scores the cells of `absent`, else the runs that are
    not done, with reasons."""
    return absent(scores) if study.published else unfinished(runs(study))


def pair(row: "pd.Series") -> str:
    """Return text such as 'rte with multirc (0.81, 0.60 to 0.92)'."""
    interval = "no interval" if pd.isna(row["low"]) else f"{row['low']:z.2f} to {row['high']:z.2f}"
    return f"{row['x']} with {row['y']} ({row['estimate']:z.2f}, {interval})"


def correlation_findings(
    study: Study, table: pd.DataFrame, without: pd.DataFrame, scores: pd.DataFrame
) -> str:
    """Return Markdown from `task_correlations` and `left_out`: which tasks are correlated, how much
    depends on one recipe, and what this cannot show."""
    filled = table.dropna(subset=["p_holm"])
    if filled.empty:
        return NOTHING
    targets, probing = tasks_of(scores, "target"), tasks_of(scores, "probing")
    significant = filled[filled["p_holm"] < LEVEL]
    (some, with_probes), (pairs, all_probes) = counts(significant, targets), counts(filled, targets)
    tests = len(filled) if study.published else pairs + all_probes
    lines = [
        f"After Holm's correction over {counted(tests, 'test')}, {some} of "
        f"{counted(pairs, 'pair')} of targets"
    ]
    lines[0] += (
        f" and {with_probes} of {all_probes} of a target and a probing task" if probing else ""
    )
    lines[0] += " can be told from 0."
    for names, word in ((targets, "targets"), (probing, "a target and a probing task")):
        top = (
            significant[significant["y"].isin(names) & _first_of_pair(significant)]
            .sort_values("estimate", ascending=False, kind="stable")
            .head(SHOWN)
        )
        if len(top):
            lines.append(
                f"Strongest between {word}: {'; '.join(pair(row) for _, row in top.iterrows())}."
            )
    abilities = by_ability(filled[filled["y"].isin(probing)])
    abilities = abilities[abilities["significant"] > 0].head(SHOWN)
    if len(abilities):
        words = "; ".join(
            f"{row.task} with {row.significant} of {row.targets} targets, "
            f"mean {row.mean_estimate:z.2f}"
            for row in abilities.itertuples()
        )
        lines.append(f"Probing tasks correlated with the most targets: {words}.")
    return "\n".join(
        [
            " ".join(lines),
            "",
            "**What this does not show.** " + " ".join(cautions(filled, tests, without, scores)),
        ]
    )


def cautions(
    filled: pd.DataFrame, tests: int, without: pd.DataFrame, scores: pd.DataFrame
) -> list[str]:
    """Return sentences on dependent rows, on the influence of one recipe, on the power of so many
    tests, and on a single seed."""
    recipes, seeds = _extent(scores)
    lines = [
        f"The rows are {counted(recipes, 'recipe')} in {counted(seeds, 'run')}; runs of one recipe "
        "are similar, so p-values are too small and intervals too narrow."
    ]
    whole, rest = without.iloc[0], without.iloc[1:]
    if whole["target_pairs"] + whole["probing_pairs"] and len(rest):
        least = rest.iloc[0]
        remaining, all_pairs = (
            row["target_pairs"] + row["probing_pairs"] for row in (least, whole)
        )
        verb = "is" if remaining == 1 else "are"
        lines.append(
            f"Without {least['left_out']} alone, {counted(remaining, 'pair')} {verb} told from 0 "
            f"instead of {all_pairs}, and the mean coefficient of all pairs changes from "
            f"{whole['mean_estimate']:z.2f} to {least['mean_estimate']:z.2f}."
            if remaining < all_pairs
            else "Leaving out any single recipe never reduces the number of pairs told from 0."
        )
    count = int(filled["n"].median())
    if count >= 5:
        lines.append(
            f"With n = {count}, a single test detects a correlation of {detectable(count):.2f} "
            f"with 80 % power, and one of {tests} tests a correlation of "
            f"{detectable(count, alpha=LEVEL / tests):.2f} (by Bonferroni's rule); smaller ones "
            "are detected less often."
        )
    if seeds < 2:
        lines.append("There is one seed, so there are no intervals.")
    lines.append("A correlation over recipes does not show that one ability causes the other.")
    return lines


def own_findings(table: pd.DataFrame) -> str:
    """Return one paragraph of Markdown from `own_correlations`."""
    filled = table[(table["x"] == OWN)].dropna(subset=["estimate"])
    if filled.empty:
        return "**No recipe has both its own score and gains yet.**"
    significant = filled[filled["p_holm"] < LEVEL]
    count, average = int(filled["n"].max()), filled[filled["y"] == AVERAGE]
    words = "; ".join(pair(row) for _, row in significant.iterrows())
    verb = "can be told from 0 after Holm's correction"
    lines = [
        f"{len(significant)} of {counted(len(filled), 'correlation')} "
        f"{verb}{': ' if words else ''}{words}."
    ]
    if len(average):
        lines.append(
            f"With the average gain: {pair(average.iloc[0])}, p = {average['p'].iloc[0]:.2f}."
        )
    if count >= 5:
        power = f"a single test detects a correlation of {detectable(count):.2f} with 80 % power"
        lines.append(f"With n = {count} recipes, {power}, and smaller ones less often.")
    lines.append(
        "Own scores are on different tasks and metrics, so their order reflects only in part how "
        "well a task was learnt."
    )
    return " ".join(lines)
