"""Made-up estimates and claims, and what is decided of them."""

import numpy as np
import pandas as pd

from xstilts_core.analysis import verdicts
from xstilts_core.analysis.claims import Claim, Contrast, Found
from xstilts_core.analysis.intervals import Cell, Estimate, GainDraws
from xstilts_core.tasks import XTREME

NOTHING = Found(GainDraws((), (), {}, frozenset(), (), 1), {}, pd.DataFrame())


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


def gains_in(values: dict[str, float], tasks: tuple[str, ...] = XTREME[:4]) -> GainDraws:
    """Each recipe's gain on every target, three seeds close together."""
    cells = {
        (name, task): Cell(
            ("de",), (estimate(value - 0.1, value, value + 0.1),), np.array([9]), np.array([False])
        )
        for name, value in values.items()
        for task in tasks
    }
    return GainDraws(tuple(values), tasks, cells, frozenset({"de"}), (1, 2, 3), 1)
