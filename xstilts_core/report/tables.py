"""Tables of text for readers, made from tables of numbers."""

from collections.abc import Collection

import pandas as pd

from xstilts_core.phases.learnt import marked
from xstilts_core.study.spec import BASELINE
from xstilts_core.wording.numbers import cell, gain, interval, number

# Scores range from 0 to 100.
_MOST_POINTS = 100


def main_table(
    table: pd.DataFrame, baseline: pd.DataFrame, unlearnt: Collection[str] = ()
) -> pd.DataFrame:
    """Return a paper's table as text from `gain_table` and `baseline`.

    The first row has the baseline's scores, the others "+4.2 (1.2 to 7.4) *" by recipe and target,
    or "" if runs are missing. A star marks intervals that exclude 0, a dagger the recipes that did
    not learn.
    """
    columns = list(baseline.columns)
    rows = pd.DataFrame(
        [[number(value) for value in baseline.iloc[0]]],
        index=[f"{BASELINE} (score)"],
        columns=columns,
    )
    for recipe, gains in table.groupby("recipe", sort=False):
        texts = {row.task: cell(row.gain, row.low, row.high) for row in gains.itertuples()}
        rows.loc[marked(recipe, unlearnt)] = [texts.get(column, "") for column in columns]
    return rows.rename_axis(index="recipe")


def control_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Return `control_table` as text: a row per target and a column per baseline or control,
    "62.7 (79.2)" for zero-shot mean (English)."""
    if table.empty:
        return pd.DataFrame(index=pd.Index([], name="target"))
    texts = []
    for row in table.itertuples():
        english = f" ({number(row.english)})" if pd.notna(row.english) else ""
        texts.append(f"{number(row.zero_shot)}{english}" if pd.notna(row.zero_shot) else "")
    cells = table.assign(text=texts)
    names, tasks = dict.fromkeys(table["recipe"]), dict.fromkeys(table["task"])
    return (
        cells.pivot(index="task", columns="recipe", values="text")
        .reindex(index=list(tasks), columns=list(names))
        .fillna("")
        .rename_axis(index="target", columns=None)
    )


def claims_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return `claim_table` as text, in points: columns claim evidence paper study verdict
    detectable rule."""
    rows = []
    for row in table.itertuples():
        estimate = f"{gain(row.estimate)} ({interval(row.low, row.high)})"
        size = "none" if row.detectable > _MOST_POINTS else number(row.detectable)
        power = f" (the paper's: {number(100 * row.power, 0)} %)" if pd.notna(row.power) else ""
        rows.append(
            {
                "claim": row.claim,
                "evidence": row.evidence,
                "paper": gain(row.published),
                "study": estimate if pd.notna(row.estimate) else "",
                "verdict": row.verdict,
                "detectable": size + power,
                "rule": "; ".join(filter(None, (row.reason or row.rule, row.scope))),
            }
        )
    columns = ["claim", "evidence", "paper", "study", "verdict", "detectable", "rule"]
    return pd.DataFrame(rows, columns=columns)
