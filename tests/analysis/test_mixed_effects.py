"""The mixed-effects model and the shares of variance beside their closed forms, at the boundary,
and where nothing varies."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from made_claims import draws_of
from scipy import stats

from xstilts_core import analysis
from xstilts_core.analysis.likelihood import LEAST, MOST, Criterion, fit, lowest, separable_sources
from xstilts_core.analysis.mixed import CELL, NO_VARIANCE, RESIDUAL
from xstilts_core.tasks import XTREME
from xstilts_core.wording.text import sentences

SOURCES = ("recipe", "task", "language", "seed")


@dataclass(frozen=True)
class Made:
    """A table without gaps: values [recipes, tasks, languages, seeds], and the kind of each recipe,
    0 or 1."""

    values: np.ndarray
    kind: np.ndarray

    @property
    def table(self) -> pd.DataFrame:
        places = np.indices(self.values.shape).reshape(4, -1)
        columns = {
            name: [f"{name}{place}" for place in row]
            for name, row in zip(SOURCES, places, strict=True)
        }
        columns |= {"task": [XTREME[place] for place in places[1]], "seed": places[3]}
        return pd.DataFrame(
            columns | {"kind": self.kind[places[0]].astype(str), "gain": self.values.ravel()}
        )


def made(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    spreads: tuple[float, ...],
    worth: float = 5.0,
) -> Made:
    """Kind worth so many points, and normal effects of these standard deviations: the sources, then
    the noise."""
    kind = np.arange(shape[0]) % 2
    values = worth * kind[:, None, None, None] + generator.normal(0, spreads[-1], shape)
    for axis, spread in enumerate(spreads[:-1]):
        values = values + generator.normal(
            0, spread, [count if place == axis else 1 for place, count in enumerate(shape)]
        )
    return Made(values, kind)


def closed_form(found: Made, kinds: bool) -> tuple[float, float, float, dict[str, float]]:
    """Difference of the kinds, its 95 % interval, and the variances, from the mean squares of a
    table without gaps.

    Restricted maximum likelihood is then the analysis of variance, a mean square below that of the
    noise being pooled with it, the smallest first (Thompson 1962; the likelihood of ordered
    variances is that of their isotonic regression).
    """
    values, whole = found.values, found.values.mean()
    means = [
        values.mean(axis=tuple(other for other in range(4) if other != axis)) for axis in range(4)
    ]
    sides = [means[0][found.kind == side] for side in (0, 1)]
    middle = np.array([side.mean() for side in sides])[found.kind] if kinds else whole
    squares, free = [((means[0] - middle) ** 2).sum()], [len(means[0]) - (2 if kinds else 1)]
    squares += [((row - whole) ** 2).sum() for row in means[1:]]
    free += [len(row) - 1 for row in means[1:]]
    per = [values.size / len(row) for row in means]
    squares = [one * count for one, count in zip(squares, per, strict=True)]
    of_kind = per[0] * ((middle - whole) ** 2 * np.ones(len(means[0]))).sum()
    rest, left = (
        ((values - whole) ** 2).sum() - of_kind - sum(squares),
        values.size - 1 - sum(free) - kinds,
    )
    levels = {axis: squares[axis] / free[axis] for axis in range(4)}
    pooled = set()
    for axis in sorted(levels, key=levels.__getitem__):
        if levels[axis] < rest / left:
            rest, left = rest + squares[axis], left + free[axis]
            pooled.add(axis)
    noise = rest / left
    variances = {
        name: 0.0 if axis in pooled else (levels[axis] - noise) / per[axis]
        for axis, name in enumerate(SOURCES)
    }
    error = np.sqrt(max(levels[0], noise) / per[0] * sum(1 / len(side) for side in sides))
    half = stats.t.ppf(0.975, free[0]) * error
    estimate = sides[1].mean() - sides[0].mean()
    return (
        float(estimate),
        float(estimate - half),
        float(estimate + half),
        variances | {RESIDUAL: noise},
    )


def effect(found: Made) -> pd.Series:
    """The row of kind, turned so that it is kind 1 less kind 0."""
    row = analysis.mixed_effects(found.table, "kind").iloc[0]
    if row["level"] == "0":
        row = row.copy()
        row[["estimate", "low", "high"]] = [-row["estimate"], -row["high"], -row["low"]]
    return row


def test_ten_recipes_that_hardly_differ_have_the_interval_of_their_own_design():
    """Ten recipes, four targets, six languages, two seeds; no variance of seeds, hardly any of
    recipes."""
    for number in range(8):
        found = made(np.random.default_rng(number), (10, 4, 6, 2), (0.01, 2.0, 1.0, 0.0, 0.5))
        estimate, low, high, _ = closed_form(found, kinds=True)
        row = effect(found)
        assert row[["estimate", "low", "high"]].tolist() == pytest.approx(
            [estimate, low, high], abs=1e-6
        )
        assert row["high"] - row["low"] < 0.35
        assert (
            analysis.variance_shares(found.table).set_index("source").loc["seed", "share"] < 0.005
        )


def balanced(count: int) -> list[Made]:
    """Small tables whose variances span six powers of ten; each is nothing in one of three
    tables."""
    generator, found = np.random.default_rng(7), []
    for _ in range(count):
        shape = (
            int(generator.integers(4, 9)),
            *(int(number) for number in generator.integers(2, 5, 3)),
        )
        spreads = np.where(generator.random(5) < 1 / 3, 0.0, 10 ** generator.uniform(-2, 1, 5))
        found.append(
            made(
                generator,
                shape,
                (*spreads[:4], 10 ** generator.uniform(-1.5, 0.5)),
                generator.normal(0, 3),
            )
        )
    return found


def test_200_balanced_tables_are_those_of_the_closed_form():
    boundary = 0
    for found in balanced(200):
        estimate, low, high, _ = closed_form(found, kinds=True)
        row = effect(found)
        assert row["estimate"] == pytest.approx(estimate, abs=1e-6)
        assert row[["low", "high"]].tolist() == pytest.approx(
            [low, high], abs=1e-5 * (high - low)
        ), "far within 5 %"
        codes = [pd.factorize(found.table[name])[0] for name in SOURCES]
        variances = fit(found.values.ravel(), np.ones((found.values.size, 1)), codes)[2]
        known = np.array(list(closed_form(found, kinds=False)[3].values()))
        assert variances == pytest.approx(known, abs=1e-4 * known.sum())
        assert ((variances == 0) == (known == 0)).all(), "0 is 0, and nothing else is"
        boundary += (known == 0).any()
    assert 50 < boundary < 190


def test_no_start_of_an_unbalanced_table_finds_a_better_optimum():
    """Half-finished tables: no other start of the search goes below, and the slope is that of the
    differences."""
    from scipy.optimize import minimize

    generator, tried = np.random.default_rng(11), 0
    for found in balanced(25):
        kept = found.table[generator.random(found.values.size) < generator.uniform(0.4, 0.9)]
        codes = [pd.factorize(kept[name])[0] for name in SOURCES if kept[name].nunique() > 1]
        mean = np.ones((len(kept), 1))
        codes = [codes[place] for place in separable_sources(mean, codes)]
        basis = mean / np.sqrt(len(kept))
        indicators = np.concatenate([np.eye(code.max() + 1)[code] for code in codes], axis=1)
        sides, root = np.linalg.qr(indicators - basis @ (basis.T @ indicators))
        values = kept["gain"].to_numpy() - kept["gain"].mean()
        seen, source = (
            sides.T @ values,
            np.repeat(np.arange(len(codes)), [code.max() + 1 for code in codes]),
        )
        criterion = Criterion(
            root, seen, float(((values - sides @ seen) ** 2).sum()), source, len(kept) - 1
        )
        least = criterion.at(lowest(criterion, len(codes)))[0]
        for _ in range(6):
            start = generator.uniform(-9, 9, len(codes))
            moved, step = start.copy(), 1e-5
            moved[0] += step
            slope = (criterion.at(np.exp(moved))[0] - criterion.at(np.exp(start))[0]) / step
            assert criterion.at(np.exp(start))[1][0] == pytest.approx(slope, rel=1e-3, abs=1e-3)
            bounds = [(np.log(LEAST), np.log(MOST))] * len(codes)
            other = minimize(
                lambda logs, known=criterion: known.at(np.exp(logs))[:2],
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
            )
            assert least <= other.fun + 1e-4
            tried += 1
    assert tried == 150


def test_gains_that_are_all_equal_have_no_variance_and_no_interval():
    for value in (0.0, 3.1, 50.4 - 50.1):
        table = Made(np.full((4, 2, 3, 2), value), np.arange(4) % 2).table
        shares = analysis.variance_shares(table).set_index("source")
        assert (
            (shares["variance"] == 0).all()
            and shares["share"].isna().all()
            and set(shares["reason"]) == {NO_VARIANCE}
        )
        row = analysis.mixed_effects(table, "kind").iloc[0]
        assert (
            row["estimate"] == 0
            and np.isnan(row["p"])
            and row["reason"] == f"no interval: {NO_VARIANCE}"
        )


def test_the_report_says_where_no_variance_was_found():
    found = made(np.random.default_rng(0), (6, 3, 4, 3), (1.0, 2.0, 0.0, 0.0, 0.5))
    found = Made(found.values - found.values.mean(axis=(0, 1, 2)), found.kind)
    wider = analysis.hierarchical_gains(draws_of(found.table))
    text = sentences(
        "chance",
        items=pd.DataFrame(),
        seeds=analysis.seed_tests(found.table),
        languages=wider,
        shares=analysis.variance_shares(found.table),
    )
    known, none = text.split("Of the variance")[1].split("\n")[0].split(f"; {NO_VARIANCE} of ")
    assert "seed" in none and "seed 0 %" not in known and "task" in known
    equal = Made(np.zeros((4, 2, 3, 2)), np.arange(4) % 2).table
    text = sentences(
        "chance",
        items=pd.DataFrame(),
        seeds=analysis.seed_tests(equal),
        languages=wider,
        shares=analysis.variance_shares(equal),
    )
    assert (
        f"with a seed: {NO_VARIANCE} of recipe or task or language or seed or recipe on target or what is left."
        in text
    )


@pytest.mark.parametrize("noise", [0.0, 1e-13])
def test_effects_without_noise_are_found(noise):
    """Sums of a recipe's and a target's effect, to the last digit: their variances are those of the
    effects."""
    recipe, target = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), np.array([10.0, -10.0, 0.0])
    values = recipe[:, None, None, None] + target[None, :, None, None] + np.zeros((6, 3, 2, 2))
    values = values + np.random.default_rng(0).normal(0, noise, values.shape)
    shares = analysis.variance_shares(Made(values, np.arange(6) % 2).table).set_index("source")
    assert shares["variance"][["recipe", "task"]].tolist() == pytest.approx([3.5, 100.0], rel=1e-3)
    assert shares["share"].sum() == pytest.approx(1) and shares.loc[RESIDUAL, "share"] < 1e-6
    assert shares.loc["language", "reason"] == NO_VARIANCE and shares.loc[CELL, "share"] < 1e-6


def test_a_source_that_goes_with_others_is_not_told():
    """Each recipe with one seed of its own: what is the recipe's and what the seed's no table
    says."""
    found = made(np.random.default_rng(2), (5, 3, 4, 2), (1.0, 1.0, 1.0, 0.0, 1.0))
    table = found.table.assign(seed=found.table["recipe"].str.removeprefix("recipe").astype(int))
    shares = analysis.variance_shares(table).set_index("source")
    assert shares.loc[
        "seed", "reason"
    ] == "cannot be estimated: it is confounded with other sources" and np.isnan(
        shares.loc["seed", "share"]
    )
    assert shares["share"].sum() == pytest.approx(1)


def test_shares_of_a_large_study_take_less_than_5_seconds(time_limit):
    found = made(np.random.default_rng(3), (10, 9, 20, 3), (1.0, 2.0, 0.5, 0.2, 1.0))
    with time_limit(5):
        shares = analysis.variance_shares(found.table)
    assert shares["share"].sum() == pytest.approx(1)
