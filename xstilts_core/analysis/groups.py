"""Show in which languages intermediate training helps: gains by script, family, word order,
resource level, and single language.

The gain of a level is the mean over targets of the mean over its languages. Levels have different
targets and languages, so they are compared not by their gains but by a difference within targets:
on every target that has languages of the level and others, the mean over the level's languages
minus the mean over the others, averaged over those targets. Intervals cover seeds and test items in
these languages (hierarchy.py) and do not extend to other languages of the same script or family.
`language_effects` addresses that question with a mixed-effects model in which languages are drawn
at random.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis import mixed
from xstilts_core.analysis.gain_array import Gains
from xstilts_core.analysis.gains import ENGLISH
from xstilts_core.analysis.intervals import Estimate, covers, mean
from xstilts_core.analysis.mixed import EFFECTS, described, mixed_effects
from xstilts_core.analysis.power import detectable_gain, p_value
from xstilts_core.analysis.significance import holm
from xstilts_core.languages import LANGUAGES

ALL = "all recipes"
LANGUAGE = "language"
GROUPS = ("script", "family", "word_order", "resource_level")
LEVEL = 0.05
NOTHING = float("nan")
COLUMNS = [
    "recipe",
    "factor",
    "level",
    "gain",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "p_holm",
]
COLUMNS += ["detectable", "languages", "targets", "recipes", "seeds", "resampled"]
"""difference: from the other languages of the same targets. p_holm: over all rows of ALL, and
separately over all others. detectable: difference in points that is told from 0 with 80 % power."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean gain, and whether test items were resampled in all of its parts."""

    estimate: Estimate
    itemwise: bool


def fact(code: str, factor: str) -> str:
    """Return the level of a language; for the factor family, without the branch."""
    row = LANGUAGES[code]
    return {
        LANGUAGE: code,
        "script": row.script,
        "family": row.family.split(":")[0],
        "word_order": row.word_order,
        "resource_level": row.resource_level,
    }[factor]


def averaged(parts: Sequence[Mean | None]) -> Mean | None:
    """Return the mean of means, or None if one of them is missing or there are none."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    return Mean(mean([part.estimate for part in known]), all(part.itemwise for part in known))


def less(first: Mean, second: Mean) -> Mean:
    """Return first - second."""
    return Mean(first.estimate - second.estimate, first.itemwise and second.itemwise)


def of_languages(draws: Gains, recipe: str, task: str, codes: Sequence[str]) -> Mean | None:
    """Return the mean gain over these languages of a target, or None if it has none of them."""
    rows = draws.rows(recipe, task, codes)
    if not rows:
        return None
    weights = np.full(len(rows), 1 / len(rows))
    return Mean(draws.estimate(rows, weights), bool(draws.itemwise[rows].all()))


def _of_level(
    draws: Gains, recipe: str, tasks: Sequence[str], codes: Sequence[str]
) -> tuple[Mean | None, Mean | None, list[str]]:
    """Return the gain of a level, its difference from the other languages of the same targets (None
    if there are none), and its targets."""
    others = sorted(draws.languages - set(codes))
    gains = {
        task: gain
        for task in tasks
        if (gain := of_languages(draws, recipe, task, codes)) is not None
    }
    other_gains = {task: of_languages(draws, recipe, task, others) for task in gains}
    pairs = [less(gains[task], gain) for task, gain in other_gains.items() if gain is not None]
    return averaged(list(gains.values())), averaged(pairs), list(gains)


def _shared_targets(draws: Gains, recipes: Sequence[str]) -> list[str]:
    """Return the targets on which all of the recipes have gains."""
    return [
        task for task in draws.tasks if all((recipe, task) in draws.cells for recipe in recipes)
    ]


def numbers(found: Mean | None) -> tuple[float, float, float, Estimate | None]:
    """Return the value, its interval and the estimate. If items were not resampled in some part,
    the interval covers seeds alone."""
    if found is None:
        return NOTHING, NOTHING, NOTHING, None
    gain = found.estimate
    if not found.itemwise:
        gain = Estimate(gain.exact, gain.pulls, np.zeros_like(gain.draws), gain.count)
    return gain.value, *gain.interval, gain


def group_gains(draws: Gains) -> pd.DataFrame:
    """Return one row per recipe, factor and level, and for the mean of all recipes (ALL) on the
    targets that they share: columns COLUMNS.

    Values are in points; low and high: 95 %, NaN with one seed. Zero-shot: the languages of the
    draws. The module docstring explains the columns.
    """
    recipes = [
        name for name in draws.recipes if any((name, task) in draws.cells for task in draws.tasks)
    ]
    codes = sorted(
        {
            code
            for (name, task), cell in draws.cells.items()
            for code in cell
            if code in draws.languages
        }
    )
    shared, rows = _shared_targets(draws, recipes), []
    for factor in (*GROUPS, LANGUAGE):
        for level in dict.fromkeys(sorted((fact(code, factor) for code in codes), key=str)):
            subset = [code for code in codes if fact(code, factor) == level]
            for name in (ALL, *recipes):
                members = recipes if name == ALL else [name]
                tasks = shared if name == ALL else _shared_targets(draws, members)
                parts = [_of_level(draws, member, tasks, subset) for member in members]
                average = averaged([part[0] for part in parts])
                if average is None or any(part[2] != parts[0][2] for part in parts):
                    continue  # recipes without the same languages of the same targets
                gain, low, high, _ = numbers(average)
                *difference, contrast = numbers(averaged([part[1] for part in parts]))
                p = p_value(contrast.value, contrast.parts) if contrast else NOTHING
                size = detectable_gain(contrast.parts) if contrast else NOTHING
                seeds = average.estimate.count
                words = covers(seeds, average.itemwise)
                counts = (" ".join(subset), len(parts[0][2]), len(members), seeds, words)
                rows.append(
                    (name, factor, level, gain, low, high, *difference, p, NOTHING, size, *counts)
                )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(p_holm=_holm_once(table, codes))


def _holm_once(table: pd.DataFrame, codes: Sequence[str]) -> np.ndarray:
    """Return Holm's p over the rows of ALL, and separately over all others. A test that occurs in
    several rows counts once (a script with a single language, the two levels of a binary factor).
    """
    sides = [
        sorted((chosen, " ".join(code for code in codes if code not in chosen.split())))
        for chosen in table["languages"]
    ]
    tests = (
        pd.Series([" against ".join(pair) for pair in sides], table.index, dtype=object)
        + " of "
        + table["recipe"]
    )
    adjusted = np.full(len(table), NOTHING)
    for family in (table["recipe"] == ALL, table["recipe"] != ALL):
        unique = family & ~tests.duplicated()
        p_holm = dict(zip(tests[unique], holm(table.loc[unique, "p"].to_numpy(float)), strict=True))
        adjusted[family] = tests[family].map(p_holm)
    return adjusted


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
    rows = (
        rows.groupby(["task", "language", *GROUPS], as_index=False, sort=False)["gain"]
        .mean()
        .assign(recipe=ALL, seed=0)
    )
    models = [mixed_effects(rows, [factor]) for factor in GROUPS] if len(rows) else []
    effects = (
        pd.concat([model for model in models if len(model)], ignore_index=True)
        if models
        else pd.DataFrame(columns=EFFECTS)
    )
    effects = mixed.told(effects, seeds)
    return effects.assign(p_holm=holm(effects["p"].to_numpy(float)))
