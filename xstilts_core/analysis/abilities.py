"""Which abilities go with a good target score? Correlations over the rows of a study, as in
Pruksachatkun et al. (2020).

Their rule (jiant, scripts/taskmaster_v1), for published scores: Spearman's rho over the rows
(intermediate task, run) that have both scores, at least three of them; scipy's p-value; Holm's
correction at 0.05 over the whole table of targets by targets and probing tasks. Each pair of
targets stands in that table twice and is two tests, as in theirs; a target with itself is left out,
which changes no other adjusted p-value. In a study with runs each pair is one test, shown in both
orders.

Rows of one recipe are no independent draws, so the p-values are smaller than they should be.
`left_out` shows how much hangs on one recipe.
"""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from xstilts_core.analysis.correlations import (
    COLUMNS,
    LEAST_ROWS,
    RESAMPLES,
    Test,
    correlations,
    detectable,
    partial_correlations,
    permutation_p,
    student_p,
)
from xstilts_core.analysis.findings import counted, headline
from xstilts_core.analysis.gains import AVERAGE, settled
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
NOTHING = "**No correlations yet.** They need finished runs of at least three recipes or seeds on the same two targets, and the baseline's."


def task_correlations(
    study: Study, scores: pd.DataFrame, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Every target (x) with every other target and probing task (y): the columns of `correlations`.
    scores: of `performance`.

    Published scores: by their authors' rule, see the module. Runs: gains over the baseline of the
    same seed, each pair one test, permutation p-values. With one seed there is no interval.
    """
    rows = by_run(scores, paired=not study.published)
    return _of_rows(
        rows, tasks_of(scores, "target"), bool(study.published), _test_of(study), resamples
    )


def _test_of(study: Study) -> Test:
    """Published scores are tested as their authors did."""
    return "scipy" if study.published else "permutation"


def _of_rows(
    rows: pd.DataFrame, targets: Sequence[str], twice: bool, test: Test, resamples: int
) -> pd.DataFrame:
    """`task_correlations` of these rows, from `by_run`. twice: each order of a pair of targets is a
    test of its own."""
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    both = correlations(rows[list(targets)], test=test, resamples=resamples)
    probed = correlations(
        rows[list(targets)], rows.drop(columns=list(targets)), test=test, resamples=resamples
    )
    turned = both.rename(
        columns={"x": "y", "y": "x"}
    )  # the other order of each pair of targets: another test, or the same one
    table = pd.concat([probed, both, turned], ignore_index=True).astype(
        dict.fromkeys(NUMBERS, float)
    )
    once = holm(table["p"].to_numpy()[: len(probed) + len(both)])
    table["p_holm"] = (
        holm(table["p"].to_numpy()) if twice else np.concatenate([once, once[len(probed) :]])
    )
    place = {name: position for position, name in enumerate(rows.columns)}
    table = table[COLUMNS].sort_values(
        ["x", "y"], key=lambda column: column.map(place), ignore_index=True
    )
    if rows.index.unique("run").size < 2:
        table[["low", "high"]] = np.nan
    return table


def estimates(rows: pd.DataFrame, targets: Sequence[str], twice: bool, test: Test) -> pd.DataFrame:
    """`_of_rows` without intervals and with each pair once, in a fraction of its time: columns x y
    estimate p p_holm."""
    whole, there = rows.corr("spearman", min_periods=LEAST_ROWS), rows.notna().astype(int)
    coefficient, count = settled(whole.to_numpy()), (there.T @ there).to_numpy()
    at = {name: place for place, name in enumerate(rows.columns)}
    both = (
        [(x, y) for x, y in product(targets, targets) if x != y]
        if twice
        else list(combinations(targets, 2))
    )
    pairs = [
        (x, y, (at[x], at[y])) for x, y in [*both, *product(targets, rows.columns.drop(targets))]
    ]
    found = [
        (x, y, coefficient[place], student_p(coefficient[place], count[place] - 2))
        for x, y, place in pairs
    ]
    table = pd.DataFrame(found, columns=["x", "y", "estimate", "p"])
    if test == "permutation":
        known = rows.to_numpy(float)
        for number, (_, _, place) in enumerate(pairs):
            both = known[:, place][np.isfinite(known[:, place]).all(axis=1)].T
            if len(both[0]) >= LEAST_ROWS:
                table.loc[number, "p"] = permutation_p(*both, "spearman", RESAMPLES, 0)
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))


def _first_of_pair(table: pd.DataFrame) -> pd.Series:
    """Whether a row of a table of correlations is the first on its two tasks, in whichever order
    they stand."""
    return ~_pair_of(table).duplicated()


def _pair_of(table: pd.DataFrame) -> pd.Series:
    """The two tasks of each row, the same in whichever order they stand."""
    return pd.Series(
        [" and ".join(sorted(names)) for names in zip(table["x"], table["y"], strict=True)],
        table.index,
        dtype=object,
    )


def counts(table: pd.DataFrame, targets: Sequence[str]) -> tuple[int, int]:
    """How many pairs of two targets, and of a target and a probing task, the table has."""
    once = table[_first_of_pair(table)]
    both = int(once["y"].isin(targets).sum())
    return both, len(once) - both


def own_correlations(
    study: Study, scores: pd.DataFrame, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """An intermediate task's own score (x OWN) with the gain on every target and on average (y):
    the columns of `correlations`.

    A row of data per recipe, permutation p-values. Where the number of training examples is known,
    rows with x GIVEN_SIZE follow: with what its logarithm explains taken out of both, Student's t.
    """
    table = own_and_gains(scores)
    own, gains = table[[OWN]], table.drop(columns=OWN)
    if gains.empty:
        return pd.DataFrame(columns=COLUMNS)
    parts = [correlations(own, gains, resamples=resamples)]
    examples = training_examples(study).reindex(table.index)
    if examples.notna().any():
        logarithm = np.log2(examples).to_frame()
        parts.append(
            partial_correlations(
                own.rename(columns={OWN: GIVEN_SIZE}), gains, logarithm, resamples=resamples
            )
        )
    found = pd.concat(parts, ignore_index=True)
    if _extent(scores)[1] < 2:
        found[["low", "high"]] = np.nan
    return found


def by_ability(table: pd.DataFrame) -> pd.DataFrame:
    """What each y of `task_correlations` goes with: columns task mean_estimate significant targets
    strongest estimate.

    mean_estimate over the targets that it is correlated with; significant: of how many of them
    p_holm is below 0.05; strongest: the target of the largest coefficient, and that. Most first.
    """
    rows = []
    for name, found in table.dropna(subset=["estimate"]).groupby("y", sort=False):
        best = found.loc[found["estimate"].idxmax()]
        rows.append(
            (
                name,
                settled(found["estimate"].mean()),
                int((found["p_holm"] < LEVEL).sum()),
                len(found),
                best["x"],
                best["estimate"],
            )
        )
    result = pd.DataFrame(
        rows, columns=["task", "mean_estimate", "significant", "targets", "strongest", "estimate"]
    )
    return result.sort_values(
        ["significant", "mean_estimate"], ascending=False, kind="stable"
    ).reset_index(drop=True)


def left_out(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """`task_correlations` again without each recipe: columns left_out rows target_pairs
    probing_pairs mean_estimate.

    First with all of them (left_out "nothing"), then by how little is left. target_pairs,
    probing_pairs: pairs of two targets, of a target and a probing task, with p_holm below 0.05, by
    the same test; mean_estimate: over all pairs.
    """
    rows, targets = by_run(scores, paired=not study.published), tasks_of(scores, "target")
    found = []
    for name in [ALL, *rows.index.unique("recipe")] if len(rows) else []:
        kept = rows[rows.index.get_level_values("recipe") != name]
        table = estimates(kept, targets, bool(study.published), _test_of(study))
        found.append(
            (
                name,
                len(kept),
                *counts(table[table["p_holm"] < LEVEL], targets),
                settled(table["estimate"].mean()),
            )
        )
    found.sort(key=lambda row: (row[0] != ALL, row[2] + row[3], row[4]))
    return pd.DataFrame(
        found, columns=["left_out", "rows", "target_pairs", "probing_pairs", "mean_estimate"]
    )


def source(study: Study, scores: pd.DataFrame) -> str:
    """Whose numbers a figure shows, from how many recipes and runs."""
    whose = (
        f"Scores of {reference(study.published).authors}: scores.csv."
        if study.published
        else origin(study, runs(study))
    )
    recipes, repeats = _extent(scores)
    return f"{counted(recipes, 'recipe')}, {counted(repeats, 'run' if study.published else 'seed')}. {whose}"


def _extent(scores: pd.DataFrame) -> tuple[int, int]:
    """How many recipes beside the baseline, and how many runs (seeds), the scores on targets and
    probing tasks are of."""
    made = scores[(scores["recipe"] != BASELINE) & scores["kind"].isin(KINDS)]
    return made["recipe"].nunique(), made["run"].nunique()


def provenance(study: Study, scores: pd.DataFrame) -> str:
    """Markdown: whose numbers these are, and what is missing of them."""
    if not study.published:
        return headline(runs(study))
    found, rows = reference(study.published), by_run(scores)
    count = int(rows.isna().sum().sum())
    cells = f"{counted(rows.size - count, 'score')} of {rows.size} (recipe and run by task) are there, {count} are missing: `missing.csv`."
    return f"{found.citation} <{found.url}>\n\nTaken from {found.source}. {found.license}. {found.remarks}\n\n{cells}"


def missing(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """What there is no score of: cells of published scores, from `absent`; runs that are not done,
    and why."""
    return absent(scores) if study.published else unfinished(runs(study))


def pair(row: "pd.Series") -> str:
    """'rte with multirc (0.81, 0.60 to 0.92)'."""
    interval = "no interval" if pd.isna(row["low"]) else f"{row['low']:z.2f} to {row['high']:z.2f}"
    return f"{row['x']} with {row['y']} ({row['estimate']:z.2f}, {interval})"


def correlation_findings(
    study: Study, table: pd.DataFrame, without: pd.DataFrame, scores: pd.DataFrame
) -> str:
    """Markdown from `task_correlations` and `left_out`: what goes with what, how much hangs on one
    recipe, what this cannot show."""
    filled = table.dropna(subset=["p_holm"])
    if filled.empty:
        return NOTHING
    targets, probing = tasks_of(scores, "target"), tasks_of(scores, "probing")
    sure = filled[filled["p_holm"] < LEVEL]
    (some, with_probes), (pairs, all_probes) = counts(sure, targets), counts(filled, targets)
    tests = len(filled) if study.published else pairs + all_probes
    lines = [
        f"After Holm's correction over {counted(tests, 'test')}, {some} of {counted(pairs, 'pair')} of targets"
    ]
    lines[0] += (
        f" and {with_probes} of {all_probes} of a target and a probing task" if probing else ""
    )
    lines[0] += " can be told from 0."
    for names, word in ((targets, "targets"), (probing, "a target and a probing task")):
        best = (
            sure[sure["y"].isin(names) & _first_of_pair(sure)]
            .sort_values("estimate", ascending=False, kind="stable")
            .head(SHOWN)
        )
        if len(best):
            lines.append(
                f"Strongest between {word}: {'; '.join(pair(row) for _, row in best.iterrows())}."
            )
    most = by_ability(filled[filled["y"].isin(probing)])
    most = most[most["significant"] > 0].head(SHOWN)
    if len(most):
        words = "; ".join(
            f"{row.task} with {row.significant} of {row.targets} targets, mean {row.mean_estimate:z.2f}"
            for row in most.itertuples()
        )
        lines.append(f"The probing tasks that go with most targets: {words}.")
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
    """Sentences on rows that are not independent, on what hangs on one recipe, on the power of so
    many tests, on one seed."""
    recipes, seeds = _extent(scores)
    lines = [
        f"The rows are {counted(recipes, 'recipe')} in {counted(seeds, 'run')}; runs of one recipe are alike, so p-values are too small and"
        " intervals too narrow."
    ]
    whole, rest = without.iloc[0], without.iloc[1:]
    if whole["target_pairs"] + whole["probing_pairs"] and len(rest):
        least = rest.iloc[0]
        left, all_pairs = (
            entry["target_pairs"] + entry["probing_pairs"] for entry in (least, whole)
        )
        verb = "is" if left == 1 else "are"
        lines.append(
            f"Without {least['left_out']} alone, {counted(left, 'pair')} {verb} told from 0 instead of {all_pairs}, and the mean"
            f" coefficient of all pairs goes from {whole['mean_estimate']:z.2f} to {least['mean_estimate']:z.2f}."
            if left < all_pairs
            else "Without any one recipe as many pairs are told from 0, or more."
        )
    count = int(filled["n"].median())
    if count >= 5:
        lines.append(
            f"With n = {count} a single test finds a correlation of {detectable(count):.2f} in four of five cases, one of {tests} tests"
            f" one of {detectable(count, alpha=LEVEL / tests):.2f} (by Bonferroni's rule): smaller ones are found more seldom."
        )
    if seeds < 2:
        lines.append("There is one seed, so there are no intervals.")
    lines.append("A correlation over recipes does not say that one ability brings the other.")
    return lines


def own_findings(table: pd.DataFrame) -> str:
    """One paragraph of Markdown from `own_correlations`."""
    filled = table[(table["x"] == OWN)].dropna(subset=["estimate"])
    if filled.empty:
        return "**No recipe yet with a score of its own and gains.**"
    sure = filled[filled["p_holm"] < LEVEL]
    count, average = int(filled["n"].max()), filled[filled["y"] == AVERAGE]
    words = "; ".join(pair(row) for _, row in sure.iterrows())
    verb = "can be told from 0 after Holm's correction"
    lines = [
        f"{len(sure)} of {counted(len(filled), 'correlation')} {verb}{': ' if words else ''}{words}."
    ]
    if len(average):
        lines.append(
            f"With the average gain: {pair(average.iloc[0])}, p = {average['p'].iloc[0]:.2f}."
        )
    if count >= 5:
        power = f"a single test finds a correlation of {detectable(count):.2f} in four of five cases, smaller ones more seldom"
        lines.append(f"With n = {count} recipes {power}.")
    lines.append(
        "Own scores are of different tasks and metrics: their order is only in part one of how well a task was learnt."
    )
    return " ".join(lines)
