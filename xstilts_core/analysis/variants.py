"""Compare recipes with their variants: several tasks with one, other mixtures, all tasks with all
but one, a sequence, masked language modelling.

A difference is that of two mean gains over the same baseline, hence the difference of the two
recipes' scores, paired by seed, language and test item; its interval is that of intervals.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from xstilts_core.analysis.findings import COVERS, FEW_SEEDS, counted
from xstilts_core.analysis.gain_array import Gains, answer_table
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.hierarchy import ONE_SEED
from xstilts_core.study.recipe import Recipe
from xstilts_core.study.spec import TEXT_FIELDS

TOGETHER, MIXTURE, WITHOUT, SEQUENCE = (
    "together beside one alone",
    "mixed otherwise",
    "all beside all but one",
    "one after the other",
)
TEXTS = "with text beside without"
# Masked language modelling and the settings that only it reads.
TEXT = ("mlm", *TEXT_FIELDS)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recipes whose difference answers a question: what `recipe` has beyond `beside`."""

    question: str
    recipe: str
    beside: str


def multitask(recipes: Mapping[str, Recipe]) -> list[Pair]:
    """Return the pairs with which a study can answer questions about several tasks at once. The
    reference is the first mixture with the most tasks."""
    mixed = {
        name: recipe
        for name, recipe in recipes.items()
        if recipe.plain and len(recipe.intermediate) > 1
    }
    if not mixed:
        return []
    reference = max(mixed, key=lambda name: len(mixed[name].intermediate))
    tasks = set(mixed[reference].intermediate)
    single_tasks = [
        name
        for name, recipe in recipes.items()
        if recipe.plain and len(recipe.intermediate) == 1 and set(recipe.intermediate) < tasks
    ]
    mixtures = [
        name
        for name, recipe in mixed.items()
        if name != reference and set(recipe.intermediate) == tasks
    ]
    fewer = [
        name
        for name, recipe in mixed.items()
        if set(recipe.intermediate) < tasks and len(recipe.intermediate) == len(tasks) - 1
    ]
    pairs = [Pair(TOGETHER, reference, name) for name in single_tasks]
    pairs += [Pair(MIXTURE, name, reference) for name in mixtures]
    pairs += [Pair(WITHOUT, reference, name) for name in fewer]
    for name, recipe in recipes.items():
        twin = next(
            (
                candidate
                for candidate in mixed
                if set(mixed[candidate].intermediate) == set(recipe.intermediate)
            ),
            "",
        )
        if recipe.setting("sequence") and twin:
            pairs.append(Pair(SEQUENCE, name, twin))
    return pairs


def with_texts(recipes: Mapping[str, Recipe]) -> list[Pair]:
    """Pair every recipe that uses masked language modelling with the same recipe without it; the
    learning rate may differ."""
    pairs = []
    for name, recipe in recipes.items():
        without_text = (recipe.without(*TEXT), recipe.without(*TEXT, "learning_rate"))
        twin = next(
            (
                plain_name
                for expected in without_text
                for plain_name, candidate in recipes.items()
                if candidate == expected
            ),
            "",
        )
        if recipe.setting("mlm") and twin:
            pairs.append(Pair(TEXTS, name, twin))
    return pairs


def differences(draws: Gains, pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return one row per pair and target, and their average: columns question, recipe, beside, task
    and those of `answer_table`, in points. NaN if runs of either recipe are missing."""
    keys = [
        (pair.question, pair.recipe, pair.beside, task)
        for pair in pairs
        for task in (*draws.tasks, AVERAGE)
    ]
    changes = [
        draws.mean_gain(recipe, task) - draws.mean_gain(beside, task)
        for _, recipe, beside, task in keys
    ]
    return answer_table(["question", "recipe", "beside", "task"], keys, changes, "difference")


def worded(row: "pd.Series") -> str:
    """Format a row as 'multitask beside mnli on xnli (+1.2 points, -0.3 to +2.7)'."""
    where = "" if row["task"] == AVERAGE else f" on {row['task']}"
    interval = (
        "no interval" if pd.isna(row["low"]) else f"{row['low']:+z.1f} to {row['high']:+z.1f}"
    )
    return (
        f"{row['recipe']} beside {row['beside']}{where} "
        f"({row['difference']:+z.1f} points, {interval})"
    )


def variant_findings(table: pd.DataFrame) -> str:
    """Describe `differences` in words: each question's answer on average over the targets, the
    targets with clear differences, and the limits."""
    filled = table.dropna(subset=["difference"])
    if filled.empty:
        return (
            "**No finished pair of recipes to compare yet.** A difference needs both recipes and "
            "the baseline on the same target and seed."
        )
    lines = []
    for question, rows in filled.groupby("question", sort=False):
        means = rows[rows["task"] == AVERAGE]
        if len(means):
            answers, targets = (
                "; ".join(worded(row) for _, row in means.iterrows()),
                counted(rows["task"].nunique() - 1, "target"),
            )
            lines.append(f"**{question[0].upper()}{question[1:]}**, mean of {targets}: {answers}.")
        cells = rows[rows["task"] != AVERAGE]
        clear = cells[(cells["low"] > 0) | (cells["high"] < 0)]
        order = clear["difference"].abs().sort_values(ascending=False, kind="stable").index[:3]
        largest = (
            f": {'; '.join(worded(row) for _, row in clear.loc[order].iterrows())}"
            if len(clear)
            else ""
        )
        lines.append(
            f"By target the interval excludes 0 in {len(clear)} of {len(cells)} "
            f"differences{largest}."
        )
    return "\n\n".join(
        [" ".join(lines), "**What this does not show.** " + " ".join(limits(table, filled))]
    )


def limits(table: pd.DataFrame, filled: pd.DataFrame) -> list[str]:
    """Return sentences on seeds, chance, the choice of the best recipe, and missing differences."""
    seeds = int(filled["seeds"].min())
    lines = [
        f"The differences rest on {counted(seeds, 'seed')}"
        f"{'' if seeds == filled['seeds'].max() else ' or more'}."
    ]
    if seeds < 2:
        lines.append(COVERS[ONE_SEED])
    elif seeds < FEW_SEEDS:
        lines.append(
            "With so few seeds their spread is poorly known; an interval that contains 0 does not "
            "show that there is no difference."
        )
    ranged = int(filled["low"].notna().sum())
    if ranged > 1:
        lines.append(
            f"Of {ranged} differences about {0.05 * ranged:.1f} would exclude 0 by chance alone; "
            "there is no correction for multiple comparisons."
        )
    lines.append("The best of several recipes also had luck, which biases comparisons with it.")
    if missing := len(table) - len(filled):
        lines.append(
            f"{counted(missing, 'difference')} {'is' if missing == 1 else 'are'} missing: runs "
            "are not finished."
        )
    return lines
