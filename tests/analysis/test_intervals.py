"""Intervals over seeds and test items: coverage in simulations, pairing, and what they are without
predictions."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_claims import estimate, estimates

from xstilts_core import analysis, metrics
from xstilts_core.analysis.gain_array import combined
from xstilts_core.analysis.intervals import student_interval
from xstilts_core.analysis.items import read_predictions, resample
from xstilts_core.errors import UsageError
from xstilts_core.results import COLUMNS
from xstilts_core.wording.text import sentences


def scores(rows: list[tuple[str, int, str, str, float]]) -> pd.DataFrame:
    """A frame of (recipe, seed, task, language, value)."""
    table = [
        ("s", "target", recipe, seed, "", task, code, "test", "accuracy", value, 100)
        for recipe, seed, task, code, value in rows
    ]
    return pd.DataFrame(table, columns=list(COLUMNS))


HAND = scores(
    [
        ("none", 1, "xnli", "de", 60.0),
        ("none", 1, "xnli", "sw", 50.0),
        ("none", 2, "xnli", "de", 64.0),
        ("none", 2, "xnli", "sw", 40.0),
        ("mnli", 1, "xnli", "de", 63.0),
        ("mnli", 1, "xnli", "sw", 51.0),
        ("mnli", 2, "xnli", "de", 65.0),
        ("mnli", 2, "xnli", "sw", 47.0),
        ("ccg", 1, "xnli", "de", 58.0),
    ]
)


def pure_noise(
    seeds: int, items: int, generator: np.random.Generator, spread: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Gains [seeds] of truth 2, and item replicates [draws, seeds]: standard errors of one seed, of
    the items, and of both at once."""
    seed, item, both = spread
    own = generator.normal(0, item * np.sqrt(items), (1, items)) + generator.normal(
        0, both * np.sqrt(items), (seeds, items)
    )
    per_item = 2 + generator.normal(0, seed, (seeds, 1)) + own
    drawn = generator.multinomial(items, np.full(items, 1 / items), size=200) / items
    return per_item.mean(axis=1), drawn @ per_item.T


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(
    "spread", [(1.0, 0.0, 0.0), (0.5, 1.0, 1.0), (2.0, 1.0, 0.0), (0.0, 0.3, 1.0)]
)
def test_interval_covers_the_truth_in_93_to_97_of_100(seeds, spread):
    generator, covered, trials = np.random.default_rng(1), 0, 2000
    for _ in range(trials):
        values, drawn = pure_noise(seeds, 100, generator, spread)
        low, high = estimates(values[None], drawn[:, None])[0].interval
        covered += low <= 2 <= high
    assert 0.93 <= covered / trials <= 0.97


def test_items_alone_and_seeds_alone_give_the_textbook_intervals():
    values = np.array([1.0, 2.0, 6.0])
    low, high = estimate(*values).interval
    assert (3 - low, high - 3) == (
        pytest.approx(4.302653 * values.std(ddof=1) / np.sqrt(3)),
    ) * 2, "t with 2 degrees of freedom"
    noise = np.random.default_rng(0).normal(0, 3, (50_000, 1))
    steady = np.full((1, 3), 3.0)
    shared = estimates(steady, np.repeat(noise[:, None], 3, axis=2))[0].interval
    assert shared == (
        pytest.approx(3 - 1.96 * 3, abs=0.05),
        pytest.approx(3 + 1.96 * 3, abs=0.05),
    ), "all seeds meet the same items"
    own = np.random.default_rng(0).normal(0, 3, (50_000, 1, 3))
    assert estimates(steady, own)[0].parts[1].variance < 0.05, (
        "noise of a seed's own items is in the spread of seeds already"
    )


def items_of(frame: pd.DataFrame, spread: float) -> dict[tuple[str, str, str, int], np.ndarray]:
    """Replicates around the scores of the recipes but the baseline."""
    noise = np.random.default_rng(0).normal(0, spread, 500)
    rows = zip(
        frame["task"],
        frame["language"],
        frame["recipe"],
        frame["seed"],
        frame["value"],
        strict=True,
    )
    return {(*key, int(number)): value + noise * (key[2] != "none") for *key, number, value in rows}


def test_intervals_come_from_seeds_and_items_where_predictions_are_kept():
    steady = HAND.assign(value=10.0 + 2 * (HAND["recipe"] == "mnli"))
    known = analysis.gain_draws(steady, items_of(steady, 3.0))
    cell = analysis.gain_table(known).set_index(["recipe", "task"]).loc[("mnli", "xnli")]
    assert cell["resampled"] == "seeds and items" and cell["gain"] == 2.0
    # Seeds agree, and the same noise in both languages stays whole in their mean: 2 -+ 1.96 * 3.
    assert (cell["low"], cell["high"]) == (
        pytest.approx(2 - 5.88, abs=0.8),
        pytest.approx(2 + 5.88, abs=0.8),
    )
    both = analysis.gain_draws(HAND, items_of(HAND, 3.0))
    table, alone = (
        analysis.gain_table(draws).set_index(["recipe", "task"])
        for draws in (both, analysis.gain_draws(HAND))
    )
    assert table.loc[("mnli", "xnli"), "resampled"] == "seeds and items"
    assert alone.loc[("mnli", "xnli"), "resampled"] == "seeds"
    assert table.loc[("mnli", "xnli"), "gain"] == alone.loc[("mnli", "xnli"), "gain"] == 3.0
    # Seeds gain 2 and 4: 3 -+ 12.706 * 1, t with one degree of freedom.
    assert alone.loc[("mnli", "xnli"), "low"] == pytest.approx(3 - 12.7062, abs=1e-3)
    words = sentences("transfer", table=analysis.gain_table(both))
    assert (
        "other test items of the same languages" in words and "on the same test items" not in words
    )
    assert "other seeds on the same test items" in sentences(
        "transfer", table=analysis.gain_table(analysis.gain_draws(HAND))
    )


def test_one_seed_has_no_interval_and_says_so():
    frame = HAND[HAND["seed"] == 1]
    table = analysis.gain_table(analysis.gain_draws(frame, items_of(frame, 3.0)))
    cell = table.set_index(["recipe", "task"]).loc[("mnli", "xnli")]
    assert (
        cell["resampled"] == "no interval: one seed"
        and cell["gain"] == 2.0
        and np.isnan(cell["low"])
        and np.isnan(cell["high"])
    )
    words = sentences("transfer", table=table)
    assert "2 have no interval" in words and "one seed there is no interval" in words


def test_a_difference_of_gains_is_paired_by_seed_and_item():
    names = ("none", "mnli", "ccg")
    frame = scores(
        [
            (name, seed, "xnli", "de", 50.0 + 5 * seed * (name != "none"))
            for name in names
            for seed in (1, 2, 3)
        ]
    )
    draws = analysis.gain_draws(frame, items_of(frame, 3.0))
    difference = draws.gain("mnli", "xnli") - draws.gain("ccg", "xnli")
    assert difference.value == 0 and difference.interval == (0, 0), (
        "both gain the same with each seed, on each item"
    )
    assert draws.gain("mnli", "xnli").interval[0] < 0
    assert (draws.gain("mnli", "xnli") - draws.gain("none", "xnli")).interval == draws.gain(
        "mnli", "xnli"
    ).interval


def test_by_language_says_what_was_resampled():
    frame = HAND
    known = {key: value for key, value in items_of(frame, 2.0).items() if key[1] == "de"}
    table = analysis.by_language(analysis.gain_draws(frame, known)).set_index(
        ["recipe", "task", "language"]
    )
    german, swahili = table.loc[("mnli", "xnli", "de")], table.loc[("mnli", "xnli", "sw")]
    assert (
        (german["gain"], german["resampled"]) == (2.0, "seeds and items")
        and german["low"] < 1
        and german["high"] > 3
    )
    assert (swahili["gain"], swahili["resampled"]) == (4.0, "seeds")
    # Gains of 1 and 7: half-width t(.975, 1) * 3.
    assert (swahili["low"], swahili["high"]) == (
        pytest.approx(4 - 38.1186, abs=1e-3),
        pytest.approx(4 + 38.1186, abs=1e-3),
    )
    assert (swahili["script"], swahili["resource_level"]) == ("Latin", "low")
    assert table.loc[("ccg", "xnli", "de"), "resampled"] == "no interval: one seed"
    assert np.isnan(table.loc[("ccg", "xnli", "de"), "low"])


def write_predictions(
    path: Path, rows: list[tuple[str, list[float]]], columns: tuple[str, ...], metric: str
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        print(json.dumps({"columns": columns, "metric": metric}), file=stream)
        for name, statistics in rows:
            print(
                json.dumps({"id": name, "gold": "a", "prediction": "b", "stats": statistics}),
                file=stream,
            )
    return path


def drawn(*paths: Path, draws: int = 4000) -> list[np.ndarray]:
    """Replicates of the scores of runs with the languages de, de, ... (one per path, as seeds of
    one recipe)."""
    found = resample(
        {("de", "none", k): read_predictions(path) for k, path in enumerate(paths)},
        draws,
        np.random.default_rng(0),
    )
    return list(found.values())


def test_resampled_items_are_paired_by_id(tmp_path):
    base = write_predictions(
        tmp_path / "a.gz",
        [(str(i), [int(i < 50)]) for i in range(100)],
        metrics.ACCURACY,
        "accuracy",
    )
    other = write_predictions(
        tmp_path / "b.gz",
        [(str(i), [int(i < 60)]) for i in range(99, -1, -1)],
        metrics.ACCURACY,
        "accuracy",
    )
    first, second = drawn(base, other)
    # The ten items that changed are binomial(100, 0.1): mean 10, standard deviation 3 points;
    # unpaired it would be 7.
    assert (second - first).mean() == pytest.approx(10, abs=0.3) and (
        second - first
    ).std() == pytest.approx(3, rel=0.06)
    assert first.std() == pytest.approx(5, rel=0.06)


def test_an_item_is_drawn_in_all_its_languages_at_once(tmp_path):
    rows = [(str(i), [i % 2]) for i in range(100)]
    same = write_predictions(tmp_path / "a.gz", rows, metrics.ACCURACY, "accuracy")
    other = write_predictions(
        tmp_path / "b.gz", [(f"x{name}", hit) for name, hit in rows], metrics.ACCURACY, "accuracy"
    )

    def languages(second: Path) -> float:
        runs = {
            ("de", "none", 1): read_predictions(same),
            ("es", "none", 1): read_predictions(second),
        }
        return float(
            np.corrcoef(list(resample(runs, 1000, np.random.default_rng(0)).values()))[0, 1]
        )

    assert languages(same) == pytest.approx(1.0), "translations of one item"
    assert abs(languages(other)) < 0.15, "items of their own"


def test_resampled_tags_and_questions_use_the_benchmarks_formula(tmp_path):
    rows = [("a", [1, 2, 2, 3, 4]), ("b", [1, 2, 2, 3, 4])]
    tags = write_predictions(tmp_path / "a.gz", rows, metrics.TAGGING, "f1")
    spans = write_predictions(
        tmp_path / "b.gz", [("a", [0, 0.25]), ("b", [1, 0.25])], metrics.SPAN, "f1"
    )
    assert np.allclose(drawn(tags, draws=20)[0], 50.0) and np.allclose(
        drawn(spans, draws=20)[0], 25.0
    )


def test_mined_pairs_may_differ_but_other_items_may_not(tmp_path):
    base = write_predictions(
        tmp_path / "a.gz", [("x", [1, 1, 1]), ("y", [0, 1, 0])], metrics.BITEXT, "f1"
    )
    other = write_predictions(tmp_path / "b.gz", [("x", [1, 1, 1])], metrics.BITEXT, "f1")
    first, second = drawn(base, other, draws=200)
    assert {round(float(value), 3) for value in second} == {0.0, 100.0}, (
        "a draw of y twice has nothing to find"
    )
    assert {round(float(value), 1) for value in first} == {0.0, 66.7, 100.0}
    items = write_predictions(
        tmp_path / "c.gz", [("x", [1]), ("y", [0])], metrics.ACCURACY, "accuracy"
    )
    fewer = write_predictions(tmp_path / "d.gz", [("x", [1])], metrics.ACCURACY, "accuracy")
    with pytest.raises(UsageError, match="different test items"):
        drawn(items, fewer)
    with pytest.raises(UsageError, match=r"d\.gz has accuracy"):
        drawn(base, fewer)


@pytest.mark.parametrize(
    ("rows", "metric", "words"),
    [
        ([("x", [1]), ("x", [0])], "accuracy", "only 1 different ids"),
        ([], "accuracy", "has no test item"),
        ([("x", [1])], "f1", "give accuracy, not f1"),
        ([("x", [1, 2])], "accuracy", "not a file of predictions"),
    ],
)
def test_a_broken_predictions_file_is_named(tmp_path, rows, metric, words):
    path = write_predictions(tmp_path / "a.gz", rows, metrics.ACCURACY, metric)
    with pytest.raises(UsageError, match=rf"a\.gz.*{words}"):
        read_predictions(path)
    path.write_text("no gzip")
    with pytest.raises(UsageError, match=r"a\.gz is not a file of predictions"):
        read_predictions(path)


def test_intervals_are_those_of_their_parts():
    generator = np.random.default_rng(3)
    found = [estimate(1.0).gains.nothing(value) for value in (1.5, float("nan"))]
    for count, draws in ((1, 1), (2, 1), (3, 200), (4, 200)):
        values = generator.normal(30, 1, (2, count)), generator.normal(0, 0.1, (draws, 2, count))
        found += [*(pair := estimates(*values)), combined(pair, [0.5, -2])]
    expected = [
        (entry.value, entry.value)
        if entry.count == 0
        else student_interval(entry.value, entry.parts)
        for entry in found
    ]
    np.testing.assert_allclose([entry.interval for entry in found], expected, rtol=1e-12)
