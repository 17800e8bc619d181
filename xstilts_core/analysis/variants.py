"""Recipes beside their variants: several tasks against one, other mixtures, all tasks but one, a
sequence, masked language modelling.

A difference is that of two mean gains over the same baseline, so the difference of the two recipes'
scores, paired by seed, language and test item; its interval is that of intervals.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from xstilts_core.analysis.findings import COVERS, FEW_SEEDS, counted
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.hierarchy import ONE_SEED
from xstilts_core.analysis.intervals import GainDraws
from xstilts_core.study.recipe import Recipe
from xstilts_core.study.spec import TEXT_FIELDS

TOGETHER, MIXTURE, WITHOUT, SEQUENCE = (
    "together beside one alone",
    "mixed otherwise",
    "all beside all but one",
    "one after the other",
)
TEXTS = "with text beside without"
COLUMNS = [
    "question",
    "recipe",
    "beside",
    "task",
    "difference",
    "low",
    "high",
    "seeds",
    "resampled",
]


# Masked language modelling, and the settings that only it reads.
TEXT = ("mlm", *TEXT_FIELDS)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recipes whose difference answers a question: what `recipe` has beyond `beside`."""

    question: str
    recipe: str
    beside: str


def multitask(recipes: Mapping[str, Recipe]) -> list[Pair]:
    """What a study can say of several tasks at once. The reference is the first mixture of the most
    tasks."""
    mixed = {
        name: recipe
        for name, recipe in recipes.items()
        if recipe.plain and len(recipe.intermediate) > 1
    }
    if not mixed:
        return []
    reference = max(mixed, key=lambda name: len(mixed[name].intermediate))
    tasks = set(mixed[reference].intermediate)
    single = [
        name
        for name, recipe in recipes.items()
        if recipe.plain and len(recipe.intermediate) == 1 and set(recipe.intermediate) < tasks
    ]
    same = [
        name
        for name, recipe in mixed.items()
        if name != reference and set(recipe.intermediate) == tasks
    ]
    fewer = [
        name
        for name, recipe in mixed.items()
        if set(recipe.intermediate) < tasks and len(recipe.intermediate) == len(tasks) - 1
    ]
    pairs = [Pair(TOGETHER, reference, name) for name in single]
    pairs += [Pair(MIXTURE, name, reference) for name in same]
    pairs += [Pair(WITHOUT, reference, name) for name in fewer]
    for name, recipe in recipes.items():
        other = next(
            (
                found
                for found in mixed
                if set(mixed[found].intermediate) == set(recipe.intermediate)
            ),
            "",
        )
        if recipe.setting("sequence") and other:
            pairs.append(Pair(SEQUENCE, name, other))
    return pairs


def with_texts(recipes: Mapping[str, Recipe]) -> list[Pair]:
    """Every recipe with masked language modelling, beside the same without; its learning rate may
    be another one."""
    pairs = []
    for name, recipe in recipes.items():
        wanted = (recipe.without(*TEXT), recipe.without(*TEXT, "learning_rate"))
        other = next(
            (found for choice in wanted for found, entry in recipes.items() if entry == choice), ""
        )
        if recipe.setting("mlm") and other:
            pairs.append(Pair(TEXTS, name, other))
    return pairs


def differences(draws: GainDraws, pairs: Sequence[Pair]) -> pd.DataFrame:
    """One row per pair and target, and their average: columns COLUMNS, in points. NaN where runs of
    either recipe are missing."""
    rows = []
    for pair in pairs:
        for name in (*draws.tasks, AVERAGE):
            sides = [
                draws.average(recipe) if name == AVERAGE else draws.gain(recipe, name)
                for recipe in (pair.recipe, pair.beside)
            ]
            found = sides[0] - sides[1]
            low, high = found.interval if found.value == found.value else (float("nan"),) * 2
            covered = {
                draws.resampled(recipe, task)
                for recipe in (pair.recipe, pair.beside)
                for task in draws.tasks
                if name in (task, AVERAGE)
            }
            shown = " / ".join(sorted(filter(None, covered))) if found.value == found.value else ""
            rows.append(
                (
                    pair.question,
                    pair.recipe,
                    pair.beside,
                    name,
                    found.value,
                    low,
                    high,
                    found.count,
                    shown,
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def worded(row: "pd.Series") -> str:
    """'multitask beside mnli on xnli (+1.2 points, -0.3 to +2.7)'."""
    where = "" if row["task"] == AVERAGE else f" on {row['task']}"
    interval = (
        "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
    )
    return f"{row['recipe']} beside {row['beside']}{where} ({row['difference']:+z.1f} points, {interval})"


def variant_findings(table: pd.DataFrame) -> str:
    """In words, from `differences`: on average over the targets each question's answer; which
    targets stand out; the limits."""
    filled = table.dropna(subset=["difference"])
    if filled.empty:
        return "**No finished pair of recipes to compare yet.** A difference needs both recipes and the baseline on the same target and seed."
    lines = []
    for question, rows in filled.groupby("question", sort=False):
        means = rows[rows["task"] == AVERAGE]
        if len(means):
            listed, targets = (
                "; ".join(worded(row) for _, row in means.iterrows()),
                counted(rows["task"].nunique() - 1, "target"),
            )
            lines.append(f"**{question[0].upper()}{question[1:]}**, mean of {targets}: {listed}.")
        cells = rows[rows["task"] != AVERAGE]
        sure = cells[(cells["low"] > 0) | (cells["high"] < 0)]
        order = sure["difference"].abs().sort_values(ascending=False, kind="stable").index[:3]
        most = (
            f": {'; '.join(worded(row) for _, row in sure.loc[order].iterrows())}"
            if len(sure)
            else ""
        )
        lines.append(
            f"By target the interval excludes 0 in {len(sure)} of {len(cells)} differences{most}."
        )
    return "\n\n".join(
        [" ".join(lines), "**What this does not show.** " + " ".join(limits(table, filled))]
    )


def limits(table: pd.DataFrame, filled: pd.DataFrame) -> list[str]:
    """Sentences on seeds, chance, the choice of the best, and what is missing."""
    few = int(filled["seeds"].min())
    lines = [
        f"The differences rest on {counted(few, 'seed')}{'' if few == filled['seeds'].max() else ' or more'}."
    ]
    if few < 2:
        lines.append(COVERS[ONE_SEED])
    elif few < FEW_SEEDS:
        lines.append(
            "With so few the spread of seeds is hardly known: that 0 lies inside an interval does not show that there is none."
        )
    ranged = int(filled["low"].notna().sum())
    if ranged > 1:
        lines.append(
            f"Of {ranged} differences about {0.05 * ranged:.1f} would exclude 0 by chance alone; nothing is corrected for that."
        )
    lines.append(
        "Who compares with the best of several recipes compares with one that also had luck."
    )
    if missing := len(table) - len(filled):
        lines.append(
            f"{counted(missing, 'difference')} {'is' if missing == 1 else 'are'} missing: runs are not finished."
        )
    return lines
