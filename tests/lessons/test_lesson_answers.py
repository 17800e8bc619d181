"""What lessons 4 to 8 compute: their answers on small cases whose truth is known, and the
weaknesses of a study's design."""

from argparse import Namespace

import numpy as np
import pytest
from course import chance, confounds, design, intermediate_training, plan, retrieval
from test_lessons import LESSONS, faults, key

from xstilts_core.errors import UsageError
from xstilts_core.study import Study

LESSON_4 = next(path for path in LESSONS if path.stem.startswith("l4"))


class TestAdvice:
    """Section 5 of lesson 4, on published scores: the key, in a second or two."""

    def key(self) -> dict[str, object]:
        names = {"lesson": intermediate_training}
        names["published"] = intermediate_training.published_gains()
        for name in ("sure", "harm", "lost"):
            exec(key(LESSON_4)[name], names)
        return names

    def test_the_key_is_right_and_wrong_answers_get_hints(self):
        check = intermediate_training.check()
        asked = [
            exercise for exercise in check.exercises if exercise.name in ("sure", "harm", "lost")
        ]
        names = self.key()
        assert len(asked) == 3
        assert [exercise.hint(names[exercise.name]) for exercise in asked] == ["", "", ""]
        assert faults(Namespace(exercises=asked)) == []

    def test_a_simple_rule_loses_more_than_the_advisor(self):
        losses = intermediate_training.losses()
        assert self.key()["lost"] == pytest.approx(losses["largest set"])
        assert losses["largest set"] > losses["the model"] + 3

    def test_an_expectation_rests_on_other_targets(self):
        table = intermediate_training.published_gains()
        assert table["target"].nunique() == 10 and table["expected"].notna().all()
        assert (table["expected"] - table["gain"]).abs().mean() > 1


class TestRetrieval:
    def test_cosine_of_unrelated_sentences_leaves_out_each_with_itself(self):
        assert retrieval.unrelated(np.array([[2.0, 0.0], [0.0, 3.0]])) == pytest.approx(0.0)
        assert retrieval.unrelated(np.array([[1.0, 0.0], [5.0, 0.0], [0.0, 1.0]])) == pytest.approx(
            1 / 3
        )

    def test_what_a_language_has_in_common_does_not_hide_translations(self):
        english = np.random.default_rng(1).standard_normal((40, 8))
        far = english + 50 * np.eye(8)[0]
        assert retrieval.centred_accuracy(english, far) == 100.0
        assert retrieval.nearest_accuracy(english, far) < 100.0

    def test_chance_finds_next_to_nothing(self):
        draws = np.random.default_rng(2).standard_normal((2, 200, 8))
        assert retrieval.centred_accuracy(*draws) < 5.0


class TestConfounds:
    def test_one_change_is_one_setting(self):
        study = confounds.study()
        small, large = study.target_sizes
        found = confounds.one_change(study, f"none, {small}")
        assert found == [
            f"none, {large}",
            f"mnli, {small}",
            f"ccg, {small}",
            f"second_only, {small}",
        ]

    def test_the_baseline_of_the_large_size_has_seen_the_same_examples(self):
        """What the lesson's study rests on: samples of one seed are nested, and both phases have as
        many in all."""
        study = confounds.study()
        (prepared,) = [spec for spec in plan.prepared(study) if spec.recipe == confounds.CLAIMED]
        small, large = study.target_sizes
        assert confounds.seen_twice(study, small) == small
        assert confounds.seen_twice(study, large) == large == prepared.train_examples

    def test_one_pair_of_recipes_makes_the_correlation(self):
        assert confounds.together() > 0.9
        assert confounds.together(confounds.worst()) < 0.3


class TestChance:
    def test_width_is_that_of_students_t(self):
        # 4.3027 standard errors of three runs; their standard deviation is 1.
        assert chance.half_width([1.0, 2.0, 3.0]) == pytest.approx(4.3027 / np.sqrt(3), abs=1e-3)

    def test_equal_runs_are_no_test(self):
        table = chance.gains()
        equal = table[table["spread"] < 1e-9]
        assert len(equal) and equal["p"].isna().all() and equal["low"].isna().all()

    def test_one_test_in_twenty_finds_what_is_not_there(self):
        assert chance.nothing_there(20).mean() == pytest.approx(1.0, abs=0.1)

    def test_best_of_ten(self):
        # The mean of the largest of ten normal numbers is 1.5388; three runs divide their spread by
        # the root of 3.
        assert chance.largest(10, 2.0) == pytest.approx(1.5388 * 2 / np.sqrt(3), abs=0.05)

    def test_more_seeds_find_less(self):
        assert chance.detectable(3, 1.0) > chance.detectable(6, 1.0) > chance.detectable(12, 1.0)

    def test_holm_stops_at_the_first_that_fails(self):
        assert chance.holm_findings([0.04, 0.03, 0.012, 0.02]) == 1


class TestPlan:
    def exercise(self) -> plan.Plan:
        return plan.Plan("my_study", "?", "Yes.")

    def test_every_flaw_has_a_study_that_has_it_alone(self):
        found = [
            plan.flaws(text)
            for text in self.exercise().mistakes()
            if isinstance(text, str) and not refused(text)
        ]
        assert {name for names in found if len(names) == 1 for name in names} == set(plan.FLAWS)

    def test_a_study_that_the_suite_refuses_is_named_as_the_pupils(self):
        said = self.exercise().hint(self.exercise().solution().replace("[mnli]", "[mnlu]"))
        assert "did you mean 'mnli'" in said and "your study" in said and ".yaml" not in said

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "title",
            "title: [",
            "parts: [quick]\ntitle: Which?",
            "published: pruksachatkun2020\ntitle: Which?",
        ],
    )
    def test_other_texts_get_a_hint(self, text):
        assert self.exercise().hint(text)

    def test_a_study_is_saved_before_questions_about_it(self, tmp_path):
        with pytest.raises(UsageError, match="not a text yet"):
            design.save(..., str(tmp_path))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="no study file"):
            design.saved(str(tmp_path))
        file = design.save(self.exercise().solution(), str(tmp_path))
        study = design.saved(str(tmp_path))
        assert study.file == file and design.more_seeds(study) == 5 and len(study.specs) == 11
        assert design.first(study) == ("mnli", "xnli")
        with pytest.raises(UsageError, match="run the study first"):
            design.gain(str(tmp_path))

    def test_a_command_that_fails_says_why(self, tmp_path, capsys):
        with pytest.raises(UsageError, match=r"exit code 2.*no_such_study"):
            design.xstilts("check", "no_such_study", "--outputs", str(tmp_path))


def refused(text: str) -> bool:
    try:
        plan.loaded(text)
    except UsageError:
        return True
    return False


def test_lesson_studies_are_small():
    for name in ("lesson_retrieval", "lesson_confounds"):
        assert len(Study.load(name).specs) <= 12
