"""Contrast in-domain with general intermediate tasks on each domain's targets; the contrasts were
planned, not searched for.

    difference(recipe, target) = gain(recipe, target) - gain(general recipe, target)

A recipe belongs to a domain if all its intermediate tasks do (`Task.domain`; the embedded suite's
tasks are general except for their versions). A domain counts if the study has such a recipe and a
target of the domain to which it can transfer; all other recipes are general. In the embedded suite
a recipe is compared with the same recipe of general tasks. Real data have no such twin, so the mean
of all general recipes replaces it. Both gains are over the same baseline, seed by seed and item by
item. If a target trains on an intermediate task of a recipe, in whatever domain, its gain is no
transfer from it and the cell is excluded.

The planned contrast is in-domain minus general on the targets of the recipe's own domain: mean over
recipes, then over targets. It is accompanied by the same contrast on general targets, where a loss
would be the price, and by in-domain minus the other domains' recipes, which separates the domain
from what all specialized texts have in common. Intervals cover other seeds and test items for these
tasks and domains (intervals.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, answer_table, mean
from xstilts_core.analysis.recipes import transfers
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.study import Study
from xstilts_core.study.recipe import Recipe
from xstilts_core.tasks import GENERAL, TASKS, VERSIONS, original

LESS_GENERAL, LESS_OTHER = "less general", "less another domain"
OWN = "own domain"


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A comparison of a domain's recipe with others on one target. group: the target's domain if it
    counts, else GENERAL.

    Values are NaN if runs are missing.
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
    """Return the domain of a task's texts in this study."""
    return GENERAL if study.embedded and name not in VERSIONS else TASKS[name].domain


def of_domains(study: Study) -> dict[str, str]:
    """Return recipe -> domain for the recipes whose tasks are all of one domain in which the study
    has a target to transfer to."""
    domain_of = {}
    for name, recipe in study.recipes.items():
        task_domains = {domain(study, task) for task in recipe.intermediate}
        if (
            len(task_domains) == 1
            and not task_domains & {GENERAL}
            and any(
                domain(study, t) in task_domains and transfers(study, name, t)
                for t in study.targets
            )
        ):
            domain_of[name] = task_domains.pop()
    return domain_of


def general_recipes(study: Study) -> list[str]:
    """Return the recipes without a task of a domain that counts."""
    domains = set(of_domains(study).values())
    return [
        name
        for name, recipe in study.recipes.items()
        if recipe.intermediate
        and domains.isdisjoint(domain(study, task) for task in recipe.intermediate)
    ]


def bare(recipe: Recipe) -> Recipe:
    """Return the recipe with each version of a general task replaced by that general task."""
    return recipe.model_copy(
        update={"intermediate": [original(name) for name in recipe.intermediate]}
    )


def rivals(study: Study, name: str, task: str, among: Sequence[str]) -> tuple[str, ...]:
    """Return the recipes in `among` that a recipe is compared with on a target: the same recipe in
    another domain, or all of them if its tasks have no versions."""
    recipe = study.recipes[name]
    twins = not VERSIONS.keys().isdisjoint(recipe.intermediate)
    return tuple(
        other
        for other in among
        if (not twins or bare(study.recipes[other]) == bare(recipe))
        and transfers(study, other, task)
    )


def comparisons(study: Study, draws: Gains) -> Iterator[_Comparison]:
    """Yield all comparisons of the study's grid, finished or not, target by target and recipe by
    recipe."""
    domain_of, general = of_domains(study), general_recipes(study)
    groups = {
        task: label if (label := domain(study, task)) in domain_of.values() else GENERAL
        for task in study.targets
    }
    for task, group in sorted(
        groups.items(), key=lambda entry: [*domain_of.values(), GENERAL].index(entry[1])
    ):
        for name, label in domain_of.items():
            if not transfers(study, name, task):
                continue
            others = (
                [other for other in domain_of if domain_of[other] != label]
                if label == group
                else []
            )
            for comparison, candidates in ((LESS_GENERAL, general), (LESS_OTHER, others)):
                if against := rivals(study, name, task, candidates):
                    gain, average = (
                        draws.gain(name, task),
                        mean([draws.gain(other, task) for other in against]),
                    )
                    yield _Comparison(
                        comparison, group, label == group, task, name, against, gain, gain - average
                    )


def domain_cells(study: Study, draws: Gains) -> pd.DataFrame:
    """Return every comparison in points: columns comparison, group, task, recipe, against, gain,
    difference, low, high and seeds; NaN if runs are missing. gain: over the baseline; against:
    recipes, joined by +.

    Only this table has recipes of one domain on targets of another; no contrast includes them.
    """
    pairs = list(comparisons(study, draws))
    keys = [(c.comparison, c.group, c.task, c.recipe, "+".join(c.against)) for c in pairs]
    names = ["comparison", "group", "task", "recipe", "against"]
    table = answer_table(names, keys, [pair.change for pair in pairs], "difference")
    table.insert(5, "gain", np.array([pair.gain.value for pair in pairs], dtype=float))
    return table.drop(columns="resampled")


def domain_contrasts(study: Study, draws: Gains) -> pd.DataFrame:
    """Return the planned contrast first, then its parts, in points: columns comparison, group,
    task, difference, low, high, recipes, missing and seeds. Contrasts without finished runs have no
    row.

    comparison: LESS_GENERAL or LESS_OTHER. group: OWN (targets of the recipe's own domain, all
    domains), one domain, or GENERAL. task: AVERAGE over the targets of the group, or one of them.
    recipes: the number compared; missing: the number whose runs are missing.
    """
    # On the targets of a domain only that domain's recipes count.
    planned = [pair for pair in comparisons(study, draws) if pair.own or pair.group == GENERAL]
    groups = [OWN, *dict.fromkeys(pair.group for pair in planned)]
    averages: dict[tuple[str, str, str], tuple[Estimate, list[_Comparison]]] = {}
    by_target = averages.copy()
    for comparison, group in product((LESS_GENERAL, LESS_OTHER), groups):
        members = [
            pair
            for pair in planned
            if pair.comparison == comparison and (pair.own if group == OWN else pair.group == group)
        ]
        pairs_on = {
            task: [pair for pair in members if pair.task == task]
            for task in dict.fromkeys(pair.task for pair in members if pair.finished)
        }
        means = {
            task: mean([pair.change for pair in pairs if pair.finished])
            for task, pairs in pairs_on.items()
        }
        if means:
            averages[comparison, group, AVERAGE] = mean(list(means.values())), members
        for task in means if group != OWN else ():
            by_target[comparison, group, task] = means[task], pairs_on[task]
    answers = averages | by_target
    estimates = [estimate for estimate, _ in answers.values()]
    table = answer_table(["comparison", "group", "task"], list(answers), estimates, "difference")
    finished = [[pair.finished for pair in pairs] for _, pairs in answers.values()]
    table.insert(6, "recipes", [sum(pairs) for pairs in finished])
    table.insert(7, "missing", [pairs.count(False) for pairs in finished])
    return table.drop(columns="resampled")
