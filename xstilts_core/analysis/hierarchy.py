"""Intervals of mean gains over chosen levels (pretraining seeds, fine-tuning seeds, languages, test
items) that hold with few seeds.

The levels that are drawn determine the claim. Seeds are always drawn: the claim holds for other
trainings. Drawing items extends it to other test sets. Languages are drawn only on request: those
of a benchmark are a fixed list, and drawing them makes a claim about languages outside of it. If
there are several pretraining seeds, each is drawn with everything fine-tuned from it (of nested
levels only the top one is drawn: Davison and Hinkley 1997); with one, the claim is about that
encoder. Seeds, languages and items are crossed.

Test items are drawn with replacement (items.py). Seeds and languages are three or four: a
percentile interval from so few draws covers the truth in 87 % of cases instead of 95 (two seeds: 70
%). Their part of the bootstrap variance is therefore computed instead of simulated, and Student's t
replaces the normal. With X the mean over everything, x_s that of seed s, S seeds:

    seeds       V_S = sum_s (x_s - X)^2 / (S (S - 1)), S - 1 degrees of freedom
    languages   V_L - V_SL, L - 1 degrees of freedom
    items       V_I - V_SI - V_LI + V_SLI, from the replicates; treated as known, as items are many

V of several levels at once is the mean square of their interaction divided by the number of its
cells. Noise that belongs to both levels is counted once (as in multiway clustering, Cameron,
Gelbach and Miller 2011; Owen's pigeonhole bootstrap of 2007 counts it twice).

The half-width is the mean of two approximations for a sum of such parts. Satterthwaite (1946), t
with (sum V)^2 / sum(V^2 / df) degrees of freedom, is too small if a part with few degrees of
freedom is not alone. Howe (1974, unconfirmed), sqrt(sum t_df^2 V), is too large in that case. In
simulations with three seeds or more their mean covers the truth in 93 to 97 % of cases; with two in
95 to 98 %.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from xstilts_core.analysis.gains import chosen_languages, settled
from xstilts_core.analysis.items import ItemScores
from xstilts_core.errors import UsageError, unknown
from xstilts_core.study.spec import BASELINE

Level = Literal["seeds", "languages", "items"]
LEVELS: tuple[Level, ...] = ("seeds", "languages", "items")
ONE_SEED = "no interval: one seed"
_ONE_LANGUAGE = "no interval: one language"
_INCOMPLETE = "no interval: a language lacks a seed"
NOTHING = float("nan")
# Degrees of freedom of a variance that is known.
MANY = 1e9
COLUMNS = ["recipe", "task", "gain", "low", "high", "seeds", "languages", "resampled", "reason"]


@dataclass(frozen=True, slots=True)
class Part:
    """A level's share of the variance of a mean, in squared points, and the degrees of freedom of
    its estimate."""

    level: Level
    variance: float
    freedom: float


def half_width(parts: Sequence[Part], level: float = 0.95) -> float:
    """Return half the width of the interval of a mean whose variance is the sum of the parts, by
    the method of the module docstring; NaN without parts."""
    variances = np.array([part.variance for part in parts])
    if len(parts) == 0 or not np.isfinite(variances.sum()):
        return NOTHING
    return float(half_widths(variances, np.array([part.freedom for part in parts]), level))


def half_widths(variances: np.ndarray, freedoms: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Return the half-widths [...] of intervals from variances [..., parts] and the parts' degrees
    of freedom, by the method of the module docstring; 0 without variance."""
    total, tail = variances.sum(axis=-1), (1 + level) / 2
    freedom = total**2 / np.where(total > 0, (variances**2 / freedoms).sum(axis=-1), 1)
    satterthwaite = stdtrit(np.where(total > 0, freedom, 1), tail) * np.sqrt(total)
    howe = np.sqrt((stdtrit(freedoms, tail) ** 2 * variances).sum(axis=-1))
    half: np.ndarray = (satterthwaite + howe) / 2
    return half


def degrees_of_freedom(parts: Sequence[Part]) -> float:
    """Return Satterthwaite's degrees of freedom of a positive variance, the sum of the parts."""
    variances = np.array([part.variance for part in parts])
    return float(
        variances.sum() ** 2 / (variances**2 / np.array([part.freedom for part in parts])).sum()
    )


def student_interval(
    value: float, parts: Sequence[Part], level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of a mean whose variance is the sum of the parts, by the method of the
    module docstring; NaN without parts."""
    half = half_width(parts, level)
    return (
        (NOTHING, NOTHING)
        if np.isnan(half)
        else (float(settled(value - half)), float(settled(value + half)))
    )


def _mean_square(values: np.ndarray, axes: Sequence[int], over: Sequence[int]) -> np.ndarray:
    """Return the variance of a mean due to the interaction of `over`: its sum of squares divided by
    its degrees of freedom and number of cells.

    values: [..., seeds, languages]. axes: the positions of both, counted from the end; the mean is
    taken over those not in `over`.
    """
    terms = values
    for axis in axes:
        means = terms.mean(axis=axis, keepdims=True)
        terms = terms - means if axis in over else means
    cells = [values.shape[axis] for axis in over]
    squares, freedom = (terms**2).sum(axis=tuple(axes)), np.prod([count - 1 for count in cells])
    variance: np.ndarray = squares / freedom / np.prod(cells)
    return variance


def variance_parts(
    values: np.ndarray, draws: np.ndarray | None, levels: Collection[Level]
) -> list[Part]:
    """Return the parts of the variance of the mean of `values` [seeds, languages].

    draws: the same values on resampled items, [draws, seeds, languages]. Fixed levels are averaged
    over first. A level with a single unit gives NaN, because its variance is unknown.
    """
    axes = (-2, -1)
    random_axes = [axis for axis, level in zip(axes, LEVELS, strict=False) if level in levels]
    for axis in axes:
        if axis not in random_axes:
            values = values.mean(axis=axis, keepdims=True)
            draws = None if draws is None else draws.mean(axis=axis, keepdims=True)
    counts = [values.shape[axis] for axis in random_axes]
    if min(counts, default=2) < 2:
        return [Part("seeds", NOTHING, MANY)]
    subsets = {size: list(combinations(random_axes, size)) for size in range(len(random_axes) + 1)}
    parts = [
        Part(LEVELS[axis + 2], float(_mean_square(values, axes, [axis])), values.shape[axis] - 1)
        for axis in random_axes
    ]
    if len(random_axes) == 2:
        interaction = float(_mean_square(values, axes, random_axes))
        parts[1] = Part("languages", max(0.0, parts[1].variance - interaction), parts[1].freedom)
    if draws is not None and "items" in levels:
        rest = draws - draws.mean(axis=0)
        variance = sum(
            (-1) ** size
            * float(
                (_mean_square(rest, axes, group) if group else rest.mean(axis=axes) ** 2).mean()
            )
            for size, groups in subsets.items()
            for group in groups
        )
        parts.append(Part("items", max(0.0, variance), MANY))
    return parts


def block(rows: pd.DataFrame, unit: str, codes: Sequence[str]) -> np.ndarray:
    """Return mean gains [units, languages]; NaN if a unit lacks a language."""
    table = rows.pivot_table(index=unit, columns="language", values="gain")
    values: np.ndarray = table.reindex(columns=list(codes)).to_numpy(float)
    return values


def _item_block(
    rows: pd.DataFrame, unit: str, codes: Sequence[str], items: ItemScores
) -> np.ndarray | None:
    """Return resampled gains [draws, units, languages]; None if a prediction is missing."""
    units = []
    for _, runs in rows.groupby(unit):
        language_gains = []
        for code in codes:
            seeds = runs.loc[runs["language"] == code, "seed"]
            keys = [
                (runs["task"].iloc[0], code, name, int(seed))
                for name in (runs["recipe"].iloc[0], BASELINE)
                for seed in seeds
            ]
            if not keys or not all(key in items for key in keys):
                return None
            recipe_keys, baseline_keys = keys[: len(seeds)], keys[len(seeds) :]
            language_gains.append(
                np.mean([items[key] for key in recipe_keys], axis=0)
                - np.mean([items[key] for key in baseline_keys], axis=0)
            )
        units.append(np.stack(language_gains, axis=-1))
    return np.stack(units, axis=1)


def _drawn_parts(
    runs: pd.DataFrame,
    unit: str,
    codes: Sequence[str],
    items: ItemScores,
    levels: Collection[Level],
) -> tuple[list[Part], str, str]:
    """Return variance parts of a recipe on a target, what they cover, and why there are none."""
    values = block(runs, unit, codes)
    if len(values) < 2:
        return [], "", ONE_SEED
    if "languages" in levels and len(codes) < 2:
        return [], "", _ONE_LANGUAGE
    if np.isnan(values).any():
        if "languages" in levels:
            return [], "", _INCOMPLETE
        values = np.nanmean(values, axis=1, keepdims=True)
    draws = _item_block(runs, unit, codes, items) if "items" in levels else None
    drawn_levels = [
        level for level in LEVELS if level in levels and (level != "items" or draws is not None)
    ]
    return variance_parts(values, draws, levels), " and ".join(drawn_levels), ""


def hierarchical_gains(
    table: pd.DataFrame,
    items: ItemScores,
    levels: Collection[Level] = ("seeds", "items"),
    languages: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return mean gains and their 95 % intervals over the given levels, in points: one row per
    recipe and target, columns COLUMNS.

    table: from `gains`; a column `pretraining` holds the pretraining seed if a study crosses it
    with fine-tuning seeds. items: from `item_scores`, {} without predictions. languages: None
    selects all but English. In the result, `resampled` lists the levels drawn and `reason` explains
    a missing interval. The module docstring has the method, formulas and sources.
    """
    for level in levels:
        if level not in LEVELS:
            raise unknown("level", level, LEVELS)
    if "seeds" not in levels:
        raise UsageError(
            f"levels {', '.join(levels)} lack seeds: the interval of a gain would hold "
            "for these runs alone; add 'seeds'"
        )
    rows = []
    valid = table[table["language"].isin(chosen_languages(table["language"], languages))].dropna(
        subset=["gain"]
    )
    for (recipe, task), runs in valid.groupby(["recipe", "task"], sort=False):
        several_encoders = "pretraining" in runs and runs["pretraining"].nunique() > 1
        unit = "pretraining" if several_encoders else "seed"
        codes = sorted(runs["language"].unique())
        parts, scope, reason = _drawn_parts(runs, unit, codes, items, levels)
        if several_encoders:
            scope = scope.replace("seeds", "pretraining seeds", 1)
        value = float(settled(runs["gain"].mean()))
        counts = (runs[unit].nunique(), len(codes))
        rows.append((recipe, task, value, *student_interval(value, parts), *counts, scope, reason))
    return pd.DataFrame(rows, columns=COLUMNS)
