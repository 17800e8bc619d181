"""Scores that can be averaged: from one split and the same number of test items for each task and
language. Excluded scores are named."""

from collections.abc import Hashable
from typing import Any

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


def left_out(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the scores that are in no table because they are on other test items than the rest:
    task recipe seed, their languages, split and numbers of items, and in `others` the splits and
    numbers of items of the rest."""
    lost = apart(scores)
    rows = scores[lost].drop_duplicates([*CELL, *RUN])
    groups = []
    keys = ["task", "recipe", "seed", "split"]
    for key, group in rows.groupby(keys, sort=False):
        same = (scores["task"] == key[0]) & scores["language"].isin(group["language"])
        rest = scores[same & ~lost].groupby("split")
        groups.append(
            {
                **dict(zip(keys, key, strict=True)),
                "languages": [language(code).name for code in group["language"]],
                "items": _range(group["n"]),
                "others": [(split, _range(data["n"])) for split, data in rest],
            }
        )
    return groups


def _range(counts: pd.Series) -> tuple[int, int]:
    return int(counts.min()), int(counts.max())
