"""Scores that can be averaged: of one split and as many test items for each task and language. What
is left out is named."""

from collections.abc import Hashable

import pandas as pd

from xstilts_core.languages import language

SCORING = ("target", "retrieval", "control", "probing")
CELL = ["task", "language"]
RUN = ["phase", "recipe", "seed"]


def chosen(group: pd.DataFrame) -> tuple[Hashable, ...]:
    """(split, items) of a task in a language that most of its runs were scored on; of equally many
    the more items."""
    counts = group.groupby(["split", "n"]).size()
    return max(counts.index, key=lambda rows: (counts[rows], rows[1]))


def apart(scores: pd.DataFrame) -> pd.Series:
    """Whether each row of `scores` (columns COLUMNS of results.py) was scored on other test items
    than the task's other runs.

    A task that some run was scored on test data of is reported on these alone. Rows of phases that
    score no targets are never apart.
    """
    scoring = scores["phase"].isin(SCORING)
    tested = set(scores.loc[scoring & (scores["split"] == "test"), "task"])
    others = scoring & scores["task"].isin(tested) & (scores["split"] != "test")
    for _, group in scores[scoring & ~others].groupby([*CELL, "metric"], sort=False):
        split, count = chosen(group)
        others[group.index] = (group["split"] != split) | (group["n"] != count)
    return others


def comparable(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores without those of other test items than the rest (`apart`)."""
    return scores[~apart(scores)].reset_index(drop=True)


def left_out(scores: pd.DataFrame) -> str:
    """Which scores no table has because they are of other test items than the rest, and what the
    rest has; "" if there are none."""
    lost = apart(scores)
    rows = scores[lost].drop_duplicates([*CELL, *RUN])
    told = []
    for (task, recipe, seed, split), group in rows.groupby(
        ["task", "recipe", "seed", "split"], sort=False
    ):
        rest = scores[~lost & (scores["task"] == task) & scores["language"].isin(group["language"])]
        beside = (
            " and ".join(f"{other} ({items(part)})" for other, part in rest.groupby("split"))
            or "none"
        )
        where = (
            ", ".join(language(code).name for code in group["language"])
            if len(group) <= 3
            else f"{len(group)} languages"
        )
        told.append(
            f"{task} from {recipe}, seed {seed}, in {where}: {split} ({items(group)}), where the others have {beside}"
        )
    return (
        f"**Left out of all tables**, because they are of other test items than the rest: {'; '.join(told)}."
        if told
        else ""
    )


def items(group: pd.DataFrame) -> str:
    """How many test items the scores of a split are of."""
    low, high = int(group["n"].min()), int(group["n"].max())
    return f"{low:,} items" if low == high else f"{low:,} to {high:,} items"
