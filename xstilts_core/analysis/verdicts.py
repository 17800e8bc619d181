"""Whether a study's gains support a claim: a verdict, the estimate behind it, and what size of
effect the study could have decided on.

A claim on one difference is supported where its 95 % interval lies on the claimed side of 0,
contradicted on the other, else undecided: that 0 lies inside does not show that there is no effect.
A claim that r of n differences lie above 0 is supported where r intervals do, at level 1 - 0.05 /
(n - r + 1), and contradicted where n - r + 1 lie below, at level 1 - 0.05 / r: Bonferroni's partial
conjunction test (Benjamini and Heller 2008), so that with r = n ("with every task") no correction
is needed to support, and the full one to contradict. A claimed number is held beside the interval,
and decides nothing: a wide interval holds every number.

What the study could have decided: the size that, had each of the differences it, so many intervals
as the rule asks for would exclude 0 in 80 % of such studies (power.py); and the chance to tell the
published number from 0.

Eighteen claims at 95 % are many: about one of twenty true nulls is decided wrongly, and nothing is
corrected for that across claims.
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
    number,
    plain,
    scope,
    targets_of,
    tested,
)
from xstilts_core.analysis.findings import counted
from xstilts_core.analysis.gains import settled
from xstilts_core.analysis.hierarchy import ONE_SEED, half_width
from xstilts_core.analysis.intervals import Estimate, GainDraws, mean
from xstilts_core.analysis.power import (
    ROUNDING,
    USUAL_POWER,
    detectable_gain,
    joint_detectable_gain,
    power_at,
)
from xstilts_core.study import Study
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_MEASURED = (
    "supported",
    "contradicted",
    "undecided at this sample size",
    "not measured",
)
_VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED, NOT_MEASURED)
_EVIDENCE = {
    "abstract": "confirmed: abstract of version 2",
    "reported": "second hand: reported of the paper, its tables not seen",
}
LEVEL = 0.05
NOTHING = float("nan")
# Scores go from 0 to 100.
_MOST_POINTS = 100
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
"""above, below, open, missing: of how many differences the interval lies above or below 0 (at the
rule's level) or neither, or is none. beside: where the interval lies beside the published number.
detectable: points that, if each difference had them, support the claim with 80 % power. power: to
tell the published number from 0. scope: what the study has of what is claimed, "" where it has all.
measure: what the estimate is of."""
PARTS = ["name", "difference", "estimate", "low", "high", "level", "detectable", "seeds"]


@dataclass(frozen=True, slots=True)
class _Needs:
    """How many of how many differences a claim needs, and at which levels they are looked at."""

    differences: int
    needed: int

    @property
    def support(self) -> float:
        return 1 - LEVEL / (self.differences - self.needed + 1)

    @property
    def contradict(self) -> float:
        return 1 - LEVEL / self.needed


def needs(claim: Claim, differences: int) -> _Needs:
    """Of so many differences, how many must lie on the claimed side."""
    needed = {
        "on average": 1,
        "for all": differences,
        "for all but one": max(1, differences - 1),
        "for one": 1,
    }[claim.holds]
    return _Needs(differences, needed)


def side(found: Estimate, level: float) -> int:
    """1: the interval lies above 0; -1: below; 0: it holds 0, or there is none."""
    half = half_width(found.parts, level)
    return 0 if np.isnan(half) or abs(found.value) <= half + ROUNDING else int(np.sign(found.value))


def counts(claim: Claim, listed: Sequence[Contrast]) -> tuple[int, int]:
    """Of how many differences the interval lies on the claimed side of 0, and of how many on the
    other, each at its level."""
    need, wanted = needs(claim, len(listed)), _SIDES[claim.direction]
    there = [entry.found for entry in listed if entry.found is not None]
    right = sum(side(found, need.support) == wanted for found in there)
    return right, sum(side(found, need.contradict) == -wanted for found in there)


def verdict(claim: Claim, listed: Sequence[Contrast], found: Found) -> tuple[str, str]:
    """The verdict, and why it is no more than that. Rule: see the module."""
    there = [entry.found for entry in listed if entry.found is not None]
    if not there:
        return NOT_MEASURED, lacking(claim, found)
    need, (right, wrong) = needs(claim, len(listed)), counts(claim, listed)
    if right >= need.needed:
        return SUPPORTED, ""
    if wrong >= need.differences - need.needed + 1:
        return CONTRADICTED, ""
    if any(entry.count < 2 for entry in there):
        return UNDECIDED, ONE_SEED
    return UNDECIDED, f"{counted(len(listed) - len(there), 'difference')} missing" if len(
        there
    ) < len(listed) else ""


def lacking(claim: Claim, found: Found) -> str:
    """Why nothing is measured: no recipe does it, or runs of these are not done."""
    if claim.group in VARIANTS and not tested(found.recipes, claim.group):
        return f"no recipe of this study has {WORDS[claim.group]}, to be held against the same without it"
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
    """The test in words."""
    if claim.holds == "on average":
        return f"supported if the 95 % interval lies {claim.direction} 0"
    need = needs(claim, count)
    return f"supported if {need.needed} of {count} differences lie {claim.direction} 0, each at {100 * need.support:.1f} %"


def measure(claim: Claim, count: int) -> str:
    """What the estimate of a claim on so many differences is."""
    what = f"mean {MEASURES[claim.against]}" if count > 1 else MEASURES[claim.against]
    return f"{WORDS[claim.group]}: {what}" if claim.group in VARIANTS else what


def placed(found: Estimate, value: float | None) -> str:
    """Where the 95 % interval lies beside the claimed number."""
    low, high = found.interval
    if value is None or np.isnan(low):
        return ""
    return "below it" if high < value else "above it" if low > value else "holds it"


def row(name: str, claim: Claim, found: Found) -> tuple:
    """A row of TABLE."""
    listed = contrasts(claim, found)
    there = [entry.found for entry in listed if entry.found is not None]
    decided, reason = verdict(claim, listed, found)
    value, need = number(claim), needs(claim, len(listed)) if listed else _Needs(1, 1)
    right, wrong = counts(claim, listed) if listed else (0, 0)
    sides = (right, wrong) if claim.direction == "above" else (wrong, right)
    shown = mean(there) if there else None
    numbers = (shown.value, *shown.interval) if shown else (NOTHING,) * 3
    if len(there) == 1 and need.needed == 1:
        size = detectable_gain(there[0].parts, need.support)
    else:
        size = joint_detectable_gain(there, need.needed, need.support)
    chance = power_at(value, there[0].parts) if there and value is not None else NOTHING
    standing = (*sides, len(there) - sum(sides), len(listed) - len(there))
    seeds = min((entry.count for entry in there), default=0)
    targets = " ".join(targets_of(claim, found.draws)) + (
        f" less {' '.join(claim.less)}" if claim.less else ""
    )
    behind = (
        " ".join(entry.name for entry in listed)
        if len(listed) <= len(XTREME)
        else f"{len(listed)} pairs"
    )
    words = (rule(claim, len(listed)) if listed else "", reason)
    paper = NOTHING if value is None else value
    beside = placed(shown, value) if shown else ""
    return (
        name,
        claim.claim,
        _EVIDENCE[claim.source],
        decided,
        *numbers,
        *standing,
        paper,
        beside,
        size,
        chance,
        seeds,
        behind,
        targets,
        scope(claim, found) if there else "",
        measure(claim, len(listed)),
        *words,
    )


def claim_table(study: Study, draws: GainDraws, development: pd.DataFrame) -> pd.DataFrame:
    """Every claim with its verdict: columns TABLE. draws: `gain_draws` of the study; development:
    of `development`.

    estimate, low, high: of the mean of the differences, in points, 95 %; NaN where nothing is
    measured, or (low, high) with one seed.
    """
    found = facts(study, draws, development)
    return pd.DataFrame(
        [row(name, claim, found) for name, claim in claims().items()], columns=TABLE
    )


def claim_parts(study: Study, draws: GainDraws, development: pd.DataFrame) -> pd.DataFrame:
    """The differences behind each verdict: columns PARTS; level: of their intervals, as the claim's
    rule wants them."""
    found, rows = facts(study, draws, development), []
    for name, claim in claims().items():
        listed = contrasts(claim, found)
        for entry in listed:
            if entry.found is not None:
                level = needs(claim, len(listed)).support
                half = half_width(entry.found.parts, level)
                value, size = entry.found.value, detectable_gain(entry.found.parts, level)
                rows.append(
                    (
                        name,
                        entry.name,
                        value,
                        *settled([value - half, value + half]),
                        level,
                        size,
                        entry.found.count,
                    )
                )
    return pd.DataFrame(rows, columns=PARTS)


def claims_in_words(table: pd.DataFrame) -> pd.DataFrame:
    """`claim_table` as a reader wants it: columns claim paper study verdict detectable; texts, in
    points."""
    rows = []
    for entry in table.itertuples():
        paper = "" if np.isnan(entry.published) else f"{entry.published:+z.1f}"
        interval = (
            "no interval" if np.isnan(entry.low) else f"{entry.low:+z.1f} to {entry.high:+z.1f}"
        )
        own = "" if np.isnan(entry.estimate) else f"{entry.estimate:+z.1f} ({interval})"
        size = (
            ""
            if np.isnan(entry.detectable)
            else "none"
            if entry.detectable > _MOST_POINTS
            else f"{entry.detectable:.1f}"
        )
        size += "" if np.isnan(entry.power) else f" (the paper's: {100 * entry.power:.0f} %)"
        rule = "; ".join(filter(None, (entry.reason or entry.rule, entry.scope)))
        rows.append((entry.claim, entry.evidence, paper, own, entry.verdict, size, rule))
    return pd.DataFrame(
        rows, columns=["claim", "evidence", "paper", "study", "verdict", "detectable", "rule"]
    )


def sized(entry: tuple) -> str:
    """'gain +4.2 points, +1.0 to +7.4', from a row of `claim_table`."""
    interval = "" if np.isnan(entry.low) else f", {entry.low:+z.1f} to {entry.high:+z.1f}"
    return f"{entry.measure} {entry.estimate:+z.1f} points{interval}"


def _of_each(entry: tuple) -> str:
    """How many differences lie on which side, where there are several."""
    several = entry.above + entry.below + entry.open + entry.missing
    return f"; {entry.above} above 0, {entry.below} below, of {several}" if several > 1 else ""


def _partly(entry: tuple) -> str:
    return f"; {entry.scope}" if entry.scope else ""


def could(entry: tuple) -> str:
    """What the study could have decided, or why it could not."""
    if np.isnan(entry.detectable):
        return entry.reason
    each = " each" if entry.above + entry.below + entry.open + entry.missing > 1 else ""
    told = f"{100 * USUAL_POWER:.0f} % power begins at {entry.detectable:.1f} points{each}"
    if entry.detectable > _MOST_POINTS:
        told = f"no difference that scores can have would be told from 0 with {100 * USUAL_POWER:.0f} % power"
    chance = (
        ""
        if np.isnan(entry.power)
        else f"; the paper's {entry.published:+z.1f} would be told from 0 with {100 * entry.power:.0f} %"
    )
    return "; ".join(filter(None, (entry.reason, told))) + chance


def claim_findings(table: pd.DataFrame) -> str:
    """A paragraph of Markdown from `claim_table`: what was decided, with what interval, and what
    could not be."""
    lines = [
        f"Of {counted(len(table), 'claim')}: {', '.join(f'{(table.verdict == name).sum()} {name}' for name in _VERDICTS)}."
    ]
    for name in (SUPPORTED, CONTRADICTED):
        for entry in table[table["verdict"] == name].itertuples():
            lines.append(
                f"- **{name}**: {entry.claim} ({sized(entry)}{_of_each(entry)}{_partly(entry)})."
            )
    left = table[table["verdict"] == UNDECIDED]
    for entry in left.itertuples():
        lines.append(
            f"- **undecided**: {entry.claim} ({sized(entry)}{_of_each(entry)}; {could(entry)}{_partly(entry)})."
        )
    missing = table.loc[table["verdict"] == NOT_MEASURED, "reason"].value_counts(sort=False)
    lines += [
        f"- **not measured**: {reason} ({counted(many, 'claim')})."
        for reason, many in missing.items()
    ]
    lines += ["", "**What this does not show.** Undecided is not refuted. " + LIMITS]
    return "\n".join(lines)


LIMITS = (
    "The paper's numbers are XLM-R Large's on development data, these are this study's encoder's on its test data. Translations of the "
    "embedded suite are exact, which a machine's are not; recipes with noise count nowhere here. Intervals cover other "
    "seeds and test items in the same languages. The best single task was picked by the same scores, which favours it over all nine "
    "together. Across claims nothing is corrected: of twenty on effects of 0, one would be decided by chance."
)
