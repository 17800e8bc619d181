"""Claims as tests: the file that ships, its mistakes, which differences decide a claim, and what size of gain can be told from 0."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy import stats

from xstilts_core import analysis, figures
from xstilts_core.analysis import claims, power, verdicts
from xstilts_core.analysis.claims import Claim, Contrast, Found
from xstilts_core.analysis.hierarchy import MANY, Part, half_width
from xstilts_core.analysis.intervals import Cell, Estimate, GainDraws
from xstilts_core.analysis.verdicts import CONTRADICTED, NOT_MEASURED, SUPPORTED, UNDECIDED
from xstilts_core.names import UsageError
from xstilts_core.recipe import Recipe
from xstilts_core.tasks import INTERMEDIATE_NAMES, XTREME

NOTHING = Found(GainDraws((), (), {}, frozenset(), (), 1), {}, pd.DataFrame())


def estimate(*gains: float) -> Estimate:
    """Of one gain per seed, on fixed items."""
    values = np.array(gains, dtype=float)
    count = len(values)
    pulls = (values - values.mean()) / np.sqrt(count * max(1, count - 1))
    return Estimate(float(values.mean()), pulls, np.zeros((1, count)), count)


def claim(holds: str = "on average", direction: str = "above", **other: str) -> Claim:
    return Claim(claim="c", source="abstract", recipes="single", holds=holds, direction=direction, **other)


def listed(*values: float) -> list[Contrast]:
    return [Contrast(str(place), estimate(value - 0.5, value, value + 0.5)) for place, value in enumerate(values)]


def decided(asked: Claim, contrasts: list[Contrast]) -> str:
    return verdicts.verdict(asked, contrasts, NOTHING)[0]


def test_the_file_says_what_the_paper_claims():
    found = claims.claims()
    text = " ".join(entry.claim for entry in found.values())
    for word in ("SQuAD", "MNLI", "HellaSwag", "All nine", "etrieval", "TyDiQA", "XNLI", "each target", "masked", "translated"):
        assert word in text, word
    numbers = {name: claims.number(entry) for name, entry in found.items() if entry.published}
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
def test_a_mistake_is_named_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, word: str):
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
    assert decided(claim(), [Contrast("a", None)]) == NOT_MEASURED
    assert verdicts.verdict(claim(), [Contrast("a", estimate(9.0))], NOTHING) == (UNDECIDED, "no interval: one seed")


def test_several_differences():
    assert decided(claim("for all"), listed(5, 6, 7)) == SUPPORTED
    assert decided(claim("for all"), listed(5, 6, 0)) == UNDECIDED
    assert decided(claim("for all"), listed(5, 6, -9)) == CONTRADICTED
    assert decided(claim("for all but one"), listed(5, 6, -9)) == SUPPORTED
    assert decided(claim("for all but one"), listed(5, -9, -9)) == CONTRADICTED
    assert decided(claim("for one", "below"), listed(5, 6, -9)) == SUPPORTED
    assert decided(claim("for one", "below"), listed(5, 6, 7)) == CONTRADICTED
    assert decided(claim("for all"), [*listed(5, 6), Contrast("c", None)]) == UNDECIDED
    assert decided(claim("for all but one"), [*listed(5, 6, 7), Contrast("c", None)]) == SUPPORTED, "the missing one may fail"


def test_levels_of_the_partial_conjunction():
    need = verdicts.needs(claim("for all but one"), 9)
    assert (need.needed, need.support, need.contradict) == (8, 1 - 0.05 / 2, 1 - 0.05 / 8)
    # An interval that excludes 0 at 95 % but not at the level that nine chances to fail demand.
    close = estimate(-3.2, -2.0, -2.6)
    assert half_width(close.parts) < 2.6 < half_width(close.parts, 1 - 0.05 / 9)
    assert decided(claim(), [Contrast("a", close)]) == CONTRADICTED
    assert decided(claim("for all"), [Contrast("a", close), *listed(*[50] * 8)]) == UNDECIDED


def test_power_is_that_of_t():
    """Against Student's t test of ten seeds: the noncentral t of scipy, and a simulation."""
    parts = [Part("seeds", 0.09, 9)]
    assert power.p_value(1.0, parts) == pytest.approx(2 * stats.t.sf(1.0 / 0.3, 9), rel=1e-6)
    assert power.power_at(1.0, parts) == pytest.approx(stats.nct.sf(stats.t.ppf(0.975, 9), 9, 1.0 / 0.3), abs=1e-9)
    size = power.detectable_gain(parts)
    assert power.power_at(size, parts) == pytest.approx(0.8, abs=1e-6)
    values = np.random.default_rng(0).normal(size, 0.3 * np.sqrt(10), size=(4000, 10))
    found = values.mean(axis=1) / (values.std(axis=1, ddof=1) / np.sqrt(10)) > stats.t.ppf(0.975, 9)
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_power_of_seeds_and_items():
    parts = [Part("seeds", 0.5, 2), Part("items", 0.3, MANY)]
    assert power.detectable_gain(parts) > half_width(parts) > 0
    assert power.detectable_gain(parts, 0.99) > power.detectable_gain(parts, 0.95)
    larger = [Part("seeds", 2.0, 2), Part("items", 1.2, MANY)]
    assert power.detectable_gain(larger) == pytest.approx(2 * power.detectable_gain(parts)), "four times the variance, twice the size"
    p = power.p_value(3.0, parts)
    assert half_width(parts, 1 - p) == pytest.approx(3.0, abs=1e-6), "p is the level at which 0 lies on the edge"
    assert np.isnan([power.power_at(1, []), power.detectable_gain([]), power.p_value(1, [])]).all()


def test_seeds_and_items_that_do_not_differ_at_all():
    parts = [Part("seeds", 0.0, 2)]
    assert (power.p_value(2.0, parts), power.p_value(0.0, parts), power.detectable_gain(parts), power.power_at(0.1, parts)) == (0, 1, 0, 1)
    assert decided(claim(), [Contrast("a", estimate(2.0, 2.0, 2.0))]) == SUPPORTED
    assert decided(claim(), [Contrast("a", estimate(0.0, 0.0, 0.0))]) == UNDECIDED


def together(seeds: np.ndarray, items: np.ndarray) -> list[Estimate]:
    """Estimates from gains [estimates, seeds], with item replicates [draws, estimates] that are the same in every seed."""
    found = []
    for values, drawn in zip(seeds, items.T, strict=True):
        plain, count = estimate(*values), len(values)
        found.append(Estimate(plain.value, plain.pulls, np.repeat(drawn[:, None] / count, count, axis=1), count))
    return found


def test_power_of_one_difference_by_simulation_is_that_of_t():
    for entry in together(np.array([[1.0, 2.0, 4.0, 3.0]]), np.zeros((1, 1))):
        assert power.joint_detectable_gain([entry], 1) == pytest.approx(power.detectable_gain(entry.parts), rel=0.05)
    mixed = together(np.array([[1.0, 2.0, 4.0]]), np.random.default_rng(1).normal(0, 0.6, (400, 1)))
    assert power.joint_detectable_gain(mixed, 1) == pytest.approx(power.detectable_gain(mixed[0].parts), rel=0.1)


@pytest.mark.parametrize("holds", ["for all", "for all but one", "for one"])
def test_so_many_studies_decide_as_the_power_says(holds: str):
    """Studies drawn anew with the covariances of one, decided by the verdict itself: at the size of 80 % power, 80 % of them support."""
    generator, seeds, count = np.random.default_rng(2), 4, 5
    pilot = generator.normal(0, 1, (1, seeds)) + generator.normal(0, [[0.5], [0.5], [1], [1], [2]], (count, seeds))
    items = generator.normal(0, 0.5, (300, count)) + generator.normal(0, 0.5, (300, 1))
    asked, own = claim(holds), together(pilot, items)
    need = verdicts.needs(asked, count)
    size = power.joint_detectable_gain(own, need.needed, need.support)
    pulls, spread = np.stack([entry.pulls for entry in own]), items - items.mean(axis=0)
    supported = 0
    for _ in range(600):
        values = size + np.sqrt(seeds) * pulls @ generator.standard_normal((seeds, seeds)) + spread[generator.integers(300)][:, None]
        supported += decided(asked, [Contrast("", entry) for entry in together(values, items)]) == SUPPORTED
    assert supported / 600 == pytest.approx(0.8, abs=0.05)


def test_power_of_several_differences():
    """All at once need more than each alone, one of several less; with one seed or too few there is nothing to say."""
    alike = together(np.array([[1.0, 2.0, 4.0, 3.0]] * 5), np.zeros((1, 5)))
    alone = power.detectable_gain(alike[0].parts)
    assert power.joint_detectable_gain(alike, 5) == pytest.approx(alone, rel=0.05), "differences that go together are one"
    apart = together(np.eye(5, 6) * np.sqrt(6), np.zeros((1, 5)))
    assert power.joint_detectable_gain(apart, 5) > power.joint_detectable_gain(apart, 4) > power.joint_detectable_gain(apart, 1)
    assert np.isnan([power.joint_detectable_gain(alike, 6), power.joint_detectable_gain([*alike, estimate(1.0)], 1)]).all()
    row = verdicts.row("a", claim("for all"), Found(gains_in({"mnli": 5.0}), {"mnli": Recipe(intermediate=["mnli"])}, pd.DataFrame()))
    assert np.isnan(row[verdicts.TABLE.index("detectable")]), "eight of nine are missing"


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
    assert claims.variants(recipes, "translated") == [("mnli_de", "mnli"), ("mnli_de_500", "mnli_500")]
    assert claims.variants(recipes, "mlm") == [("mnli_mlm", "mnli"), ("qqp_mlm", "")]
    assert claims.plain(recipes, INTERMEDIATE_NAMES) == "all" and claims.plain(recipes, ["mnli"]) == "mnli"
    recipes["mnli_de_noise"] = Recipe(intermediate=["mnli"], data_languages=["de"], noise=0.4)
    recipes["mnli_texts"] = Recipe(intermediate=["mnli"], mlm=1.0, mlm_documents=9)
    assert claims.tested(recipes, "translated") == [("mnli_de", "mnli"), ("mnli_de_500", "mnli_500")], "noise is no translation"
    assert claims.tested(recipes, "mlm") == [("mnli_mlm", "mnli"), ("mnli_texts", "mnli")]
    assert claims.plain(recipes, ["qqp"]) == "", "with masked language modeling beside it is no plain recipe"


def gains_in(values: dict[str, float], tasks: tuple[str, ...] = XTREME[:4]) -> GainDraws:
    """Each recipe's gain on every target, three seeds close together."""
    cells = {
        (name, task): Cell(("de",), (estimate(value - 0.1, value, value + 0.1),), np.array([9]), np.array([False]))
        for name, value in values.items()
        for task in tasks
    }
    return GainDraws(tuple(values), tasks, cells, frozenset({"de"}), (1, 2, 3), 1)


def test_claims_on_variants():
    recipes = {
        name: Recipe(intermediate=[name.removesuffix("_mlm")], mlm=float(name.endswith("_mlm")))
        for name in ("mnli", "ccg", "mnli_mlm", "ccg_mlm")
    }
    worse = gains_in({"mnli": 5.0, "ccg": 1.0, "mnli_mlm": 4.0, "ccg_mlm": -1.0})
    table = pd.DataFrame(
        [
            verdicts.row(name, entry, Found(worse, recipes, pd.DataFrame()))
            for name, entry in claims.claims().items()
            if entry.recipes != "chosen"
        ],
        columns=verdicts.TABLE,
    ).set_index("name")
    assert table.loc["plain_beats_mlm", ["verdict", "estimate"]].tolist() == [SUPPORTED, pytest.approx(-1.5)]
    assert table.loc["mlm_not_consistent", ["verdict", "below"]].tolist() == [SUPPORTED, 2]
    assert table.loc["plain_beats_translated", "verdict"] == NOT_MEASURED
    better = gains_in({"mnli": 5.0, "ccg": 1.0, "mnli_mlm": 6.0, "ccg_mlm": 4.0})
    found = Found(better, recipes, pd.DataFrame())
    assert verdicts.row("m", claims.claims()["mlm_not_consistent"], found)[3] == CONTRADICTED
    assert verdicts.row("m", claims.claims()["plain_beats_mlm"], found)[3] == CONTRADICTED


def test_all_nine_together_on_the_targets_of_the_study():
    """Held against the best of the single tasks that are there, and the words say of how many, and on what."""
    recipes = {name: Recipe(intermediate=[name]) for name in ("mnli", "ccg")} | {
        "all": Recipe(intermediate=list(INTERMEDIATE_NAMES), cap=9)
    }
    found = Found(gains_in({"mnli": 5.0, "ccg": 1.0, "all": 7.0}), recipes, pd.DataFrame())
    rows = [verdicts.row(name, claims.claims()[name], found) for name in ("together_best", "together_average")]
    table = pd.DataFrame(rows, columns=verdicts.TABLE).set_index("name")
    best = table.loc["together_best"]
    assert (best["verdict"], best["recipes"], best["estimate"]) == (SUPPORTED, "all nine less mnli", pytest.approx(2.0))
    assert best["scope"] == f"2 of 9 single tasks; on {', '.join(XTREME[:4])}"
    assert table.loc["together_average", "verdict"] == NOT_MEASURED, "an average over nine targets needs nine"
    text = analysis.claim_findings(table.reset_index())
    assert "(gain less that of the best single task +2.0 points, +2.0 to +2.0; 2 of 9 single tasks; on xnli" in text
    whole = Found(gains_in({"mnli": 5.0, "ccg": 1.0, "all": 7.0}, XTREME), recipes, pd.DataFrame())
    assert claims.scope(claims.claims()["together_best"], whole) == "2 of 9 single tasks"


def test_the_choice_is_among_plain_recipes():
    gains = gains_in({"mnli": 5.0, "mnli_mlm": 9.0}, XTREME)
    recipes = {"mnli": Recipe(intermediate=["mnli"]), "mnli_mlm": Recipe(intermediate=["mnli"], mlm=1.0)}
    values = {"none": 1.0, "mnli": 2.0, "mnli_mlm": 3.0}
    scores = pd.DataFrame(
        [(name, task, seed, value) for name, value in values.items() for task in XTREME for seed in (1, 2, 3)],
        columns=["recipe", "task", "seed", "value"],
    )
    (chosen,) = claims.contrasts(claims.claims()["chosen_per_target"], Found(gains, recipes, scores))
    assert chosen.found is not None and chosen.found.value == pytest.approx(5.0)


# scope, measure, rule, reason.
B, C = ("on xnli", "mean gain less that of the best single task", "r", ""), ("", "gain", "", "no recipe")
TABLE = pd.DataFrame(
    [
        ("a", "It gains", "e", SUPPORTED, 4.2, 1.0, 7.4, 1, 0, 0, 0, 8.2, "below it", 5.0, 0.9, 3, "mnli", "xnli", "", "gain", "r", ""),
        ("b", "All of them", "e", CONTRADICTED, -3.0, -5.0, -1.0, 0, 3, 6, 0, np.nan, "", 6.0, np.nan, 3, "mnli", "xnli", *B),
        ("c", "Nobody did", "e", NOT_MEASURED, *[np.nan] * 3, 0, 0, 0, 1, np.nan, "", np.nan, np.nan, 0, "mnli", "xnli", *C),
    ],
    columns=verdicts.TABLE,
)


def texts(figure) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


@pytest.mark.parametrize("width", [figures.FULL, figures.COLUMN])
def test_figure(width: float):
    found = texts(figures.claim_verdicts(TABLE, "Study s: 3 of 4 runs done.", width))
    for word in ("It gains", "All of them (on xnli)", "Nobody did", "supported", "contradicted", "the paper's number", "0+ 3\u2212 of 9"):
        assert word in found, word
    note = " ".join(found[-1].split() if "seeds" in found[-1] else next(text for text in found if "3 seeds" in text).split())
    assert "95 % intervals over seeds and test items" in note and "claims.csv" in note and "3 of 4 runs done" in note
    assert any(text.startswith("not measured") for text in found)


def test_figure_of_one_seed_and_of_nothing():
    alone = TABLE.assign(low=np.nan, high=np.nan, detectable=np.nan, seeds=1)
    found = texts(figures.claim_verdicts(alone, "s"))
    assert any("1 seed; no intervals: one seed" in " ".join(text.split()) for text in found) and "too near to 0 to tell" not in found
    assert texts(figures.claim_verdicts(TABLE.assign(verdict=NOT_MEASURED), "s")) == ["no claim can be tested on the finished runs yet"]


def test_words():
    words = analysis.claims_in_words(TABLE)
    assert words["study"].tolist() == ["+4.2 (+1.0 to +7.4)", "-3.0 (-5.0 to -1.0)", ""] and words["paper"].tolist() == ["+8.2", "", ""]
    text = analysis.claim_findings(TABLE)
    assert "Of 3 claims: 1 supported, 1 contradicted, 0 undecided at this sample size, 1 not measured." in text
    assert "0 above 0, 3 below, of 9" in text and "no recipe (1 claim)" in text and "Undecided is not refuted" in text
    unsure = TABLE.assign(verdict=UNDECIDED).head(1)
    assert "80 % power begins at 5.0 points; the paper's +8.2 would be told from 0 with 90 %" in analysis.claim_findings(unsure)


def test_averages_are_over_the_nine_targets():
    assert claim().targets == list(XTREME)
