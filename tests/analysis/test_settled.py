"""No claim hangs on the last digit: what is equal but for rounding ties, and what is 0 but for
rounding is neither above nor below it."""

import numpy as np
import pandas as pd
import pytest
from made_claims import estimates

from xstilts_core import analysis
from xstilts_core.analysis.abilities import by_run, own_and_gains
from xstilts_core.analysis.gain_array import combined, mean
from xstilts_core.analysis.scores import settled
from xstilts_core.results import COLUMNS
from xstilts_core.tasks import TASKS
from xstilts_core.wording.text import sentences

CODES = ("de", "hi", "sw")
# Gains over 50.1 by language: the mean of each recipe is 0.3, which no order of adding floats gives
# exactly.
GAINS = {
    "mnli": (0.1, 0.2, 0.6),
    "qqp": (0.6, 0.2, 0.1),
    "ccg": (0.3, 0.3, 0.3),
    "squad_v1": (0.7, 0.1, 0.1),
}


def scores(
    gains: dict[str, tuple[float, ...]],
    tasks: tuple[str, ...] = ("xnli", "udpos"),
    seeds: tuple[int, ...] = (1, 2),
) -> pd.DataFrame:
    rows = []
    for task in tasks:
        for seed in seeds:
            for recipe, values in {"none": (0.0,) * len(CODES), **gains}.items():
                for code, gain in zip(CODES, values, strict=True):
                    value = 50.1 + seed / 10 + gain
                    rows.append(
                        (
                            "s",
                            "target",
                            recipe,
                            seed,
                            "",
                            task,
                            code,
                            "test",
                            TASKS[task].metric,
                            value,
                            100,
                        )
                    )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_what_differs_in_the_last_digit_is_equal():
    assert 0.1 + 0.2 != 0.3 and settled(0.1 + 0.2) == settled(0.3)
    assert str(settled(-1e-17)) == "0.0" and np.isnan(settled(float("nan")))
    parts = estimates(np.array([[value - 1e-17, value + 1e-17] for value in (0.1, 0.2, -0.3)]))
    total = combined(parts, [1, 1, 1])
    assert (total.value, *total.interval) == (0.0, 0.0, 0.0) and total.parts[0].variance == 0.0
    thirds = estimates(np.full((3, 2), 1 / 3))
    assert mean(thirds).value == settled(1 / 3) and combined(thirds, [1, 1, 1]).value == 1.0, (
        "results are settled, not what they are made of"
    )


def test_equal_gains_tie_in_tables_and_sentences():
    frame = scores(GAINS)
    raw = analysis.gains(frame).groupby("recipe")["gain"].mean()
    assert raw.nunique() > 1, "otherwise there is nothing to settle"
    table = analysis.gain_table(analysis.gain_draws(frame))
    assert table["gain"].nunique() == table["low"].nunique() == table["high"].nunique() == 1
    text = sentences("transfer", table=table)
    assert "Best on average over all targets: mnli" in text and "worst: ccg" in text, (
        "the order of the paper's tables"
    )
    assert analysis.gain_matrix(frame).stack().nunique() == 1
    assert analysis.seed_tests(analysis.gains(frame))["gain"].nunique() == 1


def test_a_difference_that_is_nothing_is_not_told_from_0():
    found = analysis.gain_draws(scores(GAINS))
    for task in ("xnli", "udpos"):
        for one in GAINS:
            for other in GAINS:
                difference = found.gain(one, task) - found.gain(other, task)
                assert (difference.value, *difference.interval) == (0.0, 0.0, 0.0)
    lost = analysis.gain_draws(scores({"mnli": (0.1, 0.2, -0.3), "ccg": (-0.3, 0.1, 0.2)}))
    table = analysis.gain_table(lost)
    assert (table[["gain", "low", "high"]] == 0).all(axis=None)
    assert "lies above 0 in 0 and below 0 in 0" in sentences("transfer", table=table)


def test_a_choice_between_equal_recipes_goes_to_the_baseline():
    """On development data, and of the oracle on test data."""
    draws = analysis.gain_draws(scores({"mnli": (0.1, 0.2, -0.3), "ccg": (0.3, -0.2, -0.1)}))
    values = {"none": (60.1, 60.3), "mnli": (60.2, 60.2), "ccg": (60.0, 60.4)}
    rows = [
        (name, task, seed, value)
        for task in ("xnli", "udpos")
        for name, pair in values.items()
        for seed, value in enumerate(pair, 1)
    ]
    development = pd.DataFrame(rows, columns=["recipe", "task", "seed", "value"])
    found = analysis.choices(draws, development)
    assert found["chosen"].tolist() == found["oracle"].tolist() == ["none", "none"]
    assert (
        analysis.strategies(draws, development)
        .set_index("strategy")
        .loc["one recipe for all targets", "recipe"]
        == "none"
    )


def test_ranks_tie_where_gains_are_equal():
    """0.3 in each run over another baseline, and 0.3 in the mean of the runs."""
    gains = {"none": (0.0,) * 3, **GAINS, "cosmosqa": (1.0, 1.0, 1.0)}
    rows = [
        (
            name,
            run,
            "target",
            task,
            base + 20 * run + (0.3 if level and name in GAINS else values[run]),
        )
        for level, task, base in ((True, "xnli", 30.1), (False, "udpos", 20.1))
        for name, values in gains.items()
        for run in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["recipe", "run", "kind", "task", "score"])
    table = frame.pivot(index=["recipe", "run"], columns="task", values="score")
    level = table["xnli"] - table.loc["none", "xnli"].reindex(table.index, level="run")
    assert level.nunique() > 3, "otherwise there is nothing to settle"
    assert by_run(frame, paired=True)["xnli"].nunique() == 2
    assert own_and_gains(frame)["udpos"].nunique() == 2
    known = analysis.correlations(own_and_gains(frame)[["xnli"]], own_and_gains(frame)[["udpos"]])
    assert known["estimate"].iloc[0] == pytest.approx(1.0)
