"""The bootstrap over seeds and test items: coverage in simulations, pairing, and what it does without predictions."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xstilts_core import analysis, metrics
from xstilts_core.analysis.intervals import weights
from xstilts_core.analysis.items import read_predictions, resample
from xstilts_core.names import UsageError
from xstilts_core.results import COLUMNS


def scores(rows: list[tuple[str, int, str, str, float]]) -> pd.DataFrame:
    """A frame of (recipe, seed, task, language, value)."""
    table = [("s", "target", recipe, seed, "", task, code, "test", "accuracy", value, 100) for recipe, seed, task, code, value in rows]
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


def test_tables_are_deterministic_and_follow_the_seed():
    noise = np.random.default_rng(0).normal(0, 3, (2, 8, 4))
    cells = [
        (recipe, seed, "xnli", code, 50 + noise[r, seed, k])
        for r, recipe in enumerate(("none", "mnli"))
        for seed in range(8)
        for k, code in enumerate(("de", "sw", "hi", "zh"))
    ]
    first, again, other = (analysis.gain_table(analysis.gain_draws(scores(cells), seed=seed)) for seed in (0, 0, 1))
    assert first.equals(again)
    assert first["gain"].equals(other["gain"])
    assert not first["low"].equals(other["low"])


@pytest.mark.parametrize(("seed_spread", "item_spread", "least"), [(0.5, 1.0, 0.9), (1.0, 0.3, 0.85)])
def test_interval_covers_the_truth(seed_spread, item_spread, least):
    """True gain 2, three seeds: standard errors of one seed and of the items as given, and as much noise again by seed and item."""
    generator, items, seeds, covered, trials = np.random.default_rng(0), 60, (1, 2, 3), 0, 100
    for _ in range(trials):
        own = generator.normal(0, item_spread * np.sqrt(items), (1, items)) + generator.normal(0, item_spread * np.sqrt(items), (3, items))
        per_item = 2 + generator.normal(0, seed_spread, (3, 1)) + own
        drawn = generator.multinomial(items, np.full(items, 1 / items), size=300) / items
        known = {("xnli", "de", "mnli", number): drawn @ per_item[k] for k, number in enumerate(seeds)}
        known |= {("xnli", "de", "none", number): np.zeros(300) for number in seeds}
        rows = [("mnli", number, "xnli", "de", per_item[k].mean()) for k, number in enumerate(seeds)]
        frame = scores([*rows, *(("none", number, "xnli", "de", 0.0) for number in seeds)])
        low, high = analysis.gain_draws(frame, known, draws=300).gain("mnli", "xnli").interval
        covered += low <= 2 <= high
    assert least <= covered / trials <= 1


def test_one_seed_fewer_is_drawn_so_that_the_variance_is_right():
    """Three values of variance s^2: the mean's is s^2 / 3. Drawing all three of three would give two thirds of that."""
    values = np.array([1.0, 2.0, 6.0])
    drawn = weights(np.random.default_rng(0), 3, 20_000)
    assert np.allclose(drawn.sum(axis=1), 1)
    assert (drawn @ values).var() == pytest.approx(values.var(ddof=1) / 3, rel=0.05)
    assert weights(np.random.default_rng(0), 1, 5).tolist() == [[1.0]] * 5


def items_of(frame: pd.DataFrame, spread: float) -> dict[tuple[str, str, str, int], np.ndarray]:
    """Replicates around the scores of the recipes but the baseline."""
    noise = np.random.default_rng(0).normal(0, spread, 500)
    rows = zip(frame["task"], frame["language"], frame["recipe"], frame["seed"], frame["value"], strict=True)
    return {(*key, int(number)): value + noise * (key[2] != "none") for *key, number, value in rows}


def test_intervals_come_from_seeds_and_items_where_predictions_are_kept():
    frame, steady = HAND, HAND.assign(value=10.0 + 2 * (HAND["recipe"] == "mnli"))
    one_seed = steady[steady["seed"] == 1]
    cell = analysis.gain_table(analysis.gain_draws(one_seed, items_of(one_seed, 3.0))).set_index(["recipe", "task"]).loc[("mnli", "xnli")]
    assert cell["resampled"] == "items" and cell["gain"] == 2.0
    # The same noise in both languages stays whole in their mean: 2 -+ 1.96 * 3.
    assert (cell["low"], cell["high"]) == (pytest.approx(2 - 5.88, abs=0.8), pytest.approx(2 + 5.88, abs=0.8))
    both = analysis.gain_draws(frame, items_of(frame, 3.0))
    table, alone = (analysis.gain_table(draws).set_index(["recipe", "task"]) for draws in (both, analysis.gain_draws(frame)))
    assert table.loc[("mnli", "xnli"), "resampled"] == "seeds and items"
    assert alone.loc[("mnli", "xnli"), "resampled"] == "seeds and languages"
    assert table.loc[("mnli", "xnli"), "gain"] == alone.loc[("mnli", "xnli"), "gain"] == 3.0
    assert table.loc[("mnli", "xnli"), "high"] > 6, "wider than the seeds' own 2 to 4"
    words = analysis.findings(analysis.gain_table(both))
    assert "other test items of the same languages" in words and "other languages instead" not in words
    assert "other languages instead of test items" in analysis.findings(analysis.gain_table(analysis.gain_draws(frame)))


def test_by_language_says_what_was_resampled():
    frame = HAND
    known = {key: value for key, value in items_of(frame, 2.0).items() if key[1] == "de"}
    table = analysis.by_language(analysis.gain_draws(frame, known)).set_index(["recipe", "task", "language"])
    german, swahili = table.loc[("mnli", "xnli", "de")], table.loc[("mnli", "xnli", "sw")]
    assert (german["gain"], german["resampled"]) == (2.0, "seeds and items") and german["low"] < 1 and german["high"] > 3
    assert (swahili["gain"], swahili["low"], swahili["high"], swahili["resampled"]) == (4.0, 1.0, 7.0, "seeds")
    assert (swahili["script"], swahili["resource_level"]) == ("Latin", "low")
    assert table.loc[("ccg", "xnli", "de"), "resampled"] == "items", "one seed"
    without = analysis.by_language(analysis.gain_draws(frame)).set_index(["recipe", "task", "language"])
    assert np.isnan(without.loc[("ccg", "xnli", "de"), "low"])


def write_predictions(path: Path, rows: list[tuple[str, list[float]]], columns: tuple[str, ...], metric: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        print(json.dumps({"columns": columns, "metric": metric}), file=stream)
        for name, statistics in rows:
            print(json.dumps({"id": name, "gold": "a", "prediction": "b", "stats": statistics}), file=stream)
    return path


def drawn(*paths: Path, draws: int = 4000) -> list[np.ndarray]:
    """Replicates of the scores of runs with the languages de, de, ... (one per path, as seeds of one recipe)."""
    found = resample({("de", "none", k): read_predictions(path) for k, path in enumerate(paths)}, draws, np.random.default_rng(0))
    return list(found.values())


def test_resampled_items_are_paired_by_id(tmp_path):
    base = write_predictions(tmp_path / "a.gz", [(str(i), [int(i < 50)]) for i in range(100)], metrics.ACCURACY, "accuracy")
    other = write_predictions(tmp_path / "b.gz", [(str(i), [int(i < 60)]) for i in range(99, -1, -1)], metrics.ACCURACY, "accuracy")
    first, second = drawn(base, other)
    # The ten items that changed are binomial(100, 0.1): mean 10, standard deviation 3 points; unpaired it would be 7.
    assert (second - first).mean() == pytest.approx(10, abs=0.3) and (second - first).std() == pytest.approx(3, rel=0.06)
    assert first.std() == pytest.approx(5, rel=0.06)


def test_an_item_is_drawn_in_all_its_languages_at_once(tmp_path):
    rows = [(str(i), [i % 2]) for i in range(100)]
    same = write_predictions(tmp_path / "a.gz", rows, metrics.ACCURACY, "accuracy")
    other = write_predictions(tmp_path / "b.gz", [(f"x{name}", hit) for name, hit in rows], metrics.ACCURACY, "accuracy")

    def languages(second: Path) -> float:
        runs = {("de", "none", 1): read_predictions(same), ("es", "none", 1): read_predictions(second)}
        return float(np.corrcoef(list(resample(runs, 1000, np.random.default_rng(0)).values()))[0, 1])

    assert languages(same) == pytest.approx(1.0), "translations of one item"
    assert abs(languages(other)) < 0.15, "items of their own"


def test_resampled_tags_and_questions_use_the_benchmarks_formula(tmp_path):
    rows = [("a", [1, 2, 2, 3, 4]), ("b", [1, 2, 2, 3, 4])]
    tags = write_predictions(tmp_path / "a.gz", rows, metrics.TAGGING, "f1")
    spans = write_predictions(tmp_path / "b.gz", [("a", [0, 0.25]), ("b", [1, 0.25])], metrics.SPAN, "f1")
    assert np.allclose(drawn(tags, draws=20)[0], 50.0) and np.allclose(drawn(spans, draws=20)[0], 25.0)


def test_mined_pairs_may_differ_but_other_items_may_not(tmp_path):
    base = write_predictions(tmp_path / "a.gz", [("x", [1, 1, 1]), ("y", [0, 1, 0])], metrics.BITEXT, "f1")
    other = write_predictions(tmp_path / "b.gz", [("x", [1, 1, 1])], metrics.BITEXT, "f1")
    first, second = drawn(base, other, draws=200)
    assert {round(float(value), 3) for value in second} == {0.0, 100.0}, "a draw of y twice has nothing to find"
    assert {round(float(value), 1) for value in first} == {0.0, 66.7, 100.0}
    items = write_predictions(tmp_path / "c.gz", [("x", [1]), ("y", [0])], metrics.ACCURACY, "accuracy")
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
