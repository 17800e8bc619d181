"""Scores that can be averaged: from one split and the same number of test items for each task and
language. Excluded scores are named."""

from collections.abc import Hashable

import pandas as pd

from xstilts_core.languages import language

SCORING = ("target", "retrieval", "control", "probing")
CELL = ["task", "language"]
RUN = ["phase", "recipe", "seed"]


def chosen(group: pd.DataFrame) -> tuple[Hashable, ...]:
    """Return the (split, items) on which most runs of a task in a language were scored; among
    equally frequent ones, the one with more items."""
    counts = group.groupby(["split", "n"]).size()
    return max(counts.index, key=lambda rows: (counts[rows], rows[1]))


def apart(scores: pd.DataFrame) -> pd.Series:
    """Return whether each row of `scores` (columns COLUMNS of results.py) was scored on other test
    items than the task's other runs.

    A task with any score on test data is reported on test data alone. Rows of phases that score no
    targets are never apart.
    """
    scoring = scores["phase"].isin(SCORING)
    tested_tasks = set(scores.loc[scoring & (scores["split"] == "test"), "task"])
    excluded = scoring & scores["task"].isin(tested_tasks) & (scores["split"] != "test")
    for _, group in scores[scoring & ~excluded].groupby([*CELL, "metric"], sort=False):
        split, count = chosen(group)
        excluded[group.index] = (group["split"] != split) | (group["n"] != count)
    return excluded


def comparable(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores without those on other test items than the rest (`apart`)."""
    return scores[~apart(scores)].reset_index(drop=True)


def left_out(scores: pd.DataFrame) -> str:
    """Return text on the scores that are in no table because they are on other test items than the
    rest, and on what the rest has; "" if there are none."""
    lost = apart(scores)
    rows = scores[lost].drop_duplicates([*CELL, *RUN])
    lines = []
    for (task, recipe, seed, split), group in rows.groupby(
        ["task", "recipe", "seed", "split"], sort=False
    ):
        rest = scores[~lost & (scores["task"] == task) & scores["language"].isin(group["language"])]
        splits = (
            " and ".join(f"{other} ({items(data)})" for other, data in rest.groupby("split"))
            or "none"
        )
        names = (
            ", ".join(language(code).name for code in group["language"])
            if len(group) <= 3
            else f"{len(group)} languages"
        )
        lines.append(
            f"{task} from {recipe}, seed {seed}, in {names}: {split} ({items(group)}), "
            f"where the others have {splits}"
        )
    return (
        "**Left out of all tables**, because they are on other test items than the rest: "
        f"{'; '.join(lines)}."
        if lines
        else ""
    )


def items(group: pd.DataFrame) -> str:
    """Return the number of test items of the scores of a split as text, or its range."""
    low, high = int(group["n"].min()), int(group["n"].max())
    return f"{low:,} items" if low == high else f"{low:,} to {high:,} items"
