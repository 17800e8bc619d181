"""Gains of a recipe over the baseline, in percentage points.

gain(recipe, task, language, seed) = score(recipe, task, language, seed) - score(none, task,
language, seed)

Both scores are of the task's primary metric (`Task.metric`: accuracy, or F1 for span questions,
tagging and mining; XTREME itself averages F1 and exact match for questions) on the same test items
and the same seed, so that what a seed shares between runs (phase 1 model, sampled training
examples) cancels out. Phang et al. (2020), Table 2, reports such differences. A missing score is
NaN, never 0.
"""

from collections.abc import Iterable, Sequence
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
# Decimals of a number in points, or of a correlation: what is beyond them is rounding, and another
# on another processor.
_DECIMALS = 12
LAST_DIGIT = 10.0**-_DECIMALS
Numbers = TypeVar("Numbers", float, np.ndarray, pd.Series, pd.DataFrame)


def settled(values: Numbers) -> Numbers:
    """Round results to DECIMALS, without a negative zero: what is equal compares equal, and what is
    0 is neither above nor below.

    For results alone: a mean of rounded numbers is not the rounded mean.
    """
    return np.round(values, _DECIMALS) + 0.0


def recipe_order(recipes: Iterable[str]) -> list[str]:
    """Baseline first, then single intermediate tasks in the order of the paper's tables, then the
    others as they come."""
    found = list(dict.fromkeys(recipes))
    listed = [name for name in (BASELINE, *INTERMEDIATE_NAMES) if name in found]
    return listed + [name for name in found if name not in listed]


def task_order(tasks: Iterable[str]) -> list[str]:
    """XTREME's order of targets."""
    found = set(tasks)
    return [name for name in TARGET_NAMES if name in found]


def chosen_languages(found: Iterable[str], languages: Sequence[str] | None) -> list[str]:
    """The languages to average over: those given, else all that were found but English (zero-shot).
    UsageError for an unknown one."""
    if languages is None:
        return sorted({code for code in found if code != ENGLISH})
    if isinstance(languages, str):
        raise UsageError(
            f"languages is the text {languages!r}: give a list of codes, such as ['{languages}']"
        )
    return [language(code, "languages").code for code in languages]


def contenders(frame: pd.DataFrame, controls: Sequence[str]) -> pd.DataFrame:
    """The scores less those of the controls: a control stands beside a score, it is no recipe to
    choose."""
    return frame[~frame["recipe"].isin(controls)].reset_index(drop=True)


def target_scores(
    frame: pd.DataFrame, metric: str | None = None, split: str | None = None
) -> pd.DataFrame:
    """The rows of `frame` (columns COLUMNS of results.py) that score targets, one metric per task.

    metric None: each task's primary one. Another metric leaves only the tasks that have it. split
    None: each task's test split, or dev where nothing of it was scored on test data (slices of real
    data have few labelled test files). UsageError where columns are missing, a task is unknown, or
    no row has that metric or split.
    """
    lacking = [name for name in COLUMNS if name not in frame.columns]
    if lacking:
        raise UsageError(
            f"a frame of scores lacks the columns {', '.join(lacking)}: read it with results.frame or from scores.csv"
        )
    scores = frame[frame["phase"].isin(PHASES)]
    for column, value in (("split", split), ("metric", metric)):
        legal = scores[column].unique()
        if value is not None and len(legal) and value not in legal:
            raise unknown(column, value, legal, "the scores")
    primary = {name: task(name, "the scores").metric for name in scores["task"].unique()}
    wanted = scores["task"].map(primary) if metric is None else metric
    tested = set(scores.loc[scores["split"] == "test", "task"])
    chosen = scores["task"].map(lambda name: split or ("test" if name in tested else "dev"))
    scores = scores[(scores["metric"] == wanted) & (scores["split"] == chosen)]
    twice = scores.duplicated(["recipe", *PAIR])
    if twice.any():
        row = scores[twice].iloc[0]
        raise UsageError(
            f"two scores for {row.recipe}, {row.task}, {row.language}, seed {row.seed}: it mixes several studies or sizes"
        )
    return scores.assign(value=scores["value"].astype(float)).reset_index(drop=True)


def gains(frame: pd.DataFrame, metric: str | None = None, split: str | None = None) -> pd.DataFrame:
    """One row per recipe (but the baseline), task, language and seed: columns recipe task language
    seed metric value baseline gain n.

    gain is NaN where the baseline of that task, language and seed is missing. Formula: see the
    module.
    """
    scores = target_scores(frame, metric, split)
    base = scores[scores["recipe"] == BASELINE][[*PAIR, "value"]].rename(
        columns={"value": "baseline"}
    )
    other = scores[scores["recipe"] != BASELINE]
    table = other.merge(base, on=PAIR, how="left", validate="many_to_one")
    table["gain"] = table["value"].astype(float) - table["baseline"].astype(float)
    order = {"recipe": recipe_order(table["recipe"]), "task": task_order(table["task"])}

    def rank(column: pd.Series) -> pd.Series:
        return column.map(order[column.name].index) if column.name in order else column

    table = table.sort_values(["recipe", "task", "language", "seed"], key=rank, kind="stable")
    return table[["recipe", *PAIR, "value", "baseline", "gain", "n"]].reset_index(drop=True)


def matrix(
    table: pd.DataFrame, value: str, rows: Sequence[str], columns: Sequence[str]
) -> pd.DataFrame:
    """Means of `value` by recipe and task, NaN where there is none; `average` is NaN unless the row
    has every task.

    Rows that lack a task would otherwise be averaged over easier or harder targets than their
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
    """Mean gains in points: a row per recipe, a column per target in XTREME's order, and `average`.

    Mean over seeds and languages; languages None: all but English, that is zero-shot transfer
    (Phang et al. 2020, section 3). targets: those of the study, which have a column even without a
    score.
    """
    scores = target_scores(frame, metric)
    table = gains(frame, metric)
    kept = table[table["language"].isin(chosen_languages(scores["language"], languages))]
    rows = [name for name in recipe_order(scores["recipe"]) if name != BASELINE]
    return matrix(kept, "gain", rows, task_order({*scores["task"], *targets}))


def baseline(
    frame: pd.DataFrame,
    languages: Sequence[str] | None = None,
    metric: str | None = None,
    targets: Sequence[str] = (),
) -> pd.DataFrame:
    """Mean scores of the baseline in percent: one row, the columns of `gain_matrix`."""
    scores = target_scores(frame, metric)
    kept = scores[scores["language"].isin(chosen_languages(scores["language"], languages))]
    return matrix(
        kept[kept["recipe"] == BASELINE],
        "value",
        [BASELINE],
        task_order({*scores["task"], *targets}),
    )


def baseline_by_language(frame: pd.DataFrame) -> pd.DataFrame:
    """The baseline's scores: columns task language value (mean over seeds, percent) spread
    (standard deviation over seeds) seeds n.

    spread is NaN with one seed. Languages are all that were scored, English too.
    """
    scores = target_scores(frame)
    groups = scores[scores["recipe"] == BASELINE].groupby(["task", "language"], sort=False)
    table = groups.agg(
        value=("value", "mean"), spread=("value", "std"), seeds=("seed", "nunique"), n=("n", "max")
    ).reset_index()
    table[["value", "spread"]] = settled(table[["value", "spread"]])
    return table.sort_values(
        "task", key=lambda column: column.map(TARGET_NAMES.index), kind="stable"
    ).reset_index(drop=True)
