"""Express the claims of Phang et al. (2020), and of reports about it, as tests that a study's gains
can answer, and decide whether they support them; `study/published/claims.yaml` states the claims in
a few words.

Each claim reduces to one or several differences of mean gains (`contrasts`), all averaged over the
same targets. A claim that compares recipes of one study is tested on the targets that the study has
(`targets: study`); `scope` reports where the targets, or the single tasks, are fewer than the
paper's. Translated data with deliberate noise do not count as translations. The paper's numbers are
XLM-R Large's on XTREME's development data, a study's are its own encoder's on its test data. A
study of the embedded suite is a model of the paper's study, and a deviation says something about
the suite.

A claim about one difference is supported if its 95 % interval lies on the claimed side of 0,
contradicted if it lies on the other side, else undecided: an interval that contains 0 does not show
that there is no effect. A claim that r of n differences lie above 0 is supported if r intervals do,
at level 1 - 0.05 / (n - r + 1), and contradicted if n - r + 1 lie below, at level 1 - 0.05 / r.
This is Bonferroni's partial conjunction test (Benjamini and Heller 2008). With r = n ("with every
task") support therefore needs no correction and contradiction the full one. A claimed number is
shown next to the interval and decides nothing, because a wide interval contains every number.

The study's sensitivity is given as the size that each difference must have for the number of
intervals required by the rule to exclude 0 in 80 % of such studies, and as the probability of
telling the published number from 0. The probability that several intervals exclude 0 is smaller
than that of each, the more so the less they vary together: `joint_detectable_gain` simulates it.

Eighteen claims at 95 % are many: about one of twenty true nulls is decided wrongly, and there is no
correction across claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from xstilts_core.analysis.gain_array import Estimate, Gains, mean
from xstilts_core.analysis.intervals import (
    MANY,
    NOTHING,
    ONE_SEED,
    ROUNDING,
    USUAL_POWER,
    detectable_gain,
    half_width,
    half_widths,
    power_at,
    student_interval,
)
from xstilts_core.analysis.published import known, published
from xstilts_core.analysis.recipes import VARIANTS, WORDS, clean_variants, plain
from xstilts_core.analysis.scores import AVERAGE, development_gains, settled
from xstilts_core.errors import UsageError
from xstilts_core.study import Study, study_file
from xstilts_core.study.published import CLAIMS
from xstilts_core.study.recipe import Recipe
from xstilts_core.study.spec import BASELINE, IntermediateSpec
from xstilts_core.study.wording import explain, require_known
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME, task
from xstilts_core.wording.numbers import counted

_SINGLE, _TOGETHER, _CHOSEN = "single", "together", "chosen"
_GROUPS = (_SINGLE, _TOGETHER, _CHOSEN, *VARIANTS)
# The measured quantity, by `against`.
_MEASURES = {
    "none": "gain",
    "other": "gain less the mean of the other single tasks",
    "each other": "gain less that of every other single task",
    "best": "gain less that of the best single task",
    "plain": "gain less that of the same tasks in plain English",
}
_EVIDENCE = {
    "abstract": "confirmed: abstract of version 2",
    "reported": "second hand: reported of the paper, its tables not seen",
}
SUPPORTED, CONTRADICTED = "supported", "contradicted"
UNDECIDED, NOT_MEASURED = "undecided at this sample size", "not measured"
LEVEL = 0.05
# Smallest number of recipes whose mean is worth comparing with.
_LEAST = 2
# Number of simulated studies: enough to estimate a power of 80 % within 2 points.
_STUDIES = 4000
_PARTS = ["name", "difference", "estimate", "low", "high", "level", "detectable", "seeds"]


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
    def named(self) -> list[str]:
        """The intermediate tasks that the claim names; empty if it is about a group."""
        return [] if isinstance(self.recipes, str) else self.recipes

    @property
    def side(self) -> int:
        """The sign of the claimed differences."""
        return 1 if self.direction == "above" else -1

    def targets_in(self, draws: Gains) -> Sequence[str]:
        """Return the targets over which the claim's gains are averaged."""
        return draws.tasks if isinstance(self.targets, str) else self.targets


@dataclass(frozen=True, slots=True)
class Evidence:
    """The results of a study that claims are tested on: gains, recipes by name, and development
    scores to choose by (from `development`)."""

    draws: Gains
    recipes: Mapping[str, Recipe]
    development: pd.DataFrame
    exact: bool = False
    """Whether translated data are exact translations rather than machine translations."""

    def gains(self, claim: Claim, recipes: Mapping[str, str]) -> dict[str, Estimate]:
        """Return by label the mean gains of recipes over a claim's targets minus those over `less`;
        NaN if the recipe or a target is missing."""
        average, targets = self.draws.average, claim.targets_in(self.draws)
        gains = {label: average(name, targets) for label, name in recipes.items()}
        if claim.less:
            gains = {name: gains[name] - average(recipes[name], claim.less) for name in gains}
        return gains

    def singles(self, claim: Claim) -> dict[str, Estimate]:
        """Return the gains of the single tasks, by name; NaN for those that the study lacks."""
        names = {name: plain(self.recipes, [name]) for name in INTERMEDIATE_NAMES}
        return self.gains(claim, names)


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
        if isinstance(group := content.get("recipes"), str):
            require_known("recipes", [group], _GROUPS, where)
        try:
            parsed[name] = claim = Claim(**content)
        except ValidationError as error:
            raise explain(error, Claim, where) from None
        targets = [] if isinstance(claim.targets, str) else claim.targets
        for task_name in [*targets, *claim.less, *claim.aside]:
            task(task_name, where)
        systems = list(published().query("quantity == 'gain'")["system"])
        require_known("recipes", claim.named, INTERMEDIATE_NAMES, where)
        if claim.published:
            require_known("published", [claim.published], systems, where)
    return parsed


def measured(contrasts: Mapping[str, Estimate]) -> list[Estimate]:
    """Return the estimates of the differences whose runs are not missing."""
    return [estimate for estimate in contrasts.values() if estimate.finished]


def scope(claim: Claim, evidence: Evidence) -> str:
    """Describe where a study covers less than the claim: fewer single tasks, other translations,
    fewer targets. Empty if it covers all."""
    limits, tasks = [], evidence.draws.tasks
    of_singles = claim.group == _SINGLE and claim.holds == "on average"
    if of_singles or claim.against in ("other", "best"):
        singles = evidence.singles(claim)
        needed = [name for name in INTERMEDIATE_NAMES if name not in claim.aside]
        count = sum(singles[name].finished for name in needed)
        limits += [f"{count} of {len(needed)} single tasks"] if count < len(needed) else []
    if claim.group == "translated" and evidence.exact:
        limits.append("exact translations instead of a machine's")
    if claim.targets == "study" and set(tasks) != set(XTREME):
        limits.append(f"on {', '.join(tasks)}")
    return "; ".join(limits)


def _chosen(claim: Claim, evidence: Evidence) -> Estimate:
    """Return the mean gain of the plain recipe that development data choose for each target; NaN if
    a target has no such data."""
    draws, scores, recipes = evidence.draws, evidence.development, evidence.recipes
    candidates = [BASELINE]
    candidates += [
        name
        for name, recipe in recipes.items()
        if recipe.intermediate and plain(recipes, recipe.intermediate) == name
    ]
    scores = scores[scores["recipe"].isin(candidates)]
    names = development_gains(scores, draws.cells, draws.tasks).idxmax()
    complete = set(names.index) == set(claim.targets_in(draws))
    return draws.mean([draws.gain(name, on) for on, name in names.items()] if complete else [])


def _selected(claim: Claim, evidence: Evidence) -> dict[str, Estimate]:
    """Return the gains of the recipes that a claim is about, by name; NaN for those that the study
    lacks."""
    recipes = evidence.recipes
    if claim.group == _CHOSEN:
        return {"chosen per target": _chosen(claim, evidence)}
    if claim.group == _TOGETHER:
        names = {"all nine": plain(recipes, INTERMEDIATE_NAMES)}
    elif claim.group in VARIANTS:
        names = {name: name for name in clean_variants(recipes, claim.group)}
    else:
        names = {name: plain(recipes, [name]) for name in claim.named or INTERMEDIATE_NAMES}
    return evidence.gains(claim, names)


def contrasts(claim: Claim, evidence: Evidence) -> dict[str, Estimate]:
    """Return the differences of mean gains that decide a claim, by name, as many as the claim
    mentions; NaN if runs for one are missing. Empty if the study plans no runs for it."""
    gains, missing = _selected(claim, evidence), evidence.draws.nothing(NOTHING)
    singles = evidence.singles(claim).items()
    others = {name: one for name, one in singles if name not in (*claim.named, *claim.aside)}
    present = {name: one for name, one in others.items() if one.finished}
    enough = len(present) >= _LEAST
    # What each recipe's gain is compared with, by name.
    rivals: Mapping[str, Estimate] = {}
    match claim.against:
        case "each other":
            rivals = others
        case "other":
            average = mean(list(present.values())) if enough else missing
            rivals = {f"{len(present)} others": average}
        case "best":
            best = max(present, key=lambda name: present[name].value) if enough else "the best"
            rivals = {best: present.get(best, missing)}
    listed = {}
    for name, gain in gains.items():
        if claim.against == "plain":
            twin = clean_variants(evidence.recipes, claim.group)[name]
            rivals = evidence.gains(claim, {twin: twin})
        elif claim.against == "none":
            listed[name] = gain
        listed |= {f"{name} less {other}": gain - rivals[other] for other in rivals}
    if claim.holds != "on average" or len(listed) < 2:
        return listed
    # All differences are needed if the claim names its recipes, some if it is about a group.
    finished = measured(listed)
    sufficient = len(finished) >= (len(listed) if claim.named else _LEAST)
    average = mean(finished if sufficient else list(listed.values()))
    return {f"mean of {len(finished)} of {len(listed)}": average}


def evidence_of(study: Study, draws: Gains, development: pd.DataFrame) -> Evidence:
    """Collect a study's results that claims are tested on. Controls do not count as recipes."""
    recipes = {
        name: recipe
        for name, recipe in study.recipes.items()
        if name != BASELINE and name not in study.controls
    }
    machine = any(spec.translator for spec in study.specs if isinstance(spec, IntermediateSpec))
    return Evidence(draws, recipes, development, study.embedded and not machine)


class Rule(NamedTuple):
    """How many of a claim's differences must lie on the claimed side, and the levels of the
    intervals that support and contradict it."""

    needed: int
    support: float
    contradict: float


def rule_of(claim: Claim, differences: int) -> Rule:
    """Return the rule of a claim about so many differences."""
    needed = {
        "on average": 1,
        "for all": differences,
        "for all but one": max(1, differences - 1),
        "for one": 1,
    }[claim.holds]
    return Rule(needed, 1 - LEVEL / (differences - needed + 1), 1 - LEVEL / needed)


def _clear(estimates: Sequence[Estimate], level: float, side: int) -> int:
    """Count the estimates whose interval at a level lies above 0 (side 1) or below (side -1)."""
    return sum(
        side * estimate.value > half_width(estimate.parts, level) + ROUNDING
        for estimate in estimates
    )


def verdict(claim: Claim, listed: Mapping[str, Estimate], evidence: Evidence) -> tuple[str, str]:
    """Return the verdict by the module's rule and, if undecided or not measured, the reason."""
    estimates = measured(listed)
    if not estimates:
        return NOT_MEASURED, _lacking(claim, evidence)
    needed, support, contradict = rule_of(claim, len(listed))
    if _clear(estimates, support, claim.side) >= needed:
        return SUPPORTED, ""
    if _clear(estimates, contradict, -claim.side) >= len(listed) - needed + 1:
        return CONTRADICTED, ""
    if any(estimate.count < 2 for estimate in estimates):
        return UNDECIDED, ONE_SEED
    missing = len(listed) - len(estimates)
    return UNDECIDED, f"{counted(missing, 'difference')} missing" if missing else ""


def _lacking(claim: Claim, evidence: Evidence) -> str:
    """Explain why nothing is measured: no recipe of this kind, or runs that are not done."""
    if claim.group in VARIANTS and not clean_variants(evidence.recipes, claim.group):
        return (
            f"no recipe of this study has {WORDS[claim.group]}, to be compared with the same "
            "recipe without it"
        )
    if claim.group == _TOGETHER and not plain(evidence.recipes, INTERMEDIATE_NAMES):
        return "no recipe of this study trains on all nine tasks together"
    targets = dict.fromkeys((*claim.targets_in(evidence.draws), *claim.less))
    if missing := [name for name in targets if name not in evidence.draws.finished]:
        return f"no finished gains on {', '.join(missing)}"
    return "not enough finished runs of the recipes compared" + (
        ", or no development scores" if claim.group == _CHOSEN else ""
    )


def joint_detectable_gain(
    estimates: Sequence[Estimate],
    needed: int,
    level: float = 0.95,
) -> float:
    """Return the true gain in points at which, if every estimate had it, `needed` of their
    intervals exclude 0 with 80 % power.

    Every estimate is given the number of seeds of the one with the fewest. NaN if there are fewer
    than `needed` estimates, or if one has a single seed.
    """
    if len(estimates) < needed or any(gain.count < 2 for gain in estimates):
        return NOTHING
    seeds, generator = min(gain.count for gain in estimates), np.random.default_rng([0, 8])
    pulls = np.stack([gain.pulls for gain in estimates])
    # [studies, estimates, seeds]: each seed's gain minus the true gain. The mean over seeds has the
    # covariance pulls @ pulls.T.
    errors = np.sqrt(seeds) * np.einsum(
        "ek,nks->nes", pulls, generator.standard_normal((_STUDIES, pulls.shape[1], seeds))
    )
    means = errors.mean(axis=-1)
    seed_part = ((errors - means[..., None]) ** 2).sum(axis=-1) / (seeds * (seeds - 1))
    # Other items: the replicates that the estimates share, scaled to the variance that is not
    # already in the spread over seeds.
    shared = np.stack([gain.draws.sum(axis=1) for gain in estimates], axis=1)
    spread, item_part = shared.std(axis=0), np.array([gain.parts[1].variance for gain in estimates])
    scale = np.sqrt(item_part) / np.where(spread > 0, spread, 1)
    drawn = generator.integers(len(shared), size=_STUDIES)
    means = means + scale * (shared - shared.mean(axis=0))[drawn]
    variances = np.stack([seed_part, np.broadcast_to(item_part, seed_part.shape)], axis=-1)
    # A study distinguishes an estimate from 0 if the true gain exceeds the half-width minus the
    # random error.
    required = half_widths(variances, np.array([seeds - 1, MANY]), level) - means
    return float(max(0.0, np.quantile(np.sort(required, axis=1)[:, needed - 1], USUAL_POWER)))


def row(name: str, claim: Claim, evidence: Evidence) -> dict[str, Any]:
    """Return a row of `claim_table`."""
    listed = contrasts(claim, evidence)
    count, estimates = len(listed), measured(listed)
    outcome, reason = verdict(claim, listed, evidence)
    rule = rule_of(claim, count or 1)
    levels = {claim.side: rule.support, -claim.side: rule.contradict}
    above, below = (_clear(estimates, levels[side], side) for side in (1, -1))
    estimate, low, high = evidence.draws.mean(estimates).numbers
    value = known(claim.published, AVERAGE, "gain").value
    if len(estimates) == 1 and rule.needed == 1:
        size = detectable_gain(estimates[0].parts, rule.support)
    else:
        size = joint_detectable_gain(estimates, rule.needed, rule.support)
    beside = ""
    if not np.isnan(value - low):
        beside = "below it" if high < value else "above it" if low > value else "holds it"
    tested_value = estimates and not np.isnan(value)
    test = f"supported if the 95 % interval lies {claim.direction} 0"
    if claim.holds != "on average":
        test = (
            f"supported if {rule.needed} of {count} differences lie {claim.direction} 0, each at "
            f"{100 * rule.support:.1f} %"
        )
    measure = f"mean {_MEASURES[claim.against]}" if count > 1 else _MEASURES[claim.against]
    less = f" less {' '.join(claim.less)}" if claim.less else ""
    return {
        "name": name,
        "claim": claim.claim,
        "evidence": _EVIDENCE[claim.source],
        "verdict": outcome,
        "estimate": estimate,
        "low": low,
        "high": high,
        "above": above,
        "below": below,
        "open": len(estimates) - above - below,
        "missing": count - len(estimates),
        "published": value,
        "beside": beside,
        "detectable": size,
        "power": power_at(value, estimates[0].parts) if tested_value else NOTHING,
        "seeds": min((one.count for one in estimates), default=0),
        "recipes": " ".join(listed) if count <= len(XTREME) else f"{count} pairs",
        "targets": " ".join(claim.targets_in(evidence.draws)) + less,
        "scope": scope(claim, evidence) if estimates else "",
        "measure": f"{WORDS[claim.group]}: {measure}" if claim.group in VARIANTS else measure,
        "rule": test if listed else "",
        "reason": reason,
    }


def claim_table(study: Study, draws: Gains, development: pd.DataFrame) -> pd.DataFrame:
    """Return every claim with its verdict. draws: from `gain_draws` of the study; development: from
    `development`.

    estimate, low, high: mean of the differences in points, with its 95 % interval; NaN if nothing
    is measured, and low and high also with one seed. above, below, open, missing: numbers of
    differences whose interval lies above or below 0 (at the rule's level), contains 0, or does not
    exist. beside: position of the interval relative to the published number. detectable: size in
    points that each difference must have to support the claim with 80 % power. power: the power to
    tell the published number from 0. scope: the share of the claim that the study covers, "" if
    all. measure: the estimated quantity.
    """
    evidence = evidence_of(study, draws, development)
    return pd.DataFrame([row(name, claim, evidence) for name, claim in claims().items()])


def claim_parts(study: Study, draws: Gains, development: pd.DataFrame) -> pd.DataFrame:
    """Return the differences behind each verdict, columns _PARTS. level: that of their intervals,
    as the claim's rule requires."""
    evidence, rows = evidence_of(study, draws, development), []
    for name, claim in claims().items():
        listed = contrasts(claim, evidence)
        for label, estimate in listed.items():
            if estimate.finished:
                level = rule_of(claim, len(listed)).support
                ends = settled(np.array(student_interval(estimate.value, estimate.parts, level)))
                size = detectable_gain(estimate.parts, level)
                rows.append((name, label, estimate.value, *ends, level, size, estimate.count))
    return pd.DataFrame(rows, columns=_PARTS)
