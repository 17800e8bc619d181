"""In which languages intermediate training helps: gains by script, family, word order, resource
level, and language by language.

The gain of a level is the mean over targets of the mean over its languages. Levels have different
targets and languages, so levels are not compared by their gains but by a difference within targets:
on every target that has languages of the level and others, the mean of the level's less the mean of
the others'; then the mean over those targets. Intervals cover seeds and test items in these
languages (hierarchy.py) and say nothing of other languages of the same script or family: that is
the question of `language_effects`, a mixed-effects model in which languages are drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis import mixed
from xstilts_core.analysis.findings import COVERS, counted
from xstilts_core.analysis.gains import ENGLISH
from xstilts_core.analysis.hierarchy import ONE_SEED
from xstilts_core.analysis.intervals import Estimate, GainDraws, covers, mean
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
"""difference: from the other languages of the same targets. p_holm: over all rows of ALL, and over
all others. detectable: difference in points that is told from 0 with 80 % power."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean gain, and whether test items were resampled in all of its parts."""

    estimate: Estimate
    itemwise: bool


def fact(code: str, factor: str) -> str:
    """The level of a language; the family without its branch."""
    row = LANGUAGES[code]
    return {
        LANGUAGE: code,
        "script": row.script,
        "family": row.family.split(":")[0],
        "word_order": row.word_order,
        "resource_level": row.resource_level,
    }[factor]


def averaged(parts: Sequence[Mean]) -> Mean:
    return Mean(mean([part.estimate for part in parts]), all(part.itemwise for part in parts))


def less(first: Mean, second: Mean) -> Mean:
    return Mean(first.estimate - second.estimate, first.itemwise and second.itemwise)


def of_languages(draws: GainDraws, recipe: str, task: str, codes: Sequence[str]) -> Mean | None:
    """Mean gain over these languages of a target; None where it has none of them."""
    cell = draws.cells[recipe, task]
    places = [place for place in draws.picked(recipe, task) if cell.languages[place] in codes]
    if not places:
        return None
    return Mean(mean([cell.gains[place] for place in places]), bool(cell.itemwise[places].all()))


def _of_level(
    draws: GainDraws, recipe: str, tasks: Sequence[str], codes: Sequence[str]
) -> tuple[Mean | None, Mean | None, list[str]]:
    """Gain of a level, its difference from the other languages of the same targets (None: there are
    none), and its targets."""
    others = sorted(draws.languages - set(codes))
    own = {task: of_languages(draws, recipe, task, codes) for task in tasks}
    own = {task: found for task, found in own.items() if found is not None}
    rest = {task: of_languages(draws, recipe, task, others) for task in own}
    pairs = [less(own[task], found) for task, found in rest.items() if found is not None]
    return (
        averaged(list(own.values())) if own else None,
        averaged(pairs) if pairs else None,
        list(own),
    )


def _shared_targets(draws: GainDraws, recipes: Sequence[str]) -> list[str]:
    """The targets that all of the recipes have gains on."""
    return [
        task for task in draws.tasks if all((recipe, task) in draws.cells for recipe in recipes)
    ]


def numbers(found: Mean | None) -> tuple[float, float, float, Estimate | None]:
    """Value and interval; without resampled items in some part, of seeds alone."""
    if found is None:
        return NOTHING, NOTHING, NOTHING, None
    kept = found.estimate
    if not found.itemwise:
        kept = Estimate(kept.exact, kept.pulls, np.zeros_like(kept.draws), kept.count)
    return kept.value, *kept.interval, kept


def group_gains(draws: GainDraws) -> pd.DataFrame:
    """One row per recipe, factor and level, and for the mean of all recipes (ALL) on the targets
    that they share: columns COLUMNS.

    Points; low and high: 95 %, NaN with one seed. Zero-shot: the languages of the draws. Meaning of
    the columns: see the module.
    """
    recipes = [
        name for name in draws.recipes if any((name, task) in draws.cells for task in draws.tasks)
    ]
    codes = sorted(
        {
            code
            for (name, task), cell in draws.cells.items()
            for code in cell.languages
            if code in draws.languages
        }
    )
    shared, rows = _shared_targets(draws, recipes), []
    for factor in (*GROUPS, LANGUAGE):
        for level in dict.fromkeys(sorted((fact(code, factor) for code in codes), key=str)):
            chosen = [code for code in codes if fact(code, factor) == level]
            for name in (ALL, *recipes):
                members = recipes if name == ALL else [name]
                tasks = shared if name == ALL else _shared_targets(draws, members)
                found = [_of_level(draws, member, tasks, chosen) for member in members]
                if not found or found[0][0] is None:
                    continue
                gain, low, high, kept = numbers(averaged([entry[0] for entry in found]))
                *difference, apart = numbers(
                    averaged([entry[1] for entry in found]) if found[0][1] else None
                )
                p = p_value(apart.value, apart.parts) if apart else NOTHING
                size = detectable_gain(apart.parts) if apart else NOTHING
                shown = covers(kept.count, all(entry[0].itemwise for entry in found))
                counts = (" ".join(chosen), len(found[0][2]), len(members), kept.count, shown)
                rows.append(
                    (name, factor, level, gain, low, high, *difference, p, NOTHING, size, *counts)
                )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(p_holm=_holm_once(table, codes))


def _holm_once(table: pd.DataFrame, codes: Sequence[str]) -> np.ndarray:
    """Holm's p over the rows of ALL, and over all others; a test that stands in several rows (one
    script that is one language, the two levels of a factor that has but two) counts once."""
    sides = [
        sorted((chosen, " ".join(code for code in codes if code not in chosen.split())))
        for chosen in table["languages"]
    ]
    tests = (
        pd.Series([" against ".join(pair) for pair in sides], table.index, dtype=object)
        + " of "
        + table["recipe"]
    )
    found = np.full(len(table), NOTHING)
    for family in (table["recipe"] == ALL, table["recipe"] != ALL):
        first = family & ~tests.duplicated()
        once = dict(zip(tests[first], holm(table.loc[first, "p"].to_numpy(float)), strict=True))
        found[family] = tests[family].map(once)
    return found


def language_effects(table: pd.DataFrame, recipes: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A mixed-effects model for each factor of GROUPS: the columns of `mixed_effects`, and p_holm
    over all effects.

    table: of `gains`. Each row of data is a target and a language, its gain the mean over recipes
    and seeds (every language has the same ones), English left out; target and language are random,
    so the question is of other languages of the same kind. One factor at a time: a benchmark's
    languages are too few to hold the others fixed, and where script goes with family neither can be
    told from it.
    """
    kept = described(table[(table["language"] != ENGLISH) & table["gain"].notna()], recipes)
    seeds = kept["seed"].nunique()
    kept = (
        kept.groupby(["task", "language", *GROUPS], as_index=False, sort=False)["gain"]
        .mean()
        .assign(recipe=ALL, seed=0)
    )
    parts = [mixed_effects(kept, [factor]) for factor in GROUPS] if len(kept) else []
    found = (
        pd.concat([part for part in parts if len(part)], ignore_index=True)
        if parts
        else pd.DataFrame(columns=EFFECTS)
    )
    found = mixed.told(found, seeds)
    return found.assign(p_holm=holm(found["p"].to_numpy(float)))


def named(level: str, factor: str) -> str:
    """A level in words."""
    words = {
        LANGUAGE: LANGUAGES[level].name if level in LANGUAGES else level,
        "resource_level": f"{level} resources",
    }
    return words.get(factor, f"word order {level}" if factor == "word_order" else level)


def language_findings(table: pd.DataFrame, effects: pd.DataFrame) -> str:
    """A paragraph of Markdown from `group_gains` and `language_effects`: where gains differ, and
    what cannot be told."""
    whole = table[table["recipe"] == ALL]
    if whole.empty:
        return "**No finished target runs to compare yet.** Gains need the baseline and one other recipe on the same target and seed."
    first = whole.iloc[0]
    tested = whole.dropna(subset=["p"])
    lines = [
        f"Mean of {counted(int(first['recipes']), 'recipe')} on {counted(int(whole['targets'].max()), 'target')}."
    ]
    single = whole[whole["factor"] == LANGUAGE].sort_values("gain", ascending=False, kind="stable")
    best, worst = (told(row, "gain", "low", "high") for _, row in single.iloc[[0, -1]].iterrows())
    lines.append(f"By language, the mean gain is largest in {best} and smallest in {worst}.")
    sure = tested[tested["p_holm"] < LEVEL].sort_values("p_holm", kind="stable")
    if tested.empty:
        several = whole["seeds"].max() > 1 or effects["p"].notna().any()
        few = "some cells have one seed" if several else ONE_SEED.removeprefix("no interval: ")
        lines.append(
            f"Whether levels differ among these languages cannot be said: {few}, no interval."
        )
    elif sure.empty:
        median = tested["detectable"].median()
        words = f"a difference of {median:.1f} points (median) would be told from 0 with 80 % power"
        lines.append(
            f"Of {counted(len(tested), 'level')}, none differs from the other languages of its targets after Holm's correction; {words}."
        )
    else:
        listed = "; ".join(
            told(row, "difference", "difference_low", "difference_high")
            for _, row in sure.iterrows()
        )
        lines.append(
            f"Of {counted(len(tested), 'level')}, these differ from the other languages of their targets (Holm): {listed}."
        )
    lines.append(beyond(effects))
    limits = [COVERS[name] for name in COVERS if name in set(whole["resampled"])]
    limits.append(
        "Levels share languages (one script is often one family), so that a difference by script may be one by family."
    )
    if (table["recipe"] != ALL).any():
        limits.append(
            "The mean of recipes can hide recipes that go different ways: see the points of each."
        )
    return "\n".join([" ".join(lines), "", "**What this does not show.** " + " ".join(limits)])


def told(row: "pd.Series", value: str, low: str, high: str) -> str:
    """'Swahili (+3.1 points, -0.2 to +5.0)'."""
    interval = "no interval" if pd.isna(row[low]) else f"{row[low]:+z.1f} to {row[high]:+z.1f}"
    return f"{named(row['level'], row['factor'])} ({row[value]:+z.1f} points, {interval})"


def beyond(effects: pd.DataFrame) -> str:
    """What the models say of other languages."""
    fitted = effects.dropna(subset=["estimate", "p"])
    if fitted.empty:
        still = effects["reason"].str.contains(mixed.NO_VARIANCE).any()
        reason = mixed.NO_VARIANCE if still else "too few languages, targets or seeds"
        return f"For other languages of the same kind nothing can be said yet: {reason}."
    sure = fitted[fitted["p_holm"] < LEVEL]
    count = f"over {int(fitted['units'].max())} languages, {counted(len(fitted), 'effect')}"
    if sure.empty:
        closest = fitted.sort_values("p", kind="stable").iloc[0]
        span = f"{closest['estimate']:+z.1f}, {closest['low']:+z.1f} to {closest['high']:+z.1f}, p {closest['p']:.2f}"
        nearest = f"nearest: {named(closest['level'], closest['effect'])} against {named(closest['reference'], closest['effect'])}, {span}"
        return f"For other languages of the same kind ({count} in mixed-effects models) none can be told from 0 after Holm ({nearest})."
    listed = "; ".join(
        f"{named(row.level, row.effect)} against {named(row.reference, row.effect)} ({row.estimate:+z.1f}, {row.low:+z.1f} to"
        f" {row.high:+z.1f})"
        for row in sure.itertuples()
    )
    return f"For other languages of the same kind ({count} in mixed-effects models): {listed}."
