"""In-domain against general intermediate tasks on each domain's targets: contrasts that were
planned, not searched for.

    difference(recipe, target) = gain(recipe, target) - gain(general recipe, target)

A recipe is of a domain where all its intermediate tasks are (`Task.domain`; what the embedded suite
makes is general but for its versions). A domain counts where the study has such a recipe and a
target of the domain that it can transfer to; all other recipes are general. In the embedded suite a
recipe is held against the same recipe of general tasks; real data have no such twin, and there the
mean of all general recipes stands in its place. Both gains are over the same baseline, seed by seed
and item by item. A target that trains on an intermediate task of a recipe, in whatever domain, is
no transfer from it, and that cell is left out.

Planned: in-domain less general, on the targets of the recipe's own domain: mean over recipes, then
over targets. Beside it the same on general targets, where a loss would be the price, and in-domain
less the other domains' recipes, which tells domain from what all special texts have in common.
Intervals cover other seeds and test items for these tasks and domains (intervals.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis.contrast import transfers
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.intervals import Estimate, GainDraws, mean
from xstilts_core.study import Study
from xstilts_core.study.recipe import Recipe
from xstilts_core.tasks import GENERAL, TASKS, VERSIONS, original

LESS_GENERAL, LESS_OTHER = "less general", "less another domain"
OWN = "own domain"
CELLS = [
    "comparison",
    "group",
    "task",
    "recipe",
    "against",
    "gain",
    "difference",
    "low",
    "high",
    "seeds",
]
COLUMNS = [
    "comparison",
    "group",
    "task",
    "difference",
    "low",
    "high",
    "recipes",
    "missing",
    "seeds",
]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A recipe of a domain against others on one target. group: the target's domain where it
    counts, else GENERAL.

    Values are NaN where runs are missing.
    """

    comparison: str
    group: str
    own: bool
    task: str
    recipe: str
    against: tuple[str, ...]
    gain: Estimate
    change: Estimate

    @property
    def finished(self) -> bool:
        return bool(np.isfinite(self.change.value))


def domain(study: Study, name: str) -> str:
    """The domain of a task's texts in this study."""
    return GENERAL if study.source == "mini" and name not in VERSIONS else TASKS[name].domain


def of_domains(study: Study) -> dict[str, str]:
    """Recipe -> its domain, of the recipes whose tasks are all of one domain in which the study has
    a target to transfer to."""
    found = {}
    for name, recipe in study.recipes.items():
        told = {domain(study, task) for task in recipe.intermediate}
        if (
            len(told) == 1
            and not told & {GENERAL}
            and any(domain(study, t) in told and transfers(study, name, t) for t in study.targets)
        ):
            found[name] = told.pop()
    return found


def general_recipes(study: Study) -> list[str]:
    """The recipes that have no task of a domain that counts."""
    special = set(of_domains(study).values())
    return [
        name
        for name, recipe in study.recipes.items()
        if recipe.intermediate
        and special.isdisjoint(domain(study, task) for task in recipe.intermediate)
    ]


def bare(recipe: Recipe) -> Recipe:
    """The recipe with general tasks in the place of their versions."""
    return recipe.model_copy(
        update={"intermediate": [original(name) for name in recipe.intermediate]}
    )


def rivals(study: Study, name: str, task: str, among: Sequence[str]) -> tuple[str, ...]:
    """Those of `among` that a recipe is held against on a target: the same recipe in another
    domain, or all where its tasks have none."""
    recipe = study.recipes[name]
    twins = not VERSIONS.keys().isdisjoint(recipe.intermediate)
    return tuple(
        other
        for other in among
        if (not twins or bare(study.recipes[other]) == bare(recipe))
        and transfers(study, other, task)
    )


def comparisons(study: Study, draws: GainDraws) -> Iterator[_Comparison]:
    """All that the study's grid has, whether its runs are finished or not: target by target, recipe
    by recipe."""
    special, general = of_domains(study), general_recipes(study)
    groups = {
        task: told if (told := domain(study, task)) in special.values() else GENERAL
        for task in study.targets
    }
    for task, group in sorted(
        groups.items(), key=lambda entry: [*special.values(), GENERAL].index(entry[1])
    ):
        for name, told in special.items():
            if not transfers(study, name, task):
                continue
            others = [other for other in special if special[other] != told] if told == group else []
            for comparison, among in ((LESS_GENERAL, general), (LESS_OTHER, others)):
                if against := rivals(study, name, task, among):
                    gain, rest = (
                        draws.gain(name, task),
                        mean([draws.gain(other, task) for other in against]),
                    )
                    yield _Comparison(
                        comparison, group, told == group, task, name, against, gain, gain - rest
                    )


def domain_cells(study: Study, draws: GainDraws) -> pd.DataFrame:
    """Every comparison: columns CELLS, in points; NaN where runs are missing. gain: over the
    baseline; against: recipes, joined by +.

    A recipe of one domain on a target of another is here alone: no contrast has it.
    """
    rows = [
        (
            c.comparison,
            c.group,
            c.task,
            c.recipe,
            "+".join(c.against),
            c.gain.value,
            c.change.value,
            *c.change.interval,
            c.change.count,
        )
        for c in comparisons(study, draws)
    ]
    return pd.DataFrame(rows, columns=CELLS)


def _target_means(found: Sequence[_Comparison]) -> dict[str, Estimate]:
    """Target -> mean over the recipes whose runs are finished."""
    tasks = dict.fromkeys(entry.task for entry in found if entry.finished)
    return {
        name: mean([entry.change for entry in found if entry.task == name and entry.finished])
        for name in tasks
    }


def domain_contrasts(study: Study, draws: GainDraws) -> pd.DataFrame:
    """The planned contrast first, then its parts: columns COLUMNS, in points; no row where nothing
    of it is finished.

    comparison: LESS_GENERAL or LESS_OTHER. group: OWN (targets of the recipe's own domain, all
    domains), one domain, or GENERAL. task: AVERAGE over the targets of the group, or one of them.
    recipes: compared; missing: those whose runs are.
    """
    # On the targets of a domain only the recipes of that domain count.
    found = [entry for entry in comparisons(study, draws) if entry.own or entry.group == GENERAL]
    groups = [OWN, *dict.fromkeys(entry.group for entry in found)]
    rows, single = [], []
    for comparison in (LESS_GENERAL, LESS_OTHER):
        for group in groups:
            kept = [
                entry
                for entry in found
                if entry.comparison == comparison
                and (entry.own if group == OWN else entry.group == group)
            ]
            means = _target_means(kept)
            if not means:
                continue
            count = sum(entry.finished for entry in kept)
            whole = mean(list(means.values()))
            rows.append(
                (
                    comparison,
                    group,
                    AVERAGE,
                    whole.value,
                    *whole.interval,
                    count,
                    len(kept) - count,
                    whole.count,
                )
            )
            for task, value in means.items() if group != OWN else ():
                recipes = [entry.finished for entry in kept if entry.task == task]
                counts = (sum(recipes), len(recipes) - sum(recipes), value.count)
                single.append((comparison, group, task, value.value, *value.interval, *counts))
    return pd.DataFrame([*rows, *single], columns=COLUMNS)
