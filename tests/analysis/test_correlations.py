"""Tables of correlations: scipy's numbers, intervals and p-values that hold, what a row does to
them, what they can see at all."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xstilts_core import analysis
from xstilts_core.analysis.association import (
    COLUMNS,
    METHODS,
    correlation,
    permuted,
    student_p,
)
from xstilts_core.errors import UsageError

SCIPY = {"spearman": stats.spearmanr, "pearson": stats.pearsonr, "kendall": stats.kendalltau}


def columns(
    rows: int, count: int, seed: int, name: str, rounded: bool = False, missing: float = 0.0
) -> pd.DataFrame:
    """Values that hang together a little; some equal, some missing."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, count)) + np.random.default_rng(99).normal(size=(rows, 1))
    values = np.round(values, 0 if rounded else 9)
    values[generator.random(values.shape) < missing] = np.nan
    return pd.DataFrame(values, columns=[f"{name}{k}" for k in range(count)])


@pytest.mark.parametrize("rounded", [False, True])
def test_equal_to_scipy(rounded):
    x, y = columns(30, 4, 0, "x", rounded, 0.1), columns(30, 5, 1, "y", rounded, 0.1)
    table = analysis.correlations(x, y, METHODS, test="scipy", resamples=50)
    assert (
        list(table.columns)
        == COLUMNS
        == ["x", "y", "method", "estimate", "low", "high", "p", "p_holm", "n"]
    )
    assert len(table) == 60
    for row in table.itertuples():
        both = pd.concat([x[row.x], y[row.y]], axis=1).dropna()
        found = SCIPY[row.method](both[row.x], both[row.y])
        assert row.n == len(both) and abs(row.estimate - found.statistic) <= 1e-12
        if row.method == "kendall":
            assert np.isnan(row.p), "Student's t is not its distribution"
        else:
            assert abs(row.p - found.pvalue) <= 1e-12
        assert row.low < row.estimate < row.high


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rounded", [False, True])
def test_a_resample_and_an_order_are_what_they_say(method, rounded):
    generator = np.random.default_rng(0)
    x, y = columns(12, 2, 3, "x", rounded).to_numpy().T
    drawn = generator.integers(12, size=(40, 12))
    weights = np.stack([np.bincount(row, minlength=12) for row in drawn]).astype(float)
    assert np.allclose(
        correlation(x, y, weights, method),
        [SCIPY[method](x[row], y[row]).statistic for row in drawn],
        atol=1e-12,
    )
    orders = generator.permuted(np.tile(np.arange(12), (40, 1)), axis=1)
    assert np.allclose(
        permuted(x, y, orders, method),
        [SCIPY[method](x, y[row]).statistic for row in orders],
        atol=1e-12,
    )


@pytest.mark.parametrize("method", METHODS)
def test_few_rows_take_every_order(method):
    x, y = columns(6, 1, 5, "x"), columns(6, 1, 6, "y")
    one, two = x["x0"].to_numpy(), y["y0"].to_numpy()
    found = abs(SCIPY[method](one, two).statistic)
    share = np.mean(
        [
            abs(SCIPY[method](one, two[list(order)]).statistic) >= found - 1e-12
            for order in permutations(range(6))
        ]
    )
    row = analysis.correlations(x, y, [method]).iloc[0]
    assert row["p"] == pytest.approx(share, abs=1e-12)
    assert np.isnan(row["low"]), "six rows have no interval"


def test_pairs_of_one_table_and_holm_over_them():
    x = columns(20, 4, 7, "x")
    table = analysis.correlations(x, methods=["spearman", "kendall"], test="scipy", resamples=20)
    first = table[table["method"] == "spearman"]
    assert list(zip(first["x"], first["y"], strict=True)) == [
        (f"x{a}", f"x{b}") for a in range(4) for b in range(a + 1, 4)
    ]
    assert np.allclose(first["p_holm"], analysis.holm(first["p"].to_numpy())), (
        "over the pairs of a method"
    )
    assert table.equals(
        analysis.correlations(x, methods=["spearman", "kendall"], test="scipy", resamples=20)
    ), "deterministic"


def test_too_few_rows_and_constant_columns_have_no_number():
    x = pd.DataFrame(
        {"a": [1.0, 2.0, 3.0, 4.0], "same": [0.1 + 0.2] * 4, "few": [1.0, 2.0, np.nan, np.nan]}
    )
    y = pd.DataFrame({"b": [1.0, 3.0, 2.0, 4.0]})
    for test in ("permutation", "scipy"):
        table = analysis.correlations(x, y, METHODS, test=test).set_index(["x", "method"])
        assert (
            table.loc[["same", "few"], ["estimate", "low", "high", "p", "p_holm"]]
            .isna()
            .all(axis=None)
        )
        assert table.loc[("few", "pearson"), "n"] == 2 and table.loc[
            ("a", "pearson"), "estimate"
        ] == pytest.approx(0.8)
        assert table.loc[("a", "pearson"), "p"] == table.loc[("a", "pearson"), "p_holm"], (
            "no test is counted that was not made"
        )


def test_a_perfect_order_has_no_interval():
    x = pd.DataFrame({"x": np.arange(9.0)})
    row = analysis.correlations(x, pd.DataFrame({"y": x["x"] ** 2}), resamples=500).iloc[0]
    assert row["estimate"] == pytest.approx(1) and np.isnan(row["low"]) and row["p"] < 0.01
    near = pd.DataFrame({"y": [0.0, 1, 2, 3, 4, 5, 6, 8, 7]})
    row = analysis.correlations(x, near, resamples=500).iloc[0]
    assert row["low"] < row["estimate"] < 1 and row["high"] <= 1


def test_mistakes_are_named():
    x = columns(5, 1, 0, "x")
    with pytest.raises(UsageError, match="did you mean 'spearman'"):
        analysis.correlations(x, x, ["spearmann"])
    with pytest.raises(UsageError, match="unknown test 'exact'"):
        analysis.correlations(x, x, test="exact")
    with pytest.raises(UsageError, match="different rows"):
        analysis.correlations(x, x.iloc[:4])
    with pytest.raises(UsageError, match="unknown method"):
        analysis.detectable(30, "rho")


def residuals(values: np.ndarray, held: np.ndarray) -> np.ndarray:
    matrix = np.column_stack([np.ones(len(values)), held])
    return values - matrix @ np.linalg.lstsq(matrix, values, rcond=None)[0]


def test_partial_correlations_are_those_of_residuals():
    x, y, held = columns(25, 1, 1, "x"), columns(25, 1, 2, "y"), columns(25, 2, 3, "z")
    table = analysis.correlations(x, y, METHODS, resamples=200, controls=held).set_index("method")
    one, two = (residuals(part.to_numpy()[:, 0], held.to_numpy()) for part in (x, y))
    assert table.loc["pearson", "estimate"] == pytest.approx(
        stats.pearsonr(one, two).statistic, abs=1e-12
    )
    ranked = [part.rank().to_numpy() for part in (x, y, held)]
    one, two = (residuals(part[:, 0], ranked[2]) for part in ranked[:2])
    found = stats.pearsonr(one, two).statistic
    assert table.loc["spearman", "estimate"] == pytest.approx(found, abs=1e-12)
    t = found * np.sqrt(21 / (1 - found**2))
    assert table.loc["spearman", "p"] == pytest.approx(2 * stats.t.sf(abs(t), 21), abs=1e-12)
    assert (table["low"] < table["estimate"]).all() and (table["estimate"] < table["high"]).all()
    single = analysis.correlations(x, y, ["kendall"], resamples=20, controls=held[["z0"]]).iloc[0]
    xy, xz, yz = (
        stats.kendalltau(a, b).statistic
        for a, b in ((x["x0"], y["y0"]), (x["x0"], held["z0"]), (y["y0"], held["z0"]))
    )
    assert single["estimate"] == pytest.approx(
        (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)), abs=1e-12
    )
    assert np.isnan(single["p"])
    assert (
        analysis.correlations(x, y, resamples=20, controls=x.rename(columns={"x0": "z"}))[
            "estimate"
        ]
        .isna()
        .all()
    ), "nothing is left"


def test_influence_leaves_out_one_row_at_a_time():
    x = pd.Series([1.0, 2.0, 3.0, 4.0, 20.0], ["mnli", "qqp", "ccg", "siqa", "odd"])
    y = pd.Series([2.0, 1.0, 4.0, 3.0, 30.0], x.index)
    table = analysis.influence(x, y).set_index("left_out")
    assert table.index[0] == "odd"
    assert (
        table.loc["odd", "estimate"]
        == pytest.approx(0.6)
        == stats.spearmanr(x[:4], y[:4]).statistic
    )
    assert table.loc["odd", "change"] == pytest.approx(0.6 - stats.spearmanr(x, y).statistic)


def test_detectable_is_what_a_test_of_that_power_detects():
    assert analysis.detectable(85, "pearson") == pytest.approx(0.30, abs=0.001), (
        "3 + ((1.95996 + 0.84162) / atanh 0.3)^2 = 84.9"
    )
    assert np.isnan(analysis.detectable(4)) and analysis.detectable(9) > analysis.detectable(
        30
    ) > analysis.detectable(300)
    rho, generator, found = analysis.detectable(60, "pearson"), np.random.default_rng(0), 0
    for _ in range(1500):
        x, noise = generator.normal(size=(2, 60))
        r = np.corrcoef(x, rho * x + np.sqrt(1 - rho**2) * noise)[0, 1]
        found += student_p(float(r), 58) < 0.05
    assert 0.77 <= found / 1500 <= 0.83


def test_a_table_of_10_by_35_with_10000_resamples_takes_seconds(time_limit):
    x, y = columns(30, 10, 0, "x", missing=0.05), columns(30, 35, 1, "y", missing=0.05)
    with time_limit(15):
        table = analysis.correlations(x, y)
    assert len(table) == 350 and table["p"].min() >= 1 / 10_001


TRUTH = {
    "pearson": lambda rho: rho,
    "spearman": lambda rho: 6 / np.pi * np.arcsin(rho / 2),
    "kendall": lambda rho: 2 / np.pi * np.arcsin(rho),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("rows", "rho"), [(12, 0.0), (30, 0.5)])
def test_intervals_cover_in_93_to_97_of_100(method, rows, rho):
    """Of a normal population. 1,000 simulated tables leave a standard error of 0.7 points, hence
    the margin."""
    generator, covered = np.random.default_rng(2), 0
    for _ in range(1000):
        one, noise = generator.normal(size=(2, rows))
        table = analysis.correlations(
            pd.DataFrame({"x": one}),
            pd.DataFrame({"y": rho * one + np.sqrt(1 - rho**2) * noise}),
            [method],
            test="scipy",
            resamples=400,
        )
        covered += table["low"][0] <= TRUTH[method](rho) <= table["high"][0]
    assert 0.93 - 0.007 <= covered / 1000 <= 0.97 + 0.007


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_permutation_p_values_are_uniform_when_nothing_goes_together(method):
    """Kendall's and Spearman's have few values with few rows: p is then a little too large, never
    too small; 20 rows hide it."""
    generator, found = np.random.default_rng(3), []
    for _ in range(300):
        x, y = (pd.DataFrame({name: generator.normal(size=20)}) for name in "xy")
        found.append(analysis.correlations(x, y, [method], resamples=999)["p"][0])
    assert stats.kstest(found, "uniform").pvalue > 0.01
