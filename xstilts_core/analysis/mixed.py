"""What gains go with, and where they come from: a mixed-effects model of gains, and how much of
their variance each source has.

gain = mean + kind + size + script + family + resource level + (target) + (language) + (seed) +
(recipe) + residual, those in brackets random, crossed, normal (Bates and others 2015); fitted by
restricted maximum likelihood (likelihood.py). kind and size belong to a recipe, so that gains of
one recipe are no independent evidence on them: without the random effect of recipes ten recipes
would pass for thousands of rows. Degrees of freedom are therefore those of the units a factor
varies between (the between-within rule; Schluchter and Elashoff 1990, unconfirmed): recipes, or
languages, less one and less the terms that vary between them.

In a table without gaps estimate and interval are those of the analysis of variance of a split plot
(Searle, Casella and McCulloch 1992). Where recipes differ by less than the noise of their means
would make them, no variance of recipes is found; the noise then stands for it under the same
degrees of freedom, which makes the interval wider than that of the analysis of variance, never
narrower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri, stdtr, stdtrit

from xstilts_core.analysis.gains import settled
from xstilts_core.analysis.hierarchy import ONE_SEED
from xstilts_core.analysis.likelihood import fit, told_apart
from xstilts_core.errors import unknown
from xstilts_core.languages import LANGUAGES
from xstilts_core.tasks import task

NOTHING = float("nan")
MIXTURE = "several tasks"
SIZE = "size"
_FACTORS = ("kind", SIZE, "script", "family", "resource_level")
UNITS = dict.fromkeys(("kind", SIZE), "recipe") | dict.fromkeys(
    ("script", "family", "word_order", "resource_level"), "language"
)
RANDOM = ("task", "language", "seed", "recipe")
EFFECTS = ["effect", "level", "reference", "estimate", "low", "high", "p", "units", "reason"]
SHARES = ["source", "variance", "low", "high", "share", "levels", "reason"]
CELL, RESIDUAL = "recipe x task", "residual"
NO_VARIANCE = "no variance found"


def described(
    table: pd.DataFrame,
    recipes: Mapping[str, Sequence[str]],
    examples: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """The gains of `gains` with a column for each factor of UNITS; rows without a gain are left
    out.

    recipes: name -> intermediate tasks, as in a study. kind: of the recipe's task (`Task.kind`),
    MIXTURE for several. size: log2 of the English training examples, from `examples` by recipe,
    else the sum of the published sizes (NaN where one is unknown). script, family (without the
    branch), word_order and resource_level: of the test language.
    """
    kinds, sizes = {}, {}
    for name, tasks in recipes.items():
        found = [task(entry, f"recipe {name}") for entry in tasks]
        kinds[name] = (found[0].kind if len(found) == 1 else MIXTURE) if found else ""
        known = sum(entry.sizes.get("train", NOTHING) for entry in found)
        sizes[name] = np.log2(float((examples or {}).get(name, known) or NOTHING))
    rows = [LANGUAGES[code] for code in table["language"]]
    return table.assign(
        kind=table["recipe"].map(kinds),
        size=table["recipe"].map(sizes),
        script=[row.script for row in rows],
        family=[row.family.split(":")[0] for row in rows],
        word_order=[row.word_order for row in rows],
        resource_level=[row.resource_level for row in rows],
    ).dropna(subset=["gain"])


@dataclass(frozen=True, slots=True)
class _Term:
    """A factor in the model: its column in the design for each level but the reference; for size,
    one column, for a doubling."""

    factor: str
    levels: tuple[str, ...]
    reference: str
    columns: np.ndarray


def term(table: pd.DataFrame, factor: str) -> _Term:
    """Treatment coding against the most frequent level."""
    if factor == SIZE:
        values = table[SIZE].to_numpy(float)
        return _Term(factor, ("a doubling",), "", (values - values.mean())[:, None])
    counts = table[factor].value_counts()
    reference, others = str(counts.index[0]), tuple(str(name) for name in counts.index[1:])
    return _Term(
        factor,
        others,
        reference,
        np.stack([(table[factor] == name).to_numpy(float) for name in counts.index], axis=1)[:, 1:],
    )


def design(table: pd.DataFrame, factors: Sequence[str]) -> tuple[list[_Term], dict[str, str]]:
    """The terms that can be told apart, in the order of `factors`, and why the others were left
    out."""
    kept: list[_Term] = []
    left_out: dict[str, str] = {}
    for factor in factors:
        if table[factor].isna().any():
            left_out[factor] = "left out: not known of every recipe"
        elif table[factor].nunique() < 2:
            left_out[factor] = "left out: it has one level"
        else:
            found = term(table, factor)
            tried = np.column_stack(
                [np.ones(len(table)), *(entry.columns for entry in (*kept, found))]
            )
            free = (
                table[UNITS[factor]].nunique()
                - 1
                - sum(
                    entry.columns.shape[1] for entry in kept if UNITS[entry.factor] == UNITS[factor]
                )
            )
            if np.linalg.matrix_rank(tried) < tried.shape[1] or free <= found.columns.shape[1]:
                left_out[factor] = (
                    f"left out: {table[UNITS[factor]].nunique()} {UNITS[factor]}s are too few to tell it from the others"
                )
            else:
                kept.append(found)
    return kept, left_out


def levels(table: pd.DataFrame, source: str) -> np.ndarray:
    """The level of each row, from 0: of recipe, task, language or seed, or of CELL."""
    return table.groupby(["recipe", "task"] if source == CELL else source).ngroup().to_numpy()


def mixed_effects(table: pd.DataFrame, factors: Sequence[str] = _FACTORS) -> pd.DataFrame:
    """The fixed effects of the model in points, from `described`: columns EFFECTS.

    estimate: points of gain more than at the `reference` level; for size, for twice as many
    examples. low, high: 95 %, Student's t; p: two-sided; NaN, with the reason, where the gains do
    not vary about the model at all. units: the recipes or languages that the factor varies between.
    A factor that this table cannot tell from those before it has a row of NaN and the reason. Model
    and sources: see the module.
    """
    for factor in factors:
        if factor not in UNITS:
            raise unknown("factor", factor, UNITS)
    terms, left_out = (
        design(table, factors)
        if len(table)
        else ([], dict.fromkeys(factors, "left out: no gains yet"))
    )
    rows = []
    if terms:
        fixed = np.column_stack([np.ones(len(table)), *(entry.columns for entry in terms)])
        sources = [levels(table, name) for name in RANDOM if table[name].nunique() > 1]
        estimates, covariance, _ = fit(table["gain"].to_numpy(float), fixed, sources)
        place = 1
        for entry in terms:
            unit = UNITS[entry.factor]
            taken = sum(other.columns.shape[1] for other in terms if UNITS[other.factor] == unit)
            freedom = table[unit].nunique() - 1 - taken
            for level in entry.levels:
                value, error = (
                    float(settled(estimates[place])),
                    float(np.sqrt(covariance[place, place])),
                )
                half = float(stdtrit(freedom, 0.975)) * error if error else NOTHING
                p = float(2 * stdtr(freedom, -abs(value) / error)) if error else NOTHING
                reason = "" if error else f"no interval: {NO_VARIANCE}"
                rows.append(
                    (
                        entry.factor,
                        level,
                        entry.reference,
                        value,
                        *settled([value - half, value + half]),
                        p,
                        table[unit].nunique(),
                        reason,
                    )
                )
                place += 1
    rows += [
        (factor, "", "", *(NOTHING,) * 4, table[UNITS[factor]].nunique(), reason)
        for factor, reason in left_out.items()
    ]
    return pd.DataFrame(rows, columns=EFFECTS).sort_values(
        "effect",
        key=lambda column: column.map(list(factors).index),
        kind="stable",
        ignore_index=True,
    )


def told(effects: pd.DataFrame, seeds: int) -> pd.DataFrame:
    """The effects as they stand, or with one seed without intervals and p: what another seed would
    say is not known."""
    if seeds > 1:
        return effects
    known = effects["estimate"].notna()
    return effects.assign(
        low=NOTHING, high=NOTHING, p=NOTHING, reason=effects["reason"].mask(known, ONE_SEED)
    )


def variance_interval(variance: float, noise: float, levels: int) -> tuple[float, float]:
    """95 % interval of the variance of a source with that many levels, whose level means carry the
    variance `noise` beside it.

    ((k - 1) M / chi2(.975) - v, (k - 1) M / chi2(.025) - v) with M = variance + v and k levels, at
    least 0 (Williams 1962, unconfirmed).
    """
    free = levels - 1
    # chdtri takes the upper tail.
    low, high = (free * (variance + noise) / chdtri(free, tail) - noise for tail in (0.025, 0.975))
    return max(0.0, float(low)), max(0.0, float(high))


def variance_shares(table: pd.DataFrame) -> pd.DataFrame:
    """How much of the variance of single gains is recipe, target, language, seed, recipe on target,
    and the rest: columns SHARES.

    From rows recipe, task, language, seed and gain; every source is random, mean common to all, by
    restricted maximum likelihood (Searle, Casella and McCulloch 1992). variance, low, high: squared
    points; share of the sum of the variances, NaN where that is 0. A source with one level, or
    whose levels go with those of others, has NaN and the reason: its variance hides in the others;
    one of which the gains show nothing has 0 and NO_VARIANCE. Interval: `variance_interval`; few
    levels, wide interval; with one seed, none.
    """
    kept = table.dropna(subset=["gain"])
    counts = {name: kept[name].nunique() for name in ("recipe", "task", "language", "seed")}
    counts[CELL] = len(kept[["recipe", "task"]].drop_duplicates())
    single = counts["recipe"] < 2 or counts["task"] < 2
    several = [
        name for name, count in counts.items() if count > 1 and not (name == CELL and single)
    ]
    free = len(kept) - 1 - sum(counts[name] - 1 for name in several)
    if free <= 0 or not several:
        return pd.DataFrame(
            [
                (name, *(NOTHING,) * 4, count, "too few gains")
                for name, count in (counts | {RESIDUAL: len(kept)}).items()
            ],
            columns=SHARES,
        )
    mean = np.ones((len(kept), 1))
    sources = [
        several[place] for place in told_apart(mean, [levels(kept, name) for name in several])
    ]
    variances = fit(kept["gain"].to_numpy(float), mean, [levels(kept, name) for name in sources])[2]
    found = dict(zip((*sources, RESIDUAL), map(float, variances), strict=True))
    total, rows = sum(found.values()), []
    for name, count in (counts | {RESIDUAL: len(kept)}).items():
        if name not in found:
            reason = (
                "it goes with other sources"
                if name in several
                else "one level"
                if name != CELL
                else "one recipe or one target"
            )
            rows.append((name, *(NOTHING,) * 4, count, f"not to be told: {reason}"))
            continue
        noise = 0.0 if name == RESIDUAL else found[RESIDUAL] * count / len(kept)
        if CELL in found and name in ("recipe", "task"):
            noise += found[CELL] * count / counts[CELL]
        known = counts["seed"] > 1 and total > 0
        between = (
            variance_interval(found[name], noise, free + 1 if name == RESIDUAL else count)
            if known
            else (NOTHING, NOTHING)
        )
        share = found[name] / total if total > 0 else NOTHING
        rows.append(
            (name, found[name], *between, share, count, "" if found[name] > 0 else NO_VARIANCE)
        )
    return pd.DataFrame(rows, columns=SHARES)
