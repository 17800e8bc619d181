"""Gains by groups of languages, on made-up scores whose answers are known, and what the figure
shows of them."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from xstilts_core import analysis
from xstilts_core.analysis.groups import ALL, fact
from xstilts_core.report import figures
from xstilts_core.results import COLUMNS
from xstilts_core.tasks import TASKS
from xstilts_core.wording.text import sentences

CODES = {
    "xnli": ("en", "de", "es", "hi", "zh"),
    "tatoeba": ("de", "sw"),
    "pawsx": ("en", "de", "zh"),
}
RECIPES = {"mnli": ["mnli"], "ccg": ["ccg"]}


def scores(
    extra: dict[str, float],
    seeds: int = 3,
    noise: float = 0.05,
    tasks: tuple[str, ...] = tuple(CODES),
) -> pd.DataFrame:
    """mnli gains 4 points, ccg 1, everywhere; in a language of `extra` so many more. Tatoeba gains
    20 more in all languages."""
    generator, rows = np.random.default_rng(0), []
    for recipe, gain in {"none": 0.0, "mnli": 4.0, "ccg": 1.0}.items():
        for task in tasks:
            for code in CODES[task]:
                for seed in range(1, seeds + 1):
                    more = (
                        extra.get(code, 0.0) + (20.0 if task == "tatoeba" else 0.0)
                        if recipe != "none"
                        else 0.0
                    )
                    value = 50 + gain + more + generator.normal(0, noise)
                    phase = "retrieval" if task == "tatoeba" else "target"
                    rows.append(
                        (
                            "s",
                            phase,
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


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    return analysis.group_gains(analysis.gain_draws(frame))


def whole(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["recipe"] == ALL].set_index(["factor", "level"])


def test_facts():
    assert [
        fact("hi", name)
        for name in ("script", "family", "word_order", "resource_level", "language")
    ] == [
        "Devanagari",
        "Indo-European",
        "SOV",
        "high",
        "hi",
    ]


def test_gains_of_levels_and_of_each_recipe():
    table = grouped(scores({"hi": 6.0}))
    rows = whole(table)
    assert rows.loc[("script", "Devanagari"), "gain"] == pytest.approx(2.5 + 6, abs=0.1), (
        "mean of both recipes"
    )
    assert ("language", "en") not in rows.index, "zero-shot: English is left out"
    # Latin: de and es on xnli, de and sw on tatoeba, de on pawsx: the mean over targets of the mean
    # over languages.
    assert rows.loc[("script", "Latin"), "gain"] == pytest.approx((2.5 + 22.5 + 2.5) / 3, abs=0.1)
    assert rows.loc[("script", "Latin"), ["languages", "targets", "recipes", "seeds"]].tolist() == [
        "de es sw",
        3,
        2,
        3,
    ]
    own = table[table["recipe"] == "mnli"].set_index(["factor", "level"])
    assert own.loc[("script", "Devanagari"), "gain"] == pytest.approx(10, abs=0.1)


def test_differences_are_within_targets():
    """Latin has the easy target; within targets its languages gain no more than others, and those
    of hi do."""
    rows = whole(grouped(scores({"hi": 6.0})))
    hindi = rows.loc[("script", "Devanagari")]
    assert (
        hindi["difference"] == pytest.approx(6, abs=0.1)
        and hindi["difference_low"] > 5
        and hindi["p_holm"] < 0.05
    )
    # On xnli the other languages are hi and zh: half of 6 less; on pawsx zh alone; on tatoeba there
    # are no others.
    assert rows.loc[("script", "Latin"), "difference"] == pytest.approx((-3 + 0) / 2, abs=0.1)
    swahili = rows.loc[("language", "sw")]
    assert swahili["difference"] == pytest.approx(0, abs=0.1) and swahili["gain"] == pytest.approx(
        22.5, abs=0.1
    )
    assert swahili["difference_low"] < 0 < swahili["difference_high"] and swahili["p"] > 0.05
    assert swahili["detectable"] > (swahili["difference_high"] - swahili["difference_low"]) / 2


def test_a_test_counts_once():
    """zh is a script, a family and a language; high and low resources are one difference."""
    rows = whole(grouped(scores({"hi": 6.0})))
    assert rows.loc[("script", "Han"), "p_holm"] == rows.loc[("language", "zh"), "p_holm"]
    assert rows.loc[("resource_level", "low"), "p"] == pytest.approx(
        rows.loc[("resource_level", "high"), "p"]
    )
    tests = (
        5 + 3
    )  # five languages (sw is also low, Niger-Congo); Latin; Indo-European; SVO; hi is SOV, de the one without an order
    smallest = rows["p"].min()
    assert rows["p_holm"].min() == pytest.approx(min(1, tests * smallest), rel=1e-6)


def test_one_seed_has_no_interval():
    table = grouped(scores({}, seeds=1))
    assert (
        table["gain"].notna().all()
        and table[["low", "high", "difference_low", "p", "p_holm", "detectable"]].isna().all().all()
    )
    text = sentences(
        "languages",
        table=table,
        effects=analysis.language_effects(analysis.gains(scores({}, seeds=1)), RECIPES),
    )
    assert "one seed, no interval" in text and "no interval)" in text
    assert "too few languages, targets or seeds" in text and "nan" not in text


def test_some_cells_of_one_seed_are_no_study_of_one_seed():
    frame = scores({"hi": 6.0})
    part = frame[(frame["seed"] == 1) | (frame["recipe"] != "ccg")]
    text = sentences(
        "languages",
        table=grouped(part),
        effects=analysis.language_effects(analysis.gains(part), RECIPES),
    )
    assert "some cells have one seed, no interval" in text and "in mixed-effects models" in text


def test_a_recipe_without_runs_on_a_target():
    frame = scores({})
    table = grouped(frame[~((frame["recipe"] == "ccg") & (frame["task"] == "tatoeba"))])
    rows = whole(table)
    assert ("language", "sw") not in rows.index, "only mnli has it"
    assert rows.loc[("script", "Latin"), "targets"] == 2
    assert ((table["recipe"] == "mnli") & (table["level"] == "sw")).any()


def test_effects_beyond_the_languages():
    """Nine languages on two targets; those with object before verb gain 8 points more."""
    codes = {
        "es": "SVO",
        "fr": "SVO",
        "it": "SVO",
        "pt": "SVO",
        "ru": "SVO",
        "ja": "SOV",
        "ko": "SOV",
        "tr": "SOV",
        "hi": "SOV",
    }
    generator, rows = np.random.default_rng(1), []
    for task in ("xnli", "panx"):
        for code, order in codes.items():
            for recipe, seed in product(RECIPES, (1, 2)):
                gain = 8.0 * (order == "SOV") + generator.normal(0, 0.5)
                rows.append((recipe, task, code, seed, gain))
    table = pd.DataFrame(rows, columns=["recipe", "task", "language", "seed", "gain"])
    effects = analysis.language_effects(table, RECIPES)
    row = effects[effects["effect"] == "word_order"].iloc[0]
    assert (row["level"], row["reference"], row["units"]) == ("SOV", "SVO", 9)
    assert row["estimate"] == pytest.approx(8, abs=1) and row["low"] > 6 and row["p_holm"] < 0.05
    missing = effects[effects["effect"] == "resource_level"].iloc[0]
    assert np.isnan(missing["estimate"]) and "one level" in missing["reason"], "all nine are high"
    text = sentences("languages", table=grouped(scores({})), effects=effects)
    assert "word order SOV against word order SVO (+" in text


def test_findings_in_words():
    frame = scores({"hi": 6.0})
    text = sentences(
        "languages",
        table=grouped(frame),
        effects=analysis.language_effects(analysis.gains(frame), RECIPES),
    )
    assert "Mean of 2 recipes on 3 targets." in text and "largest in Swahili (+22.5 points" in text
    assert (
        "these differ from the other languages of their targets (Holm): " in text
        and "Hindi (+6.0 points" in text
    )
    same = sentences(
        "languages",
        table=grouped(scores({}, noise=2.0)),
        effects=analysis.language_effects(analysis.gains(scores({}).head(0)), RECIPES),
    )
    assert "none differs" in same and "80 % power" in same and "nothing can be said yet" in same
    assert "No finished target runs" in sentences(
        "languages", table=grouped(scores({}).head(0)), effects=pd.DataFrame()
    )


def texts(figure) -> list[str]:
    figure.canvas.draw()
    return [
        text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    ]


def test_figure():
    table = grouped(scores({"hi": 6.0}))
    found = texts(figures.group_gains(table, source="Study s."))
    for word in (
        "script",
        "word order",
        "Latin (de, es, sw)",
        "Hindi (hi)",
        "single recipes",
        "all recipes, above 0",
    ):
        assert word in found, word
    note = " ".join(next(text for text in found if "Study s." in text).split())
    assert (
        "3 seeds" in note and "95 % intervals over seeds" in note and "language_groups.csv" in note
    )
    assert "Latin (3)" in texts(figures.group_gains(table, ["script"], width=figures.COLUMN))


def test_figure_of_one_seed_and_of_nothing():
    assert any(
        "No intervals: one seed" in " ".join(text.split())
        for text in texts(figures.group_gains(grouped(scores({}, seeds=1))))
    )
    assert texts(figures.group_gains(grouped(scores({}).head(0)))) == ["no gains by language yet"]
