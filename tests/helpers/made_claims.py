"""Made-up estimates and claims, and what is decided of them."""

import numpy as np
import pandas as pd

from xstilts_core.analysis import verdicts
from xstilts_core.analysis.claims import Claim, Contrast, Found
from xstilts_core.analysis.gain_array import Axes, Gains, gain_array
from xstilts_core.analysis.intervals import Estimate
from xstilts_core.tasks import XTREME

EMPTY = Axes((), (), (), ())
NOTHING = Found(gain_array(EMPTY, np.zeros(EMPTY.shape), np.zeros(EMPTY.shape)), {}, pd.DataFrame())


def estimate(*gains: float) -> Estimate:
    """Of one gain per seed, on fixed items."""
    values = np.array(gains, dtype=float)
    count = len(values)
    pulls = (values - values.mean()) / np.sqrt(count * max(1, count - 1))
    return Estimate(float(values.mean()), pulls, np.zeros((1, count)), count)


def claim(holds: str = "on average", direction: str = "above", **other: str) -> Claim:
    return Claim(
        claim="c", source="abstract", recipes="single", holds=holds, direction=direction, **other
    )


def listed(*values: float) -> list[Contrast]:
    return [
        Contrast(str(place), estimate(value - 0.5, value, value + 0.5))
        for place, value in enumerate(values)
    ]


def decided(asked: Claim, contrasts: list[Contrast]) -> str:
    return verdicts.verdict(asked, contrasts, NOTHING)[0]


def gains_in(values: dict[str, float], tasks: tuple[str, ...] = XTREME[:4]) -> Gains:
    """Each recipe's gain on every target, three seeds close together."""
    axes = Axes(("none", *values), tasks, ("de",), (1, 2, 3))
    scores = np.zeros(axes.shape)
    for row, value in enumerate(values.values(), start=1):
        scores[row] = [value - 0.1, value, value + 0.1]
    return gain_array(axes, scores, np.full(axes.shape, 9), languages=["de"])
