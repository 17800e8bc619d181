"""Gains of a recipe over the baseline, in percentage points.

gain(recipe, task, language, seed) = score(recipe, task, language, seed) - score(none, task,
language, seed)

Both scores use the task's primary metric (`Task.metric`: accuracy, or F1 for span questions,
tagging and mining; XTREME itself averages F1 and exact match for questions), the same test items
and the same seed. Everything that a seed shares between runs (phase 1 model, sampled training
examples) therefore cancels out. Phang et al. (2020), Table 2, reports such differences. A missing
score is NaN, never 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from xstilts_core.errors import UsageError, unknown
from xstilts_core.languages import language
from xstilts_core.results import COLUMNS
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import INTERMEDIATE_NAMES, TARGET_NAMES, task

AVERAGE = "average"
ENGLISH = "en"
PHASES = ("target", "retrieval")
PAIR = ["task", "language", "seed", "metric"]
# Decimals of a number in points, or of a correlation. Further digits are rounding error, which
# differs between processors.
_DECIMALS = 12
LAST_DIGIT = 10.0**-_DECIMALS
Numbers = TypeVar("Numbers", float, np.ndarray, pd.Series, pd.DataFrame)


def settled(values: Numbers) -> Numbers:
    """Round results to _DECIMALS decimals and remove negative zeros, so that equal results compare
    equal and 0 is neither positive nor negative.

    For final results only: the mean of rounded numbers is not the rounded mean.
    """
    rounded: Numbers = np.round(values, _DECIMALS) + 0.0
    return rounded


def recipe_order(recipes: Iterable[str]) -> list[str]:
    """Return the distinct recipes: the baseline, then single intermediate tasks in the order of the
    paper's tables, then the others in the order given."""
    names = list(dict.fromkeys(recipes))
    listed = [name for name in (BASELINE, *INTERMEDIATE_NAMES) if name in names]
    return listed + [name for name in names if name not in listed]


def task_order(tasks: Iterable[str]) -> list[str]:
    """Return the distinct targets in XTREME's order."""
    names = set(tasks)
    return [name for name in TARGET_NAMES if name in names]


def in_order(
    table: pd.DataFrame, columns: Sequence[str], orders: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Sort rows by columns, those in `orders` by the place of their values in these lists; equal
    rows keep their order."""

    def rank(column: pd.Series) -> pd.Series:
        name = column.name
        return column.map(list(orders[name]).index) if name in orders else column

    return table.sort_values(list(columns), key=rank, kind="stable", ignore_index=True)


def chosen_languages(found: Iterable[str], languages: Sequence[str] | None) -> list[str]:
    """Return the languages to average over: `languages` if given, else all of `found` except
    English (zero-shot). Raise UsageError for an unknown code."""
    if languages is None:
        return sorted({code for code in found if code != ENGLISH})
    if isinstance(languages, str):
        raise UsageError(
            f"languages is the string {languages!r}: pass a list of codes, such as ['{languages}']"
        )
    return [language(code, "languages").code for code in languages]


def contenders(frame: pd.DataFrame, controls: Sequence[str]) -> pd.DataFrame:
    """Return the scores without those of controls, which are references, not recipes to choose
    from."""
    return frame[~frame["recipe"].isin(controls)].reset_index(drop=True)


def target_scores(
    frame: pd.DataFrame, metric: str | None = None, split: str | None = None
) -> pd.DataFrame:
    """Return the rows of `frame` that score targets, with one metric and one split per task.

    frame has the columns COLUMNS of results.py. metric: None selects each task's primary metric;
    another metric keeps only the tasks that have it. split: None selects each task's test split, or
    dev if none of its scores are on test data (slices of real data have few labelled test files).
    Raise UsageError if columns are missing, a task is unknown, no row has that metric or split, or
    a score occurs twice.
    """
    missing_columns = [name for name in COLUMNS if name not in frame.columns]
    if missing_columns:
        raise UsageError(
            f"the frame of scores lacks the columns {', '.join(missing_columns)}: "
            "load it with results.frame or from scores.csv"
        )
    scores = frame[frame["phase"].isin(PHASES)]
    for column, value in (("split", split), ("metric", metric)):
        legal = scores[column].unique()
        if value is not None and len(legal) and value not in legal:
            raise unknown(column, value, legal, "the scores")
    primary_metrics = {name: task(name, "the scores").metric for name in scores["task"].unique()}
    metrics = scores["task"].map(primary_metrics) if metric is None else metric
    tested_tasks = set(scores.loc[scores["split"] == "test", "task"])
    splits = scores["task"].map(lambda name: split or ("test" if name in tested_tasks else "dev"))
    scores = scores[(scores["metric"] == metrics) & (scores["split"] == splits)]
    duplicates = scores.duplicated(["recipe", *PAIR])
    if duplicates.any():
        row = scores[duplicates].iloc[0]
        raise UsageError(
            f"two scores for {row.recipe}, {row.task}, {row.language}, seed {row.seed}: "
            "the frame mixes several studies or sizes"
        )
    return scores.assign(value=scores["value"].astype(float)).reset_index(drop=True)


def gains(frame: pd.DataFrame, metric: str | None = None, split: str | None = None) -> pd.DataFrame:
    """Return one row per recipe (except the baseline), task, language and seed: columns recipe task
    language seed metric value baseline gain n.

    gain is NaN if the baseline of that task, language and seed is missing. The module docstring has
    the formula.
    """
    scores = target_scores(frame, metric, split)
    baseline_scores = scores[scores["recipe"] == BASELINE][[*PAIR, "value"]].rename(
        columns={"value": "baseline"}
    )
    recipe_scores = scores[scores["recipe"] != BASELINE]
    table = recipe_scores.merge(baseline_scores, on=PAIR, how="left", validate="many_to_one")
    table["gain"] = table["value"].astype(float) - table["baseline"].astype(float)
    orders = {"recipe": recipe_order(table["recipe"]), "task": task_order(table["task"])}
    table = in_order(table, ["recipe", "task", "language", "seed"], orders)
    return table[["recipe", *PAIR, "value", "baseline", "gain", "n"]]


def matrix(
    table: pd.DataFrame, value: str, rows: Sequence[str], columns: Sequence[str]
) -> pd.DataFrame:
    """Return the means of `value` by recipe and task, NaN if missing; `average` is NaN unless the
    row has every task.

    Otherwise, rows that lack a task would be averaged over easier or harder targets than their
    neighbours.
    """
    means = (
        table.groupby(["recipe", "task"])[value].mean().unstack("task")
        if len(table)
        else pd.DataFrame()
    )
    means = means.reindex(index=list(rows), columns=list(columns)).astype(float)
    means[AVERAGE] = means.mean(axis=1, skipna=False)
    return settled(means).rename_axis(index="recipe", columns=None)


def gain_matrix(
    frame: pd.DataFrame,
    languages: Sequence[str] | None = None,
    metric: str | None = None,
    targets: Sequence[str] = (),
) -> pd.DataFrame:
    """Return mean gains in points: a row per recipe, columns for targets in XTREME's order and
    `average`.

    Means over seeds and languages; None selects all languages but English, that is zero-shot
    transfer (Phang et al. 2020, section 3). targets: those of the study, which have a column even
    without a score.
    """
    scores = target_scores(frame, metric)
    table = gains(frame, metric)
    rows = table[table["language"].isin(chosen_languages(scores["language"], languages))]
    recipes = [name for name in recipe_order(scores["recipe"]) if name != BASELINE]
    return matrix(rows, "gain", recipes, task_order({*scores["task"], *targets}))


def baseline(
    frame: pd.DataFrame,
    languages: Sequence[str] | None = None,
    metric: str | None = None,
    targets: Sequence[str] = (),
) -> pd.DataFrame:
    """Return mean scores of the baseline in percent: one row, the columns of `gain_matrix`."""
    scores = target_scores(frame, metric)
    rows = scores[scores["language"].isin(chosen_languages(scores["language"], languages))]
    return matrix(
        rows[rows["recipe"] == BASELINE],
        "value",
        [BASELINE],
        task_order({*scores["task"], *targets}),
    )


def baseline_by_language(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the baseline's scores: columns task language value (mean over seeds, percent) spread
    (standard deviation over seeds) seeds n.

    spread is NaN with one seed. All languages with scores are included, English too.
    """
    scores = target_scores(frame)
    groups = scores[scores["recipe"] == BASELINE].groupby(["task", "language"], sort=False)
    table = groups.agg(
        value=("value", "mean"), spread=("value", "std"), seeds=("seed", "nunique"), n=("n", "max")
    ).reset_index()
    table[["value", "spread"]] = settled(table[["value", "spread"]])
    return in_order(table, ["task"], {"task": TARGET_NAMES})
