"""The array of gains as one engine: an estimate is a sum of rows with weights, and a question of
one's own takes no more than the guide says."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from made_claims import draws_of

from xstilts_core.analysis.gain_array import Gains, answer_table, mean
from xstilts_core.report import figures
from xstilts_core.wording import text as wording

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "question.md"


def gains(resampled: tuple[str, ...] = ("de", "sw", "zh")) -> Gains:
    """Two recipes on two targets; the items of the languages `resampled` are known."""
    generator, rows = np.random.default_rng(0), []
    for recipe in ("mnli", "ccg"):
        for task in ("xnli", "udpos"):
            for code in ("de", "sw", "zh"):
                rows += [(recipe, task, code, seed, generator.normal()) for seed in (1, 2, 3)]
    table = pd.DataFrame(rows, columns=["recipe", "task", "language", "seed", "gain"])
    items = {
        (row.task, row.language, recipe, row.seed): generator.normal(0, 0.3, 100)
        for row in table.itertuples()
        for recipe in (row.recipe, "none")
        if row.language in resampled
    }
    return draws_of(table, items)


def test_an_estimate_is_the_weighted_sum_of_its_rows():
    draws = gains()
    contrast = draws.average("mnli") - draws.gain("ccg", "xnli", ["de"])
    rows, weights = np.flatnonzero(contrast.weights), contrast.weights
    labels = draws.labels.loc[rows].assign(weight=weights[rows]).set_index("language")
    assert sorted(labels["weight"].round(9)) == [-1.0] + [round(1 / 6, 9)] * 6
    by_seed = weights @ draws.values
    assert contrast.value == pytest.approx(by_seed.mean())
    assert contrast.pulls @ contrast.pulls == pytest.approx(by_seed.var(ddof=1) / 3)
    drawn = np.array(
        [[np.subtract(*draws.items[row, seed]) for seed in draws.seeds] for row in rows]
    )
    shares = np.einsum("r,rsd->ds", weights[rows], drawn) / 3
    np.testing.assert_allclose(contrast.draws, shares - shares.mean(axis=0), atol=1e-12)


def test_items_of_a_target_are_resampled_in_all_of_its_languages_or_in_none():
    draws = gains(("de", "sw"))
    partly = draws.gain("mnli", "xnli")
    assert partly.resampled == "seeds" and not partly.draws.any()
    assert draws.gain("mnli", "xnli", ["de", "sw"]).resampled == "seeds and items"


def test_what_is_missing_stays_missing():
    draws = gains()
    lacking = mean([draws.gain("mnli", "xnli"), draws.gain("mnli", "xquad")])
    table = answer_table(["name"], [("lacking",), ("none",)], [lacking, draws.nothing(0.0)])
    assert table[["gain", "low", "high"]].isna().all(axis=1).tolist() == [True, False]
    assert table["resampled"].tolist() == ["", ""]
    assert np.isnan(draws.less_others([("mnli", "xquad")], ["de"]).value)


def filled_in(template: str, table: pd.DataFrame) -> str:
    """The text of a template that is no file."""
    return str(wording._environment().from_string(template).render(table=list(table.itertuples())))


def test_the_question_of_the_guide_is_answered_in_forty_lines(monkeypatch):
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for _, block in blocks for line in block.splitlines() if line.strip()]
    assert len(lines) <= 40
    names: dict[str, Any] = {}
    for kind, block in blocks:
        if kind == "python":
            exec(block, names)
    names["test_languages_with_spaces_gain_two_points_more"]()
    template, cell = (block for kind, block in blocks if kind != "python")
    report = Mock(draws=gains())
    report.say = lambda name, table: shown.append(filled_in(template, table))
    report.figure = lambda name, draw, *data: shown.append(draw(*data).get_suptitle())
    shown: list[str] = []
    monkeypatch.setitem(sys.modules, "xstilts_core.analysis.spaces", SimpleNamespace(**names))
    exec(cell, {"report": report, "figures": figures})
    assert "points in languages with spaces" in shown[0] and "languages with spaces" in shown[1]
    report.table.assert_called_once()
