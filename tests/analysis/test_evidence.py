"""Evidence from kept runs, published scores and finished runs."""

import numpy as np
import pytest
from made_studies import load

from xstilts_core import results
from xstilts_core.analysis import evidence as evidence_of
from xstilts_core.errors import UsageError
from xstilts_core.results import Score
from xstilts_core.study import Study
from xstilts_core.tasks import FORMATS

STUDY = """
title: Made up
seeds: [1, 2]
recipes:
  none:
  mnli: {intermediate: [mnli], train_examples: 300}
  both: {intermediate: [mnli, squad_v1], cap: 200}
  majority: {control: majority}
targets: [xnli]
"""


@pytest.fixture(scope="module")
def kept():
    return evidence_of.measured_gains([Study.load("measured"), Study.load("published")])


def test_kept_runs_have_the_gains_of_their_readme(kept):
    cells = kept[kept["table"] == "measured"].set_index(["recipe", "target"])
    assert len(cells) == 100
    assert cells.loc[("squad_v2", "xquad"), "gain"] == pytest.approx(12.1, abs=0.05)
    assert cells.loc[("multitask", "tydiqa"), "gain"] == pytest.approx(6.4, abs=0.05)
    assert cells.loc[("multitask", "xnli"), "size"] == 13_500
    assert cells.loc[("anli_plus", "xnli"), "size"] == 6_000
    one, three = cells.loc[("cosmosqa", "tydiqa")], cells.loc[("squad_v1", "tydiqa")]
    assert (one["runs"], three["runs"]) == (1, 3)
    assert one["error"] == pytest.approx(three["error"] * np.sqrt(3)) and one["error"] > 1
    assert cells.loc[("ccg", "udpos"), "same_format"] == 1
    assert cells.loc[("ccg", "xnli"), "same_format"] == 0
    assert (cells.loc["multitask", "same_format"] == [1, 1, 1, 1, 1, 1, 1, 0, 0, 1]).all()


def test_published_scores_are_evidence_without_a_task_on_itself(kept):
    cells = kept[kept["table"] == "published"].set_index(["recipe", "target"])
    assert ("commonsenseqa", "commonsenseqa") not in cells.index and len(cells) == 98
    assert cells.loc[("mnli", "rte"), "gain"] == pytest.approx((81.9 + 88.4 + 89.5) / 3 - 83.5)
    assert cells.loc[("qqp", "rte"), "size"] == 363_854
    assert cells.loc[("qamr", "record"), "error"] > cells.loc[("mnli", "record"), "error"] > 0


def test_all_formats_are_known(kept):
    names = {name for tasks in kept["tasks"] for name in tasks} | set(kept["target"])
    assert names <= FORMATS.keys()


def test_one_language(kept):
    swahili = evidence_of.measured_gains([Study.load("measured")], ["sw"])
    assert set(swahili["target"]) == {"xnli", "panx", "tydiqa", "tatoeba", "xcopa"}
    with pytest.raises(
        UsageError, match=r"unknown language of measured gains 'gu' in measured: .*qu"
    ):
        evidence_of.measured_gains([Study.load("measured")], ["gu"])
    with pytest.raises(UsageError, match="unknown language of measured gains 'xx'"):
        evidence_of.measured_gains([Study.load("measured")], ["xx"])


def test_finished_runs_with_two_seeds_have_a_spread(tmp_path):
    study = load(tmp_path, STUDY)
    with pytest.raises(UsageError, match="made_up has no finished gains: it cannot be evidence"):
        evidence_of.measured_gains([study])
    for spec in study.specs:
        if spec.phase in ("target", "control"):
            gain = {"mnli": 2.0 * spec.seed, "both": 5.0, "majority": -9.0}.get(spec.recipe, 0.0)
            scores = [
                Score("xnli", code, "test", "accuracy", 50 + gain, 9) for code in ("en", "de")
            ]
            results.write(spec, scores, "cpu", 0.1)
    cells = evidence_of.measured_gains([study]).set_index("recipe")
    assert list(cells.index) == ["mnli", "both"], "controls are no recipes"
    assert cells.loc["mnli", "gain"] == pytest.approx(3.0)
    # A variance of 2 and one of 0, each with one degree of freedom: 1; two seeds.
    assert cells.loc["both", "error"] == pytest.approx(np.sqrt(1 / 2))
    assert list(cells["size"]) == [300, 400]


def test_candidates_are_recipes_of_the_suite(kept):
    rows = evidence_of.candidates(kept, "my_data", "span")
    assert set(rows["recipe"]) == set(kept.loc[kept["table"] == "measured", "recipe"])
    assert set(rows["table"]) == {"measured"} and set(rows["format"]) == {"span"}
    same = rows.set_index("recipe")["same_format"]
    assert same["squad_v1"] == same["multitask"] == 1 and same["mnli"] == 0
    assert "mnli" not in set(evidence_of.candidates(kept, "mnli", "pair")["recipe"])


def test_similarity_is_the_mean_cosine_of_the_recipes_tasks(kept):
    vectors = {"mnli": [2.0, 0.0], "xnli": [1.0, 1.0], "qqp": [0.0, 3.0]}
    rows = kept[(kept["recipe"] == "mnli") & kept["target"].isin(["xnli", "pawsx"])]
    rows = evidence_of.with_similarity(rows, {n: np.array(v) for n, v in vectors.items()})
    np.testing.assert_allclose(rows["similarity"], [np.sqrt(0.5), np.nan])
