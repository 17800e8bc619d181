"""Express the claims of Phang et al. (2020), and of reports about it, as tests that a study's gains
can answer; `study/published/claims.yaml` states them in a few words.

Each claim reduces to one or several differences of mean gains (`contrasts`), all averaged over the
same targets. A claim that compares recipes of one study is tested on the targets that the study has
(`targets: study`); `scope` reports where the targets, or the single tasks, are fewer than the
paper's. Translated data with deliberate noise do not count as translations. The paper's numbers are
XLM-R Large's on XTREME's development data, a study's are its own encoder's on its test data. A
study of the embedded suite is a model of the paper's study, and a deviation says something about
the suite. verdicts.py decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from xstilts_core.analysis.choice import choices, per_target_gain
from xstilts_core.analysis.gain_array import Estimate, Gains, mean
from xstilts_core.analysis.variants import TEXT
from xstilts_core.errors import UsageError, unknown
from xstilts_core.study import Study, study_file
from xstilts_core.study.published import CLAIMS, PHANG
from xstilts_core.study.recipe import Recipe
from xstilts_core.study.spec import BASELINE, IntermediateSpec
from xstilts_core.study.wording import explain
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME, task

_SINGLE, TOGETHER, CHOSEN = "single", "together", "chosen"
# Kinds of recipes that are compared with the same tasks in plain English, by the settings that
# define them.
VARIANTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"mlm": frozenset({"mlm"}), "translated": frozenset({"data_languages", "translator", "noise"})}
)
WORDS: Mapping[str, str] = MappingProxyType(
    {"mlm": "additional masked language modeling", "translated": "translated intermediate data"}
)
GROUPS = (_SINGLE, TOGETHER, CHOSEN, *VARIANTS)
# Settings with which a recipe still counts as the paper's: how several tasks are mixed.
_MIXING = {"temperature", "cap"}
# Settings of how long and on how much a recipe trains. A small study needs its own for each task.
_TRAINING = {
    "batch_size",
    "doc_stride",
    "epochs",
    "learning_rate",
    "max_length",
    "restarts",
    "task_examples",
    "train_examples",
}
# Settings that may differ between a variant and its plain recipe without confounding them.
_TUNING = {"learning_rate", "epochs", *TEXT}
# The measured quantity, by `against`.
MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "none": "gain",
        "other": "gain less the mean of the other single tasks",
        "each other": "gain less that of every other single task",
        "best": "gain less that of the best single task",
        "plain": "gain less that of the same tasks in plain English",
    }
)
# Smallest number of recipes whose mean is worth comparing with.
LEAST = 2


class Claim(BaseModel):
    """One claim and its test: the keys of `study/published/claims.yaml`, which explains them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: str
    source: Literal["abstract", "reported"]
    recipes: list[str] | Literal["single", "together", "chosen", "mlm", "translated"]
    against: Literal["none", "other", "each other", "best", "plain"] = "none"
    aside: list[str] = []
    targets: list[str] | Literal["study"] = list(XTREME)
    less: list[str] = []
    holds: Literal["on average", "for all", "for all but one", "for one"] = "on average"
    direction: Literal["above", "below"] = "above"
    published: str = ""

    @property
    def group(self) -> str:
        """The group of recipes that the claim is about; empty if it names its tasks."""
        return self.recipes if isinstance(self.recipes, str) else ""

    @property
    def named_targets(self) -> list[str]:
        """The targets that the claim names; empty if it is tested on those of the study."""
        return [] if self.targets == "study" else list(self.targets)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of mean gains in points: its name and its estimate, NaN if runs for it are
    missing."""

    name: str
    found: Estimate


@dataclass(frozen=True, slots=True)
class Found:
    """The results of a study that claims are tested on: gains, recipes by name, and development
    scores to choose by (from `development`)."""

    draws: Gains
    recipes: Mapping[str, Recipe]
    development: pd.DataFrame
    exact: bool = False
    """Whether translated data are exact translations rather than machine translations."""


@cache
def claims() -> Mapping[str, Claim]:
    """Return the claims by name. Raise UsageError with the claim and the key if the file is
    wrong."""
    parsed = {}
    for name, content in study_file.read(CLAIMS).items():
        where = f"{CLAIMS.name}, {name}"
        if not isinstance(content, dict):
            raise UsageError(
                f"{where}: expected keys and values (claim:, source:, recipes:), found "
                f"{type(content).__name__}"
            )
        if isinstance(content.get("recipes"), str) and content["recipes"] not in GROUPS:
            raise unknown("recipes", content["recipes"], GROUPS, where)
        try:
            parsed[name] = Claim(**content)
        except ValidationError as error:
            raise explain(error, Claim, where) from None
        for task_name in [*parsed[name].named_targets, *parsed[name].less, *parsed[name].aside]:
            task(task_name, where)
        for task_name in parsed[name].recipes if isinstance(parsed[name].recipes, list) else ():
            if task_name not in INTERMEDIATE_NAMES:
                raise unknown("recipes", task_name, INTERMEDIATE_NAMES, where)
        number(parsed[name], where)
    return parsed


@cache
def published() -> pd.DataFrame:
    """Return the numbers of `reference/phang2020.csv`: columns system quantity split task language
    metric value evidence source."""
    return pd.read_csv(PHANG)


def number(claim: Claim, where: str = "") -> float | None:
    """Return the paper's number in points, or None if it is not known."""
    if not claim.published:
        return None
    rows = published()[published()["quantity"] == "gain"].set_index("system")["value"]
    if claim.published not in rows.index:
        raise unknown("published", claim.published, list(rows.index), where)
    return float(rows[claim.published])


def plain(recipes: Mapping[str, Recipe], tasks: Sequence[str]) -> str:
    """Return the recipe that trains on exactly these intermediate tasks in plain English without
    additions. Return an empty string if there is none, or several that differ in how they train,
    such as the sizes of a curve."""
    plain_recipes = [
        name
        for name, recipe in recipes.items()
        if set(recipe.intermediate) == set(tasks) and recipe.changed <= _MIXING | _TRAINING
    ]
    unchanged = [name for name in plain_recipes if recipes[name].changed <= _MIXING]
    return next(iter(unchanged), plain_recipes[0] if len(plain_recipes) == 1 else "")


def variants(recipes: Mapping[str, Recipe], kind: str) -> list[tuple[str, str]]:
    """Return the recipes of a kind of VARIANTS, each with the recipe of the same tasks and other
    settings that lacks it (an empty string if there is none)."""
    variant_recipes = [
        (name, recipe)
        for name, recipe in recipes.items()
        if VARIANTS[kind] & recipe.changed and recipe.intermediate
    ]
    return [
        (name, next((other for other in recipes if without(recipe, recipes[other], kind)), ""))
        for name, recipe in variant_recipes
    ]


def tested(recipes: Mapping[str, Recipe], kind: str) -> list[tuple[str, str]]:
    """Return the `variants` on which a claim is tested: those without noise that have the same
    recipe in plain English."""
    return [
        (name, other)
        for name, other in variants(recipes, kind)
        if other and not recipes[name].setting("noise")
    ]


def without(recipe: Recipe, other: Recipe, kind: str) -> bool:
    """Return whether `other` is `recipe` without the settings that define that kind."""
    differing = {
        name
        for name in recipe.changed | other.changed
        if recipe.setting(name) != other.setting(name)
    }
    return (
        set(other.intermediate) == set(recipe.intermediate)
        and not VARIANTS[kind] & other.changed
        and differing <= VARIANTS[kind] | _TUNING
    )


def gain(draws: Gains, recipe: str, targets: Sequence[str], less: Sequence[str] = ()) -> Estimate:
    """Return the mean gain over `targets` minus that over `less`; NaN if the recipe or a target is
    missing."""
    first, second = (
        mean([draws.gain(recipe, name) for name in names]) if names else draws.nothing(value)
        for names, value in ((targets, float("nan")), (less, 0.0))
    )
    return first - second


def measured(contrasts: Sequence[Contrast]) -> list[Estimate]:
    """Return the estimates of the differences whose runs are not missing."""
    return [contrast.found for contrast in contrasts if np.isfinite(contrast.found.exact)]


def targets_of(claim: Claim, draws: Gains) -> Sequence[str]:
    """Return the targets over which a claim's gains are averaged."""
    return claim.named_targets or draws.tasks


def singles(claim: Claim, found: Found) -> dict[str, Estimate]:
    """Return the gains of the single tasks, by name; NaN for those that the study lacks."""
    targets = targets_of(claim, found.draws)
    return {
        name: gain(found.draws, plain(found.recipes, [name]), targets, claim.less)
        for name in INTERMEDIATE_NAMES
    }


def _present(gains: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return the gains that are not missing."""
    return {name: estimate for name, estimate in gains.items() if np.isfinite(estimate.exact)}


def scope(claim: Claim, found: Found) -> str:
    """Describe where a study covers less than the claim: fewer single tasks, other translations,
    fewer targets. Empty if it covers all."""
    limits = []
    if (claim.group == _SINGLE and claim.holds == "on average") or claim.against in (
        "other",
        "best",
    ):
        single = _present(singles(claim, found))
        asked = [name for name in INTERMEDIATE_NAMES if name not in claim.aside]
        count = sum(name in single for name in asked)
        limits += [f"{count} of {len(asked)} single tasks"] if count < len(asked) else []
    if claim.group == "translated" and found.exact:
        limits.append("exact translations instead of a machine's")
    if claim.targets == "study" and set(found.draws.tasks) != set(XTREME):
        limits.append(f"on {', '.join(found.draws.tasks)}")
    return "; ".join(limits)


def _selected(claim: Claim, found: Found) -> dict[str, Estimate]:
    """Return the gains of the recipes that a claim is about, by name; NaN for those that the study
    lacks."""
    if claim.group == CHOSEN:
        scores, candidates = (
            found.development,
            [
                name
                for name, recipe in found.recipes.items()
                if recipe.intermediate and plain(found.recipes, recipe.intermediate) == name
            ],
        )
        table = choices(found.draws, scores[scores["recipe"].isin([BASELINE, *candidates])])
        complete = set(table["task"]) == set(targets_of(claim, found.draws))
        missing = found.draws.nothing(float("nan"))
        return {"chosen per target": per_target_gain(found.draws, table) if complete else missing}
    if claim.group == TOGETHER:
        names = {"all nine": plain(found.recipes, INTERMEDIATE_NAMES)}
    elif claim.group in VARIANTS:
        names = {name: name for name, _ in tested(found.recipes, claim.group)}
    else:
        tasks = INTERMEDIATE_NAMES if claim.group == _SINGLE else claim.recipes
        names = {name: plain(found.recipes, [name]) for name in tasks}
    return {
        label: gain(found.draws, name, targets_of(claim, found.draws), claim.less)
        for label, name in names.items()
    }


def contrasts(claim: Claim, found: Found) -> list[Contrast]:
    """Return the differences that decide a claim, as many as the claim mentions. Empty if the study
    plans no runs for it."""
    gains, named = _selected(claim, found), claim.recipes if isinstance(claim.recipes, list) else ()
    others = {
        name: value
        for name, value in singles(claim, found).items()
        if name not in named and name not in claim.aside
    }
    present, missing = _present(others), found.draws.nothing(float("nan"))
    enough = len(present) >= LEAST
    match claim.against:
        case "none":
            listed = [Contrast(name, value) for name, value in gains.items()]
        case "each other":
            listed = [
                Contrast(f"{name} less {other}", value - others[other])
                for name, value in gains.items()
                for other in others
            ]
        case "plain":
            targets, pairs = (
                targets_of(claim, found.draws),
                dict(tested(found.recipes, claim.group)),
            )
            listed = [
                Contrast(
                    f"{name} less {pairs[name]}", value - gain(found.draws, pairs[name], targets)
                )
                for name, value in gains.items()
            ]
        case "other":
            average = mean(list(present.values())) if enough else missing
            listed = [
                Contrast(f"{name} less {len(present)} others", value - average)
                for name, value in gains.items()
            ]
        case "best":
            best = max(present, key=lambda name: present[name].value) if enough else "the best"
            listed = [
                Contrast(f"{name} less {best}", value - present.get(best, missing))
                for name, value in gains.items()
            ]
    if claim.holds == "on average" and len(listed) > 1:
        return [averaged(claim, listed)]
    return listed


def averaged(claim: Claim, listed: Sequence[Contrast]) -> Contrast:
    """Return the mean of the differences. All are needed if the claim names its recipes, at least
    two if it is about a group."""
    known = measured(listed)
    enough = len(known) == len(listed) if isinstance(claim.recipes, list) else len(known) >= LEAST
    average = mean(known if enough else [contrast.found for contrast in listed])
    return Contrast(f"mean of {len(known)} of {len(listed)}", average)


def facts(study: Study, draws: Gains, development: pd.DataFrame) -> Found:
    """Collect a study's results that claims are tested on. Controls do not count as recipes."""
    recipes = {
        name: recipe
        for name, recipe in study.recipes.items()
        if name != BASELINE and name not in study.controls
    }
    machine = any(spec.translator for spec in study.specs if isinstance(spec, IntermediateSpec))
    return Found(draws, recipes, development, study.embedded and not machine)
