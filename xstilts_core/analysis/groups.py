"""Show in which languages intermediate training helps: gains by script, family, word order,
resource level, and single language.

The gain of a level is the mean over targets of the mean over its languages. Levels have different
targets and languages, so they are compared not by their gains but by a difference within targets:
on every target that has languages of the level and others, the mean over the level's languages
minus the mean over the others, averaged over those targets. Intervals cover seeds and test items in
these languages (intervals.py) and do not extend to other languages of the same script or family.
`language_effects` addresses that question with a mixed-effects model in which languages are drawn
at random.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import Gains, mean
from xstilts_core.analysis.intervals import NOTHING, detectable_gain, p_value
from xstilts_core.analysis.mixed import (
    EFFECTS,
    described,
    known_intervals,
    mixed_effects,
)
from xstilts_core.analysis.scores import ENGLISH, TRAITS, fact
from xstilts_core.analysis.significance import holm

ALL = "all recipes"
LANGUAGE = "language"
GROUPS = TRAITS
_COLUMNS = ["recipe", "factor", "level", "gain", "low", "high"]
_COLUMNS += ["difference", "difference_low", "difference_high", "p", "p_holm"]
_COLUMNS += ["detectable", "languages", "targets", "recipes", "seeds", "resampled"]
"""difference: from the other languages of the same targets. p_holm: over all rows of ALL, and
separately over all others. detectable: difference in points that is told from 0 with 80 % power."""


def group_gains(draws: Gains) -> pd.DataFrame:
    """Return one row per recipe, factor and level, and for the mean of all recipes (ALL) on the
    targets that they share: columns _COLUMNS.

    Values are in points; low and high: 95 %, NaN with one seed. Zero-shot: the languages of the
    draws. The module docstring explains the columns.
    """
    recipes = [
        name for name in draws.recipes if any((name, task) in draws.cells for task in draws.tasks)
    ]
    codes = sorted(draws.languages.intersection(draws.labels["language"]))
    rows = []
    for factor in (*GROUPS, LANGUAGE):
        for level in sorted({fact(code, factor) for code in codes}, key=str):
            subset = [code for code in codes if fact(code, factor) == level]
            for name in (ALL, *recipes):
                members = recipes if name == ALL else [name]
                shared = [
                    task
                    for task in draws.tasks
                    if all((member, task) in draws.cells for member in members)
                ]
                target_lists = {
                    tuple(task for task in shared if draws.rows(member, task, subset))
                    for member in members
                }
                targets = target_lists.pop() if len(target_lists) == 1 else ()
                if not targets:
                    continue  # recipes without the same languages of the same targets
                cells = list(product(members, targets))
                gain = mean([draws.gain(*cell, subset) for cell in cells])
                contrast = draws.less_others(cells, subset)
                counts = len(targets), len(members), gain.count, gain.resampled
                rows.append(
                    (
                        *(name, factor, level, *gain.numbers, *contrast.numbers),
                        p_value(contrast.value, contrast.parts),
                        NOTHING,
                        detectable_gain(contrast.parts),
                        *(" ".join(subset), *counts),
                    )
                )
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.assign(p_holm=_holm_once(table, codes))


def _holm_once(table: pd.DataFrame, codes: Sequence[str]) -> np.ndarray:
    """Return Holm's p over the rows of ALL, and separately over all others. A test that occurs in
    several rows counts once (a script with a single language, the two levels of a binary factor).
    """
    tests = []
    for name, chosen in zip(table["recipe"], table["languages"], strict=True):
        others = " ".join(code for code in codes if code not in chosen.split())
        tests.append((name, frozenset([chosen, others])))
    unique = table.assign(test=tests).drop_duplicates("test").set_index("test")
    families = unique.groupby(unique["recipe"] == ALL)["p"]
    adjusted = families.transform(lambda p: holm(p.to_numpy(float)))
    p_holm = dict(zip(adjusted.index, adjusted, strict=True))
    return np.array([p_holm[test] for test in tests], dtype=float)


def language_effects(table: pd.DataFrame, recipes: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Fit a mixed-effects model for each factor of GROUPS. Return the columns of `mixed_effects`,
    with p_holm over all effects.

    table: from `gains`. Each row of data is a target and a language; its gain is the mean over
    recipes and seeds (every language has the same ones), without English. Target and language are
    random effects, so the question is about other languages of the same kind. Factors are fitted
    one at a time, because a benchmark has too few languages to hold the others fixed; if script
    coincides with family, neither can be separated from the other.
    """
    rows = described(table[(table["language"] != ENGLISH) & table["gain"].notna()], recipes)
    seeds = rows["seed"].nunique()
    cells = rows.groupby(["task", "language", *GROUPS], as_index=False, sort=False)["gain"]
    means = cells.mean().assign(recipe=ALL, seed=0)
    models = [mixed_effects(means, factor) for factor in GROUPS if len(means)]
    effects = pd.concat(models, ignore_index=True) if models else pd.DataFrame(columns=EFFECTS)
    effects = known_intervals(effects, seeds)
    return effects.assign(p_holm=holm(effects["p"].to_numpy(float)))
