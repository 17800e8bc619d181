"""Claims as tests: the file that ships, its mistakes, and which differences decide a claim."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_claims import MISSING, NOTHING, claim, decided, estimate, gains_in, listed
from made_studies import load
from matplotlib.text import Text

from xstilts_core.analysis import claims
from xstilts_core.analysis.claims import (
    CONTRADICTED,
    NOT_MEASURED,
    SUPPORTED,
    UNDECIDED,
    Evidence,
)
from xstilts_core.analysis.intervals import half_width
from xstilts_core.analysis.published import known
from xstilts_core.analysis.recipes import clean_variants, plain, variants
from xstilts_core.errors import UsageError
from xstilts_core.report import figures, tables
from xstilts_core.study.recipe import Recipe
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME
from xstilts_core.wording.text import sentences


def test_the_file_says_what_the_paper_claims():
    found = claims.claims()
    text = " ".join(entry.claim for entry in found.values())
    for word in (
        "SQuAD",
        "MNLI",
        "HellaSwag",
        "All nine",
        "etrieval",
        "TyDiQA",
        "XNLI",
        "each target",
        "masked",
        "translated",
    ):
        assert word in text, word
    numbers = {
        name: known(entry.published, "average", "gain").value
        for name, entry in found.items()
        if entry.published
    }
    assert numbers == {
        "squad_average": 8.2,
        "mnli_average": 7.5,
        "hellaswag_average": 7.0,
        "together_average": 8.7,
        "chosen_per_target": 5.4,
    }


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("recipes: singles", "'single'"),
        ("recipes: [mnly]", "'mnli'"),
        ("recipes: [mnli]\n  tragets: [xnli]", "targets"),
        ("recipes: [mnli]\n  targets: [xnly]", "xnli"),
        ("recipes: [mnli]\n  holds: for everyone", "for all"),
        ("recipes: [mnli]\n  published: squad", "squad_v1"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, word: str
):
    path = tmp_path / "claims.yaml"
    path.write_text(f"wrong_one:\n  claim: c\n  source: abstract\n  {text}\n", encoding="utf-8")
    monkeypatch.setattr(claims, "CLAIMS", path)
    with pytest.raises(UsageError) as error:
        claims.claims.__wrapped__()
    assert "claims.yaml, wrong_one" in str(error.value) and word in str(error.value)


def test_one_difference_is_decided_by_its_interval():
    assert decided(claim(), listed(5)) == SUPPORTED and decided(claim(), listed(-5)) == CONTRADICTED
    assert decided(claim(direction="below"), listed(-5)) == SUPPORTED
    assert decided(claim(), listed(0.5)) == UNDECIDED
    assert decided(claim(), {"a": MISSING}) == NOT_MEASURED
    assert claims.verdict(claim(), {"a": estimate(9.0)}, NOTHING) == (
        UNDECIDED,
        "no interval: one seed",
    )


def test_several_differences():
    assert decided(claim("for all"), listed(5, 6, 7)) == SUPPORTED
    assert decided(claim("for all"), listed(5, 6, 0)) == UNDECIDED
    assert decided(claim("for all"), listed(5, 6, -9)) == CONTRADICTED
    assert decided(claim("for all but one"), listed(5, 6, -9)) == SUPPORTED
    assert decided(claim("for all but one"), listed(5, -9, -9)) == CONTRADICTED
    assert decided(claim("for one", "below"), listed(5, 6, -9)) == SUPPORTED
    assert decided(claim("for one", "below"), listed(5, 6, 7)) == CONTRADICTED
    assert decided(claim("for all"), {**listed(5, 6), "c": MISSING}) == UNDECIDED
    assert decided(claim("for all but one"), {**listed(5, 6, 7), "c": MISSING}) == SUPPORTED, (
        "the missing one may fail"
    )


def test_levels_of_the_partial_conjunction():
    need = claims.rule_of(claim("for all but one"), 9)
    assert (need.needed, need.support, need.contradict) == (8, 1 - 0.05 / 2, 1 - 0.05 / 8)
    # An interval that excludes 0 at 95 % but not at the level that nine chances to fail demand.
    close = estimate(-3.2, -2.0, -2.6)
    assert half_width(close.parts) < 2.6 < half_width(close.parts, 1 - 0.05 / 9)
    assert decided(claim(), {"a": close}) == CONTRADICTED
    assert decided(claim("for all"), {"a": close, **listed(*[50] * 8)}) == UNDECIDED


def test_variants_are_compared_with_the_same_recipe_without():
    recipes = {
        "mnli": Recipe(intermediate=["mnli"]),
        "mnli_500": Recipe(intermediate=["mnli"], train_examples=500),
        "mnli_de": Recipe(intermediate=["mnli"], data_languages=["de"]),
        "mnli_de_500": Recipe(intermediate=["mnli"], data_languages=["de"], train_examples=500),
        "mnli_mlm": Recipe(intermediate=["mnli"], mlm=1.0, learning_rate=5e-6),
        "qqp_mlm": Recipe(intermediate=["qqp"], mlm=0.5),
        "all": Recipe(intermediate=list(INTERMEDIATE_NAMES), cap=8),
    }
    assert variants(recipes, "translated") == {"mnli_de": "mnli", "mnli_de_500": "mnli_500"}
    assert variants(recipes, "mlm") == {"mnli_mlm": "mnli", "qqp_mlm": ""}
    assert plain(recipes, INTERMEDIATE_NAMES) == "all" and plain(recipes, ["mnli"]) == "mnli"
    recipes["mnli_de_noise"] = Recipe(intermediate=["mnli"], data_languages=["de"], noise=0.4)
    recipes["mnli_texts"] = Recipe(intermediate=["mnli"], mlm=1.0, mlm_documents=9)
    assert clean_variants(recipes, "translated") == {
        "mnli_de": "mnli",
        "mnli_de_500": "mnli_500",
    }, "noise is no translation"
    assert clean_variants(recipes, "mlm") == {"mnli_mlm": "mnli", "mnli_texts": "mnli"}
    assert plain(recipes, ["qqp"]) == "", (
        "with masked language modeling beside it is no plain recipe"
    )


def test_a_recipe_with_its_own_training_settings_is_plain_if_it_is_the_only_one():
    recipes = {
        "none": Recipe(),
        "mnli": Recipe(intermediate=["mnli"], train_examples=5000, epochs=2),
        "qqp": Recipe(intermediate=["qqp"], noise=0.1, data_languages=["de"]),
    }
    assert plain(recipes, ["mnli"]) == "mnli"
    assert plain(recipes, ["qqp"]) == ""
    recipes["mnli_100"] = Recipe(intermediate=["mnli"], train_examples=100)
    assert plain(recipes, ["mnli"]) == "", "one of several sizes"
    recipes["mnli_as_all"] = Recipe(intermediate=["mnli"])
    assert plain(recipes, ["mnli"]) == "mnli_as_all"


def test_claims_on_variants():
    recipes = {
        name: Recipe(intermediate=[name.removesuffix("_mlm")], mlm=float(name.endswith("_mlm")))
        for name in ("mnli", "ccg", "mnli_mlm", "ccg_mlm")
    }
    worse = gains_in({"mnli": 5.0, "ccg": 1.0, "mnli_mlm": 4.0, "ccg_mlm": -1.0})
    table = pd.DataFrame(
        [
            claims.row(name, entry, Evidence(worse, recipes, pd.DataFrame()))
            for name, entry in claims.claims().items()
            if entry.recipes != "chosen"
        ]
    ).set_index("name")
    assert table.loc["plain_beats_mlm", ["verdict", "estimate"]].tolist() == [
        SUPPORTED,
        pytest.approx(-1.5),
    ]
    assert table.loc["mlm_not_consistent", ["verdict", "below"]].tolist() == [SUPPORTED, 2]
    assert table.loc["plain_beats_translated", "verdict"] == NOT_MEASURED
    better = gains_in({"mnli": 5.0, "ccg": 1.0, "mnli_mlm": 6.0, "ccg_mlm": 4.0})
    found = Evidence(better, recipes, pd.DataFrame())
    assert claims.row("m", claims.claims()["mlm_not_consistent"], found)["verdict"] == CONTRADICTED
    assert claims.row("m", claims.claims()["plain_beats_mlm"], found)["verdict"] == CONTRADICTED


TRANSLATED = """
title: t
seeds: [1]
recipes:
  none:
  mnli: {intermediate: [mnli]}
  mnli_de: {intermediate: [mnli], data_languages: [de]}
targets: [xnli]
"""


@pytest.mark.parametrize("exact", [True, False])
def test_exact_translations_are_said_to_be_exact(tmp_path, exact):
    study = load(
        tmp_path, TRANSLATED if exact else TRANSLATED.replace("[de]", "[de], translator: org/model")
    )
    found = claims.evidence_of(
        study, gains_in({"mnli": 5.0, "mnli_de": 6.0}, ("xnli",)), pd.DataFrame()
    )
    row = claims.row("t", claims.claims()["plain_beats_translated"], found)
    assert row["scope"] == (
        "exact translations instead of a machine's; on xnli" if exact else "on xnli"
    )


def test_all_nine_together_on_the_targets_of_the_study():
    """Held against the best of the single tasks that are there, and the words say of how many, and
    on what."""
    recipes = {name: Recipe(intermediate=[name]) for name in ("mnli", "ccg")} | {
        "all": Recipe(intermediate=list(INTERMEDIATE_NAMES), cap=9)
    }
    found = Evidence(gains_in({"mnli": 5.0, "ccg": 1.0, "all": 7.0}), recipes, pd.DataFrame())
    rows = [
        claims.row(name, claims.claims()[name], found)
        for name in ("together_best", "together_average")
    ]
    table = pd.DataFrame(rows).set_index("name")
    best = table.loc["together_best"]
    assert (best["verdict"], best["recipes"], best["estimate"]) == (
        SUPPORTED,
        "all nine less mnli",
        pytest.approx(2.0),
    )
    assert best["scope"] == f"2 of 9 single tasks; on {', '.join(XTREME[:4])}"
    assert table.loc["together_average", "verdict"] == NOT_MEASURED, (
        "an average over nine targets needs nine"
    )
    text = sentences("claims", table=table.reset_index())
    assert (
        "(gain less that of the best single task +2.0 points, +2.0 to +2.0; 2 of 9 single tasks; on xnli"
        in text
    )
    whole = Evidence(
        gains_in({"mnli": 5.0, "ccg": 1.0, "all": 7.0}, XTREME), recipes, pd.DataFrame()
    )
    assert claims.scope(claims.claims()["together_best"], whole) == "2 of 9 single tasks"


def test_the_choice_is_among_plain_recipes():
    gains = gains_in({"mnli": 5.0, "mnli_mlm": 9.0}, XTREME)
    recipes = {
        "mnli": Recipe(intermediate=["mnli"]),
        "mnli_mlm": Recipe(intermediate=["mnli"], mlm=1.0),
    }
    values = {"none": 1.0, "mnli": 2.0, "mnli_mlm": 3.0}
    scores = pd.DataFrame(
        [
            (name, task, seed, value)
            for name, value in values.items()
            for task in XTREME
            for seed in (1, 2, 3)
        ],
        columns=["recipe", "task", "seed", "value"],
    )
    chosen = claims.contrasts(
        claims.claims()["chosen_per_target"], Evidence(gains, recipes, scores)
    )
    assert chosen["chosen per target"].value == pytest.approx(5.0)


# scope, measure, rule, reason.
B, C = (
    ("on xnli", "mean gain less that of the best single task", "r", ""),
    ("", "gain", "", "no recipe"),
)
TABLE = pd.DataFrame(
    [
        (
            "a",
            "It gains",
            "e",
            SUPPORTED,
            4.2,
            1.0,
            7.4,
            1,
            0,
            0,
            0,
            8.2,
            "below it",
            5.0,
            0.9,
            3,
            "mnli",
            "xnli",
            "",
            "gain",
            "r",
            "",
        ),
        (
            "b",
            "All of them",
            "e",
            CONTRADICTED,
            -3.0,
            -5.0,
            -1.0,
            0,
            3,
            6,
            0,
            np.nan,
            "",
            6.0,
            np.nan,
            3,
            "mnli",
            "xnli",
            *B,
        ),
        (
            "c",
            "Nobody did",
            "e",
            NOT_MEASURED,
            *[np.nan] * 3,
            0,
            0,
            0,
            1,
            np.nan,
            "",
            np.nan,
            np.nan,
            0,
            "mnli",
            "xnli",
            *C,
        ),
    ],
    columns=list(claims.row("a", claim(), NOTHING)),
)


def texts(figure) -> list[str]:
    figure.canvas.draw()
    return [
        text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    ]


@pytest.mark.parametrize("width", [figures.FULL, figures.COLUMN])
def test_figure(width: float):
    found = texts(figures.claim_verdicts(TABLE, source="Study s: 3 of 4 runs done.", width=width))
    for word in (
        "It gains",
        "All of them (on xnli)",
        "Nobody did",
        "supported",
        "contradicted",
        "number reported in the paper",
        "0+ 3\u2212 of 9",
    ):
        assert word in found, word
    note = " ".join(
        found[-1].split()
        if "seeds" in found[-1]
        else next(text for text in found if "3 seeds" in text).split()
    )
    assert (
        "95 % intervals over seeds and test items" in note
        and "claims.csv" in note
        and "3 of 4 runs done" in note
    )
    assert any(text.startswith("not measured") for text in found)


def test_figure_of_one_seed_and_of_nothing():
    alone = TABLE.assign(low=np.nan, high=np.nan, detectable=np.nan, seeds=1)
    found = texts(figures.claim_verdicts(alone))
    assert (
        any("1 seed; no intervals: one seed" in " ".join(text.split()) for text in found)
        and "too small to detect" not in found
    )
    assert texts(figures.claim_verdicts(TABLE.assign(verdict=NOT_MEASURED))) == [
        "no claim can be tested on the finished runs yet"
    ]


def test_words():
    words = tables.claims_in_words(TABLE)
    assert words["study"].tolist() == ["+4.2 (+1.0 to +7.4)", "-3.0 (-5.0 to -1.0)", ""] and words[
        "paper"
    ].tolist() == ["+8.2", "", ""]
    text = sentences("claims", table=TABLE)
    assert (
        "Of 3 claims: 1 supported, 1 contradicted, 0 undecided at this sample size, 1 not measured."
        in text
    )
    assert (
        "0 above 0, 3 below, of 9" in text
        and "no recipe (1 claim)" in text
        and "Undecided is not refuted" in text
    )
    unsure = TABLE.assign(verdict=UNDECIDED).head(1)
    assert (
        "80 % power begins at 5.0 points; the paper's +8.2 would be told from 0 with 90 %"
        in sentences("claims", table=unsure)
    )


def test_averages_are_over_the_nine_targets():
    assert claim().targets == list(XTREME)
