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
from itertools import product
from typing import NamedTuple

import pandas as pd

from xstilts_core.analysis.gain_array import Estimate, Gains, mean
from xstilts_core.analysis.recipes import transfers
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.study import Study
from xstilts_core.study.recipe import Recipe
from xstilts_core.tasks import GENERAL, TASKS, VERSIONS, original

LESS_GENERAL, LESS_OTHER = "less general", "less another domain"
OWN = "own domain"
_CONTRASTS = ["comparison", "group", "task", "difference", "low", "high"]
_CONTRASTS += ["recipes", "missing", "seeds"]


class _Comparison(NamedTuple):
    """A comparison of a domain's recipe with others on one target. group: the target's domain if it
    counts, else GENERAL. in_domain: whether that is the recipe's domain.

    Values are NaN if runs are missing.
    """

    comparison: str
    group: str
    task: str
    recipe: str
    against: str
    in_domain: bool
    gain: Estimate
    change: Estimate


def _domain(study: Study, name: str) -> str:
    """Return the domain of a task's texts in this study."""
    return GENERAL if study.embedded and name not in VERSIONS else TASKS[name].domain


def of_domains(study: Study) -> dict[str, str]:
    """Return recipe -> domain for the recipes whose tasks are all of one domain in which the study
    has a target to transfer to."""
    domain_of = {}
    for name, recipe in study.recipes.items():
        domains = {_domain(study, task) for task in recipe.intermediate}
        if len(domains) == 1 and GENERAL not in domains:
            targets = [task for task in study.targets if _domain(study, task) in domains]
            if any(transfers(study, name, task) for task in targets):
                domain_of[name] = domains.pop()
    return domain_of


def general_recipes(study: Study) -> list[str]:
    """Return the recipes without a task of a domain that counts."""
    domains = set(of_domains(study).values())
    return [
        name
        for name, recipe in study.recipes.items()
        if recipe.intermediate
        and domains.isdisjoint(_domain(study, task) for task in recipe.intermediate)
    ]


def _rivals(study: Study, name: str, task: str, among: Sequence[str]) -> list[str]:
    """Return the recipes in `among` that a recipe is compared with on a target: the same recipe in
    another domain, or all of them if its tasks have no versions."""

    def general(recipe: Recipe) -> Recipe:
        """Replace the versions of general tasks by those."""
        tasks = list(map(original, recipe.intermediate))
        return recipe.model_copy(update={"intermediate": tasks})

    recipe = study.recipes[name]
    twins = not VERSIONS.keys().isdisjoint(recipe.intermediate)
    return [
        other
        for other in among
        if transfers(study, other, task)
        and (not twins or general(study.recipes[other]) == general(recipe))
    ]


def _comparisons(study: Study, draws: Gains) -> Iterator[_Comparison]:
    """Yield all comparisons of the study's grid, finished or not, target by target and recipe by
    recipe."""
    domain_of, general = of_domains(study), general_recipes(study)
    order = list(dict.fromkeys([*domain_of.values(), GENERAL]))
    domains = {task: _domain(study, task) for task in study.targets}
    groups = {task: name if name in order else GENERAL for task, name in domains.items()}
    for task, name in product(sorted(groups, key=lambda one: order.index(groups[one])), domain_of):
        if not transfers(study, name, task):
            continue
        in_domain = domain_of[name] == groups[task]
        others = [other for other in domain_of if in_domain and domain_of[other] != domain_of[name]]
        for comparison, candidates in ((LESS_GENERAL, general), (LESS_OTHER, others)):
            if against := _rivals(study, name, task, candidates):
                gain = draws.gain(name, task)
                change = gain - mean([draws.gain(other, task) for other in against])
                key = comparison, groups[task], task, name, "+".join(against)
                yield _Comparison(*key, in_domain, gain, change)


def domain_cells(study: Study, draws: Gains) -> pd.DataFrame:
    """Return every comparison in points: columns comparison, group, task, recipe, against, gain,
    difference, low, high and seeds; NaN if runs are missing. gain: over the baseline; against:
    recipes, joined by +.

    Only this table has recipes of one domain on targets of another; no contrast includes them.
    """
    rows = [
        (*one[:5], one.gain.value, *one.change.numbers, one.change.count)
        for one in _comparisons(study, draws)
    ]
    columns = [*_Comparison._fields[:5], "gain", "difference", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def domain_contrasts(study: Study, draws: Gains) -> pd.DataFrame:
    """Return the planned contrast first, then its parts, in points: columns _CONTRASTS. Contrasts
    without finished runs have no row.

    comparison: LESS_GENERAL or LESS_OTHER. group: OWN (targets of the recipe's own domain, all
    domains), one domain, or GENERAL. task: AVERAGE over the targets of the group, or one of them.
    recipes: the number compared; missing: the number whose runs are missing.
    """
    # On the targets of a domain only that domain's recipes count.
    planned = [one for one in _comparisons(study, draws) if one.in_domain or one.group == GENERAL]
    groups = [OWN, *dict.fromkeys(one.group for one in planned)]
    answers: dict[tuple[str, str, str], tuple[Estimate, list[_Comparison]]] = {}
    by_target = answers.copy()
    for comparison, group in product((LESS_GENERAL, LESS_OTHER), groups):
        members = [
            one
            for one in planned
            if one.comparison == comparison
            and (one.in_domain if group == OWN else one.group == group)
        ]
        means = {}
        for task in dict.fromkeys(one.task for one in members if one.change.finished):
            on_task = [one for one in members if one.task == task]
            means[task] = mean([one.change for one in on_task if one.change.finished])
            if group != OWN:
                by_target[comparison, group, task] = means[task], on_task
        if means:
            answers[comparison, group, AVERAGE] = mean(list(means.values())), members
    rows = []
    for key, (change, members) in (answers | by_target).items():
        count = sum(one.change.finished for one in members)
        rows.append((*key, *change.numbers, count, len(members) - count, change.count))
    return pd.DataFrame(rows, columns=_CONTRASTS)
