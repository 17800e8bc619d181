"""Decide whether a study's gains support a claim: a verdict, the estimate behind it, and the size
of effect that the study could have decided on.

A claim about one difference is supported if its 95 % interval lies on the claimed side of 0,
contradicted if it lies on the other side, else undecided: an interval that contains 0 does not show
that there is no effect. A claim that r of n differences lie above 0 is supported if r intervals do,
at level 1 - 0.05 / (n - r + 1), and contradicted if n - r + 1 lie below, at level 1 - 0.05 / r.
This is Bonferroni's partial conjunction test (Benjamini and Heller 2008). With r = n ("with every
task") support therefore needs no correction and contradiction the full one. A claimed number is
shown next to the interval and decides nothing, because a wide interval contains every number.

The study's sensitivity is given as the size that each difference must have for the number of
intervals required by the rule to exclude 0 in 80 % of such studies (power.py), and as the
probability of telling the published number from 0.

Eighteen claims at 95 % are many: about one of twenty true nulls is decided wrongly, and there is no
correction across claims.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstilts_core.analysis.claims import (
    CHOSEN,
    MEASURES,
    TOGETHER,
    VARIANTS,
    WORDS,
    Claim,
    Contrast,
    Found,
    claims,
    contrasts,
    facts,
    measured,
    number,
    plain,
    scope,
    targets_of,
    tested,
)
from xstilts_core.analysis.gain_array import Estimate, Gains, mean
from xstilts_core.analysis.hierarchy import ONE_SEED, half_width, student_interval
from xstilts_core.analysis.power import (
    ROUNDING,
    detectable_gain,
    joint_detectable_gain,
    power_at,
)
from xstilts_core.study import Study
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME
from xstilts_core.wording.numbers import counted

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_MEASURED = (
    "supported",
    "contradicted",
    "undecided at this sample size",
    "not measured",
)
_EVIDENCE = {
    "abstract": "confirmed: abstract of version 2",
    "reported": "second hand: reported of the paper, its tables not seen",
}
LEVEL = 0.05
NOTHING = float("nan")
_SIDES = {"above": 1, "below": -1}
TABLE = [
    "name",
    "claim",
    "evidence",
    "verdict",
    "estimate",
    "low",
    "high",
    "above",
    "below",
    "open",
    "missing",
]
TABLE += [
    "published",
    "beside",
    "detectable",
    "power",
    "seeds",
    "recipes",
    "targets",
    "scope",
    "measure",
    "rule",
    "reason",
]
"""above, below, open, missing: numbers of differences whose interval lies above or below 0 (at the
rule's level), contains 0, or does not exist. beside: position of the interval relative to the
published number. detectable: size in points that each difference must have to support the claim
with 80 % power. power: the power to tell the published number from 0. scope: the share of the claim
that the study covers, "" if all. measure: the estimated quantity."""
PARTS = ["name", "difference", "estimate", "low", "high", "level", "detectable", "seeds"]


@dataclass(frozen=True, slots=True)
class _Needs:
    """How many of how many differences a claim needs, and at which levels they are examined."""

    differences: int
    needed: int

    @property
    def support(self) -> float:
        return 1 - LEVEL / (self.differences - self.needed + 1)

    @property
    def contradict(self) -> float:
        return 1 - LEVEL / self.needed


def needs(claim: Claim, differences: int) -> _Needs:
    """Return how many of so many differences must lie on the claimed side."""
    needed = {
        "on average": 1,
        "for all": differences,
        "for all but one": max(1, differences - 1),
        "for one": 1,
    }[claim.holds]
    return _Needs(differences, needed)


def side(found: Estimate, level: float) -> int:
    """Return 1 if the interval lies above 0, -1 if below, 0 if it contains 0 or does not exist."""
    half = half_width(found.parts, level)
    return 0 if np.isnan(half) or abs(found.value) <= half + ROUNDING else int(np.sign(found.value))


def counts(claim: Claim, listed: Sequence[Contrast]) -> tuple[int, int]:
    """Count the differences whose interval lies on the claimed side of 0, and those on the other
    side, each at its level."""
    need, claimed_side = needs(claim, len(listed)), _SIDES[claim.direction]
    estimates = measured(listed)
    agreeing = sum(side(estimate, need.support) == claimed_side for estimate in estimates)
    return agreeing, sum(side(estimate, need.contradict) == -claimed_side for estimate in estimates)


def verdict(claim: Claim, listed: Sequence[Contrast], found: Found) -> tuple[str, str]:
    """Return the verdict by the module's rule and, if undecided or not measured, the reason."""
    estimates = measured(listed)
    if not estimates:
        return NOT_MEASURED, lacking(claim, found)
    need, (agreeing, opposed) = needs(claim, len(listed)), counts(claim, listed)
    if agreeing >= need.needed:
        return SUPPORTED, ""
    if opposed >= need.differences - need.needed + 1:
        return CONTRADICTED, ""
    if any(difference.count < 2 for difference in estimates):
        return UNDECIDED, ONE_SEED
    return UNDECIDED, f"{counted(len(listed) - len(estimates), 'difference')} missing" if len(
        estimates
    ) < len(listed) else ""


def lacking(claim: Claim, found: Found) -> str:
    """Explain why nothing is measured: no recipe of this kind, or runs that are not done."""
    if claim.group in VARIANTS and not tested(found.recipes, claim.group):
        return (
            f"no recipe of this study has {WORDS[claim.group]}, to be compared with the same "
            "recipe without it"
        )
    if claim.group == TOGETHER and not plain(found.recipes, INTERMEDIATE_NAMES):
        return "no recipe of this study trains on all nine tasks together"
    targets = [
        name
        for name in dict.fromkeys((*targets_of(claim, found.draws), *claim.less))
        if name not in found.draws.finished
    ]
    if targets:
        return f"no finished gains on {', '.join(targets)}"
    return "not enough finished runs of the recipes compared" + (
        ", or no development scores" if claim.group == CHOSEN else ""
    )


def rule(claim: Claim, count: int) -> str:
    """Describe the test in words."""
    if claim.holds == "on average":
        return f"supported if the 95 % interval lies {claim.direction} 0"
    need = needs(claim, count)
    return (
        f"supported if {need.needed} of {count} differences lie {claim.direction} 0, each at "
        f"{100 * need.support:.1f} %"
    )


def measure(claim: Claim, count: int) -> str:
    """Describe the quantity that is estimated for a claim about so many differences."""
    quantity = f"mean {MEASURES[claim.against]}" if count > 1 else MEASURES[claim.against]
    return f"{WORDS[claim.group]}: {quantity}" if claim.group in VARIANTS else quantity


def placed(found: Estimate, value: float | None) -> str:
    """Describe where the 95 % interval lies relative to the claimed number."""
    low, high = found.interval
    if value is None or np.isnan(low):
        return ""
    return "below it" if high < value else "above it" if low > value else "holds it"


def row(name: str, claim: Claim, found: Found) -> tuple[object, ...]:
    """Return a row of TABLE."""
    listed = contrasts(claim, found)
    estimates = measured(listed)
    outcome, reason = verdict(claim, listed, found)
    value, need = number(claim), needs(claim, len(listed)) if listed else _Needs(1, 1)
    right, wrong = counts(claim, listed) if listed else (0, 0)
    sides = (right, wrong) if claim.direction == "above" else (wrong, right)
    average = mean(estimates) if estimates else None
    numbers = average.numbers if average else (NOTHING,) * 3
    if len(estimates) == 1 and need.needed == 1:
        size = detectable_gain(estimates[0].parts, need.support)
    else:
        size = joint_detectable_gain(estimates, need.needed, need.support)
    chance = power_at(value, estimates[0].parts) if estimates and value is not None else NOTHING
    tallies = (*sides, len(estimates) - sum(sides), len(listed) - len(estimates))
    seeds = min((difference.count for difference in estimates), default=0)
    targets = " ".join(targets_of(claim, found.draws)) + (
        f" less {' '.join(claim.less)}" if claim.less else ""
    )
    names = (
        " ".join(difference.name for difference in listed)
        if len(listed) <= len(XTREME)
        else f"{len(listed)} pairs"
    )
    texts = (rule(claim, len(listed)) if listed else "", reason)
    paper = NOTHING if value is None else value
    beside = placed(average, value) if average else ""
    return (
        name,
        claim.claim,
        _EVIDENCE[claim.source],
        outcome,
        *numbers,
        *tallies,
        paper,
        beside,
        size,
        chance,
        seeds,
        names,
        targets,
        scope(claim, found) if estimates else "",
        measure(claim, len(listed)),
        *texts,
    )


def claim_table(study: Study, draws: Gains, development: pd.DataFrame) -> pd.DataFrame:
    """Return every claim with its verdict, columns TABLE. draws: from `gain_draws` of the study;
    development: from `development`.

    estimate, low, high: mean of the differences in points, with its 95 % interval; NaN if nothing
    is measured, and low and high also with one seed.
    """
    results = facts(study, draws, development)
    return pd.DataFrame(
        [row(name, claim, results) for name, claim in claims().items()], columns=TABLE
    )


def claim_parts(study: Study, draws: Gains, development: pd.DataFrame) -> pd.DataFrame:
    """Return the differences behind each verdict, columns PARTS. level: that of their intervals, as
    the claim's rule requires."""
    results, rows = facts(study, draws, development), []
    for name, claim in claims().items():
        listed = contrasts(claim, results)
        for difference in listed:
            estimate = difference.found
            if np.isfinite(estimate.exact):
                level = needs(claim, len(listed)).support
                interval = student_interval(estimate.value, estimate.parts, level)
                numbers = level, detectable_gain(estimate.parts, level), estimate.count
                rows.append((name, difference.name, estimate.value, *interval, *numbers))
    return pd.DataFrame(rows, columns=PARTS)
