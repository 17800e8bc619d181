"""Compare recipes with their variants: several tasks with one, other mixtures, all tasks with all
but one, a sequence, masked language modelling.

A difference is that of two mean gains over the same baseline, hence the difference of the two
recipes' scores, paired by seed, language and test item; its interval is that of intervals.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from xstilts_core.analysis.gain_array import Gains, answer_table
from xstilts_core.analysis.gains import AVERAGE
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
