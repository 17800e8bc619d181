"""Compare recipes with their variants: several tasks with one, other mixtures, all tasks with all
but one, a sequence, masked language modelling.

A difference is that of two mean gains over the same baseline, hence the difference of the two
recipes' scores, paired by seed, language and test item; its interval is that of intervals.py.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from xstilts_core.analysis.gain_array import Gains, answer_table
from xstilts_core.analysis.recipes import TEXT, twin
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.study.recipe import Recipe

TOGETHER, MIXTURE = "together beside one alone", "mixed otherwise"
WITHOUT, SEQUENCE = "all beside all but one", "one after the other"
TEXTS = "with text beside without"


class Pair(NamedTuple):
    """Two recipes whose difference answers a question: what `recipe` has beyond `beside`."""

    question: str
    recipe: str
    beside: str


def multitask(recipes: Mapping[str, Recipe]) -> list[Pair]:
    """Return the pairs with which a study can answer questions about several tasks at once. The
    reference is the first mixture with the most tasks."""
    tasks = {name: set(recipe.intermediate) for name, recipe in recipes.items() if recipe.plain}
    mixed = {name: names for name, names in tasks.items() if len(names) > 1}
    if not mixed:
        return []
    reference = max(mixed, key=lambda name: len(mixed[name]))
    everything = mixed[reference]
    pairs = [
        Pair(TOGETHER, reference, name)
        for name, names in tasks.items()
        if len(names) == 1 and names < everything
    ]
    pairs += [
        Pair(MIXTURE, name, reference)
        for name, names in mixed.items()
        if names == everything and name != reference
    ]
    pairs += [
        Pair(WITHOUT, reference, name)
        for name, names in mixed.items()
        if names < everything and len(names) == len(everything) - 1
    ]
    for name, recipe in recipes.items():
        twins = [other for other in mixed if mixed[other] == set(recipe.intermediate)]
        if recipe.setting("sequence") and twins:
            pairs.append(Pair(SEQUENCE, name, twins[0]))
    return pairs


def with_texts(recipes: Mapping[str, Recipe]) -> list[Pair]:
    """Pair every recipe that uses masked language modelling with the same recipe without it; the
    learning rate may differ."""
    twins = {
        name: twin(recipes, recipe, TEXT) or twin(recipes, recipe, TEXT, ["learning_rate"])
        for name, recipe in recipes.items()
        if recipe.setting("mlm")
    }
    return [Pair(TEXTS, name, other) for name, other in twins.items() if other]


def differences(draws: Gains, pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return one row per pair and target, and their average: columns question, recipe, beside, task
    and those of `answer_table`, in points. NaN if runs of either recipe are missing."""
    keys = [(*pair, task) for pair in pairs for task in (*draws.tasks, AVERAGE)]
    changes = [
        draws.gain(recipe, task) - draws.gain(beside, task) for _, recipe, beside, task in keys
    ]
    return answer_table([*Pair._fields, "task"], keys, changes, "difference")
