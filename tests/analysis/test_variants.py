"""Recipes beside their variants: which pairs a study has, their differences on made-up scores, in
words, in a figure, in both reports."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from xstilts_core import analysis, results
from xstilts_core.analysis.variants import MIXTURE, SEQUENCE, TEXTS, TOGETHER, WITHOUT, Pair
from xstilts_core.jobs.notebook import run_notebook
from xstilts_core.report import figures
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.study.recipe import Recipe
from xstilts_core.wording.text import sentences

ROOT = Path(__file__).parents[2]
# Points by which a recipe of the study below changes every score.
GAINS = {
    "mnli": 2.0,
    "ccg": -1.0,
    "all": 5.0,
    "evenly": 4.0,
    "two": 3.0,
    "first": 1.0,
    "mnli_text": 2.5,
    "slow_text": -2.0,
}
STUDY = """
title: Which variant?
seeds: [1, 2, 3]
recipes:
  none:
  mnli: {intermediate: [mnli]}
  ccg: {intermediate: [ccg]}
  all: {intermediate: [mnli, ccg, qqp], cap: 100}
  evenly: {intermediate: [mnli, ccg, qqp], cap: 100, sampling: uniform}
  two: {intermediate: [mnli, ccg], cap: 100}
  first: {intermediate: [mnli, ccg], sequence: true}
  mnli_text: {intermediate: [mnli], mlm: 1.0}
  slow_text: {intermediate: [mnli], mlm: 1.0, learning_rate: 1.0e-4}
  unmatched: {intermediate: [qqp], mlm: 1.0}
targets: [xnli, tatoeba]
reports: [40_multitask, 41_mlm]
"""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    path = tmp_path / "variants.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return Study.load(str(path), str(tmp_path / "outputs"))


def fill(study: Study) -> None:
    """Every run done but evenly's on Tatoeba and unmatched's; recipes differ from the baseline by
    GAINS and a little by seed."""
    for spec in study.specs:
        recipe = getattr(spec, "recipe", "")
        if (
            spec.phase == "intermediate"
            or recipe == "unmatched"
            or (recipe == "evenly" and spec.phase == "retrieval")
        ):
            continue
        task = "tatoeba" if spec.phase == "retrieval" else "xnli"
        gain = GAINS.get(recipe, 0.0) + 0.1 * spec.seed * (recipe != "none")
        scores = [
            Score(task, code, "test", "accuracy", 50 + gain + place, 100)
            for place, code in enumerate(("de", "sw"))
        ]
        results.write(spec, scores, "cpu", 1.0, {})


def test_the_pairs_of_a_study(study):
    assert analysis.multitask(study.recipes) == [
        Pair(TOGETHER, "all", "mnli"),
        Pair(TOGETHER, "all", "ccg"),
        Pair(MIXTURE, "evenly", "all"),
        Pair(WITHOUT, "all", "two"),
        Pair(SEQUENCE, "first", "two"),
    ]
    assert analysis.with_texts(study.recipes) == [
        Pair(TEXTS, "mnli_text", "mnli"),
        Pair(TEXTS, "slow_text", "mnli"),
    ]
    assert analysis.multitask({"none": Recipe(), "mnli": Recipe(intermediate=["mnli"])}) == []


def test_differences_are_those_of_the_scores_and_nothing_missing_passes_for_one(study):
    fill(study)
    draws = analysis.gain_draws(analysis.finished(study))
    table = analysis.differences(
        draws, [*analysis.multitask(study.recipes), *analysis.with_texts(study.recipes)]
    )
    found = table.set_index(["recipe", "beside", "task"])
    assert found.loc[("all", "mnli", "xnli"), "difference"] == pytest.approx(3.0)
    assert found.loc[("all", "ccg", "average"), "difference"] == pytest.approx(6.0)
    # Both recipes move alike with the seed, so that nothing is left of it in their difference.
    assert found.loc[("all", "ccg", "average"), "low"] == pytest.approx(6.0)
    assert found.loc[("mnli_text", "mnli", "tatoeba"), "difference"] == pytest.approx(0.5)
    assert np.isnan(found.loc[("evenly", "all", "average"), "difference"]) and np.isnan(
        found.loc[("evenly", "all", "tatoeba"), "low"]
    )
    assert set(table["seeds"]) == {3}
    words = sentences("variants", table=table)
    for part in (
        "**Together beside one alone**, mean of 2 targets: all beside mnli (+3.0 points, +3.0 to +3.0)",
        "first beside two (-2.0 points",
        "excludes 0 in 1 of 1 differences: evenly beside all on xnli (-1.0 points",
        "rest on 3 seeds. With so few",
        "2 differences are missing",
    ):
        assert part in words, part


def test_a_study_without_pairs_or_results_says_so(study):
    empty = analysis.differences(
        analysis.gain_draws(analysis.finished(study)), analysis.multitask(study.recipes)
    )
    assert "No finished pair" in sentences("variants", table=empty)
    assert any(
        "no finished pair" in text.get_text()
        for text in figures.difference_plot(empty).findobj(Text)
    )


def test_the_figure_has_every_pair_with_its_number(study):
    fill(study)
    pairs = analysis.multitask(study.recipes)
    table = analysis.differences(analysis.gain_draws(analysis.finished(study)), pairs)
    for width in (figures.FULL, figures.COLUMN):
        figure = figures.difference_plot(table, width=width)
        figure.canvas.draw()
        found = [text.get_text().replace("\n\u2212", " \u2212") for text in figure.findobj(Text)]
        for word in (TOGETHER, WITHOUT, "all \u2212 mnli", "first \u2212 two", "+6.0", "\u22122.0"):
            assert word in found, word
        assert any(
            "95 % interval" in text and "3 seeds" in text
            for text in (" ".join(text.split()) for text in found)
        )
    one = table.assign(low=np.nan, high=np.nan, seeds=1)
    assert "1 seed" in " ".join(
        text.get_text() for text in figures.difference_plot(one).findobj(Text)
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [("40_multitask", "all beside ccg (+6.0"), ("41_mlm", "mnli_text beside mnli (+0.5")],
)
def test_the_reports_run_on_an_unfinished_study(study, name, word):
    fill(study)
    target = study.root / "report" / name
    notebook = ROOT / "notebooks" / f"{name}.ipynb"
    run_notebook(
        notebook,
        {"study": study.file, "outputs": study.outputs},
        target / results.NOTEBOOK,
        threads=1,
    )
    shown = (target / results.NOTEBOOK).read_text(encoding="utf-8")
    assert word in shown and "missing" in shown and "image/png" in shown
    done = json.loads((target / results.RESULT).read_text())
    assert {"differences.csv", "differences.pdf", "differences_column.png", "gains.svg"} <= set(
        done["files"]
    )
    assert len(pd.read_csv(target / "differences.csv")) == 3 * (5 if name == "40_multitask" else 2)
