"""What a referee asks: what scores are worth beside controls, and what of the paper a study finds,
on made-up studies."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xstilts_core import analysis
from xstilts_core.analysis.claims import CONTRADICTED, NOT_MEASURED, SUPPORTED, UNDECIDED
from xstilts_core.report import tables
from xstilts_core.results import COLUMNS
from xstilts_core.study import Study
from xstilts_core.tasks import INTERMEDIATE_NAMES, TASKS, XTREME
from xstilts_core.wording.text import sentences

SEEDS = (1, 2, 3)
CODES = {"bucc2018": ("de", "fr", "ru", "zh"), "tatoeba": ("de", "es", "hi", "zh")}


def made(folder: Path, recipes: list[str], targets: tuple[str, ...] = XTREME) -> Study:
    lines = [
        f"  {name}: {{intermediate: [{name}]}}"
        if name in TASKS
        else f"  {name}: {{control: {name}}}"
        for name in recipes
    ]
    if "multi" in recipes:
        lines[recipes.index("multi")] = (
            f"  multi: {{intermediate: [{', '.join(INTERMEDIATE_NAMES)}]}}"
        )
    text = f"title: t\nseeds: [1, 2, 3]\nrecipes:\n  none:\n{chr(10).join(lines)}\ntargets: [{', '.join(targets)}]\n"
    path = folder / "made.yaml"
    path.write_text(text, encoding="utf-8")
    return Study.load(str(path), str(folder / "outputs"))


def frame(values: dict[tuple[str, str], float], noise: float = 0.3) -> pd.DataFrame:
    """(recipe, task) -> zero-shot score, 10 points more in English; majority and overlap are rows
    of phase control, of one seed."""
    generator, rows = np.random.default_rng(0), []
    for (recipe, task), value in values.items():
        fixed = recipe in ("majority", "overlap")
        phase = (
            "control" if fixed else "retrieval" if TASKS[task].format == "retrieval" else "target"
        )
        for seed in SEEDS[:1] if fixed else SEEDS:
            for code in CODES.get(task, ("en", "de", "es", "zh")):
                score = value + 10 * (code == "en") + generator.normal(0, 0 if fixed else noise)
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
                        score,
                        300,
                    )
                )
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
    return made(
        tmp_path,
        ["mnli", "random_init", "hypothesis_only", "names_masked", "majority"],
        ("xnli", "pawsx", "udpos", "tatoeba"),
    )


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
    assert 23 < low < rows.loc[("xnli", "majority"), "above"] < high < 25, (
        "one run stands beside all three seeds"
    )
    assert np.isnan(rows.loc[("tatoeba", "none"), "english"])
    matrix = tables.control_matrix(table)
    assert matrix.columns.tolist() == [
        "none",
        "random_init",
        "hypothesis_only",
        "majority",
        "names_masked",
    ]
    assert (
        matrix.loc["xnli", "majority"] == "36.0 (46.0)"
        and matrix.loc["pawsx", "hypothesis_only"] == ""
    )


def test_the_strongest_control_counts_and_masked_names_do_not(controlled):
    table = analysis.control_table(controlled, CONTROLS)
    found = analysis.strongest(table).set_index("task")["recipe"].to_dict()
    assert found == {"xnli": "hypothesis_only", "pawsx": "majority", "tatoeba": "random_init"}
    text = sentences("controls", table=table, strongest=analysis.strongest(table))
    assert "is not above its strongest control** on pawsx (majority, -1.8 points" in text
    assert "xnli (hypothesis_only, +12" in text and "no recipe" not in text
    assert "With names masked, tatoeba goes from 90" in text and "20 % of the score less" in text


def test_without_controls_it_says_so(tmp_path):
    study = made(tmp_path, ["mnli"])
    table = analysis.control_table(study, CONTROLS[CONTROLS["recipe"].isin(["none", "mnli"])])
    assert table.empty and tables.control_matrix(table).empty
    assert "no controls with finished runs" in sentences(
        "controls", table=table, strongest=analysis.strongest(table)
    )


def gains_of(
    gain: dict[str, float], retrieval: float = 0.0, targets: tuple[str, ...] = XTREME
) -> pd.DataFrame:
    """Scores in which each recipe gains so much on every target, and `retrieval` more on
    retrieval."""
    names = {"none": 0.0, **gain}
    found = {
        (name, task): 50 + value + (retrieval if task in CODES and name != "none" else 0)
        for name, value in names.items()
        for task in targets
    }
    return frame(found, 0.05)


NOBODY_CHOSE = pd.DataFrame(columns=["recipe", "task", "seed", "value"])


def claimed(
    study: Study, scores: pd.DataFrame, development: pd.DataFrame = NOBODY_CHOSE
) -> pd.DataFrame:
    return analysis.claim_table(study, analysis.gain_draws(scores), development).set_index("name")


def test_a_study_that_finds_what_the_paper_claims(tmp_path):
    gain = {"mnli": 7.5, "squad_v1": 8.2, "hellaswag": 7.0, "ccg": 1.0, "qqp": 0.5, "multi": 8.7}
    table = claimed(made(tmp_path, list(gain)), gains_of(gain))
    found = table["verdict"]
    for name in (
        "squad_average",
        "mnli_average",
        "hellaswag_average",
        "together_average",
        "best_three_on_average",
        "together_best",
    ):
        assert found[name] == SUPPORTED, name
    assert found["retrieval"] == found["questions"] == SUPPORTED
    assert table.loc["squad_average", ["published", "beside"]].tolist() == [8.2, "holds it"]
    assert table.loc["squad_average", "estimate"] == pytest.approx(8.2, abs=0.1)
    assert (
        table.loc["squad_average", "power"] > 0.99
        and table.loc["squad_average", "detectable"] < 0.5
    )
    assert found["best_three"] == UNDECIDED and table.loc["best_three", "missing"] == 3 * 3, (
        "three other tasks have no runs"
    )
    assert (
        found["chosen_per_target"] == NOT_MEASURED
        and "development" in table.loc["chosen_per_target", "reason"]
    )
    assert "translated intermediate data" in table.loc["plain_beats_translated", "reason"]


def test_a_study_that_finds_the_opposite(tmp_path):
    gain = {"mnli": 1.0, "squad_v1": 2.0, "hellaswag": -4.0, "ccg": 3.0, "qqp": 3.0, "multi": 1.0}
    table = claimed(made(tmp_path, list(gain)), gains_of(gain, -30))
    for name in (
        "retrieval",
        "retrieval_more_than_questions",
        "together_best",
        "best_three_on_average",
        "hellaswag_average",
    ):
        assert table.loc[name, "verdict"] == CONTRADICTED, name
    assert table.loc["retrieval_almost_every", ["verdict", "below", "missing"]].tolist() == [
        CONTRADICTED,
        5,
        4,
    ]
    assert table.loc["xnli_not", "verdict"] == SUPPORTED, "one task that loses is enough"
    assert table.loc["hellaswag_average", "beside"] == "below it"


def test_choosing_per_target_is_compared_with_the_papers_number(tmp_path):
    gain = {"mnli": 5.4, "ccg": -1.0}
    rows = [
        (name, task, seed, 50 + value)
        for name, value in {"none": 0, **gain}.items()
        for task in XTREME
        for seed in SEEDS
    ]
    development = pd.DataFrame(rows, columns=["recipe", "task", "seed", "value"])
    table = claimed(made(tmp_path, list(gain)), gains_of(gain), development)
    assert table.loc["chosen_per_target", ["verdict", "beside"]].tolist() == [SUPPORTED, "holds it"]
    assert table.loc["squad_average", "verdict"] == NOT_MEASURED


def test_what_cannot_be_told_from_0_is_undecided(tmp_path):
    gain = {"mnli": 0.0, "ccg": 0.0}
    noisy = gains_of(gain).assign(
        value=lambda table: table["value"] + np.random.default_rng(1).normal(0, 3, len(table))
    )
    table = claimed(made(tmp_path, list(gain)), noisy)
    assert table.loc["retrieval", "verdict"] == table.loc["questions", "verdict"] == UNDECIDED
    row = table.loc["questions"]
    assert row["detectable"] > (row["high"] - row["low"]) / 2 > 0, (
        "what is told from 0 in 80 % of cases is more than half an interval"
    )


def test_fewer_targets_are_another_average(tmp_path):
    table = claimed(
        made(tmp_path, ["mnli"], XTREME[:4]), gains_of({"mnli": 7.5}, targets=XTREME[:4])
    )
    assert table.loc["mnli_average", "verdict"] == NOT_MEASURED
    assert (
        table.loc["mnli_average", "reason"]
        == "no finished gains on xquad, mlqa, tydiqa, bucc2018, tatoeba"
    )


def test_one_seed_decides_nothing(tmp_path):
    scores = gains_of({"mnli": 7.5})
    table = claimed(made(tmp_path, ["mnli"]), scores[scores["seed"] == 1])
    assert table.loc["mnli_average", ["verdict", "reason"]].tolist() == [
        UNDECIDED,
        "no interval: one seed",
    ]
    assert np.isnan(table.loc["mnli_average", ["low", "detectable", "power"]].astype(float)).all()
