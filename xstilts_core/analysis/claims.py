"""What Phang et al. (2020) and reports about it claim, as tests that a study's gains can answer:
`reference/claims.yaml` in a few words.

Each claim comes down to differences of mean gains (`contrasts`), one or several, all averages over
the same targets. A claim that holds recipes of one study against one another is tested on the
targets that it has (`targets: study`); `scope` says where these, or the single tasks, are fewer
than the paper's. Translated data that were disturbed on purpose (noise) are no translations. The
paper's numbers are XLM-R Large's on XTREME's development data, a study's are its own encoder's on
its test data: a study of the embedded suite is a model of the paper's, and where it differs it says
something of the suite. verdicts.py decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from xstilts_core.analysis.choice import choices, per_target_gain
from xstilts_core.analysis.intervals import Estimate, GainDraws, mean
from xstilts_core.analysis.variants import TEXT
from xstilts_core.errors import UsageError, unknown
from xstilts_core.study import Study, study_file
from xstilts_core.study.published import CLAIMS, PHANG
from xstilts_core.study.recipe import Recipe
from xstilts_core.study.spec import BASELINE, IntermediateSpec, explain
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME, task

_SINGLE, TOGETHER, CHOSEN = "single", "together", "chosen"
# Kinds of recipes that are compared with the same tasks in plain English, and the settings that
# make a recipe one.
VARIANTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"mlm": frozenset({"mlm"}), "translated": frozenset({"data_languages", "translator", "noise"})}
)
WORDS: Mapping[str, str] = MappingProxyType(
    {"mlm": "masked language modeling beside", "translated": "translated intermediate data"}
)
GROUPS = (_SINGLE, TOGETHER, CHOSEN, *VARIANTS)
# Settings of a recipe that leave it the paper's own: how several tasks are mixed.
_MIXING = {"temperature", "cap"}
# What a variant may need otherwise than its plain recipe without being another comparison.
_TUNING = {"learning_rate", "epochs", *TEXT}
# What a difference is of, by `against`.
MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "none": "gain",
        "other": "gain less the mean of the other single tasks",
        "each other": "gain less that of every other single task",
        "best": "gain less that of the best single task",
        "plain": "gain less that of the same tasks in plain English",
    }
)
# Of how many others a mean is worth comparing with.
LEAST = 2


class Claim(BaseModel):
    """One claim and its test: the keys of `reference/claims.yaml`, which explains them."""

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
        """The group of recipes that it is about; "" where it names its tasks."""
        return self.recipes if isinstance(self.recipes, str) else ""

    @property
    def named_targets(self) -> list[str]:
        """The targets that it names; none where it is tested on those of the study."""
        return [] if self.targets == "study" else list(self.targets)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of mean gains in points: what of it, and its estimate; None where the runs for
    it are missing."""

    name: str
    found: Estimate | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a study has: gains, its recipes by name, and development scores to choose by (of
    `development`)."""

    draws: GainDraws
    recipes: Mapping[str, Recipe]
    development: pd.DataFrame
    exact: bool = False
    """Whether translated data are exact translations, no machine's."""


@cache
def claims() -> Mapping[str, Claim]:
    """The claims by name. UsageError on a mistake in the file, naming the claim and the key."""
    found = {}
    for name, content in study_file.read(CLAIMS).items():
        where = f"{CLAIMS.name}, {name}"
        if not isinstance(content, dict):
            raise UsageError(
                f"{where}: expected keys and values (claim:, source:, recipes:), found {type(content).__name__}"
            )
        if isinstance(content.get("recipes"), str) and content["recipes"] not in GROUPS:
            raise unknown("recipes", content["recipes"], GROUPS, where)
        try:
            found[name] = Claim(**content)
        except ValidationError as error:
            raise explain(error, Claim, where) from None
        for entry in [*found[name].named_targets, *found[name].less, *found[name].aside]:
            task(entry, where)
        for entry in found[name].recipes if isinstance(found[name].recipes, list) else ():
            if entry not in INTERMEDIATE_NAMES:
                raise unknown("recipes", entry, INTERMEDIATE_NAMES, where)
        number(found[name], where)
    return found


@cache
def published() -> pd.DataFrame:
    """The numbers of `reference/phang2020.csv`: columns system quantity split task language metric
    value evidence source."""
    return pd.read_csv(PHANG)


def number(claim: Claim, where: str = "") -> float | None:
    """The paper's number in points, None where none is known."""
    if not claim.published:
        return None
    rows = published()[published()["quantity"] == "gain"].set_index("system")["value"]
    if claim.published not in rows.index:
        raise unknown("published", claim.published, list(rows.index), where)
    return float(rows[claim.published])


def plain(recipes: Mapping[str, Recipe], tasks: Sequence[str]) -> str:
    """The recipe that trains on exactly these intermediate tasks in plain English, with nothing
    beside; "" where there is none."""
    return next(
        (
            name
            for name, found in recipes.items()
            if set(found.intermediate) == set(tasks) and found.changed <= _MIXING
        ),
        "",
    )


def variants(recipes: Mapping[str, Recipe], kind: str) -> list[tuple[str, str]]:
    """Recipes of that kind of VARIANTS, each with the recipe of the same tasks and other settings
    without it ("" where there is none)."""
    found = [
        (name, recipe)
        for name, recipe in recipes.items()
        if VARIANTS[kind] & recipe.changed and recipe.intermediate
    ]
    return [
        (name, next((other for other in recipes if without(recipe, recipes[other], kind)), ""))
        for name, recipe in found
    ]


def tested(recipes: Mapping[str, Recipe], kind: str) -> list[tuple[str, str]]:
    """Those of `variants` that a claim is tested on: undisturbed, with the same recipe in plain
    English beside it."""
    return [
        (name, other)
        for name, other in variants(recipes, kind)
        if other and not recipes[name].setting("noise")
    ]


def without(recipe: Recipe, other: Recipe, kind: str) -> bool:
    """Whether `other` is `recipe` without what makes it one of that kind."""
    apart = {
        name
        for name in recipe.changed | other.changed
        if recipe.setting(name) != other.setting(name)
    }
    return (
        set(other.intermediate) == set(recipe.intermediate)
        and not VARIANTS[kind] & other.changed
        and apart <= VARIANTS[kind] | _TUNING
    )


def gain(
    draws: GainDraws, recipe: str, targets: Sequence[str], less: Sequence[str] = ()
) -> Estimate | None:
    """Mean gain over `targets`, less that over `less`; None where the recipe or one of the targets
    is missing."""
    if (
        not recipe
        or not targets
        or any((recipe, name) not in draws.cells for name in (*targets, *less))
    ):
        return None
    found = mean([draws.gain(recipe, name) for name in targets])
    found = found - mean([draws.gain(recipe, name) for name in less]) if less else found
    return found if pd.notna(found.value) else None


def difference(first: Estimate | None, second: Estimate | None) -> Estimate | None:
    return None if first is None or second is None else first - second


def targets_of(claim: Claim, draws: GainDraws) -> Sequence[str]:
    """The targets that a claim's gains are averaged over."""
    return claim.named_targets or draws.tasks


def singles(claim: Claim, found: Found) -> dict[str, Estimate]:
    """Gains of the single tasks that the study has, by name."""
    targets = targets_of(claim, found.draws)
    gains = {
        name: gain(found.draws, plain(found.recipes, [name]), targets, claim.less)
        for name in INTERMEDIATE_NAMES
    }
    return {name: entry for name, entry in gains.items() if entry is not None}


def scope(claim: Claim, found: Found) -> str:
    """What a study has of what a claim is about, where that is less: fewer single tasks, other
    translations, fewer targets; "" if all."""
    parts = []
    if (claim.group == _SINGLE and claim.holds == "on average") or claim.against in (
        "other",
        "best",
    ):
        have = singles(claim, found)
        counted = [name for name in INTERMEDIATE_NAMES if name not in claim.aside]
        there = [name for name in counted if name in have]
        parts += (
            [f"{len(there)} of {len(counted)} single tasks"] if len(there) < len(counted) else []
        )
    if claim.group == "translated" and found.exact:
        parts.append("exact translations instead of a machine's")
    if claim.targets == "study" and set(found.draws.tasks) != set(XTREME):
        parts.append(f"on {', '.join(found.draws.tasks)}")
    return "; ".join(parts)


def _selected(claim: Claim, found: Found) -> dict[str, Estimate | None]:
    """Gains of the recipes that a claim is about, by name; of those that the study has not,
    None."""
    if claim.group == CHOSEN:
        scores, usual = (
            found.development,
            [name for name, recipe in found.recipes.items() if recipe.changed <= _MIXING],
        )
        table = choices(found.draws, scores[scores["recipe"].isin([BASELINE, *usual])])
        whole = set(table["task"]) == set(targets_of(claim, found.draws))
        return {"chosen per target": per_target_gain(found.draws, table) if whole else None}
    if claim.group == TOGETHER:
        names = {"all nine": plain(found.recipes, INTERMEDIATE_NAMES)}
    elif claim.group in VARIANTS:
        names = {name: name for name, _ in tested(found.recipes, claim.group)}
    else:
        wanted = INTERMEDIATE_NAMES if claim.group == _SINGLE else claim.recipes
        names = {name: plain(found.recipes, [name]) for name in wanted}
    return {
        shown: gain(found.draws, name, targets_of(claim, found.draws), claim.less)
        for shown, name in names.items()
    }


def contrasts(claim: Claim, found: Found) -> list[Contrast]:
    """The differences that decide a claim, as many as it speaks of; empty where nobody planned a
    run for it."""
    own, named = _selected(claim, found), claim.recipes if isinstance(claim.recipes, list) else ()
    have = singles(claim, found)
    others = {
        name: have.get(name)
        for name in INTERMEDIATE_NAMES
        if name not in named and name not in claim.aside
    }
    there = {name: entry for name, entry in others.items() if entry is not None}
    match claim.against:
        case "none":
            listed = [Contrast(name, entry) for name, entry in own.items()]
        case "each other":
            listed = [
                Contrast(f"{name} less {other}", difference(own[name], others[other]))
                for name in own
                for other in others
            ]
        case "plain":
            beside = dict(tested(found.recipes, claim.group))
            base = {
                name: gain(found.draws, other, targets_of(claim, found.draws))
                for name, other in beside.items()
            }
            listed = [
                Contrast(f"{name} less {beside[name]}", difference(entry, base[name]))
                for name, entry in own.items()
            ]
        case "other":
            rest = mean(list(there.values())) if len(there) >= LEAST else None
            listed = [
                Contrast(f"{name} less {len(there)} others", difference(entry, rest))
                for name, entry in own.items()
            ]
        case "best":
            best = max(there, key=lambda name: there[name].value) if len(there) >= LEAST else ""
            listed = [
                Contrast(f"{name} less {best or 'the best'}", difference(entry, there.get(best)))
                for name, entry in own.items()
            ]
    if claim.holds == "on average" and len(listed) > 1:
        return [averaged(claim, listed)]
    return listed


def averaged(claim: Claim, listed: Sequence[Contrast]) -> Contrast:
    """The mean of the differences. Where a claim names its recipes all must be there; of a group,
    at least two."""
    there = [entry.found for entry in listed if entry.found is not None]
    enough = len(there) == len(listed) if isinstance(claim.recipes, list) else len(there) >= LEAST
    return Contrast(f"mean of {len(there)} of {len(listed)}", mean(there) if enough else None)


def facts(study: Study, draws: GainDraws, development: pd.DataFrame) -> Found:
    """What of a study the claims are tested on; controls are no recipes."""
    recipes = {
        name: recipe
        for name, recipe in study.recipes.items()
        if name != BASELINE and name not in study.controls
    }
    machine = any(spec.translator for spec in study.specs if isinstance(spec, IntermediateSpec))
    return Found(draws, recipes, development, study.source == "mini" and not machine)
