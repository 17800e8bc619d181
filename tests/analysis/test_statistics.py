"""Tests of gains, intervals over chosen levels, mixed-effects model and variance shares: by hand,
and on simulated studies."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_claims import draws_of
from scipy import stats

from xstilts_core import analysis, metrics
from xstilts_core.analysis.gain_tests import swapped
from xstilts_core.analysis.intervals import student_interval, variance_parts
from xstilts_core.analysis.items import Predictions, resample
from xstilts_core.analysis.mixed import variance_interval
from xstilts_core.analysis.significance import sign_flip_p, tail_share
from xstilts_core.errors import UsageError
from xstilts_core.results import COLUMNS
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME, task

CODES = ("de", "es", "ru", "hi", "sw", "zh", "ar", "tr", "th", "fi")


def test_holm_and_benjamini_hochberg_are_those_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005, 0.9, 0.03])
    known = np.isfinite(p)
    assert np.allclose(
        analysis.holm(p)[known], multipletests(p[known], method="holm")[1], atol=1e-15
    )
    assert np.allclose(
        analysis.benjamini_hochberg(p)[known],
        multipletests(p[known], method="fdr_bh")[1],
        atol=1e-15,
    )
    assert np.isnan(analysis.holm(p)[2]) and np.isnan(analysis.benjamini_hochberg(p)[2])
    assert analysis.holm(np.array([0.01, 0.02])).tolist() == [0.02, 0.02]
    assert len(analysis.holm(np.array([]))) == len(analysis.benjamini_hochberg(np.array([]))) == 0


def test_sign_flips_by_hand():
    assert sign_flip_p(np.array([1.0, 2.0, 3.0])) == 2 / 8, (
        "only all signs and none are as far from 0"
    )
    assert sign_flip_p(np.array([1.0, -1.0])) == 1.0 and np.isnan(sign_flip_p(np.array([])))
    values = np.random.default_rng(0).normal(0.4, 1, 13)
    assert sign_flip_p(values, permutations=5000) == pytest.approx(sign_flip_p(values), abs=0.02), (
        "drawn and exact"
    )
    assert tail_share(5.0, np.zeros(99), exact=False) == 0.01, "never 0"


def gains(rows: list[tuple[str, str, str, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["recipe", "task", "language", "seed", "gain"])


def test_seed_tests_take_a_seed_as_the_unit():
    table = gains(
        [
            ("mnli", name, code, seed, 2.0 + seed)
            for name in ("xnli", "xquad")
            for code in ("de", "sw", "en")
            for seed in (1, 2, 3)
        ]
    )
    lost = gains([("ccg", "xnli", "de", seed, -1.0) for seed in (1, 2)])
    found = analysis.seed_tests(pd.concat([table, lost])).set_index(["recipe", "task"])
    assert found.loc[("mnli", "xnli"), ["gain", "units", "smallest", "p"]].tolist() == [
        4.0,
        3,
        0.25,
        0.25,
    ]
    assert found.loc[("mnli", "average"), "p"] == 0.25 and ("ccg", "average") not in found.index, (
        "a target is missing"
    )
    assert found.loc[("ccg", "xnli"), ["gain", "p"]].tolist() == [-1.0, 0.5]
    assert np.allclose(found["p_holm"], analysis.holm(found["p"].to_numpy()))


def predictions(hits: np.ndarray, columns: tuple[str, ...], metric: str) -> Predictions:
    table = np.asarray(hits, dtype=float).reshape(len(hits), len(columns))
    return Predictions(Path("p"), tuple(map(str, range(len(hits)))), table, columns, metric)


def test_item_swaps_by_hand():
    """Ten items of a hundred change, all for the better: 2 of 2^10 swaps are as far from 0."""
    base, made = np.arange(100) < 50, np.arange(100) < 60
    runs = {
        ("de", name, 1): predictions(hits, metrics.ACCURACY, "accuracy")
        for name, hits in (("none", base), ("mnli", made))
    }
    items, found = swapped(runs, ["mnli"], 20_000, np.random.default_rng(0))
    assert items == 100 and found["mnli"][0] == pytest.approx(10.0)
    assert tail_share(found["mnli"][0], found["mnli"][1:], exact=False) == pytest.approx(
        2 / 2**10, abs=8e-4
    )
    # In two languages and two seeds an item is swapped at once: the same test, not four.
    more = {
        (code, name, seed): found
        for (_, name, _), found in runs.items()
        for code in ("de", "es")
        for seed in (1, 2)
    }
    again = swapped(more, ["mnli"], 20_000, np.random.default_rng(0))[1]["mnli"]
    assert np.allclose(again, found["mnli"])


def test_swapped_f1_is_computed_anew():
    generator = np.random.default_rng(0)
    made, base = (generator.integers(0, 4, (6, 5)).astype(float) for _ in range(2))
    runs = {
        ("de", name, 1): predictions(table, metrics.TAGGING, "f1")
        for name, table in (("none", base), ("ner", made))
    }
    found = swapped(runs, ["ner"], 2000, generator)[1]["ner"]
    every = []
    for signs in product((False, True), repeat=6):
        sides = [
            np.where(np.array(signs)[:, None], first, second).sum(axis=0)
            for first, second in ((base, made), (made, base))
        ]
        every.append(
            metrics.score_sums(sides[0], 6, metrics.TAGGING)["f1"]
            - metrics.score_sums(sides[1], 6, metrics.TAGGING)["f1"]
        )
    assert found[0] == pytest.approx(every[0])
    assert np.allclose(np.unique(found.round(6)), np.unique(np.round(every, 6))), (
        "all swaps, and nothing else"
    )


def test_a_recipe_without_a_seed_of_the_baseline_is_not_tested():
    runs = {("de", "none", 1): predictions(np.ones(4), metrics.ACCURACY, "accuracy")}
    runs[("de", "mnli", 2)] = runs[("de", "none", 1)]
    assert swapped(runs, ["mnli"], 10, np.random.default_rng(0))[1] == {}


@pytest.mark.slow
def test_p_values_are_uniform_when_a_recipe_changes_nothing():
    generator, flips, swaps = np.random.default_rng(1), [], []
    for _ in range(400):
        flips.append(sign_flip_p(generator.standard_t(3, 11)))
        runs = {
            ("de", name, 1): predictions(generator.random((40, 2)), metrics.SPAN, "f1")
            for name in ("none", "mnli")
        }
        found = swapped(runs, ["mnli"], 999, generator)[1]["mnli"]
        swaps.append(tail_share(found[0], found[1:], exact=False))
    assert stats.kstest(flips, "uniform").pvalue > 0.01
    assert stats.kstest(swaps, "uniform").pvalue > 0.01


def noisy_items(
    table: pd.DataFrame, spread: float, draws: int = 400
) -> dict[tuple[str, str, str, int], np.ndarray]:
    """Replicates of the scores behind a table of gains: noise of a language, the same for all
    seeds; the baseline scores 50."""
    known = {}
    for code in sorted(set(table["language"])):
        noise = np.random.default_rng(ord(code[0]) * 256 + ord(code[1])).normal(0, spread, draws)
        for row in table[table["language"] == code].itertuples():
            known[row.task, code, row.recipe, row.seed] = 50 + row.gain + noise
            known[row.task, code, "none", row.seed] = np.full(draws, 50.0)
    return known


def test_levels_of_an_interval_by_hand():
    values = {("de", 1): 1.0, ("de", 2): 3.0, ("sw", 1): 5.0, ("sw", 2): 7.0}
    table = gains([("mnli", "xnli", code, seed, value) for (code, seed), value in values.items()])
    seeds = draws_of(table).gain("mnli", "xnli")
    assert seeds.value == 4.0 and seeds.resampled == "seeds"
    high = seeds.interval[1]
    assert high == pytest.approx(4 + stats.t.ppf(0.975, 1) * 1.0), "seeds gain 3 and 5"
    both = analysis.hierarchical_gains(draws_of(table)).iloc[0]
    assert (both["gain"], both["resampled"], both["seeds"], both["languages"]) == (
        4.0,
        "seeds and languages",
        2,
        2,
    )
    assert both["high"] > high
    items = analysis.hierarchical_gains(draws_of(table, noisy_items(table, 1.0))).iloc[0]
    assert items["resampled"] == "seeds and languages and items"
    rest = {part.level: part for part in variance_parts(np.array([[1.0, 5.0], [3.0, 7.0]]))}
    assert rest["seeds"].variance == pytest.approx(1.0) and rest[
        "languages"
    ].variance == pytest.approx(4.0), "4 less no interaction"


def test_the_variance_of_items_shared_by_seeds_is_counted_once():
    noise = np.random.default_rng(0).normal(0, 2, (20_000, 1, 1))
    values = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    shared = np.broadcast_to(noise, (20_000, 3, 2))
    parts = {part.level: part.variance for part in variance_parts(values, values + shared)}
    assert parts["items"] == pytest.approx(4.0, rel=0.05) and parts["seeds"] == pytest.approx(1 / 3)
    own = np.random.default_rng(0).normal(0, 2, (20_000, 3, 1)).repeat(2, axis=2)
    parts = {part.level: part.variance for part in variance_parts(values, values + own)}
    assert parts["items"] < 0.1, "a seed's own items are in the spread of seeds"


def test_why_there_is_no_interval():
    table = gains([("mnli", "xnli", "de", 1, 1.0), ("mnli", "xnli", "sw", 1, 2.0)])
    found = analysis.hierarchical_gains(draws_of(table)).iloc[0]
    assert (
        found["reason"] == "no interval: one seed"
        and found["gain"] == 1.5
        and np.isnan(found["low"])
    )
    one = gains([("mnli", "xnli", "de", seed, 1.0 * seed) for seed in (1, 2)])
    assert analysis.hierarchical_gains(draws_of(one))["reason"][0] == "no interval: one language"
    lacking = pd.concat([one, gains([("mnli", "xnli", "sw", 1, 2.0)])])
    assert (
        analysis.hierarchical_gains(draws_of(lacking))["reason"][0]
        == "no interval: a language lacks a seed"
    )
    assert draws_of(lacking).gain("mnli", "xnli").resampled == "no interval: one seed"
    assert analysis.hierarchical_gains(draws_of(one[:0])).empty


@pytest.mark.slow
@pytest.mark.parametrize("items", [False, True])
@pytest.mark.parametrize("counts", [(3, 8), (5, 5)])
def test_intervals_that_draw_languages_cover_in_93_to_97_of_100(items, counts):
    """Gain 0; seeds, languages, both at once; and items, shared or not, where they are drawn. 2,000
    studies: standard error 0.5 points."""
    generator, (seeds, languages), covered = np.random.default_rng(0), counts, 0
    for _ in range(2000):
        values = (
            generator.normal(0, 0.7, (seeds, 1))
            + generator.normal(0, 1, (1, languages))
            + generator.normal(0, 1, counts)
        )
        draws = None
        if items:
            noise = (
                generator.normal(0, 5, 40)
                + generator.normal(0, 5, (languages, 40))
                + generator.normal(0, 5, (seeds, languages, 40))
            )
            values = values + noise.mean(axis=-1)
            drawn = generator.multinomial(40, np.full(40, 1 / 40), size=150) / 40
            draws = np.moveaxis(noise @ drawn.T, -1, 0)
        low, high = student_interval(float(values.mean()), variance_parts(values, draws))
        covered += low <= 0 <= high
    assert 0.93 - 0.005 <= covered / 2000 <= 0.97 + 0.005


def simulated(
    generator: np.random.Generator, spread: dict[str, float], seeds: int = 3, targets: int = 9
) -> pd.DataFrame:
    """Gains of the nine tasks: normal effects of recipe, task, language, seed, recipe on task, and
    the rest."""
    names = {
        "recipe": INTERMEDIATE_NAMES,
        "task": XTREME[:targets],
        "language": CODES,
        "seed": range(1, seeds + 1),
    }
    effects = {
        source: dict(
            zip(levels, generator.normal(0, spread.get(source, 0.0), len(levels)), strict=True)
        )
        for source, levels in names.items()
    }
    own = {
        pair: generator.normal(0, spread.get("cell", 0.0))
        for pair in product(names["recipe"], names["task"])
    }
    rows = []
    for key in product(*names.values()):
        value = (
            sum(effects[source][level] for source, level in zip(names, key, strict=True))
            + own[key[:2]]
        )
        rows.append((*key, value + generator.normal(0, spread.get("rest", 0.0))))
    return gains(rows)


RECIPES = {name: [name] for name in INTERMEDIATE_NAMES}


def test_the_mixed_model_finds_what_was_put_in():
    table = simulated(
        np.random.default_rng(0),
        {"task": 2.0, "language": 0.3, "seed": 0.5, "recipe": 0.2, "rest": 1.0},
        targets=4,
    )
    kinds = {name: task(name).kind for name in INTERMEDIATE_NAMES}
    table["gain"] += 3.0 * (table["recipe"].map(kinds) == "reasoning") - 4.0 * table[
        "language"
    ].isin(["ru"])
    described = analysis.described(table, RECIPES)
    assert set(described["script"]) == {
        "Latin",
        "Cyrillic",
        "Devanagari",
        "Han",
        "Arabic",
        "Thai",
    }
    reasoning = analysis.mixed_effects(described, "kind").set_index("level").loc["reasoning"]
    assert (
        reasoning["reference"] == "semantic"
        and reasoning["low"] < 3 < reasoning["high"]
        and reasoning["p"] < 0.01
        and reasoning["units"] == 9
    )
    scripts = analysis.mixed_effects(described, "script").set_index("level")
    assert (
        scripts.loc["Cyrillic", "estimate"] == pytest.approx(-4, abs=1.5)
        and scripts.loc["Cyrillic", "p"] < 0.05
        and scripts.loc["Han", "units"] == 10
    )
    few = described[described["language"].isin(["de", "sw", "zh"])]
    assert (
        analysis.mixed_effects(few, "family")["reason"][0]
        == "left out: 3 languages are too few to tell it from the others"
    )


def test_factors_that_cannot_be_told_are_left_out_with_the_reason():
    table = simulated(np.random.default_rng(1), {"recipe": 1.0, "rest": 1.0}, seeds=1, targets=2)
    mixed = {**RECIPES, "qqp": ["qqp", "mnli"]}
    described = analysis.described(table[table["language"].isin(["de", "es"])], mixed)
    assert set(described.loc[described["recipe"] == "qqp", "kind"]) == {"several tasks"}
    for factor in ("script", "family"):
        reason = analysis.mixed_effects(described, factor)["reason"][0]
        assert reason == "left out: it has one level"
    assert analysis.mixed_effects(described[:0], "kind")["reason"].tolist() == [
        "left out: no gains yet"
    ]
    with pytest.raises(UsageError, match="did you mean 'family'"):
        analysis.mixed_effects(described, "familly")


@pytest.mark.slow
def test_the_mixed_model_does_not_take_rows_for_recipes():
    """Recipes differ, kinds do not: kind is found in about 5 of 100 studies. Without the random
    effect of recipes it would be in most."""
    generator, found = np.random.default_rng(2), 0
    for _ in range(150):
        table = simulated(generator, {"recipe": 1.0, "seed": 0.5, "rest": 1.0}, seeds=2, targets=2)
        few = table[table["language"].isin(["de", "hi", "sw"])]
        effects = analysis.mixed_effects(analysis.described(few, RECIPES), "kind")
        found += effects.loc[effects["level"] == "reasoning", "p"].iloc[0] < 0.05
    assert 1 <= found <= 17, "binomial(150, 0.05): 0.1 % to 99.9 %"


def test_variance_shares_are_those_that_were_put_in():
    spread = {"recipe": 2.0, "task": 1.0, "language": 1.5, "seed": 1.0, "cell": 1.0, "rest": 2.0}
    shares = analysis.variance_shares(simulated(np.random.default_rng(3), spread)).set_index(
        "source"
    )
    truth = {
        "recipe": 4.0,
        "task": 1.0,
        "language": 2.25,
        "seed": 1.0,
        "recipe x task": 1.0,
        "residual": 4.0,
    }
    assert list(shares.index) == list(truth) and shares["share"].sum() == pytest.approx(1)
    for source, variance in truth.items():
        assert shares.loc[source, "low"] < variance < shares.loc[source, "high"], source
    assert (
        shares.loc["residual", "variance"] == pytest.approx(4, rel=0.1)
        and shares.loc["recipe", "levels"] == 9
    )


def test_one_seed_has_no_share_and_says_so():
    shares = analysis.variance_shares(
        simulated(np.random.default_rng(4), {"recipe": 1.0, "rest": 1.0}, seeds=1)
    ).set_index("source")
    assert (
        np.isnan(shares.loc["seed", "share"])
        and shares.loc["seed", "reason"] == "cannot be estimated: one level"
    )
    assert shares["share"].sum() == pytest.approx(1)
    nothing = analysis.variance_shares(gains([("mnli", "xnli", "de", 1, 1.0)]))
    assert nothing["variance"].isna().all() and set(nothing["reason"]) == {"too few gains"}


def test_interval_of_a_variance_by_hand():
    low, high = variance_interval(2.0, 0.0, 11)
    assert (low, high) == (
        pytest.approx(20 / stats.chi2.ppf(0.975, 10)),
        pytest.approx(20 / stats.chi2.ppf(0.025, 10)),
    )
    assert variance_interval(0.0, 1.0, 3)[0] == 0.0


def test_10000_resamples_of_a_whole_mini_table_take_less_than_5_seconds(time_limit):
    """Ten recipes, nine targets, three seeds: languages and test items as many as in the study
    `mini`."""
    sizes = {
        "bucc2018": (2, 2000),
        "tatoeba": (8, 1000),
        "panx": (9, 150),
        "udpos": (8, 150),
        "mlqa": (5, 150),
    }
    shapes = {
        "bucc2018": metrics.BITEXT,
        "panx": metrics.TAGGING,
        "udpos": metrics.TAGGING,
        "xquad": metrics.SPAN,
        "mlqa": metrics.SPAN,
    }
    shapes["tydiqa"] = metrics.SPAN
    generator, studies, rows = np.random.default_rng(0), {}, []
    for name in XTREME:
        languages, items = sizes.get(name, (6, 150))
        columns = shapes.get(name, metrics.ACCURACY)
        metric = task(name).metric
        for key in product(CODES[:languages], ("none", *INTERMEDIATE_NAMES), (1, 2, 3)):
            found = predictions(generator.integers(0, 2, (items, len(columns))), columns, metric)
            studies.setdefault(name, {})[key] = found
            value = metrics.score(found.statistics, columns)[metric]
            rows.append(
                ("s", "target", key[1], key[2], "", name, key[0], "test", metric, value, items)
            )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    with time_limit(5):
        known = {
            (name, *key): found
            for name, runs in studies.items()
            for key, found in resample(runs, 10_000, generator).items()
        }
        table = analysis.gain_table(analysis.gain_draws(frame, known))
    assert (
        len(table) == 9 * 10
        and (table["low"] < table["high"]).all()
        and set(table["resampled"]) == {"seeds and items"}
    )
