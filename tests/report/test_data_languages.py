"""Intermediate data in other languages against English: contrasts on made-up scores with known
answers, and both reports."""

from pathlib import Path
from zlib import crc32

import nbformat
import pytest
from made_studies import load
from matplotlib.text import Text

from xstilts_core import analysis, results
from xstilts_core.analysis.translated import conditions, resource_level
from xstilts_core.jobs.notebook import run_notebook
from xstilts_core.report import figures
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.wording.text import sentences

FOLDER = Path(__file__).parents[2] / "notebooks"
STUDY = """
title: A made-up study
encoder: mini
seeds: {seeds}
recipes:
  none:
  mnli: {{intermediate: [mnli]}}
  mnli_de: {{intermediate: [mnli], data_languages: [de]}}
  mnli_sw: {{intermediate: [mnli], data_languages: [sw]}}
  mnli_multi: {{intermediate: [mnli], data_languages: [de, sw]}}
  mnli_noise: {{intermediate: [mnli], data_languages: [de, sw], noise: 0.2}}
  qqp_de: {{intermediate: [qqp], data_languages: [de]}}
targets: [xnli, xquad]
"""
LANGUAGES = ("en", "de", "sw", "zh")
# Points over the baseline in every language; data of one language gain 6 more on that language, and
# noise costs 3.
GAINS = {
    "none": 0.0,
    "mnli": 4.0,
    "mnli_de": 3.0,
    "mnli_sw": 1.0,
    "mnli_multi": 5.0,
    "mnli_noise": 2.0,
    "qqp_de": 9.0,
}
OWN = {"mnli_de": "de", "mnli_sw": "sw"}
METRICS = {"xnli": "accuracy", "xquad": "f1"}


def study(folder: Path, seeds: str = "[1, 2, 3]", skipped: tuple[str, ...] = ()) -> Study:
    made = load(folder, STUDY.format(seeds=seeds))
    for spec in made.specs:
        if spec.recipe not in skipped:
            results.write(
                spec, list(scores(spec)) if spec.phase == "target" else [], "cpu", 1.0, {}
            )
    return made


def scores(spec):
    """Seeds wobble by recipe a little, so that intervals have a width."""
    for target in spec.targets:
        for place, code in enumerate(LANGUAGES):
            wobble = 0.05 * (crc32(f"{spec.recipe}/{spec.seed}".encode()) % 5 - 2)
            own = 6.0 if OWN.get(spec.recipe) == code else 0.0
            yield Score(
                target,
                code,
                "test",
                METRICS[target],
                50 - 5 * place + GAINS[spec.recipe] + own + wobble,
                100,
            )


def drawn(made: Study):
    return analysis.gain_draws(analysis.finished(made))


class TestConditions:
    def test_each_has_the_english_recipe_that_is_otherwise_the_same(self, tmp_path):
        found = {entry.recipe: entry for entry in conditions(study(tmp_path))}
        assert {name: entry.english for name, entry in found.items()} == {
            **dict.fromkeys(list(found)[:5], "mnli"),
            "qqp_de": "",
        }
        assert [entry.text for entry in found.values()] == [
            "en",
            "de",
            "sw",
            "de+sw",
            "de+sw, 20 % noise",
            "de",
        ]
        assert [entry.foreign for entry in found.values()] == ["", "de", "sw", "", "", "de"]

    def test_resources_are_those_that_phase_1_saw(self, tmp_path):
        made = study(tmp_path)
        assert [resource_level(made, code) for code in ("de", "tr", "sw")] == ["high", "mid", "low"]
        assert (
            resource_level(
                made.model_copy(update={"encoder": "FacebookAI/xlm-roberta-large"}), "tr"
            )
            == "high"
        )


class TestTables:
    def test_differences_to_english(self, tmp_path):
        made = study(tmp_path)
        table = analysis.data_effects(made, drawn(made)).set_index(["recipe", "task"])
        assert "qqp_de" not in table.index, "it has no English recipe beside it"
        # Means over de, sw and zh: a third of the six points comes on top.
        assert table.loc[("mnli_de", "average"), "gain"] == pytest.approx(3 + 2, abs=0.1)
        assert table.loc[("mnli_de", "average"), "difference"] == pytest.approx(1.0, abs=0.1)
        assert table.loc[("mnli_sw", "xnli"), "difference"] == pytest.approx(-1.0, abs=0.1)
        row = table.loc[("mnli_multi", "xquad")]
        assert (
            row["difference_low"] < row["difference"] < row["difference_high"] and row["seeds"] == 3
        )
        assert table.loc[("mnli", "xnli"), ["difference", "difference_low"]].isna().all()

    def test_contrasts(self, tmp_path):
        made = study(tmp_path)
        table = analysis.data_contrasts(made, drawn(made)).set_index("contrast")
        values = {
            "one other language, against English": 0.0,
            "German, against English": 1.0,
            "Swahili, against English": -1.0,
            "several languages, against English": 1.0,
            "20 % noise, against the same data without": -3.0,
        }
        assert table["difference"].to_dict() == pytest.approx(values, abs=0.11)
        assert table["recipes"].tolist() == [2, 1, 1, 1, 1] and not table["missing"].any()

    def test_own_language_and_others(self, tmp_path):
        made = study(tmp_path)
        table = analysis.data_relations(made, drawn(made)).set_index(["language", "relation"])[
            "difference"
        ]
        expected = {
            ("de", "the same language"): 5.0,
            ("de", "other languages"): -1.0,
            ("de", "English"): -1.0,
        }
        expected |= {
            ("sw", "the same language"): 3.0,
            ("sw", "other languages"): -3.0,
            ("sw", "English"): -3.0,
        }
        assert table.to_dict() == pytest.approx(expected, abs=0.11)
        contrasts = analysis.resource_contrasts(made, drawn(made)).set_index("contrast")[
            "difference"
        ]
        assert contrasts["data of high resources, scored on the same language"] == pytest.approx(
            5, abs=0.11
        )
        assert contrasts["data of low resources, scored on other languages"] == pytest.approx(
            -3, abs=0.11
        )
        assert contrasts["the same language, less other languages"] == pytest.approx(6, abs=0.01)

    def test_what_is_missing_is_left_out_and_said(self, tmp_path):
        made = study(tmp_path, skipped=("mnli_sw", "mnli_multi"))
        draws = drawn(made)
        table = analysis.data_contrasts(made, draws).set_index("contrast")
        assert table.loc[
            "one other language, against English", ["recipes", "missing"]
        ].tolist() == [1, 1]
        assert (
            table.loc["Swahili, against English", "difference"]
            != table.loc["Swahili, against English", "difference"]
        )
        text = sentences("data_contrasts", table=table.reset_index(), scope="A scope.")
        assert (
            "German, against English: +1." in text
            and "Swahili, against" not in text
            and "A scope." in text
        )
        assert "Runs are still missing: 4 comparisons" in text
        assert set(analysis.data_relations(made, draws)["language"]) == {"de"}

    def test_words(self, tmp_path):
        made = study(tmp_path)
        text = sentences(
            "data_contrasts", table=analysis.data_contrasts(made, drawn(made)), scope=""
        )
        assert (
            "20 % noise, against the same data without: -" in text
            and "**worse**" in text
            and "**better**" in text
        )
        made = study(tmp_path, "[1]")
        assert "no interval: one seed" in sentences(
            "data_contrasts", table=analysis.data_contrasts(made, drawn(made)), scope=""
        )
        empty = analysis.data_contrasts(made, drawn(made)).iloc[:0]
        assert sentences("data_contrasts", table=empty, scope="").startswith(
            "**Nothing to compare yet.**"
        )

    def test_figures(self, tmp_path):
        made = study(tmp_path)
        draws = drawn(made)
        effects, relations = (
            analysis.data_effects(made, draws),
            analysis.data_relations(made, draws),
        )
        full, column = (
            figures.data_effects_figure(effects),
            figures.data_effects_figure(effects, width=figures.COLUMN),
        )
        assert [axes.get_title() for axes in full.axes] == ["xnli", "xquad", "average"]
        assert [axes.get_title() for axes in column.axes] == ["average"]
        labels = [tick.get_text() for tick in full.axes[0].get_yticklabels()]
        assert labels == ["mnli: de", "sw", "de+sw", "de+sw, 20 % noise"]
        assert any("3 seeds" in text.get_text() for text in full.findobj(Text))
        shown = figures.data_relations_figure(relations)
        assert [axes.get_title() for axes in shown.axes] == [
            "the same language",
            "other languages",
            "English",
        ]
        assert [tick.get_text() for tick in shown.axes[0].get_yticklabels()] == [
            "mnli: German (high)",
            "Swahili (low)",
        ]
        assert (
            "nothing to compare yet"
            in figures.data_effects_figure(effects.iloc[:0]).texts[0].get_text()
        )


def text_of(path: Path) -> str:
    """What an executed notebook shows in words."""
    found = [
        output
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    assert not [output for output in found if output.output_type == "error"]
    return "\n".join(str(output.get("data", {}).get("text/markdown", "")) for output in found)


@pytest.mark.parametrize(
    ("name", "skipped", "words", "files"),
    [
        (
            "42_translated",
            ("mnli_sw",),
            "20 % noise, against the same data without: -",
            {"effects.pdf", "effects_column.svg", "contrasts.tex"},
        ),
        ("42_translated", tuple(GAINS), "Nothing to compare yet", {"effects.csv", "contrasts.csv"}),
        (
            "51_resource_level",
            ("mnli_sw",),
            "of high resources, scored on the same language: +",
            {"relations.png", "contrasts.csv"},
        ),
    ],
)
def test_reports_on_partial_results_and_on_none(tmp_path, name, skipped, words, files):
    made = study(tmp_path, skipped=skipped)
    target = made.root / "report" / name
    run_notebook(
        FOLDER / f"{name}.ipynb",
        {"study": made.file, "outputs": made.outputs},
        target / results.NOTEBOOK,
        threads=1,
    )
    assert words in text_of(target / results.NOTEBOOK)
    assert files <= {path.name for path in target.iterdir()}
