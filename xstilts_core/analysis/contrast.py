"""Syntactic against semantic intermediate tasks, on sequence labelling and on the rest: a contrast
that was planned, not searched for.

On each target: mean gain of the recipes of syntactic tasks less that of semantic ones (`Task.kind`:
semantic and reasoning). A target that trains on an intermediate task of a recipe is no transfer
from it, and that cell is left out. Then the mean over the targets that are sequence labelling
(format tagging), over the others, and the planned contrast: the first mean less the second. If each
kind helps its own kind, the first is above 0, the second below, and the contrast above.

Intervals cover other seeds and test items for these tasks (intervals.py). Whether other tasks of
these kinds would do the same is a question about recipes: there the test is exact, over all ways to
call as many of the recipes syntactic (Fisher 1935), and its smallest p is one by the number of
ways.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from xstilts_core.analysis.gains import ENGLISH
from xstilts_core.analysis.hierarchy import NOTHING
from xstilts_core.analysis.intervals import Estimate, GainDraws, covers, mean
from xstilts_core.analysis.mixed import described, mixed_effects, told
from xstilts_core.analysis.significance import tail_share
from xstilts_core.study import Study
from xstilts_core.tasks import TASKS, original

SYNTACTIC, SEMANTIC = "syntactic", "semantic"
LABELLING, REST = "sequence labelling", "the rest"
PLANNED = f"{SYNTACTIC} less {SEMANTIC}, {LABELLING} less {REST}"
PARTS = [f"{SYNTACTIC} less {SEMANTIC}, {group}" for group in (LABELLING, REST)]
COLUMNS = [
    "contrast",
    "targets",
    "recipes",
    "points",
    "low",
    "high",
    "p_recipes",
    "smallest",
    "seeds",
]
Cells = Mapping[tuple[str, str], Estimate]


def kinds(study: Study) -> dict[str, str]:
    """Recipe -> SYNTACTIC or SEMANTIC; recipes whose tasks are of both, and those of none, are left
    out."""
    found = {}
    for name, recipe in study.recipes.items():
        told = {
            SYNTACTIC if TASKS[task].kind == SYNTACTIC else SEMANTIC for task in recipe.intermediate
        }
        if len(told) == 1:
            found[name] = told.pop()
    return found


def _target_group(task: str) -> str:
    """Whether a target is sequence labelling."""
    return LABELLING if TASKS[task].format == "tagging" else REST


def transfers(study: Study, recipe: str, task: str) -> bool:
    """Whether the target trains on something that the recipe has not: else its gain is no transfer
    from another task.

    A task's version in another domain is no other task.
    """
    trained = {
        original(part)
        for name in study.recipes[recipe].intermediate
        for part in TASKS[name].parts or (name,)
    }
    source = TASKS[task].train_on
    return source is None or trained.isdisjoint(
        original(part) for part in TASKS[source].parts or (source,)
    )


def _transfer_cells(study: Study, draws: GainDraws) -> Cells:
    """(recipe, target) -> gain, of the finished cells that are transfer."""
    found = {
        (name, task): draws.gain(name, task)
        for name in kinds(study)
        for task in draws.tasks
        if transfers(study, name, task)
    }
    return {key: gain for key, gain in found.items() if np.isfinite(gain.value)}


def _both_sides(cells: Cells, kind: Mapping[str, str], task: str) -> list[list[Estimate]]:
    """Gains on one target of the syntactic and of the semantic recipes."""
    return [
        [gain for (name, target), gain in cells.items() if target == task and kind[name] == side]
        for side in (SYNTACTIC, SEMANTIC)
    ]


def _on_target(cells: Cells, kind: Mapping[str, str], task: str) -> Estimate | None:
    """Syntactic less semantic on one target; None where one of them is missing."""
    sides = _both_sides(cells, kind, task)
    return mean(sides[0]) - mean(sides[1]) if all(sides) else None


def _values_on(cells: Cells, kind: Mapping[str, str], tasks: Sequence[str]) -> float:
    """The planned contrast as a number, or its part on one group of targets; NaN where a group
    lacks a kind."""
    groups: dict[str, list[float]] = {}
    for task in tasks:
        sides = _both_sides(cells, kind, task)
        if all(sides):
            first, second = (np.mean([gain.exact for gain in side]) for side in sides)
            groups.setdefault(_target_group(task), []).append(float(first - second))
    if set(map(_target_group, tasks)) - set(groups):
        return NOTHING
    means = {name: float(np.mean(found)) for name, found in groups.items()}
    return (
        means[LABELLING] - means[REST] if len(means) == 2 else next(iter(means.values()), NOTHING)
    )


def _over_recipes(
    cells: Cells, kind: Mapping[str, str], tasks: Sequence[str]
) -> tuple[float, float]:
    """Exact two-sided p of the contrast over all ways to name as many recipes syntactic, and the
    smallest that there could be."""
    recipes = [
        name for name in kind if any(recipe == name and task in tasks for recipe, task in cells)
    ]
    count = sum(kind[name] == SYNTACTIC for name in recipes)
    drawn = []
    for chosen in combinations(recipes, count):
        value = _values_on(
            cells, {name: SYNTACTIC if name in chosen else SEMANTIC for name in recipes}, tasks
        )
        if np.isfinite(value):
            drawn.append(value)
    found = _values_on(cells, kind, tasks)
    if not np.isfinite(found) or len(drawn) < 2:
        return NOTHING, NOTHING
    return tail_share(found, np.array(drawn), exact=True), 1 / len(drawn)


def contrasts(study: Study, draws: GainDraws) -> pd.DataFrame:
    """The planned contrast first, then its parts, then each target: columns COLUMNS; points, low,
    high in points of gain.

    p_recipes: exact p over recipes, and the smallest possible; seeds: behind the interval (none
    with one). Rows that need a missing kind of recipe or target are left out. Definitions: see the
    module.
    """
    kind, cells = kinds(study), _transfer_cells(study, draws)
    single = {
        task: found for task in draws.tasks if (found := _on_target(cells, kind, task)) is not None
    }
    groups = {
        group: [task for task in single if _target_group(task) == group]
        for group in (LABELLING, REST)
    }
    means = {
        group: mean([single[task] for task in tasks]) for group, tasks in groups.items() if tasks
    }
    found: list[tuple[str, list[str], Estimate]] = []
    if len(means) == 2:
        found.append((PLANNED, list(single), means[LABELLING] - means[REST]))
    found += [
        (f"{SYNTACTIC} less {SEMANTIC}, {group}", groups[group], value)
        for group, value in means.items()
    ]
    found += [
        (f"{SYNTACTIC} less {SEMANTIC}, {task}", [task], value) for task, value in single.items()
    ]
    rows = []
    for name, tasks, value in found:
        behind = len({recipe for recipe, task in cells if task in tasks})
        rows.append(
            (
                name,
                len(tasks),
                behind,
                value.value,
                *value.interval,
                *_over_recipes(cells, kind, tasks),
                value.count,
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def kind_table(study: Study, draws: GainDraws) -> pd.DataFrame:
    """Gains that are transfer, by recipe: columns recipe kind group gain low high cells seeds
    resampled; group: of targets."""
    kind, cells, rows = kinds(study), _transfer_cells(study, draws), []
    for name in draws.recipes:
        for group in (LABELLING, REST):
            found = [
                gain
                for (recipe, task), gain in cells.items()
                if recipe == name and _target_group(task) == group
            ]
            if found:
                value = mean(found)
                words = {draws.resampled(name, task) for recipe, task in cells if recipe == name}
                shown = covers(value.count, False) if value.count < 2 else " / ".join(sorted(words))
                rows.append(
                    (
                        name,
                        kind[name],
                        group,
                        value.value,
                        *value.interval,
                        len(found),
                        value.count,
                        shown,
                    )
                )
    return pd.DataFrame(
        rows,
        columns=["recipe", "kind", "group", "gain", "low", "high", "cells", "seeds", "resampled"],
    )


def kind_effects(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """The mixed-effects model's view (mixed.py): effect of the recipe's kind on each group of
    targets, recipes random; a column `group`.

    table: of `gains`. Cells that are no transfer are left out, English too.
    """
    kind = kinds(study)
    cells = zip(table["recipe"], table["task"], table["language"], strict=True)
    kept = [
        name in kind and code != ENGLISH and transfers(study, name, task)
        for name, task, code in cells
    ]
    rows = described(
        table[np.array(kept, dtype=bool)], {name: study.recipes[name].intermediate for name in kind}
    )
    rows = rows.assign(kind=rows["recipe"].map(kind), group=rows["task"].map(_target_group))
    parts = [
        mixed_effects(rows[rows["group"] == group], ["kind"]).assign(group=group)
        for group in (LABELLING, REST)
    ]
    found = told(pd.concat(parts, ignore_index=True), rows["seed"].nunique())
    # The model compares with the more frequent kind; here it is always the semantic one.
    turned = found["reference"] == SYNTACTIC
    found.loc[turned, ["level", "reference"]] = [SYNTACTIC, SEMANTIC]
    found.loc[turned, ["estimate", "low", "high"]] = -found.loc[
        turned, ["estimate", "high", "low"]
    ].to_numpy()
    return found
