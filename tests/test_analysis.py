"""Analysis on hand-written frames whose answers can be worked out on paper."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xstilts_core import analysis, metrics
from xstilts_core.analysis.intervals import bounds, crossed_means, weights
from xstilts_core.analysis.items import resampled_sums
from xstilts_core.analysis.runs import log_lines
from xstilts_core.names import UsageError
from xstilts_core.results import COLUMNS

PRIMARY = {"xnli": "accuracy", "xquad": "f1", "tatoeba": "accuracy"}


def scores(rows: list[tuple[str, int, str, str, float]], metric: str | None = None) -> pd.DataFrame:
    """A frame of (recipe, seed, task, language, value)."""
    table = [
        ("s", "retrieval" if task == "tatoeba" else "target", recipe, seed, "", task, code, "test", metric or PRIMARY[task], value, 100)
        for recipe, seed, task, code, value in rows
    ]
    return pd.DataFrame(table, columns=list(COLUMNS))


HAND = scores(
    [
        ("none", 1, "xnli", "en", 80.0),
        ("none", 1, "xnli", "de", 60.0),
        ("none", 1, "xnli", "sw", 50.0),
        ("none", 2, "xnli", "en", 82.0),
        ("none", 2, "xnli", "de", 64.0),
        ("none", 2, "xnli", "sw", 40.0),
        ("none", 1, "tatoeba", "de", 30.0),
        ("mnli", 1, "xnli", "en", 90.0),
        ("mnli", 1, "xnli", "de", 63.0),
        ("mnli", 1, "xnli", "sw", 51.0),
        ("mnli", 2, "xnli", "en", 90.0),
        ("mnli", 2, "xnli", "de", 65.0),
        ("mnli", 2, "xnli", "sw", 47.0),
        ("ccg", 1, "xnli", "de", 58.0),
        ("ccg", 1, "tatoeba", "de", 35.0),
        ("ccg", 3, "xnli", "de", 99.0),
    ]
)


def test_gains_are_paired_by_seed_and_language():
    table = analysis.gains(HAND).set_index(["recipe", "task", "language", "seed"])["gain"]
    assert table["mnli", "xnli", "de", 1] == 3.0
    assert table["mnli", "xnli", "sw", 2] == 7.0
    assert table["ccg", "tatoeba", "de", 1] == 5.0
    assert np.isnan(table["ccg", "xnli", "de", 3]), "there is no baseline of seed 3"


def test_gain_matrix_by_hand():
    matrix = analysis.gain_matrix(HAND)
    assert list(matrix.index) == ["mnli", "ccg"], "order of the paper's tables"
    assert list(matrix.columns) == ["xnli", "tatoeba", "average"], "XTREME's order"
    assert matrix.loc["mnli", "xnli"] == pytest.approx((3 + 1 + 1 + 7) / 4)
    assert np.isnan(matrix.loc["mnli", "tatoeba"]) and np.isnan(matrix.loc["mnli", "average"]), "missing is NaN, not 0"
    assert matrix.loc["ccg"].tolist() == [-2.0, 5.0, 1.5]
    assert analysis.gain_matrix(HAND, languages=["en"]).loc["mnli", "xnli"] == 9.0


def test_baseline_row():
    row = analysis.baseline(HAND)
    assert row.loc["none"].tolist() == [(60 + 50 + 64 + 40) / 4, 30.0, 41.75]
    by_language = analysis.baseline_by_language(HAND).set_index(["task", "language"])
    assert by_language.loc[("xnli", "de"), "value"] == 62.0
    assert by_language.loc[("xnli", "de"), "seeds"] == 2
    assert np.isnan(by_language.loc[("tatoeba", "de"), "spread"]), "one seed has no spread"


def test_only_primary_test_scores_of_targets_count():
    other = scores([("mnli", 1, "xnli", "de", 0.0)]).assign(split="dev")
    second = scores([("mnli", 1, "xquad", "de", 0.0), ("none", 1, "xquad", "de", 7.0)], metric="exact_match")
    phase2 = scores([("mnli", 1, "xnli", "de", 0.0)]).assign(phase="intermediate")
    frame = pd.concat([HAND, other, second, phase2])
    assert analysis.gain_matrix(frame).equals(analysis.gain_matrix(HAND))
    assert analysis.gain_matrix(frame, metric="exact_match").loc["mnli", "xquad"] == -7.0


def test_the_scores_csv_gives_the_same_matrix(tmp_path):
    HAND.to_csv(tmp_path / "scores.csv", index=False)
    assert analysis.gain_matrix(pd.read_csv(tmp_path / "scores.csv")).equals(analysis.gain_matrix(HAND))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: analysis.gains(HAND.drop(columns="seed")), "seed"),
        (lambda: analysis.gain_matrix(HAND, languages=["dee"]), "did you mean 'de'"),
        (lambda: analysis.gain_matrix(HAND, languages="de"), "list of codes"),
        (lambda: analysis.gain_matrix(HAND, metric="acuracy"), "did you mean 'accuracy'"),
        (lambda: analysis.gains(HAND.assign(task="xnil")), "did you mean 'xnli'"),
        (lambda: analysis.gains(pd.concat([HAND, HAND])), "several studies"),
        (lambda: analysis.paired_items([]), "at least one seed"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises(UsageError, match=words):
        call()


def test_gain_table_has_intervals_and_counts():
    table = analysis.gain_table(HAND).set_index(["recipe", "task"])
    cell = table.loc[("mnli", "xnli")]
    assert (cell["gain"], cell["seeds"], cell["languages"], cell["n"]) == (3.0, 2, 2, 4)
    assert 1.0 <= cell["low"] < 3.0 < cell["high"] <= 7.0
    assert table.loc[("mnli", "tatoeba"), ["gain", "low", "high"]].isna().all()
    single = table.loc[("ccg", "tatoeba")]
    assert single["gain"] == 5.0 and np.isnan(single["low"]), "one pair cannot be resampled"
    assert table.loc[("ccg", "average"), "gain"] == 1.5 and np.isnan(table.loc[("ccg", "average"), "low"])
    assert np.isnan(table.loc[("mnli", "average"), "gain"])


def test_tables_are_deterministic_and_follow_the_seed():
    noise = np.random.default_rng(0).normal(0, 3, len(HAND))
    frame = HAND.assign(value=HAND["value"] + noise)
    first, again, other = analysis.gain_table(frame), analysis.gain_table(frame), analysis.gain_table(frame, seed=1, draws=21)
    assert first.equals(again)
    assert first["gain"].equals(other["gain"])
    assert not first["low"].equals(other["low"])


def test_interval_covers_the_truth():
    """Gains of 2 points, spread by seed (1), language (1.5) and run (1): the interval should cover 2 about nine times in ten."""
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = 2 + generator.normal(0, 1, (8, 1)) + generator.normal(0, 1.5, (1, 10)) + generator.normal(0, 1, (8, 10))
        low, high = bounds(crossed_means(values, weights(generator, 8, 400), generator))
        covered += low <= 2 <= high
    assert 0.85 <= covered / 200 <= 0.99


def test_empty_frame_gives_empty_tables():
    empty = HAND.iloc[:0]
    assert analysis.gain_matrix(empty).empty
    assert analysis.gain_table(empty).empty
    assert analysis.by_language(empty).empty
    assert analysis.best(analysis.gain_table(empty)).empty
    assert "No finished target runs" in analysis.findings(analysis.gain_table(empty))


def test_baseline_alone_gives_no_gains():
    alone = HAND[HAND["recipe"] == "none"]
    assert analysis.gain_matrix(alone).empty
    assert "No finished target runs" in analysis.findings(analysis.gain_table(alone))


def test_best_recipe_and_its_lead():
    best = analysis.best(analysis.gain_table(HAND)).set_index("task")
    assert (best.loc["xnli", "recipe"], best.loc["xnli", "runner_up"], best.loc["xnli", "lead"]) == ("mnli", "ccg", 5.0)
    assert best.loc["tatoeba", "recipe"] == "ccg" and np.isnan(best.loc["tatoeba", "lead"])


def test_by_language_says_what_was_resampled():
    items = pd.DataFrame([("mnli", "xnli", "de", 2.0, -1.0, 5.0)], columns=["recipe", "task", "language", "gain", "low", "high"])
    table = analysis.by_language(HAND, items).set_index(["recipe", "task", "language"])
    assert table.loc[("mnli", "xnli", "de"), ["gain", "low", "high", "resampled"]].tolist() == [2.0, -1.0, 5.0, "seeds and items"]
    swahili = table.loc[("mnli", "xnli", "sw")]
    assert (swahili["gain"], swahili["low"], swahili["high"], swahili["resampled"]) == (4.0, 1.0, 7.0, "seeds")
    assert (swahili["script"], swahili["resource_level"]) == ("Latin", "low")
    assert np.isnan(table.loc[("ccg", "xnli", "de"), "low"])


def test_findings_state_numbers_and_limits():
    text = analysis.findings(analysis.gain_table(HAND))
    assert "mnli on xnli (+3.0 points" in text
    assert "1 to 2 seeds" in text and "1 cell is missing" in text and "by chance" in text


def test_main_table_in_text():
    table = analysis.main_table(analysis.gain_table(HAND), analysis.baseline(HAND))
    assert table.loc["none (score)"].tolist() == ["53.5", "30.0", "41.8"]
    assert table.loc["mnli", "xnli"].startswith("+3.0 (1.") and table.loc["mnli", "xnli"].endswith(") *")
    assert table.loc["mnli", "tatoeba"] == "" and table.loc["ccg", "tatoeba"] == "+5.0"


def write_predictions(path: Path, rows: list[tuple[str, list[float]]], columns: tuple[str, ...], metric: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        print(json.dumps({"columns": columns, "metric": metric}), file=stream)
        for name, statistics in rows:
            print(json.dumps({"id": name, "gold": "a", "prediction": "b", "stats": statistics}), file=stream)
    return path


def test_paired_items_by_hand(tmp_path):
    base = write_predictions(tmp_path / "a.gz", [(str(i), [int(i < 50)]) for i in range(100)], metrics.ACCURACY, "accuracy")
    order = [*range(99, -1, -1)]
    other = write_predictions(tmp_path / "b.gz", [(str(i), [int(i < 60)]) for i in order], metrics.ACCURACY, "accuracy")
    paired = analysis.paired_items([(base, other)])
    assert (paired.gain, paired.seeds, paired.n) == (pytest.approx(10.0), 1, 100)
    # The ten items that changed are binomial(100, 0.1): standard error 3 points.
    assert paired.low == pytest.approx(10 - 1.96 * 3, abs=1.1) and paired.high == pytest.approx(10 + 1.96 * 3, abs=1.1)
    assert paired == analysis.paired_items([(base, other)])
    assert analysis.paired_items([(base, base)]).gain == 0 == analysis.paired_items([(base, base)]).high


def test_paired_items_of_tags_use_the_counts(tmp_path):
    rows = [("a", [1, 2, 2, 3, 4]), ("b", [2, 2, 3, 5, 5])]
    base = write_predictions(tmp_path / "a.gz", rows, metrics.TAGGING, "f1")
    other = write_predictions(tmp_path / "b.gz", [("a", [2, 2, 2, 4, 4]), rows[1]], metrics.TAGGING, "f1")
    expected = 100 * (2 * 4 / (4 + 5) - 2 * 3 / (4 + 5))
    assert analysis.paired_items([(base, other), (base, base)]).gain == pytest.approx(expected / 2)


def test_mined_pairs_may_differ_but_other_items_may_not(tmp_path):
    base = write_predictions(tmp_path / "a.gz", [("x", [1, 1, 1]), ("y", [0, 1, 0])], metrics.BITEXT, "f1")
    other = write_predictions(tmp_path / "b.gz", [("x", [1, 1, 1])], metrics.BITEXT, "f1")
    assert analysis.paired_items([(base, other)]).gain == pytest.approx(100 - 100 * 2 / 3)
    first = write_predictions(tmp_path / "c.gz", [("x", [1]), ("y", [0])], metrics.ACCURACY, "accuracy")
    second = write_predictions(tmp_path / "d.gz", [("x", [1])], metrics.ACCURACY, "accuracy")
    with pytest.raises(UsageError, match="different test items"):
        analysis.paired_items([(first, second)])
    with pytest.raises(UsageError, match=r"d\.gz has accuracy"):
        analysis.paired_items([(base, second)])
    (tmp_path / "e.gz").write_text("no gzip")
    with pytest.raises(UsageError, match="not a file of predictions"):
        analysis.paired_items([(first, tmp_path / "e.gz")])


@pytest.mark.parametrize("different", [2, 900])
def test_both_ways_of_resampling_have_the_right_spread(different):
    """Sum of n draws: mean n * m, standard deviation sqrt(n) * s, by multinomial counts (2 different rows) and by gathering (900)."""
    rows = np.random.default_rng(0).permutation(np.arange(1000) % different).astype(float)[:, None] / different
    sums = resampled_sums(rows, 4000, np.random.default_rng(1))
    assert sums.shape == (4000, 1)
    assert sums.mean() == pytest.approx(rows.sum(), rel=0.01)
    assert sums.std() == pytest.approx(np.sqrt(1000) * rows.std(), rel=0.05)


def test_run_grid_starts_with_phase_1_and_the_baseline():
    states = [("mnli", "intermediate", "done"), ("", "pretrain", "done"), ("none", "mnli", "failed"), ("none", "mnli", "done")]
    grid = analysis.run_grid(pd.DataFrame(states, columns=["recipe", "stage", "state"]))
    assert grid["recipe"].tolist() == ["phase 1", "none", "mnli"]
    assert grid.loc[1, ["done", "failed", "missing", "total"]].tolist() == [1, 1, 0, 2]


def test_training_summary():
    lines = log_lines(['{"step": 1, "loss": 2.0}', '{"step": 2, "loss": 1.0, "dev": 70.0}', '{"step": 3, "lo'])
    assert len(lines) == 2, "the line that was cut off is left out"
    log = pd.DataFrame(
        [{"run": "r", "recipe": "none", "seed": 1, "stage": "mnli", "tokens_per_second": 9.0, "padding": 0.0, **x} for x in lines]
    )
    row = analysis.training(log).iloc[0]
    assert row[["stage", "runs", "steps", "first_loss", "last_loss", "best_dev"]].tolist() == ["mnli", 1, 2, 2.0, 1.0, 70.0]
    assert analysis.training(log.iloc[:0]).empty
