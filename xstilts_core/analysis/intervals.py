"""Variances and intervals of mean gains over chosen levels (seeds, languages, test items) that hold
with few seeds.

The levels that are drawn determine the claim. Seeds are always drawn: the claim holds for other
trainings of the same encoder. Drawing items extends it to other test sets. Languages are drawn only
on request: those of a benchmark are a fixed list, and drawing them makes a claim about languages
outside of it. Seeds, languages and items are crossed.

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

A study's power follows from the same parts. An interval of half-width h excludes 0 if the estimate
is further than h from 0. With standard error s and v degrees of freedom (Satterthwaite's), the
estimate of a true gain d does so on the side of d with probability P(T > h / s), where T is
noncentral t with v degrees of freedom and noncentrality d / s (Cohen 1988). `detectable_gain` is
the d at which that is 80 %: the minimum detectable effect (Bloom 1995, there with a central t). s
is itself estimated from few seeds, so the sizes are rough. They describe what the design can
decide. The observed gain is never used as d: such "observed power" only restates the p-value
(Hoenig and Heisey 2001).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import nctdtr, stdtrit

SEEDS_ITEMS, SEEDS = "seeds and items", "seeds"
ONE_SEED = "no interval: one seed"
NOTHING = float("nan")
# Degrees of freedom of a variance that is known.
MANY = 1e9
# Degrees of freedom above which t is taken as normal; scipy's noncentral t does not support more.
_NORMAL = 1e4
# In points. A smaller value is 0 up to rounding.
ROUNDING = 1e-9
USUAL_POWER = 0.8
_SEARCH = 60


@dataclass(frozen=True, slots=True)
class Part:
    """A level's share of the variance of a mean, in squared points, and the degrees of freedom of
    its estimate."""

    level: Literal["seeds", "languages", "items"]
    variance: float
    freedom: float


def _variances(parts: Sequence[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances and degrees of freedom of the parts."""
    table = np.array([(part.variance, part.freedom) for part in parts]).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def half_width(parts: Sequence[Part], level: float = 0.95) -> float:
    """Return half the width of the interval of a mean whose variance is the sum of the parts, by
    the method of the module docstring; NaN without parts."""
    return float(half_widths(*_variances(parts), level)) if parts else NOTHING


def half_widths(variances: np.ndarray, freedoms: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Return the half-widths [...] of intervals from variances [..., parts] and the parts' degrees
    of freedom, by the method of the module docstring; 0 without variance."""
    total, tail = variances.sum(axis=-1), (1 + level) / 2
    freedom = total**2 / np.where(total > 0, (variances**2 / freedoms).sum(axis=-1), 1)
    satterthwaite = stdtrit(np.where(total > 0, freedom, 1), tail) * np.sqrt(total)
    howe = np.sqrt((stdtrit(freedoms, tail) ** 2 * variances).sum(axis=-1))
    half: np.ndarray = (satterthwaite + howe) / 2
    return half


def student_interval(
    value: float, parts: Sequence[Part], level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of a mean whose variance is the sum of the parts, by the method of the
    module docstring; NaN without parts."""
    half = half_width(parts, level)
    return value - half, value + half


def _mean_square(values: np.ndarray, over: Sequence[int]) -> np.ndarray:
    """Return the variance [...] of a mean of values [..., seeds, languages] due to the interaction
    of the axes `over`, counted from the end: its sum of squares divided by its degrees of freedom
    and number of cells. The mean is taken over the other axis."""
    terms = values
    for axis in (-2, -1):
        means = terms.mean(axis=axis, keepdims=True)
        terms = terms - means if axis in over else means
    cells = [values.shape[axis] for axis in over]
    freedom = np.prod([count - 1 for count in cells])
    variance: np.ndarray = (terms**2).sum(axis=(-2, -1)) / freedom / np.prod(cells)
    return variance


def variance_parts(values: np.ndarray, draws: np.ndarray | None = None) -> list[Part]:
    """Return the parts of the variance of the mean of `values` [seeds, languages], both drawn, and
    of items if there are `draws`: the same values on resampled items, [draws, seeds, languages]."""
    seeds, languages, both = (float(_mean_square(values, axes)) for axes in ([-2], [-1], [-2, -1]))
    parts = [
        Part("seeds", seeds, values.shape[0] - 1),
        Part("languages", max(0.0, languages - both), values.shape[1] - 1),
    ]
    if draws is not None:
        rest = draws - draws.mean(axis=0)
        seeds, languages, both = (
            float(_mean_square(rest, axes).mean()) for axes in ([-2], [-1], [-2, -1])
        )
        items = float((rest.mean(axis=(-2, -1)) ** 2).mean()) - seeds - languages + both
        parts.append(Part("items", max(0.0, items), MANY))
    return parts


def power_at(gain: float, parts: Sequence[Part], level: float = 0.95) -> float:
    """Return the probability that the interval excludes 0 on the side of a true gain of that many
    points; NaN without an interval."""
    half = half_width(parts, level)
    if not half > ROUNDING:
        return NOTHING if np.isnan(half) else 1.0
    variances, freedoms = _variances(parts)
    total = variances.sum()
    # Satterthwaite's degrees of freedom.
    freedom = min(total**2 / (variances**2 / freedoms).sum(), _NORMAL)
    return float(1 - nctdtr(freedom, abs(gain) / np.sqrt(total), half / np.sqrt(total)))


def _bisected(too_low: Callable[[float], bool], low: float, high: float) -> float:
    """Return the number between low and high above which `too_low` is false."""
    for _ in range(_SEARCH):
        middle = (low + high) / 2
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return high


def detectable_gain(parts: Sequence[Part], level: float = 0.95) -> float:
    """Return the true gain in points that is detected with 80 % power; NaN without an interval."""
    half = half_width(parts, level)
    if not half > ROUNDING:
        return half
    high = 4 * half
    while power_at(high, parts, level) < USUAL_POWER:
        high *= 2
    return _bisected(lambda gain: power_at(gain, parts, level) < USUAL_POWER, 0.0, high)


def p_value(value: float, parts: Sequence[Part]) -> float:
    """Return the two-sided p-value of a gain of 0: one minus the level of the widest interval about
    `value` that excludes 0; NaN without an interval."""
    half = half_width(parts)
    if not half > ROUNDING:
        return NOTHING if np.isnan(half) else float(abs(value) < ROUNDING)
    # The search is over decimal logarithms of p.
    return float(10 ** _bisected(lambda p: half_width(parts, 1 - 10**p) >= abs(value), -18.0, 0.0))
