"""Fit a mixed-effects model of gains, and decompose their variance by source.

gain = mean + kind + size + script + family + resource level + (target) + (language) + (seed) +
(recipe) + residual, where terms in brackets are random, crossed and normal (Bates and others 2015);
the fit is by restricted maximum likelihood (likelihood.py). kind and size belong to a recipe, so
gains of one recipe are not independent evidence on them: without the random effect of recipes ten
recipes would count as thousands of rows. Degrees of freedom are therefore those of the units
between which a factor varies (the between-within rule; Schluchter and Elashoff 1990, unconfirmed):
recipes, or languages, minus one and minus the terms that vary between them.

In a complete table estimate and interval are those of the analysis of variance of a split plot
(Searle, Casella and McCulloch 1992). If recipes differ by less than the noise of their means would
produce, no variance of recipes is found. The noise then replaces it with the same degrees of
freedom, which makes the interval wider than that of the analysis of variance, never narrower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri, stdtr, stdtrit

from xstilts_core.analysis.intervals import ONE_SEED
from xstilts_core.analysis.likelihood import fit, told_apart
from xstilts_core.analysis.scores import in_order, settled
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


def fact(code: str, factor: str) -> str:
    """Return a property of a language: "language" is its code, "family" lacks the branch."""
    row = LANGUAGES[code]
    return code if factor == "language" else str(getattr(row, factor)).split(":")[0]


def described(
    table: pd.DataFrame,
    recipes: Mapping[str, Sequence[str]],
    examples: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return the gains of `gains` with a column for each factor of UNITS. Rows without a gain are
    dropped.

    recipes: name -> intermediate tasks, as in a study. kind: that of the recipe's task
    (`Task.kind`), MIXTURE for several. size: log2 of the English training examples, from `examples`
    by recipe, else the sum of the published sizes (NaN if one is unknown). script, family (without
    the branch), word_order and resource_level: those of the test language.
    """
    kinds, sizes = {}, {}
    for name, tasks in recipes.items():
        recipe_tasks = [task(entry, f"recipe {name}") for entry in tasks]
        kinds[name] = (
            (recipe_tasks[0].kind if len(recipe_tasks) == 1 else MIXTURE) if recipe_tasks else ""
        )
        known = sum(entry.sizes.get("train", NOTHING) for entry in recipe_tasks)
        sizes[name] = np.log2(float((examples or {}).get(name, known) or NOTHING))
    facts = ("script", "family", "word_order", "resource_level")
    return table.assign(
        kind=table["recipe"].map(kinds),
        size=table["recipe"].map(sizes),
        **{name: [fact(code, name) for code in table["language"]] for name in facts},
    ).dropna(subset=["gain"])


@dataclass(frozen=True, slots=True)
class _Term:
    """A factor in the model: one design column for each level except the reference; for size, one
    column, for a doubling."""

    factor: str
    levels: tuple[str, ...]
    reference: str
    columns: np.ndarray


def term(table: pd.DataFrame, factor: str) -> _Term:
    """Code a factor by treatment contrasts against its most frequent level."""
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
    """Return the terms that can be told apart, in the order of `factors`, and the reason for
    excluding each other factor."""
    terms: list[_Term] = []
    left_out: dict[str, str] = {}
    for factor in factors:
        if table[factor].isna().any():
            left_out[factor] = "left out: not known for every recipe"
        elif table[factor].nunique() < 2:
            left_out[factor] = "left out: it has one level"
        else:
            new = term(table, factor)
            columns = np.column_stack(
                [np.ones(len(table)), *(entry.columns for entry in (*terms, new))]
            )
            freedom = (
                table[UNITS[factor]].nunique()
                - 1
                - sum(
                    entry.columns.shape[1]
                    for entry in terms
                    if UNITS[entry.factor] == UNITS[factor]
                )
            )
            if np.linalg.matrix_rank(columns) < columns.shape[1] or freedom <= new.columns.shape[1]:
                left_out[factor] = (
                    f"left out: {table[UNITS[factor]].nunique()} {UNITS[factor]}s are too few to "
                    "tell it from the others"
                )
            else:
                terms.append(new)
    return terms, left_out


def levels(table: pd.DataFrame, source: str) -> np.ndarray:
    """Return the level of each row, from 0: of recipe, task, language or seed, or of CELL."""
    groups = table.groupby(["recipe", "task"] if source == CELL else source)
    codes: np.ndarray = groups.ngroup().to_numpy()
    return codes


def mixed_effects(table: pd.DataFrame, factors: Sequence[str] = _FACTORS) -> pd.DataFrame:
    """Return the fixed effects of the model in points, from `described`: columns EFFECTS.

    estimate: points of gain above the `reference` level; for size, for twice as many examples. low,
    high: 95 %, Student's t; p: two-sided; NaN, with the reason, if the gains do not vary around the
    model at all. units: the number of recipes or languages between which the factor varies. A
    factor that this table cannot separate from those before it has a row of NaN and the reason. The
    module docstring has the model and its sources.
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
        fixed = np.column_stack([np.ones(len(table)), *(effect.columns for effect in terms)])
        sources = [levels(table, name) for name in RANDOM if table[name].nunique() > 1]
        estimates, covariance, _ = fit(table["gain"].to_numpy(float), fixed, sources)
        index = 1
        for effect in terms:
            unit = UNITS[effect.factor]
            width = sum(other.columns.shape[1] for other in terms if UNITS[other.factor] == unit)
            freedom = table[unit].nunique() - 1 - width
            for level in effect.levels:
                value, error = (
                    float(settled(estimates[index])),
                    float(np.sqrt(covariance[index, index])),
                )
                half = float(stdtrit(freedom, 0.975)) * error if error else NOTHING
                p = float(2 * stdtr(freedom, -abs(value) / error)) if error else NOTHING
                reason = "" if error else f"no interval: {NO_VARIANCE}"
                rows.append(
                    (
                        effect.factor,
                        level,
                        effect.reference,
                        value,
                        *settled([value - half, value + half]),
                        p,
                        table[unit].nunique(),
                        reason,
                    )
                )
                index += 1
    rows += [
        (factor, "", "", *(NOTHING,) * 4, table[UNITS[factor]].nunique(), reason)
        for factor, reason in left_out.items()
    ]
    return in_order(pd.DataFrame(rows, columns=EFFECTS), ["effect"], {"effect": factors})


def told(effects: pd.DataFrame, seeds: int) -> pd.DataFrame:
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
    recipe on target, and the rest: columns SHARES.

    table has rows of recipe, task, language, seed and gain. Every source is random with a common
    mean; the fit is by restricted maximum likelihood (Searle, Casella and McCulloch 1992).
    variance, low, high: squared points; share: of the sum of the variances, NaN if that is 0. A
    source with one level, or confounded with others, has NaN and the reason, since its variance is
    hidden in the others'. A source for which the gains show no variance has 0 and NO_VARIANCE.
    Intervals are by `variance_interval`: few levels give wide intervals, one seed gives none.
    """
    gains = table.dropna(subset=["gain"])
    counts = {name: gains[name].nunique() for name in ("recipe", "task", "language", "seed")}
    counts[CELL] = len(gains[["recipe", "task"]].drop_duplicates())
    single = counts["recipe"] < 2 or counts["task"] < 2
    varying = [
        name for name, count in counts.items() if count > 1 and not (name == CELL and single)
    ]
    freedom = len(gains) - 1 - sum(counts[name] - 1 for name in varying)
    if freedom <= 0 or not varying:
        return pd.DataFrame(
            [
                (name, *(NOTHING,) * 4, count, "too few gains")
                for name, count in (counts | {RESIDUAL: len(gains)}).items()
            ],
            columns=SHARES,
        )
    mean = np.ones((len(gains), 1))
    sources = [
        varying[index] for index in told_apart(mean, [levels(gains, name) for name in varying])
    ]
    variances = fit(gains["gain"].to_numpy(float), mean, [levels(gains, name) for name in sources])[
        2
    ]
    fitted = dict(zip((*sources, RESIDUAL), map(float, variances), strict=True))
    total, rows = sum(fitted.values()), []
    for name, count in (counts | {RESIDUAL: len(gains)}).items():
        if name not in fitted:
            reason = (
                "it is confounded with other sources"
                if name in varying
                else "one level"
                if name != CELL
                else "one recipe or one target"
            )
            rows.append((name, *(NOTHING,) * 4, count, f"cannot be estimated: {reason}"))
            continue
        noise = 0.0 if name == RESIDUAL else fitted[RESIDUAL] * count / len(gains)
        if CELL in fitted and name in ("recipe", "task"):
            noise += fitted[CELL] * count / counts[CELL]
        known = counts["seed"] > 1 and total > 0
        interval = (
            variance_interval(fitted[name], noise, freedom + 1 if name == RESIDUAL else count)
            if known
            else (NOTHING, NOTHING)
        )
        share = fitted[name] / total if total > 0 else NOTHING
        rows.append(
            (name, fitted[name], *interval, share, count, "" if fitted[name] > 0 else NO_VARIANCE)
        )
    return pd.DataFrame(rows, columns=SHARES)
