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
from itertools import product

import numpy as np
import pandas as pd

from xstilts_core.analysis import mixed
from xstilts_core.analysis.findings import COVERS, counted
from xstilts_core.analysis.gain_array import Gains, mean
from xstilts_core.analysis.gains import ENGLISH
from xstilts_core.analysis.hierarchy import ONE_SEED
from xstilts_core.analysis.mixed import EFFECTS, described, fact, mixed_effects
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


def _targets_with(
    draws: Gains, members: Sequence[str], recipe: str, codes: Sequence[str]
) -> list[str]:
    """Return the targets on which all members have gains and `recipe` has some in these
    languages."""
    return [
        task
        for task in draws.tasks
        if all((member, task) in draws.cells for member in members)
        and draws.rows(recipe, task, codes)
    ]


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
    rows = []
    for factor in (*GROUPS, LANGUAGE):
        for level in sorted({fact(code, factor) for code in codes}, key=str):
            subset = [code for code in codes if fact(code, factor) == level]
            for name in (ALL, *recipes):
                members = recipes if name == ALL else [name]
                level_targets = [
                    _targets_with(draws, members, member, subset) for member in members
                ]
                targets = level_targets[0]
                if not targets or any(other != targets for other in level_targets):
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


def named(level: str, factor: str) -> str:
    """Describe a level in words."""
    words = {
        LANGUAGE: LANGUAGES[level].name if level in LANGUAGES else level,
        "resource_level": f"{level} resources",
    }
    return words.get(factor, f"word order {level}" if factor == "word_order" else level)


def language_findings(table: pd.DataFrame, effects: pd.DataFrame) -> str:
    """Summarize `group_gains` and `language_effects` in Markdown: where gains differ and what
    cannot be told."""
    overall = table[table["recipe"] == ALL]
    if overall.empty:
        return (
            "**No finished target runs to compare yet.** Gains need the baseline and one other "
            "recipe on the same target and seed."
        )
    first = overall.iloc[0]
    tested = overall.dropna(subset=["p"])
    lines = [
        f"Mean of {counted(int(first['recipes']), 'recipe')} on "
        f"{counted(int(overall['targets'].max()), 'target')}."
    ]
    single = overall[overall["factor"] == LANGUAGE].sort_values(
        "gain", ascending=False, kind="stable"
    )
    best, worst = (told(row, "gain", "low", "high") for _, row in single.iloc[[0, -1]].iterrows())
    lines.append(f"By language, the mean gain is largest in {best} and smallest in {worst}.")
    significant = tested[tested["p_holm"] < LEVEL].sort_values("p_holm", kind="stable")
    if tested.empty:
        some_seeds = overall["seeds"].max() > 1 or effects["p"].notna().any()
        cause = "some cells have one seed" if some_seeds else ONE_SEED.removeprefix("no interval: ")
        lines.append(
            f"Whether levels differ among these languages is unknown: {cause}, no interval."
        )
    elif significant.empty:
        median = tested["detectable"].median()
        words = f"a difference of {median:.1f} points (median) would be told from 0 with 80 % power"
        lines.append(
            f"Of {counted(len(tested), 'level')}, none differs from the other languages of its "
            f"targets after Holm's correction; {words}."
        )
    else:
        levels = "; ".join(
            told(row, "difference", "difference_low", "difference_high")
            for _, row in significant.iterrows()
        )
        lines.append(
            f"Of {counted(len(tested), 'level')}, these differ from the other languages of their "
            f"targets (Holm): {levels}."
        )
    lines.append(beyond(effects))
    limits = [COVERS[name] for name in COVERS if name in set(overall["resampled"])]
    limits.append(
        "Levels share languages (one script is often one family), so a difference by script may "
        "be one by family."
    )
    if (table["recipe"] != ALL).any():
        limits.append(
            "The mean of recipes can hide recipes with opposite gains; see the points of each "
            "recipe."
        )
    return "\n".join([" ".join(lines), "", "**What this does not show.** " + " ".join(limits)])


def told(row: "pd.Series", value: str, low: str, high: str) -> str:
    """Format a row as 'Swahili (+3.1 points, -0.2 to +5.0)'."""
    interval = "no interval" if pd.isna(row[low]) else f"{row[low]:+z.1f} to {row[high]:+z.1f}"
    return f"{named(row['level'], row['factor'])} ({row[value]:+z.1f} points, {interval})"


def beyond(effects: pd.DataFrame) -> str:
    """Describe what the models show about other languages."""
    fitted = effects.dropna(subset=["estimate", "p"])
    if fitted.empty:
        constant = effects["reason"].str.contains(mixed.NO_VARIANCE).any()
        reason = mixed.NO_VARIANCE if constant else "too few languages, targets or seeds"
        return f"About other languages of the same kind nothing can be said yet: {reason}."
    significant = fitted[fitted["p_holm"] < LEVEL]
    count = f"over {int(fitted['units'].max())} languages, {counted(len(fitted), 'effect')}"
    if significant.empty:
        closest = fitted.sort_values("p", kind="stable").iloc[0]
        span = (
            f"{closest['estimate']:+z.1f}, {closest['low']:+z.1f} to {closest['high']:+z.1f}, "
            f"p {closest['p']:.2f}"
        )
        nearest = (
            f"nearest: {named(closest['level'], closest['effect'])} against "
            f"{named(closest['reference'], closest['effect'])}, {span}"
        )
        return (
            f"For other languages of the same kind ({count} in mixed-effects models) none can be "
            f"told from 0 after Holm ({nearest})."
        )
    effect_texts = "; ".join(
        f"{named(row.level, row.effect)} against {named(row.reference, row.effect)} "
        f"({row.estimate:+z.1f}, {row.low:+z.1f} to {row.high:+z.1f})"
        for row in significant.itertuples()
    )
    return (
        f"For other languages of the same kind ({count} in mixed-effects models): {effect_texts}."
    )
