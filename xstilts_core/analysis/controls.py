"""Controls beside the baseline: what a score is worth.

A floor is what can be had without what a study is about: without pretraining (random_init), without
one half of a pair (hypothesis_only), without any model (majority, overlap). A score that does not
stand above its floors shows no transfer. names_masked is not a floor but the same encoder with a
clue taken away: what retrieval loses there, names had given.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import ENGLISH, settled, target_scores, task_order
from xstilts_core.analysis.intervals import NO_ITEMS, gain_draws
from xstilts_core.analysis.items import ItemScores
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

_HIDDEN = "names_masked"
COLUMNS = ["task", "recipe", "control", "zero_shot", "english", "above", "low", "high", "seeds"]
NOTHING = float("nan")


def _beside_baseline(frame: pd.DataFrame, controls: Sequence[str]) -> pd.DataFrame:
    """The rows of the controls and of the baseline; a control without an encoder (phase "control")
    is repeated for every seed."""
    kept = frame[frame["recipe"].isin([BASELINE, *controls])]
    fixed = kept[kept["phase"] == "control"]
    seeds = sorted(kept.loc[kept["recipe"] == BASELINE, "seed"].unique())
    return pd.concat(
        [
            kept[kept["phase"] != "control"],
            *(fixed.assign(seed=number, phase="target") for number in seeds),
        ]
    )


def control_table(study: Study, frame: pd.DataFrame, items: ItemScores = NO_ITEMS) -> pd.DataFrame:
    """One row per target and baseline or control: columns COLUMNS, the baseline first; empty where
    the study has no control.

    zero_shot: mean score in percent over the languages other than English; english: that in
    English. above: points by which the baseline's zero-shot score stands above this one, paired by
    seed, language and (low, high: 95 %) test item.
    """
    scores = target_scores(_beside_baseline(frame, study.controls))
    found = gain_draws(scores, items)
    # A target that no control is for says nothing here.
    rows = []
    for task in task_order({name for _, name in found.cells}):
        for recipe in (BASELINE, *(name for name in study.controls if (name, task) in found.cells)):
            cells = scores[(scores["task"] == task) & (scores["recipe"] == recipe)]
            english = cells["language"] == ENGLISH
            low, high = (
                found.gain(recipe, task).interval if recipe != BASELINE else (NOTHING, NOTHING)
            )
            above = NOTHING if recipe == BASELINE else -found.gain(recipe, task).value
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
    """`control_table` to read: a row per target, a column per baseline or control, "62.7 (79.2)":
    zero-shot mean (English)."""

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
    """The floor of the highest zero-shot score per target, from `control_table`: its row, whose
    `above` is the baseline's margin."""
    floors = table[(table["recipe"] != BASELINE) & (table["control"] != _HIDDEN)].dropna(
        subset=["zero_shot"]
    )
    return floors.loc[floors.groupby("task", sort=False)["zero_shot"].idxmax()].reset_index(
        drop=True
    )


def margin(row: pd.Series) -> str:
    """'xnli (random_init, +29.3 points, +25.1 to +33.0)'."""
    interval = (
        "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
    )
    return f"{row['task']} ({row['recipe']}, {row['above']:+z.1f} points, {interval})"


def control_findings(table: pd.DataFrame) -> str:
    """In words, from `control_table`: where the baseline stands above its strongest control, where
    it does not, what names give."""
    if table.empty:
        return "**This study has no controls with finished runs.** What its scores are worth cannot be said from it."
    found = strongest(table)
    sure, below = found["low"] > 0, found["above"] <= 0
    lines = []
    for rows, words in (
        (
            found[sure],
            "The baseline stands above its strongest control, the 95 % interval above 0, on",
        ),
        (found[~sure & ~below], "**It cannot be told from its strongest control** on"),
        (found[below], "**It does not stand above its strongest control** on"),
    ):
        if len(rows):
            lines.append(f"{words} {'; '.join(margin(row) for _, row in rows.iterrows())}.")
    if (~sure).any():
        lines.append(
            "On such a target a gain of intermediate training may be a gain in what the control already has, not in transfer."
        )
    for _, row in table[table["control"] == _HIDDEN].iterrows():
        whole = row["zero_shot"] + row["above"]
        share = f", {100 * row['above'] / whole:.0f} % of the score less" if whole > 0 else ""
        lines.append(
            f"With names masked, {row['task']} goes from {whole:.1f} to {row['zero_shot']:.1f}{share}."
        )
    few = int(np.nanmin(table["seeds"]))
    return " ".join([*lines, f"These numbers rest on {few} seed{'' if few == 1 else 's'}."])
