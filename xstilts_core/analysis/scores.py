"""Scores that can be compared, and gains of a recipe over the baseline, in percentage points.

gain(recipe, task, language, seed) = score(recipe, task, language, seed) - score(none, task,
language, seed)

Both scores use the task's primary metric (`Task.metric`: accuracy, or F1 for span questions,
tagging and mining; XTREME itself averages F1 and exact match for questions), the same test items
and the same seed. Everything that a seed shares between runs (phase 1 model, sampled training
examples) therefore cancels out. Phang et al. (2020), Table 2, reports such differences. A missing
score is NaN, never 0.

Scores that can be averaged come from one split and the same number of test items for each task and
language (`comparable`); `left_out` describes the others.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from xstilts_core.errors import UsageError, unknown
from xstilts_core.languages import LANGUAGES, language
from xstilts_core.results import COLUMNS
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import INTERMEDIATE_NAMES, TARGET_NAMES, task

AVERAGE = "average"
ENGLISH = "en"
PHASES = ("target", "retrieval")
TRAITS = ("script", "family", "word_order", "resource_level")
_SCORING = (*PHASES, "control", "probing")
_CELL = ["task", "language"]
_PAIR = [*_CELL, "seed", "metric"]
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


def chosen_languages(codes: Iterable[str], languages: Sequence[str] | None) -> list[str]:
    """Return the languages to average over: `languages` if given, else all of `codes` except
    English (zero-shot). Raise UsageError for an unknown code."""
    if languages is None:
        return sorted({code for code in codes if code != ENGLISH})
    if isinstance(languages, str):
        raise UsageError(
            f"languages is the string {languages!r}: pass a list of codes, such as ['{languages}']"
        )
    return [language(code, "languages").code for code in languages]


def fact(code: str, name: str) -> str:
    """Return one of TRAITS of a language, or with the name "language" its code; "unknown" for a
    code that is not in the table of languages. A family is returned without its branch."""
    if name == "language":
        return code
    return str(getattr(LANGUAGES.get(code), name, "unknown")).split(":")[0]


def contenders(frame: pd.DataFrame, controls: Sequence[str]) -> pd.DataFrame:
    """Return the scores without those of controls, which are references, not recipes to choose
    from."""
    return frame[~frame["recipe"].isin(controls)].reset_index(drop=True)


def _apart(scores: pd.DataFrame) -> pd.Series:
    """Return whether each row of `scores` (columns COLUMNS of results.py) was scored on other test
    items than most runs of the task in that language; among equally frequent ones, those with more
    items count.

    A task with any score on test data is reported on test data alone. Rows of phases that score no
    targets are never apart.
    """
    scoring, tested = scores["phase"].isin(_SCORING), scores["split"] == "test"
    excluded = scoring & ~tested & scores["task"].isin(scores.loc[scoring & tested, "task"])
    for _, group in scores[scoring & ~excluded].groupby([*_CELL, "metric"], sort=False):
        counts = group.groupby(["split", "n"]).size()
        split, items = min(counts.items(), key=lambda entry: (-entry[1], -entry[0][1]))[0]
        excluded[group.index] = (group["split"] != split) | (group["n"] != items)
    return excluded


def comparable(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores without those on other test items than the rest."""
    return scores[~_apart(scores)].reset_index(drop=True)


def left_out(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the scores that are in no table because they are on other test items than the rest:
    task recipe seed, their languages, split and numbers of items, and in `others` the splits and
    numbers of items of the rest."""
    apart = _apart(scores)
    rows = scores[apart].drop_duplicates([*_CELL, "phase", "recipe", "seed"])
    groups, keys = [], ["task", "recipe", "seed", "split"]
    for key, group in rows.groupby(keys, sort=False):
        same = (scores["task"] == key[0]) & scores["language"].isin(group["language"])
        rest = scores[same & ~apart].groupby("split")["n"]
        groups.append(
            {
                **dict(zip(keys, key, strict=True)),
                "languages": [language(code).name for code in group["language"]],
                "items": (int(group["n"].min()), int(group["n"].max())),
                "others": [(split, (int(n.min()), int(n.max()))) for split, n in rest],
            }
        )
    return groups


def target_scores(frame: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """Return the rows of `frame` that score targets, with one metric and one split per task.

    frame has the columns COLUMNS of results.py. metric: None selects each task's primary metric;
    another metric keeps only the tasks that have it. The split is the task's test split, or dev if
    none of its scores are on test data (slices of real data have few labelled test files). Raise
    UsageError if columns are missing, a task is unknown, no row has that metric, or a score occurs
    twice.
    """
    missing_columns = [name for name in COLUMNS if name not in frame.columns]
    if missing_columns:
        raise UsageError(
            f"the frame of scores lacks the columns {', '.join(missing_columns)}: "
            "load it with results.frame or from scores.csv"
        )
    scores = frame[frame["phase"].isin(PHASES)]
    legal = scores["metric"].unique()
    if metric is not None and len(legal) and metric not in legal:
        raise unknown("metric", metric, legal, "the scores")
    primary = {name: task(name, "the scores").metric for name in scores["task"].unique()}
    tested = scores["task"].isin(scores.loc[scores["split"] == "test", "task"])
    scores = scores[
        (scores["metric"] == (scores["task"].map(primary) if metric is None else metric))
        & (scores["split"] == np.where(tested, "test", "dev"))
    ]
    duplicates = scores[scores.duplicated(["recipe", *_PAIR])]
    if len(duplicates):
        row = duplicates.iloc[0]
        raise UsageError(
            f"two scores for {row.recipe}, {row.task}, {row.language}, seed {row.seed}: "
            "the frame mixes several studies or sizes"
        )
    return scores.assign(value=scores["value"].astype(float)).reset_index(drop=True)


def gains(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per recipe (except the baseline), task, language and seed: columns recipe task
    language seed metric value baseline gain n.

    gain is NaN if the baseline of that task, language and seed is missing. The module docstring has
    the formula.
    """
    scores = target_scores(frame)
    base = scores[scores["recipe"] == BASELINE].rename(columns={"value": "baseline"})
    table = scores[scores["recipe"] != BASELINE].merge(
        base[[*_PAIR, "baseline"]], on=_PAIR, how="left", validate="many_to_one"
    )
    table["gain"] = table["value"] - table["baseline"]
    orders = {"recipe": recipe_order(table["recipe"]), "task": task_order(table["task"])}
    table = in_order(table, ["recipe", "task", "language", "seed"], orders)
    return table[["recipe", *_PAIR, "value", "baseline", "gain", "n"]]


def baseline(
    frame: pd.DataFrame, languages: Sequence[str] | None = None, targets: Sequence[str] = ()
) -> pd.DataFrame:
    """Return mean scores of the baseline in percent: one row, a column per target in XTREME's order
    and `average`, which is NaN unless the baseline has every target.

    Means over seeds and languages; None selects all languages but English. targets: those of the
    study, which have a column even without a score.
    """
    scores = target_scores(frame)
    codes = chosen_languages(scores["language"], languages)
    rows = scores[scores["language"].isin(codes) & (scores["recipe"] == BASELINE)]
    means = rows.groupby("task")["value"].mean()
    means = means.reindex(task_order({*scores["task"], *targets})).astype(float)
    means[AVERAGE] = means.mean(skipna=False)
    return settled(means.to_frame(BASELINE).T).rename_axis(index="recipe", columns=None)


def baseline_by_language(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the baseline's scores: columns task language value (mean over seeds, percent) spread
    (standard deviation over seeds) seeds n.

    spread is NaN with one seed. All languages with scores are included, English too.
    """
    scores = target_scores(frame)
    groups = scores[scores["recipe"] == BASELINE].groupby(_CELL, sort=False)
    table = groups.agg(
        value=("value", "mean"), spread=("value", "std"), seeds=("seed", "nunique"), n=("n", "max")
    ).reset_index()
    table[["value", "spread"]] = settled(table[["value", "spread"]])
    return in_order(table, ["task"], {"task": TARGET_NAMES})


def development_gains(
    scores: pd.DataFrame, cells: Collection[tuple[str, str]], tasks: Iterable[str]
) -> pd.DataFrame:
    """Return mean gains on development data, paired by seed: a row per recipe, baseline first, and
    a column for each of `tasks` that has any.

    scores: from `development`. Only recipes that also have test gains, whose (recipe, target) is in
    `cells`, have a number, because no other choice can be reported.
    """
    values = scores.set_index(["task", "seed", "recipe"])["value"].unstack()
    values = values.reindex(columns=recipe_order([BASELINE, *values]))
    means = settled(values.sub(values[BASELINE], axis=0).groupby("task").mean().T)
    for recipe in means.index.drop(BASELINE):
        means.loc[recipe, [name for name in means if (recipe, name) not in cells]] = np.nan
    scored = means.drop(index=BASELINE).notna().any()
    columns = [name for name in tasks if scored.get(name, False)]
    return means[columns].rename_axis(index="recipe", columns=None)
