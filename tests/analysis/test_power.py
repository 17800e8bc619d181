"""What size of gain a study can tell from 0: against Student's t, and by simulation."""

import numpy as np
import pandas as pd
import pytest
from made_claims import claim, decided, estimate, estimates, gains_in
from scipy import stats

from xstilts_core.analysis import claims, intervals
from xstilts_core.analysis.claims import SUPPORTED, UNDECIDED, Evidence
from xstilts_core.analysis.gain_array import Estimate
from xstilts_core.analysis.intervals import MANY, Part, half_width
from xstilts_core.study.recipe import Recipe


def test_power_is_that_of_t():
    """Against Student's t test of ten seeds: the noncentral t of scipy, and a simulation."""
    parts = [Part("seeds", 0.09, 9)]
    assert intervals.p_value(1.0, parts) == pytest.approx(2 * stats.t.sf(1.0 / 0.3, 9), rel=1e-6)
    assert intervals.power_at(1.0, parts) == pytest.approx(
        stats.nct.sf(stats.t.ppf(0.975, 9), 9, 1.0 / 0.3), abs=1e-9
    )
    size = intervals.detectable_gain(parts)
    assert intervals.power_at(size, parts) == pytest.approx(0.8, abs=1e-6)
    values = np.random.default_rng(0).normal(size, 0.3 * np.sqrt(10), size=(4000, 10))
    found = values.mean(axis=1) / (values.std(axis=1, ddof=1) / np.sqrt(10)) > stats.t.ppf(0.975, 9)
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_power_of_seeds_and_items():
    parts = [Part("seeds", 0.5, 2), Part("items", 0.3, MANY)]
    assert intervals.detectable_gain(parts) > half_width(parts) > 0
    assert intervals.detectable_gain(parts, 0.99) > intervals.detectable_gain(parts, 0.95)
    larger = [Part("seeds", 2.0, 2), Part("items", 1.2, MANY)]
    assert intervals.detectable_gain(larger) == pytest.approx(
        2 * intervals.detectable_gain(parts)
    ), "four times the variance, twice the size"
    p = intervals.p_value(3.0, parts)
    assert half_width(parts, 1 - p) == pytest.approx(3.0, abs=1e-6), (
        "p is the level at which 0 lies on the edge"
    )
    assert np.isnan(
        [intervals.power_at(1, []), intervals.detectable_gain([]), intervals.p_value(1, [])]
    ).all()


def test_seeds_and_items_that_do_not_differ_at_all():
    parts = [Part("seeds", 0.0, 2)]
    assert (
        intervals.p_value(2.0, parts),
        intervals.p_value(0.0, parts),
        intervals.detectable_gain(parts),
        intervals.power_at(0.1, parts),
    ) == (0, 1, 0, 1)
    assert decided(claim(), {"a": estimate(2.0, 2.0, 2.0)}) == SUPPORTED
    assert decided(claim(), {"a": estimate(0.0, 0.0, 0.0)}) == UNDECIDED


def together(seeds: np.ndarray, items: np.ndarray) -> list[Estimate]:
    """Estimates from gains [estimates, seeds], with item replicates [draws, estimates] that are the
    same in every seed."""
    return estimates(seeds, np.repeat(items[:, :, None], seeds.shape[1], axis=2))


def test_power_of_one_difference_by_simulation_is_that_of_t():
    for entry in together(np.array([[1.0, 2.0, 4.0, 3.0]]), np.zeros((1, 1))):
        assert claims.joint_detectable_gain([entry], 1) == pytest.approx(
            intervals.detectable_gain(entry.parts), rel=0.05
        )
    mixed = together(np.array([[1.0, 2.0, 4.0]]), np.random.default_rng(1).normal(0, 0.6, (400, 1)))
    assert claims.joint_detectable_gain(mixed, 1) == pytest.approx(
        intervals.detectable_gain(mixed[0].parts), rel=0.1
    )


@pytest.mark.parametrize("holds", ["for all", "for all but one", "for one"])
def test_so_many_studies_decide_as_the_power_says(holds: str):
    """Studies drawn anew with the covariances of one, decided by the verdict itself: at the size of
    80 % power, 80 % of them support."""
    generator, seeds, count = np.random.default_rng(2), 4, 5
    pilot = generator.normal(0, 1, (1, seeds)) + generator.normal(
        0, [[0.5], [0.5], [1], [1], [2]], (count, seeds)
    )
    items = generator.normal(0, 0.5, (300, count)) + generator.normal(0, 0.5, (300, 1))
    asked, own = claim(holds), together(pilot, items)
    need = claims.rule_of(asked, count)
    size = claims.joint_detectable_gain(own, need.needed, need.support)
    pulls, spread = np.stack([entry.pulls for entry in own]), items - items.mean(axis=0)
    supported = 0
    for _ in range(600):
        values = (
            size
            + np.sqrt(seeds) * pulls @ generator.standard_normal((seeds, seeds))
            + spread[generator.integers(300)][:, None]
        )
        supported += (
            decided(asked, {str(place): one for place, one in enumerate(together(values, items))})
            == SUPPORTED
        )
    assert supported / 600 == pytest.approx(0.8, abs=0.05)


def test_power_of_several_differences():
    """All at once need more than each alone, one of several less; with one seed or too few there is
    nothing to say."""
    alike = together(np.array([[1.0, 2.0, 4.0, 3.0]] * 5), np.zeros((1, 5)))
    alone = intervals.detectable_gain(alike[0].parts)
    assert claims.joint_detectable_gain(alike, 5) == pytest.approx(alone, rel=0.05), (
        "differences that go together are one"
    )
    apart = together(np.eye(5, 6) * np.sqrt(6), np.zeros((1, 5)))
    assert (
        claims.joint_detectable_gain(apart, 5)
        > claims.joint_detectable_gain(apart, 4)
        > claims.joint_detectable_gain(apart, 1)
    )
    assert np.isnan(
        [
            claims.joint_detectable_gain(alike, 6),
            claims.joint_detectable_gain([*alike, estimate(1.0)], 1),
        ]
    ).all()
    row = claims.row(
        "a",
        claim("for all"),
        Evidence(gains_in({"mnli": 5.0}), {"mnli": Recipe(intermediate=["mnli"])}, pd.DataFrame()),
    )
    assert np.isnan(row["detectable"]), "eight of nine are missing"
