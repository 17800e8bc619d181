"""Compare the baseline with controls, to show what a score is worth.

A floor is a score reached without something that a study is about: without pretraining
(random_init), without one half of a pair (hypothesis_only), without any model (majority, overlap).
A score that is not above its floors shows no transfer. names_masked is not a floor but the same
encoder with a clue removed: what retrieval loses there had come from names.
"""

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import gain_draws
from xstilts_core.analysis.intervals import NOTHING
from xstilts_core.analysis.items import NO_ITEMS, ItemScores
from xstilts_core.analysis.scores import ENGLISH, settled, target_scores, task_order
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE

_HIDDEN = "names_masked"
_COLUMNS = ["task", "recipe", "control", "zero_shot", "english", "above", "low", "high", "seeds"]


def control_table(study: Study, frame: pd.DataFrame, items: ItemScores = NO_ITEMS) -> pd.DataFrame:
    """Return one row per target and baseline or control, the baseline first: columns _COLUMNS.
    Empty if the study has no control.

    zero_shot: mean score in percent over the languages other than English; english: that in
    English. above: points by which the baseline's zero-shot score exceeds this one, paired by seed,
    language and (low, high: 95 %) test item.
    """
    runs = frame[frame["recipe"].isin([BASELINE, *study.controls])]
    # A control without an encoder has one run, which is repeated for every seed of the baseline.
    without_encoder = runs["phase"] == "control"
    seeds = sorted(runs.loc[runs["recipe"] == BASELINE, "seed"].unique())
    repeated = [runs[without_encoder].assign(seed=one, phase="target") for one in seeds]
    scores = target_scores(pd.concat([runs[~without_encoder], *repeated]))
    draws = gain_draws(scores, items)
    # A target without controls shows nothing here.
    rows = []
    for task in task_order({name for _, name in draws.cells}):
        for recipe in (BASELINE, *(name for name in study.controls if (name, task) in draws.cells)):
            cells = scores[(scores["task"] == task) & (scores["recipe"] == recipe)]
            english = cells["language"] == ENGLISH
            means = cells.loc[~english, "value"].mean(), cells.loc[english, "value"].mean()
            gain = draws.gain(recipe, task) if recipe != BASELINE else draws.nothing(NOTHING)
            low, high = gain.interval
            key = task, recipe, study.recipes[recipe].control, *settled(np.array(means))
            rows.append((*key, -gain.value, -high, -low, cells["seed"].nunique()))
    return pd.DataFrame(rows, columns=_COLUMNS)


def strongest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the row of `control_table` with the highest floor per target by zero-shot score. Its
    `above` is the baseline's margin."""
    floors = table[(table["recipe"] != BASELINE) & (table["control"] != _HIDDEN)].dropna(
        subset=["zero_shot"]
    )
    strongest = floors.groupby("task", sort=False)["zero_shot"].idxmax()
    return floors.loc[strongest].reset_index(drop=True)
