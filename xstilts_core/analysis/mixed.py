"""Fit a mixed-effects model of gains, and decompose their variance by source.

gain = mean + factor + (target) + (language) + (seed) + (recipe) + residual, where terms in brackets
are random, crossed and normal (Bates and others 2015); the fit is by restricted maximum likelihood
(likelihood.py). The factor is the kind of a recipe's tasks, or a property of the test language.
Gains of one recipe are not independent evidence on its kind: without the random effect of recipes
ten recipes would count as thousands of rows. Degrees of freedom are therefore those of the units
between which a factor varies (the between-within rule; Schluchter and Elashoff 1990, unconfirmed):
recipes, or languages, minus one and minus the levels that are compared with the reference.

In a complete table estimate and interval are those of the analysis of variance of a split plot
(Searle, Casella and McCulloch 1992). If recipes differ by less than the noise of their means would
produce, no variance of recipes is found. The noise then replaces it with the same degrees of
freedom, which makes the interval wider than that of the analysis of variance, never narrower.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import chdtri, stdtr, stdtrit

from xstilts_core.analysis.intervals import NOTHING, ONE_SEED
from xstilts_core.analysis.likelihood import fit, separable_sources
from xstilts_core.analysis.scores import TRAITS, fact, settled
from xstilts_core.study.wording import require_known
from xstilts_core.tasks import task

_UNITS = {"kind": "recipe", **dict.fromkeys(TRAITS, "language")}
_RANDOM = ("task", "language", "seed", "recipe")
EFFECTS = ["effect", "level", "reference", "estimate", "low", "high", "p", "units", "reason"]
_SHARES = ["source", "variance", "low", "high", "share", "levels", "reason"]
CELL, RESIDUAL = "recipe x task", "residual"
NO_VARIANCE = "no variance found"


def described(table: pd.DataFrame, recipes: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the gains of `gains` with a column for each factor. Rows without a gain are dropped.

    recipes: name -> intermediate tasks, as in a study. kind: that of the recipe's task
    (`Task.kind`), "several tasks" for several. script, family (without the branch), word_order and
    resource_level: those of the test language.
    """
    kinds = {}
    for name, tasks in recipes.items():
        task_kinds = [task(entry, f"recipe {name}").kind for entry in tasks]
        kinds[name] = "several tasks" if len(tasks) > 1 else "".join(task_kinds)
    traits = {name: [fact(code, name) for code in table["language"]] for name in TRAITS}
    return table.assign(kind=table["recipe"].map(kinds), **traits).dropna(subset=["gain"])


def _levels(table: pd.DataFrame, source: str) -> np.ndarray:
    """Return the level of each row, from 0: of recipe, task, language or seed, or of CELL."""
    groups = table.groupby(["recipe", "task"] if source == CELL else source)
    codes: np.ndarray = groups.ngroup().to_numpy()
    return codes


def mixed_effects(table: pd.DataFrame, factor: str, reference: str = "") -> pd.DataFrame:
    """Return the effects of a factor in points, from `described`: columns EFFECTS, a row for each
    level except the reference: `reference`, or the most frequent level if there is no such level.

    estimate: points of gain above the reference. low, high: 95 %, Student's t; p: two-sided; NaN,
    with the reason, if the gains do not vary around the model at all. units: the number of recipes
    or languages between which the factor varies. A factor that this table cannot tell has a row of
    NaN and the reason. The module docstring has the model and its sources.
    """
    require_known("factor", [factor], _UNITS)
    unit = _UNITS[factor]
    names = sorted(table[factor].value_counts().index, key=lambda name: name != reference)
    units, width = table[unit].nunique(), len(names) - 1
    freedom, reason = units - 1 - width, ""
    if table.empty:
        reason = "left out: no gains yet"
    elif width < 1:
        reason = "left out: it has one level"
    elif freedom < 1:
        reason = f"left out: {units} {unit}s are too few to tell it from the others"
    if reason:
        row = (factor, "", "", *(NOTHING,) * 4, units, reason)
        return pd.DataFrame([row], columns=EFFECTS)
    fixed = np.column_stack([np.ones(len(table)), *(table[factor] == name for name in names[1:])])
    sources = [_levels(table, name) for name in _RANDOM if table[name].nunique() > 1]
    estimates, covariance, _ = fit(table["gain"].to_numpy(float), fixed, sources)
    values, errors = settled(estimates[1:]), np.sqrt(np.diag(covariance)[1:])
    reasons = np.where(errors > 0, "", f"no interval: {NO_VARIANCE}")
    errors = np.where(errors > 0, errors, NOTHING)
    half, p = stdtrit(freedom, 0.975) * errors, 2 * stdtr(freedom, -abs(values) / errors)
    low, high = settled(values - half), settled(values + half)
    columns = [factor, names[1:], names[0], values, low, high, p, units, reasons]
    return pd.DataFrame(dict(zip(EFFECTS, columns, strict=True)))


def known_intervals(effects: pd.DataFrame, seeds: int) -> pd.DataFrame:
    """Return the effects, without intervals and p if there is one seed, because the variation
    between seeds is then unknown."""
    if seeds > 1:
        return effects
    known = effects["estimate"].notna()
    return effects.assign(
        low=NOTHING, high=NOTHING, p=NOTHING, reason=effects["reason"].mask(known, ONE_SEED)
    )


def variance_interval(variance: float, noise: float, levels: int) -> tuple[float, float]:
    """Return the 95 % interval of the variance of a source with so many levels, whose level means
    also carry the variance `noise`.

    ((k - 1) M / chi2(.975) - v, (k - 1) M / chi2(.025) - v) with M = variance + v and k levels, at
    least 0 (Williams 1962, unconfirmed).
    """
    freedom = levels - 1
    # chdtri takes the upper tail probability.
    low, high = (
        freedom * (variance + noise) / chdtri(freedom, tail) - noise for tail in (0.025, 0.975)
    )
    return max(0.0, float(low)), max(0.0, float(high))


def variance_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the variance of single gains is due to recipe, target, language, seed,
    recipe on target, and the rest: columns _SHARES.

    table has rows of recipe, task, language, seed and gain. Every source is random with a common
    mean; the fit is by restricted maximum likelihood (Searle, Casella and McCulloch 1992).
    variance, low, high: squared points; share: of the sum of the variances, NaN if that is 0. A
    source with one level, or confounded with others, has NaN and the reason, since its variance is
    hidden in the others'. A source for which the gains show no variance has 0 and NO_VARIANCE.
    Intervals are by `variance_interval`: few levels give wide intervals, one seed gives none.
    """
    gains = table.dropna(subset=["gain"])
    counts = {name: gains[name].nunique() for name in ("recipe", "task", "language", "seed")}
    crossed = counts["recipe"] > 1 and counts["task"] > 1
    counts[CELL] = len(gains[["recipe", "task"]].drop_duplicates())
    varying = [name for name in counts if counts[name] > 1 and (name != CELL or crossed)]
    freedom = len(gains) - 1 - sum(counts[name] - 1 for name in varying)
    counts[RESIDUAL] = len(gains)
    fitted: dict[str, float] = {}
    if varying and freedom > 0:
        mean, codes = np.ones((len(gains), 1)), {name: _levels(gains, name) for name in varying}
        sources = [varying[index] for index in separable_sources(mean, list(codes.values()))]
        chosen = [codes[name] for name in sources]
        variances = fit(gains["gain"].to_numpy(float), mean, chosen)[2]
        fitted = dict(zip((*sources, RESIDUAL), map(float, variances), strict=True))
    total, rows = sum(fitted.values()), []
    for name, count in counts.items():
        variance, share, interval = fitted.get(name, NOTHING), NOTHING, (NOTHING, NOTHING)
        reason = "" if variance > 0 else NO_VARIANCE
        if not fitted:
            reason = "too few gains"
        elif name not in fitted:
            reason = "one recipe or one target" if name == CELL else "one level"
            if name in varying:
                reason = "it is confounded with other sources"
            reason = f"cannot be estimated: {reason}"
        elif total > 0:
            share = variance / total
            noise = 0.0 if name == RESIDUAL else fitted[RESIDUAL] * count / len(gains)
            if CELL in fitted and name in ("recipe", "task"):
                noise += fitted[CELL] * count / counts[CELL]
            if counts["seed"] > 1:
                levels = freedom + 1 if name == RESIDUAL else count
                interval = variance_interval(variance, noise, levels)
        rows.append((name, variance, *interval, share, count, reason))
    return pd.DataFrame(rows, columns=_SHARES)
