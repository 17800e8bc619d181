"""Whether gains are more than chance, in words, on tables with known answers."""

import numpy as np
import pandas as pd
import pytest

from xstilts_core import analysis
from xstilts_core.results import COLUMNS
from xstilts_core.tasks import TASKS
from xstilts_core.wording.text import sentences

CODES = ("en", "de", "es", "hi", "zh")


def scores(seeds: int, gain: float = 5.0) -> pd.DataFrame:
    """mnli gains so much on both targets, with little noise; ccg nothing."""
    generator, rows = np.random.default_rng(0), []
    for recipe, more in {"none": 0.0, "mnli": gain, "ccg": 0.0}.items():
        for task in ("xnli", "udpos"):
            for code in CODES:
                for seed in range(1, seeds + 1):
                    value = 50 + more + generator.normal(0, 0.5)
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


def item_table(p: dict[tuple[str, str], float]) -> pd.DataFrame:
    rows = [
        (recipe, task, 5.0 if recipe == "mnli" else -0.1, "test item", 150, 0.0001, value)
        for (recipe, task), value in p.items()
    ]
    table = pd.DataFrame(rows, columns=["recipe", "task", "gain", "unit", "units", "smallest", "p"])
    return table.assign(
        p_holm=analysis.holm(table["p"]), p_bh=analysis.benjamini_hochberg(table["p"])
    )


def words(seeds: int, items: pd.DataFrame) -> str:
    gains = analysis.gains(scores(seeds))
    wider = analysis.hierarchical_gains(analysis.gain_draws(scores(seeds)))
    return sentences(
        "chance",
        items=items,
        seeds=analysis.seed_tests(gains),
        languages=wider,
        shares=analysis.variance_shares(gains),
    )


def test_corrected_tests_are_counted():
    text = words(
        3,
        item_table(
            {
                ("mnli", "xnli"): 0.001,
                ("mnli", "udpos"): 0.02,
                ("ccg", "xnli"): 0.03,
                ("ccg", "udpos"): 0.9,
            }
        ),
    )
    assert (
        "1 of 4 gains can be told from 0 after Holm's correction (1 above, 0 below) and 3 after Benjamini and Hochberg's"
        in text
    )
    assert "mnli on xnli (+5.0 points, p_holm = 0.004)" in text
    assert "3 seeds cannot give a p below 0.25" in text
    assert "2 of 4 intervals exclude 0: mnli on" in text and "ccg on" not in text
    assert "recipe 9" in text and text.index("recipe 9") < text.index("what is left"), (
        "nearly all of the variance is the recipe's"
    )


def test_many_seeds_can_tell():
    assert "4 of 6 gains can be told" not in words(3, item_table({}))
    text = words(9, item_table({("mnli", "xnli"): 0.5}))
    assert (
        "0 of 1 gain can be told" in text and "Over seeds, 3 of 6 gains can be told from 0" in text
    ), "mnli on both and on average"
    assert "smallest p possible is 0.0039" in text


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_and_no_predictions(seeds):
    text = words(seeds, item_table({}))
    assert "No predictions were kept" in text and "nan" not in text
    assert f"{seeds} seed{'' if seeds == 1 else 's'} cannot give a p below" in text
    assert ("intervals exclude 0" in text) == (seeds > 1)


def test_nothing_finished():
    nothing = analysis.gains(scores(1).head(0))
    empty = analysis.seed_tests(nothing)
    assert "Nothing to test yet" in sentences(
        "chance", items=item_table({}), seeds=empty, languages=empty, shares=empty
    )
