"""The notebooks of advice, on kept runs and published scores."""

import json
from pathlib import Path

import pandas as pd
import pytest
from notebook_cells import said_by

from benchmarks import advice
from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.report.advice import answers, evidence


def test_advice_by_language(tmp_path, monkeypatch):
    values = {"target": "xcopa", "languages": ["it", "sw"], "folder": str(tmp_path)}
    said = said_by("70_advice", monkeypatch, **values)
    assert "before xcopa (choice), in Italian" in said and "in Swahili" in said
    assert json.loads((tmp_path / results.RESULT).read_text())["notebook"] == "70_advice"
    assert (tmp_path / "advice.pdf").is_file()
    table = pd.read_csv(tmp_path / "advice.csv")
    assert list(table["panel"].unique()) == ["it", "sw"]
    assert (table.groupby("panel")["recipe"].nunique() == 11).all()


def test_advice_measured_on_published_scores(tmp_path, monkeypatch):
    values = {"study": "published", "others": [], "folder": str(tmp_path)}
    said = said_by("71_advice_measured", monkeypatch, **values)
    for words in (
        "**Advice from other targets.** published (10 targets): the advisor's first choice loses 0.8",
        "the best simple rule (best on average) 0.8",
        "The 80 % intervals hold 83 % of the gains, the 95 % intervals 98 %",
        "What this does not show",
    ):
        assert words in said, words
    assert {"regrets.pdf", "means.csv", "measures.csv", "evidence.csv"} <= {
        path.name for path in Path(tmp_path).iterdir()
    }
    targets = pd.read_csv(tmp_path / "targets.csv").set_index("target")
    assert len(targets) == 10 and targets["recipe"]["copa"] == "commonsenseqa"
    assert (targets["low_80"] < targets["gain"]).all() and targets["reasons"].notna().all()
    assert set(pd.read_csv(tmp_path / "measures.csv")["target"]) > {"rte", "wic", "boolq"}


def renewed(tables: dict[str, str]) -> str:
    return advice.renewed(advice.PAGE.read_text(encoding="utf-8"), tables)


def test_the_guide_has_the_advice_that_the_code_gives():
    """After new gains in reference/, `python -m benchmarks.advice` writes the guide's tables."""
    page = advice.PAGE.read_text(encoding="utf-8")
    assert renewed({"choices": advice.choices()}) == page
    assert "\nof measured gains\n<!-- end -->" in renewed({"choices": "of measured gains"})


@pytest.mark.slow
@pytest.mark.release
def test_the_guide_has_the_losses_that_the_code_gives():
    assert renewed(advice.tables()) == advice.PAGE.read_text(encoding="utf-8")


def test_too_few_targets_are_no_evidence():
    with pytest.raises(UsageError, match="measured: gains on panx, tatoeba alone: advice needs 3"):
        evidence(["measured"], "af")


def test_a_rule_is_named_where_it_wins(monkeypatch):
    """In English, as if the model had lost more than the largest set."""
    losses = pd.Series({"the model": 3.0, "largest set": 2.0})
    monkeypatch.setattr("xstilts_core.analysis.advice.rule_regrets", lambda model: losses)
    (answer,) = answers("lareqa", ["measured", "published"])
    assert answer.table.attrs["rule"] == "largest set" and answer.table["recipe"][0] == "multitask"
    assert "a simple rule, largest set, which is better than that of the expected" in answer.text
    assert "the model 3.0, largest set 2.0." in answer.text
    assert "21_target -p recipe multitask -p train_on" in answer.text
