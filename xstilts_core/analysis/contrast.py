"""Contrast syntactic with semantic intermediate tasks, on sequence labelling and on other targets;
the contrast was planned, not searched for.

On each target, take the mean gain of the recipes of syntactic tasks minus that of semantic ones
(`Task.kind`: semantic and reasoning). If a target trains on an intermediate task of a recipe, its
gain is no transfer from that task, and the cell is excluded. Then average over the targets that are
sequence labelling (format tagging) and over the others; the planned contrast is the first mean
minus the second. If each kind helps its own kind, the first mean is above 0, the second below, and
the contrast above.

Intervals cover other seeds and test items for these tasks (intervals.py). Whether other tasks of
these kinds would behave alike is a question about recipes. That test is exact, over all ways to
label as many of the recipes syntactic (Fisher 1935), and its smallest p is one divided by the
number of ways.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, answer_table, mean
from xstilts_core.analysis.intervals import NOTHING
from xstilts_core.analysis.mixed import known_intervals, mixed_effects
from xstilts_core.analysis.recipes import transfers
from xstilts_core.analysis.scores import ENGLISH, in_order
from xstilts_core.analysis.significance import tail_share
from xstilts_core.study import Study
from xstilts_core.tasks import TASKS

SYNTACTIC, SEMANTIC = "syntactic", "semantic"
LABELLING, REST = "sequence labelling", "the rest"
PLANNED = f"{SYNTACTIC} less {SEMANTIC}, {LABELLING} less {REST}"
_COLUMNS = ["contrast", "targets", "recipes", "points", "low", "high"]
_COLUMNS += ["p_recipes", "smallest", "seeds"]
_Cells = Mapping[tuple[str, str], Estimate]


def kinds(study: Study) -> dict[str, str]:
    """Return recipe -> SYNTACTIC or SEMANTIC. Recipes with tasks of both kinds or of none are
    excluded."""
    kind_of = {}
    for name, recipe in study.recipes.items():
        task_kinds = {
            SYNTACTIC if TASKS[task].kind == SYNTACTIC else SEMANTIC for task in recipe.intermediate
        }
        if len(task_kinds) == 1:
            kind_of[name] = task_kinds.pop()
    return kind_of


def _target_group(task: str) -> str:
    """Return LABELLING if the target is sequence labelling, else REST."""
    return LABELLING if TASKS[task].format == "tagging" else REST


def _transfer_cells(study: Study, draws: Gains) -> _Cells:
    """Return (recipe, target) -> gain for the finished cells that are transfer."""
    cells = {
        (name, task): draws.gain(name, task)
        for name in kinds(study)
        for task in draws.tasks
        if transfers(study, name, task)
    }
    return {cell: gain for cell, gain in cells.items() if gain.finished}


def _means(selected: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the means [n, columns] of the rows of `values` [rows, columns] that are `selected` (0
    or 1, [n, rows]) and not NaN; NaN if there are none."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = selected @ np.where(known, values, 0.0) / (selected @ known)
    return means


def _over_recipes(
    cells: _Cells, kind: Mapping[str, str], tasks: Sequence[str]
) -> tuple[float, float]:
    """Return the exact two-sided p of the contrast over all ways to label as many recipes
    syntactic, and the smallest p possible."""
    recipes = [name for name in kind if any((name, task) in cells for task in tasks)]
    values = np.array(
        [
            [cells[name, task].exact if (name, task) in cells else NOTHING for task in tasks]
            for name in recipes
        ]
    )
    syntactic = [kind[name] == SYNTACTIC for name in recipes]
    rows = range(len(recipes))
    labels = np.array([np.isin(rows, some) for some in combinations(rows, sum(syntactic))], float)
    by_target = _means(labels, values) - _means(1 - labels, values)
    groups = [[_target_group(task) == group for task in tasks] for group in (LABELLING, REST)]
    parts = [_means(np.array([group], float), by_target.T)[0] for group in groups if any(group)]
    drawn = parts[0] - parts[1] if len(parts) == 2 else parts[0]
    observed, possible = drawn[(labels == syntactic).all(axis=1)][0], drawn[np.isfinite(drawn)]
    if not np.isfinite(observed) or len(possible) < 2:
        return NOTHING, NOTHING
    return tail_share(observed, possible, exact=True), 1 / len(possible)


def contrasts(study: Study, draws: Gains) -> pd.DataFrame:
    """Return the planned contrast first, then its parts, then each target: columns _COLUMNS, in
    points of gain.

    p_recipes: exact p over recipes; smallest: the smallest p possible; seeds: the number behind the
    interval (one seed gives none). Rows that need a missing kind of recipe or target are omitted.
    The module docstring has the definitions.
    """
    kind, cells = kinds(study), _transfer_cells(study, draws)
    difference, by_target = f"{SYNTACTIC} less {SEMANTIC}", {}
    for task in draws.tasks:
        first, second = (
            [gain for (name, on), gain in cells.items() if on == task and kind[name] == side]
            for side in (SYNTACTIC, SEMANTIC)
        )
        if first and second:
            by_target[task] = mean(first) - mean(second)
    answers, planned = {}, []
    for group in (LABELLING, REST):
        if tasks := [task for task in by_target if _target_group(task) == group]:
            planned.append(mean([by_target[task] for task in tasks]))
            answers[f"{difference}, {group}"] = tasks, planned[-1]
    if len(planned) == 2:
        answers = {PLANNED: (list(by_target), planned[0] - planned[1]), **answers}
    answers |= {f"{difference}, {task}": ([task], value) for task, value in by_target.items()}
    rows = []
    for name, (tasks, value) in answers.items():
        recipes = len({recipe for recipe, task in cells if task in tasks})
        tests = _over_recipes(cells, kind, tasks)
        rows.append((name, len(tasks), recipes, *value.numbers, *tests, value.count))
    return pd.DataFrame(rows, columns=_COLUMNS)


def kind_table(study: Study, draws: Gains) -> pd.DataFrame:
    """Return the gains that are transfer, by recipe: columns recipe kind group gain low high cells
    seeds resampled. group: of targets."""
    kind = kinds(study)
    groups: dict[tuple[str, str, str], list[Estimate]] = {}
    for (name, task), gain in _transfer_cells(study, draws).items():
        groups.setdefault((name, kind[name], _target_group(task)), []).append(gain)
    means = [mean(gains) for gains in groups.values()]
    table = answer_table(["recipe", "kind", "group"], list(groups), means)
    table.insert(6, "cells", list(map(len, groups.values())))
    orders = {"recipe": draws.recipes, "group": (LABELLING, REST)}
    return in_order(table, ["recipe", "group"], orders)


def kind_effects(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Return the mixed-effects view (mixed.py): the effect of a recipe's kind on each group of
    targets, with random recipes and a column `group`.

    table: from `gains`. English and cells that are no transfer are excluded.
    """
    kind = kinds(study)
    cells = zip(table["recipe"], table["task"], table["language"], strict=True)
    selected = [
        name in kind and code != ENGLISH and transfers(study, name, task)
        for name, task, code in cells
    ]
    rows = table[np.array(selected, dtype=bool)].dropna(subset=["gain"])
    rows = rows.assign(kind=rows["recipe"].map(kind), group=rows["task"].map(_target_group))
    fits = [
        mixed_effects(rows[rows["group"] == group], "kind", SEMANTIC).assign(group=group)
        for group in (LABELLING, REST)
    ]
    return known_intervals(pd.concat(fits, ignore_index=True), rows["seed"].nunique())
