"""Analysis on hand-written frames whose answers can be worked out on paper."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xstilts_core import analysis
from xstilts_core.analysis.study_runs import log_lines
from xstilts_core.errors import UsageError
from xstilts_core.report import tables
from xstilts_core.results import COLUMNS
from xstilts_core.wording.numbers import cell
from xstilts_core.wording.text import sentences

PRIMARY = {"xnli": "accuracy", "xquad": "f1", "tatoeba": "accuracy"}


def scores(rows: list[tuple[str, int, str, str, float]], metric: str | None = None) -> pd.DataFrame:
    """A frame of (recipe, seed, task, language, value)."""
    table = [
        (
            "s",
            "retrieval" if task == "tatoeba" else "target",
            recipe,
            seed,
            "",
            task,
            code,
            "test",
            metric or PRIMARY[task],
            value,
            100,
        )
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


def table_of(frame: pd.DataFrame) -> pd.DataFrame:
    return analysis.gain_table(analysis.gain_draws(frame))


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
    assert np.isnan(matrix.loc["mnli", "tatoeba"]) and np.isnan(matrix.loc["mnli", "average"]), (
        "missing is NaN, not 0"
    )
    assert matrix.loc["ccg"].tolist() == [-2.0, 5.0, 1.5]
    assert analysis.gain_draws(HAND, languages=["en"]).gain("mnli", "xnli").value == 9.0


def test_baseline_row():
    row = analysis.baseline(HAND)
    assert row.loc["none"].tolist() == [(60 + 50 + 64 + 40) / 4, 30.0, 41.75]
    by_language = analysis.baseline_by_language(HAND).set_index(["task", "language"])
    assert by_language.loc[("xnli", "de"), "value"] == 62.0
    assert by_language.loc[("xnli", "de"), "seeds"] == 2
    assert np.isnan(by_language.loc[("tatoeba", "de"), "spread"]), "one seed has no spread"


def test_only_primary_test_scores_of_targets_count():
    other = scores([("mnli", 1, "xnli", "de", 0.0)]).assign(split="dev")
    second = scores(
        [("mnli", 1, "xquad", "de", 0.0), ("none", 1, "xquad", "de", 7.0)], metric="exact_match"
    )
    phase2 = scores([("mnli", 1, "xnli", "de", 0.0)]).assign(phase="intermediate")
    frame = pd.concat([HAND, other, second, phase2])
    assert analysis.gain_matrix(frame).equals(analysis.gain_matrix(HAND))
    assert analysis.target_scores(frame, "exact_match")["value"].tolist() == [0.0, 7.0]


def test_the_scores_csv_gives_the_same_matrix(tmp_path):
    HAND.to_csv(tmp_path / "scores.csv", index=False)
    assert analysis.gain_matrix(pd.read_csv(tmp_path / "scores.csv")).equals(
        analysis.gain_matrix(HAND)
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: analysis.gains(HAND.drop(columns="seed")), "seed"),
        (lambda: analysis.gain_draws(HAND, languages=["dee"]), "did you mean 'de'"),
        (lambda: analysis.gain_draws(HAND, languages="de"), "list of codes"),
        (lambda: analysis.target_scores(HAND, "acuracy"), "did you mean 'accuracy'"),
        (lambda: analysis.gains(HAND.assign(task="xnil")), "did you mean 'xnli'"),
        (lambda: analysis.gains(pd.concat([HAND, HAND])), "several studies"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises(UsageError, match=words):
        call()


def test_gain_table_has_intervals_and_counts():
    table = table_of(HAND).set_index(["recipe", "task"])
    cell = table.loc[("mnli", "xnli")]
    assert (cell["gain"], cell["seeds"], cell["languages"], cell["n"]) == (3.0, 2, 2, 4)
    assert (cell["low"], cell["high"]) == (
        pytest.approx(3 - 12.7062, abs=1e-3),
        pytest.approx(3 + 12.7062, abs=1e-3),
    ), "seeds gain 2 and 4"
    assert table.loc[("mnli", "tatoeba"), ["gain", "low", "high"]].isna().all()
    single = table.loc[("ccg", "tatoeba")]
    assert single["gain"] == 5.0 and np.isnan(single["low"]), "one pair cannot be resampled"
    assert table.loc[("ccg", "average"), "gain"] == 1.5 and np.isnan(
        table.loc[("ccg", "average"), "low"]
    )
    assert np.isnan(table.loc[("mnli", "average"), "gain"])


def test_empty_frame_gives_empty_tables():
    empty = HAND.iloc[:0]
    assert analysis.gain_matrix(empty).empty
    assert table_of(empty).empty
    assert analysis.by_language(analysis.gain_draws(empty)).empty
    nothing = analysis.choices(analysis.gain_draws(empty), DEVELOPMENT.iloc[:0])
    assert nothing.empty and analysis.strategies(analysis.gain_draws(empty), DEVELOPMENT).empty
    assert "Nothing to choose" in sentences("choice", choices=nothing, strategies=nothing)
    assert "No finished target runs" in sentences("transfer", table=table_of(empty))


def test_baseline_alone_gives_no_gains():
    alone = HAND[HAND["recipe"] == "none"]
    assert analysis.gain_matrix(alone).empty
    assert "No finished target runs" in sentences("transfer", table=table_of(alone))


DEVELOPMENT = pd.DataFrame(
    [
        ("none", "xnli", 1, 80.0),
        ("mnli", "xnli", 1, 79.0),
        ("ccg", "xnli", 1, 81.0),
        ("none", "tatoeba", 1, 50.0),
        ("mnli", "tatoeba", 1, 99.0),
        ("ccg", "tatoeba", 1, 50.0),
    ],
    columns=["recipe", "task", "seed", "value"],
)


def test_the_recipe_is_chosen_on_development_data_and_reported_on_test_data():
    draws = analysis.gain_draws(HAND)
    table = analysis.choices(draws, DEVELOPMENT).set_index("task")
    xnli = table.loc["xnli"]
    assert (xnli["chosen"], xnli["development"], xnli["gain"]) == ("ccg", 1.0, -2.0), (
        "ccg is best on development data, and loses on test"
    )
    assert (xnli["oracle"], xnli["oracle_gain"], xnli["regret"]) == ("mnli", 3.0, 5.0)
    # mnli has no test score on tatoeba, so it cannot be chosen; ccg and none tie, and the baseline
    # wins ties.
    tatoeba = table.loc["tatoeba"]
    assert (tatoeba["chosen"], tatoeba["gain"], tatoeba["oracle"], tatoeba["regret"]) == (
        "none",
        0.0,
        "ccg",
        5.0,
    )
    averages = analysis.strategies(draws, DEVELOPMENT).set_index("strategy")["gain"]
    assert averages["a recipe per target"] == -1.0
    # One for all: mean development gains are none 0, ccg 0.5; mnli is not complete.
    assert (
        averages["one recipe for all targets"] == 1.5
        and averages["per target, beyond one for all"] == -2.5
    )
    assert (
        averages["oracle: best on test data"] == 4.0
        and averages["regret of choosing on development data"] == 5.0
    )
    text = sentences(
        "choice", choices=table.reset_index(), strategies=analysis.strategies(draws, DEVELOPMENT)
    )
    assert (
        "ccg, the one recipe" in text
        and "on 0 of 2" in text
        and "favor no intermediate training on tatoeba" in text
    )


def test_another_recipe_is_chosen_when_development_data_say_so():
    other = DEVELOPMENT.assign(
        value=DEVELOPMENT["value"].where(DEVELOPMENT["recipe"] != "mnli", 99.0)
    )
    assert analysis.choices(analysis.gain_draws(HAND), other).set_index("task").loc[
        "xnli", ["chosen", "regret"]
    ].tolist() == ["mnli", 0.0]
    half = analysis.choices(analysis.gain_draws(HAND), DEVELOPMENT[DEVELOPMENT["task"] == "xnli"])
    assert half["task"].tolist() == ["xnli"], "no development data, no choice"


def test_controls_are_no_contenders():
    frame = pd.concat(
        [HAND, HAND[HAND["recipe"] == "mnli"].assign(recipe="random_init", value=1.0)]
    )
    assert analysis.contenders(frame, ["random_init"]).equals(HAND)


def test_findings_state_numbers_and_limits():
    table = table_of(HAND)
    assert (
        "lies above 0 in 0 and below 0 in 0; 1 cannot be told from 0, 2 have no interval"
        in sentences("transfer", table=table)
    )
    table.loc[0, ["low", "high"]] = 1.0, 5.0
    text = sentences("transfer", table=table)
    assert "mnli on xnli (+3.0 points, +1.0 to +5.0)" in text
    assert "1 to 2 seeds" in text and "1 cell is missing" in text
    assert "by chance" not in text, "cells of one seed have no interval that could exclude 0"
    table.loc[table["gain"].notna(), ["low", "high"]] = -1.0, 1.0
    assert "Among 3 intervals about 0.2 would exclude 0 by chance" in sentences(
        "transfer", table=table
    )


def test_a_target_without_any_score_belongs_to_the_average():
    targets = ["xnli", "tatoeba", "panx"]
    table = analysis.gain_table(analysis.gain_draws(HAND, targets=targets))
    assert table[table["task"].isin(["panx", "average"])]["gain"].isna().all()
    assert "3 cells are missing" in sentences(
        "transfer", table=table
    ) and "on average" not in sentences("transfer", table=table)
    for found in (
        analysis.gain_matrix(HAND, targets=targets),
        analysis.baseline(HAND, targets=targets),
    ):
        assert found.columns.tolist() == ["xnli", "panx", "tatoeba", "average"] and found[
            ["panx", "average"]
        ].isna().all(axis=None)


def test_main_table_in_text():
    cells = table_of(HAND)
    table = tables.main_table(cells, analysis.baseline(HAND))
    assert table.loc["none (score)"].tolist() == ["53.5", "30.0", "41.8"]
    assert table.loc["mnli", "xnli"] == "+3.0 (-9.7 to 15.7)"
    cells.loc[0, "low"] = 1.0
    assert (
        tables.main_table(cells, analysis.baseline(HAND)).loc["mnli", "xnli"]
        == "+3.0 (1.0 to 15.7) *"
    )
    assert table.loc["mnli", "tatoeba"] == "" and table.loc["ccg", "tatoeba"] == "+5.0"


def test_zero_has_no_minus_sign_in_a_text():
    row = pd.DataFrame(
        [("mnli", "xnli", -0.04, -0.03, 2.0)], columns=["recipe", "task", "gain", "low", "high"]
    ).iloc[0]
    assert cell(row["gain"], row["low"], row["high"]) == "+0.0 (0.0 to 2.0)"
    said = sentences("transfer", table=pd.DataFrame([row]).assign(seeds=2, resampled="seeds"))
    assert "1 cell (recipe x target)" in said and "-0.0" not in said
    averages = pd.DataFrame([row, row]).assign(seeds=2, resampled="seeds", task=["xnli", "average"])
    assert "mnli (+0.0 points, +0.0 to +2.0)" in sentences("transfer", table=averages)
    package = Path(analysis.__file__).parents[1]
    texts = [
        path.read_text(encoding="utf-8")
        for path in (
            path
            for room in ("analysis", "publish", "wording")
            for path in package.glob(f"{room}/**/*.py")
        )
    ]
    assert not any(re.search(r":(\+|\{sign\})\.", text) for text in texts), (
        "a signed number without z in its format"
    )


def test_run_grid_starts_with_phase_1_and_the_baseline():
    states = [
        ("mnli", "intermediate", "done"),
        ("", "pretrain", "done"),
        ("none", "mnli", "failed"),
        ("none", "mnli", "done"),
    ]
    grid = analysis.run_grid(pd.DataFrame(states, columns=["recipe", "stage", "state"]))
    assert grid["recipe"].tolist() == ["phase 1", "none", "mnli"]
    assert grid.loc[1, ["done", "failed", "missing", "total"]].tolist() == [1, 1, 0, 2]


def test_training_summary():
    lines = log_lines(
        ['{"step": 1, "loss": 2.0}', '{"step": 2, "loss": 1.0, "dev": 70.0}', '{"step": 3, "lo']
    )
    assert len(lines) == 2, "the line that was cut off is left out"
    log = pd.DataFrame(
        [
            {
                "run": "r",
                "recipe": "none",
                "seed": 1,
                "stage": "mnli",
                "tokens_per_second": 9.0,
                "padding": 0.0,
                **x,
            }
            for x in lines
        ]
    )
    row = analysis.training(log).iloc[0]
    assert row[["stage", "runs", "steps", "first_loss", "last_loss", "best_dev"]].tolist() == [
        "mnli",
        1,
        2,
        2.0,
        1.0,
        70.0,
    ]
    assert analysis.training(log.iloc[:0]).empty


def test_a_name_of_the_package_is_imported_when_it_is_used():
    code = "import sys, xstilts_core.analysis; print('numpy' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == "False", printed.stderr
    names = [name for module in analysis._NAMES.values() for name in module]
    assert len(set(names)) == len(names) and set(names) <= set(dir(analysis))
    assert all(callable(getattr(analysis, name)) for name in names)
    with pytest.raises(AttributeError, match="no attribute 'gain_tabel'"):
        _ = analysis.gain_tabel


def test_retrieval_by_two_measures() -> None:
    own = [
        (recipe, seed, "tatoeba", "de", value)
        for seed in (1, 2)
        for recipe, value in (("none", 90.0), ("mnli", 84.0 + seed))
    ]
    raw = [(recipe, seed, task, code, 130.0 - value) for recipe, seed, task, code, value in own]
    frame = pd.concat(
        [scores(own), scores(raw, "accuracy_raw"), scores([("none", 1, "xnli", "de", 50.0)])]
    )
    table = analysis.retrieval_measures(frame, ["xnli", "tatoeba"]).set_index("measure")
    assert list(table["recipe"]) == ["mnli", "mnli"] and set(table["task"]) == {"tatoeba"}
    assert table["score"].to_dict() == {"own": 90.0, "paper": 40.0}
    assert table["gain"].to_dict() == {"own": pytest.approx(-4.5), "paper": pytest.approx(4.5)}
    assert analysis.retrieval_measures(scores(own)).empty
