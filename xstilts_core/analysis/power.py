"""Size of a gain that the seeds and test items of a study can distinguish from 0, and p-values that
agree with the intervals.

An interval of half-width h (hierarchy.py) excludes 0 if the estimate is further than h from 0. With
standard error s and v degrees of freedom (Satterthwaite's), the estimate of a true gain d does so
on the side of d with probability P(T > h / s), where T is noncentral t with v degrees of freedom
and noncentrality d / s (Cohen 1988). `detectable_gain` is the d at which that is 80 %: the minimum
detectable effect (Bloom 1995, there with a central t). s is itself estimated from few seeds, so the
sizes are rough.

If several differences must be distinguished from 0 at once ("with every task"), the probability
that all are is smaller than that of each, the more so the less they vary together.
`joint_detectable_gain` simulates studies with this study's covariances over seeds and items,
computes their intervals, and searches for the size at which the required number of them excludes 0.

These functions describe what the design can decide. The observed gain is never used as d: such
"observed power" only restates the p-value (Hoenig and Heisey 2001).
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import nctdtr

from xstilts_core.analysis.gain_array import Estimate
from xstilts_core.analysis.hierarchy import (
    MANY,
    NOTHING,
    Part,
    degrees_of_freedom,
    half_width,
    half_widths,
)

# Degrees of freedom above which t is taken as normal; scipy's noncentral t does not support more.
_NORMAL = 1e4
# In points. A smaller value is 0 up to rounding.
ROUNDING = 1e-9
USUAL_POWER = 0.8
_SEARCH = 60
# Number of simulated studies: enough to estimate a power of 80 % within 2 points.
STUDIES = 4000


def _error_and_freedom(parts: Sequence[Part]) -> tuple[float, float]:
    """Return the standard error in points and its degrees of freedom."""
    return float(np.sqrt(sum(part.variance for part in parts))), min(
        degrees_of_freedom(parts), _NORMAL
    )


def power_at(gain: float, parts: Sequence[Part], level: float = 0.95) -> float:
    """Return the probability that the interval excludes 0 on the side of a true gain of that many
    points; NaN without an interval."""
    half = half_width(parts, level)
    if not half > ROUNDING:
        return NOTHING if np.isnan(half) else 1.0
    error, freedom = _error_and_freedom(parts)
    return float(1 - nctdtr(freedom, abs(gain) / error, half / error))


def detectable_gain(
    parts: Sequence[Part], level: float = 0.95, power: float = USUAL_POWER
) -> float:
    """Return the true gain in points that is detected with that power; NaN without an interval."""
    half = half_width(parts, level)
    if not half > ROUNDING:
        return half
    low, high = 0.0, 4 * half
    while power_at(high, parts, level) < power:
        high *= 2
    for _ in range(_SEARCH):
        middle = (low + high) / 2
        low, high = (middle, high) if power_at(middle, parts, level) < power else (low, middle)
    return high


def joint_detectable_gain(
    estimates: Sequence[Estimate],
    needed: int,
    level: float = 0.95,
    power: float = USUAL_POWER,
    seed: int = 0,
) -> float:
    """Return the true gain in points at which, if every estimate had it, `needed` of their
    intervals exclude 0 with that power.

    Every estimate is given the number of seeds of the one with the fewest. NaN if there are fewer
    than `needed` estimates, or if one has a single seed.
    """
    if len(estimates) < needed or any(gain.count < 2 for gain in estimates):
        return NOTHING
    seeds, generator = min(gain.count for gain in estimates), np.random.default_rng([seed, 8])
    parts = [{part.level: part.variance for part in gain.parts} for gain in estimates]
    pulls = np.stack([gain.pulls for gain in estimates])
    # [studies, estimates, seeds]: each seed's gain minus the true gain. The mean over seeds has the
    # covariance pulls @ pulls.T.
    errors = np.sqrt(seeds) * np.einsum(
        "ek,nks->nes", pulls, generator.standard_normal((STUDIES, pulls.shape[1], seeds))
    )
    means = errors.mean(axis=-1)
    seed_part = ((errors - means[..., None]) ** 2).sum(axis=-1) / (seeds * (seeds - 1))
    # Other items: the replicates that the estimates share, scaled to the variance that is not
    # already in the spread over seeds.
    shared = np.stack([gain.draws.sum(axis=1) for gain in estimates], axis=1)
    spread, item_part = shared.std(axis=0), np.array([gain["items"] for gain in parts])
    scale = np.sqrt(item_part) / np.where(spread > 0, spread, 1)
    means = (
        means
        + scale * (shared - shared.mean(axis=0))[generator.integers(len(shared), size=STUDIES)]
    )
    variances = np.stack([seed_part, np.broadcast_to(item_part, seed_part.shape)], axis=-1)
    # A study distinguishes an estimate from 0 if the true gain exceeds the half-width minus the
    # random error.
    required = half_widths(variances, np.array([seeds - 1, MANY]), level) - means
    return float(max(0.0, np.quantile(np.sort(required, axis=1)[:, needed - 1], power)))


def p_value(value: float, parts: Sequence[Part]) -> float:
    """Return the two-sided p-value of a gain of 0: one minus the level of the widest interval about
    `value` that excludes 0; NaN without an interval."""
    half = half_width(parts)
    if not half > ROUNDING:
        return NOTHING if np.isnan(half) else float(abs(value) < ROUNDING)
    low, high = -18.0, 0.0  # decimal logarithms of p
    for _ in range(_SEARCH):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if half_width(parts, 1 - 10**middle) < abs(value) else (middle, high)
        )
    return float(10**high)
