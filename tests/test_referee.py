"""What a referee asks: what scores are worth beside controls, and what of the paper a study finds, on made-up studies."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xstilts_core import analysis
from xstilts_core.analysis.paper import AGREES, DIFFERS, NOT_MEASURED, STATEMENTS, UNDECIDED
from xstilts_core.results import COLUMNS
from xstilts_core.study import Study
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME

SEEDS = (1, 2, 3)
CODES = {"bucc2018": ("de", "fr", "ru", "zh"), "tatoeba": ("de", "es", "hi", "zh")}


def made(folder: Path, recipes: list[str], targets: tuple[str, ...] = XTREME) -> Study:
    lines = [f"  {name}: {{intermediate: [{name}]}}" if name in TASKS else f"  {name}: {{control: {name}}}" for name in recipes]
    if "multi" in recipes:
        lines[recipes.index("multi")] = f"  multi: {{intermediate: [{', '.join(INTERMEDIATE_NAMES)}]}}"
    text = f"title: t\nseeds: [1, 2, 3]\nrecipes:\n  none:\n{chr(10).join(lines)}\ntargets: [{', '.join(targets)}]\n"
    path = folder / "made.yaml"
    path.write_text(text, encoding="utf-8")
    return Study.load(str(path), str(folder / "outputs"))


def frame(values: dict[tuple[str, str], float], noise: float = 0.3) -> pd.DataFrame:
    """(recipe, task) -> zero-shot score, 10 points more in English; majority and overlap are rows of phase control, of one seed."""
    generator, rows = np.random.default_rng(0), []
    for (recipe, task), value in values.items():
        fixed = recipe in ("majority", "overlap")
        phase = "control" if fixed else "retrieval" if TASKS[task].format == "retrieval" else "target"
        for seed in SEEDS[:1] if fixed else SEEDS:
            for code in CODES.get(task, ("en", "de", "es", "zh")):
                score = value + 10 * (code == "en") + generator.normal(0, 0 if fixed else noise)
                rows.append(("s", phase, recipe, seed, "", task, code, "test", TASKS[task].metric, score, 300))
    return pd.DataFrame(rows, columns=list(COLUMNS))


CONTROLS = frame(
    {
        ("none", "xnli"): 60.0,
        ("random_init", "xnli"): 34.0,
        ("hypothesis_only", "xnli"): 48.0,
        ("majority", "xnli"): 36.0,
        ("none", "pawsx"): 54.0,
        ("majority", "pawsx"): 56.0,
        ("none", "tatoeba"): 90.0,
        ("random_init", "tatoeba"): 15.0,
        ("names_masked", "tatoeba"): 72.0,
        ("mnli", "xnli"): 70.0,
        ("none", "udpos"): 80.0,
    }
)


@pytest.fixture
def controlled(tmp_path: Path) -> Study:
    return made(tmp_path, ["mnli", "random_init", "hypothesis_only", "names_masked", "majority"], ("xnli", "pawsx", "udpos", "tatoeba"))


def test_controls_stand_beside_the_baseline(controlled):
    table = analysis.control_table(controlled, CONTROLS)
    assert set(table["task"]) == {"xnli", "pawsx", "tatoeba"}, "udpos has no control"
    assert "mnli" not in set(table["recipe"]), "a recipe is no control"
    rows = table.set_index(["task", "recipe"])
    assert rows.loc[("xnli", "none"), "zero_shot"] == pytest.approx(60, abs=0.5)
    assert rows.loc[("xnli", "none"), "english"] == pytest.approx(70, abs=0.5)
    assert rows.loc[("xnli", "majority"), ["zero_shot", "english"]].tolist() == [36.0, 46.0]
    assert rows.loc[("xnli", "majority"), "above"] == pytest.approx(24, abs=0.5)
    low, high = rows.loc[("xnli", "majority"), ["low", "high"]]
    assert 23 < low < rows.loc[("xnli", "majority"), "above"] < high < 25, "one run stands beside all three seeds"
    assert np.isnan(rows.loc[("tatoeba", "none"), "english"])
    matrix = analysis.control_matrix(table)
    assert matrix.columns.tolist() == ["none", "random_init", "hypothesis_only", "majority", "names_masked"]
    assert matrix.loc["xnli", "majority"] == "36.0 (46.0)" and matrix.loc["pawsx", "hypothesis_only"] == ""


def test_the_strongest_control_counts_and_masked_names_do_not(controlled):
    table = analysis.control_table(controlled, CONTROLS)
    found = analysis.strongest(table).set_index("task")["recipe"].to_dict()
    assert found == {"xnli": "hypothesis_only", "pawsx": "majority", "tatoeba": "random_init"}
    text = analysis.control_findings(table)
    assert "does not stand above its strongest control** on pawsx (majority, -1.8 points" in text
    assert "xnli (hypothesis_only, +12" in text and "no recipe" not in text
    assert "With names masked, tatoeba goes from 90" in text and "20 % of the score less" in text


def test_without_controls_it_says_so(tmp_path):
    study = made(tmp_path, ["mnli"])
    table = analysis.control_table(study, CONTROLS[CONTROLS["recipe"].isin(["none", "mnli"])])
    assert table.empty and analysis.control_matrix(table).empty
    assert "no controls with finished runs" in analysis.control_findings(table)


def gains_of(gain: dict[str, float], retrieval: float = 0.0, targets: tuple[str, ...] = XTREME) -> pd.DataFrame:
    """Scores in which each recipe gains so much on every target, and `retrieval` more on retrieval."""
    names = {"none": 0.0, **gain}
    found = {
        (name, task): 50 + value + (retrieval if task in CODES and name != "none" else 0)
        for name, value in names.items()
        for task in targets
    }
    return frame(found, 0.05)


def verdicts(study: Study, scores: pd.DataFrame, development: pd.DataFrame | None = None) -> dict[str, str]:
    if development is None:
        development = pd.DataFrame(columns=["recipe", "task", "seed", "value"])
    table = analysis.comparison(study, analysis.gain_draws(scores), development)
    assert table["evidence"].ne("").all() and len(table) == len(STATEMENTS)
    return dict(zip(table["statement"].str.split(" ").str[:3].str.join(" "), table["verdict"], strict=True))


def test_a_study_that_finds_what_the_paper_states(tmp_path):
    gain = {"mnli": 7.5, "squad_v1": 8.2, "hellaswag": 7.0, "ccg": 1.0, "multi": 8.7}
    found = verdicts(made(tmp_path, list(gain)), gains_of(gain))
    assert found["SQuAD gains 8.2"] == found["MNLI gains 7.5"] == found["HellaSwag gains 7.0"] == found["All nine tasks"] == AGREES
    assert found["MNLI, SQuAD and"] == AGREES and found["Multi-task training adds"] == AGREES
    assert found["Large improvements on"] == AGREES and found["Moderate improvements on"] == AGREES
    assert found["The best recipe"] == NOT_MEASURED, "no development data"
    assert found["Machine-translated intermediate data"] == NOT_MEASURED


def test_a_study_that_differs_says_so(tmp_path):
    gain = {"mnli": 1.0, "squad_v1": 2.0, "hellaswag": -4.0, "ccg": 3.0, "multi": 1.0}
    found = verdicts(made(tmp_path, list(gain)), gains_of(gain, -30))
    assert found["Large improvements on"] == found["Retrieval improves more"] == found["Multi-task training adds"] == DIFFERS
    assert found["MNLI, SQuAD and"] == DIFFERS, "ccg is among the three best"
    assert found["HellaSwag gains 7.0"] == "differs, other sign"
    assert found["SQuAD gains 8.2"] == "differs, other sign", "retrieval's losses outweigh 2 points"


def test_choosing_per_target_is_compared_with_the_papers_number(tmp_path):
    gain = {"mnli": 5.4, "ccg": -1.0}
    rows = [(name, task, seed, 50 + value) for name, value in {"none": 0, **gain}.items() for task in XTREME for seed in SEEDS]
    development = pd.DataFrame(rows, columns=["recipe", "task", "seed", "value"])
    found = verdicts(made(tmp_path, list(gain)), gains_of(gain), development)
    assert found["The best recipe"] == AGREES
    assert found["MNLI, SQuAD and"] == NOT_MEASURED, "two single tasks have no best three"
    assert found["MNLI gains 7.5"] == "differs, same sign" and found["SQuAD gains 8.2"] == NOT_MEASURED


def test_what_cannot_be_told_from_0_is_undecided(tmp_path):
    gain = {"mnli": 0.0, "ccg": 0.0}
    noisy = gains_of(gain).assign(value=lambda table: table["value"] + np.random.default_rng(1).normal(0, 3, len(table)))
    found = verdicts(made(tmp_path, list(gain)), noisy)
    assert found["Large improvements on"] == found["Moderate improvements on"] == UNDECIDED


def test_fewer_targets_are_another_average(tmp_path):
    gain = {"mnli": 7.5}
    found = verdicts(made(tmp_path, ["mnli"], XTREME[:4]), gains_of(gain, targets=XTREME[:4]))
    assert set(found.values()) == {NOT_MEASURED}
