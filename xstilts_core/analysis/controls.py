"""Compare the baseline with controls, to show what a score is worth.

A floor is a score reached without something that a study is about: without pretraining
(random_init), without one half of a pair (hypothesis_only), without any model (majority, overlap).
A score that is not above its floors shows no transfer. names_masked is not a floor but the same
encoder with a clue removed: what retrieval loses there had come from names.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import gain_draws
from xstilts_core.analysis.gains import ENGLISH, settled, target_scores, task_order
from xstilts_core.analysis.items import NO_ITEMS, ItemScores
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

_HIDDEN = "names_masked"
COLUMNS = ["task", "recipe", "control", "zero_shot", "english", "above", "low", "high", "seeds"]
NOTHING = float("nan")


def _beside_baseline(frame: pd.DataFrame, controls: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the controls and of the baseline. A control without an encoder (phase
    "control") is repeated for every seed."""
    runs = frame[frame["recipe"].isin([BASELINE, *controls])]
    without_encoder = runs[runs["phase"] == "control"]
    seeds = sorted(runs.loc[runs["recipe"] == BASELINE, "seed"].unique())
    return pd.concat(
        [
            runs[runs["phase"] != "control"],
            *(without_encoder.assign(seed=number, phase="target") for number in seeds),
        ]
    )


def control_table(study: Study, frame: pd.DataFrame, items: ItemScores = NO_ITEMS) -> pd.DataFrame:
    """Return one row per target and baseline or control, the baseline first: columns COLUMNS. Empty
    if the study has no control.

    zero_shot: mean score in percent over the languages other than English; english: that in
    English. above: points by which the baseline's zero-shot score exceeds this one, paired by seed,
    language and (low, high: 95 %) test item.
    """
    scores = target_scores(_beside_baseline(frame, study.controls))
    draws = gain_draws(scores, items)
    # A target without controls shows nothing here.
    rows = []
    for task in task_order({name for _, name in draws.cells}):
        for recipe in (BASELINE, *(name for name in study.controls if (name, task) in draws.cells)):
            cells = scores[(scores["task"] == task) & (scores["recipe"] == recipe)]
            english = cells["language"] == ENGLISH
            low, high = (
                draws.gain(recipe, task).interval if recipe != BASELINE else (NOTHING, NOTHING)
            )
            above = NOTHING if recipe == BASELINE else -draws.gain(recipe, task).value
            values = settled(
                [cells.loc[~english, "value"].mean(), cells.loc[english, "value"].mean()]
            )
            rows.append(
                (
                    task,
                    recipe,
                    study.recipes[recipe].control,
                    *values,
                    above,
                    -high,
                    -low,
                    cells["seed"].nunique(),
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def control_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Format `control_table` for reading: a row per target and a column per baseline or control,
    "62.7 (79.2)" for zero-shot mean (English)."""

    def text(row: pd.Series) -> str:
        english = "" if pd.isna(row["english"]) else f" ({row['english']:.1f})"
        return "" if pd.isna(row["zero_shot"]) else f"{row['zero_shot']:.1f}{english}"

    if table.empty:
        return pd.DataFrame(index=pd.Index([], name="target"))
    names, tasks = list(dict.fromkeys(table["recipe"])), list(dict.fromkeys(table["task"]))
    cells = table.assign(text=[text(row) for _, row in table.iterrows()]).pivot(
        index="task", columns="recipe", values="text"
    )
    return (
        cells.reindex(index=tasks, columns=names)
        .fillna("")
        .rename_axis(index="target", columns=None)
    )


def strongest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the row of `control_table` with the highest floor per target by zero-shot score. Its
    `above` is the baseline's margin."""
    floors = table[(table["recipe"] != BASELINE) & (table["control"] != _HIDDEN)].dropna(
        subset=["zero_shot"]
    )
    return floors.loc[floors.groupby("task", sort=False)["zero_shot"].idxmax()].reset_index(
        drop=True
    )


def margin(row: pd.Series) -> str:
    """Format a row as 'xnli (random_init, +29.3 points, +25.1 to +33.0)'."""
    interval = (
        "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
    )
    return f"{row['task']} ({row['recipe']}, {row['above']:+z.1f} points, {interval})"


def control_findings(table: pd.DataFrame) -> str:
    """Describe `control_table` in words: where the baseline is above its strongest control, where
    it is not, and how much names contribute."""
    if table.empty:
        return (
            "**This study has no controls with finished runs.** It cannot show what its scores are "
            "worth."
        )
    floors = strongest(table)
    clear, below = floors["low"] > 0, floors["above"] <= 0
    lines = []
    for rows, words in (
        (
            floors[clear],
            "The baseline is above its strongest control, with the 95 % interval above 0, on",
        ),
        (floors[~clear & ~below], "**It cannot be told from its strongest control** on"),
        (floors[below], "**It is not above its strongest control** on"),
    ):
        if len(rows):
            lines.append(f"{words} {'; '.join(margin(row) for _, row in rows.iterrows())}.")
    if (~clear).any():
        lines.append(
            "On such a target intermediate training may improve what the control already has "
            "rather than transfer."
        )
    for _, row in table[table["control"] == _HIDDEN].iterrows():
        unmasked = row["zero_shot"] + row["above"]
        share = f", {100 * row['above'] / unmasked:.0f} % of the score less" if unmasked > 0 else ""
        lines.append(
            f"With names masked, {row['task']} goes from {unmasked:.1f} to "
            f"{row['zero_shot']:.1f}{share}."
        )
    seeds = int(np.nanmin(table["seeds"]))
    return " ".join([*lines, f"These numbers rest on {seeds} seed{'' if seeds == 1 else 's'}."])
