"""Made-up estimates and claims, and what is decided of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from xstilts_core.analysis.claims import Claim, Evidence, verdict
from xstilts_core.analysis.gain_array import Axes, Estimate, Gains, axes_of, gain_array
from xstilts_core.analysis.items import NO_ITEMS, ItemScores
from xstilts_core.tasks import XTREME

EMPTY = Axes((), (), (), ())
NOTHING = Evidence(
    gain_array(EMPTY, np.zeros(EMPTY.shape), np.zeros(EMPTY.shape)), {}, pd.DataFrame()
)
MISSING = NOTHING.draws.nothing(float("nan"))


def estimates(values: np.ndarray, items: np.ndarray | None = None) -> list[Estimate]:
    """Of gains [estimates, seeds], with their values on resampled items [draws, estimates, seeds]."""
    rows, seeds = values.shape
    items = np.zeros((1, rows, seeds)) if items is None else items
    gains = Gains(
        recipes=("mnli",),
        tasks=("xnli",),
        languages=frozenset(),
        seeds=tuple(range(seeds)),
        labels=pd.DataFrame(
            [(f"recipe{row}", "xnli", "de") for row in range(rows)],
            columns=["recipe", "task", "language"],
        ),
        values=values,
        n=np.full(rows, 100),
        items={
            (row, seed): (items[:, row, seed], np.zeros(len(items)))
            for row in range(rows)
            for seed in range(seeds)
        },
    )
    return [gains.of_rows([row]) for row in range(rows)]


def draws_of(table: pd.DataFrame, items: ItemScores = NO_ITEMS) -> Gains:
    """The array of a table of gains: columns recipe, task, language, seed and gain."""
    axes = axes_of(pd.concat([table, table.assign(recipe="none")]))
    gains = axes.array(pd.concat([table, table.assign(recipe="none", gain=0.0)]), "gain")
    codes = set(table["language"]) - {"en"}
    return gain_array(axes, gains, np.full(axes.shape, 100), items, languages=codes)


def estimate(*gains: float) -> Estimate:
    """Of one gain per seed, on fixed items."""
    return estimates(np.array([gains], dtype=float))[0]


def claim(holds: str = "on average", direction: str = "above", **other: str) -> Claim:
    return Claim(
        claim="c", source="abstract", recipes="single", holds=holds, direction=direction, **other
    )


def listed(*values: float) -> dict[str, Estimate]:
    return {
        str(place): estimate(value - 0.5, value, value + 0.5) for place, value in enumerate(values)
    }


def decided(asked: Claim, contrasts: Mapping[str, Estimate]) -> str:
    return verdict(asked, contrasts, NOTHING)[0]


def gains_in(values: dict[str, float], tasks: tuple[str, ...] = XTREME[:4]) -> Gains:
    """Each recipe's gain on every target, three seeds close together."""
    axes = Axes(("none", *values), tasks, ("de",), (1, 2, 3))
    scores = np.zeros(axes.shape)
    for row, value in enumerate(values.values(), start=1):
        scores[row] = [value - 0.1, value, value + 0.1]
    return gain_array(axes, scores, np.full(axes.shape, 9), languages=["de"])
