"""Exploration without a browser or widgets: numbers equal to the analysis, texts escaped, items
that flipped."""

import html as escapes
import re
import time
from collections.abc import Callable
from functools import partial

import explored_study
import numpy as np
import pandas as pd
import pytest

from xstilts_core import analysis, results
from xstilts_core.data.source import Embedded
from xstilts_core.errors import UsageError
from xstilts_core.examples import (
    Answer,
    ChoiceExample,
    PairExample,
    Passage,
    RankingExample,
    SentenceExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.explore import Gains, Reader
from xstilts_core.explore.index import ALONE, EVERY, Choice, GainIndex
from xstilts_core.explore.items import Items, item_cards, read_items
from xstilts_core.explore.markup import TEMPLATES
from xstilts_core.explore.predictions import CHANGES, HIGHER, LOST, LOWER, WON, Compared, answers
from xstilts_core.explore.text import name, passage, plain
from xstilts_core.study import Study

HOSTILE = '<script>alert("x")</script>&amp;\u202egnp.exe\u202c <img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return explored_study.make(tmp_path_factory.mktemp("explored"))


@pytest.fixture
def reader(study) -> Reader:
    return Reader(study)


def tags(text: str) -> set[str]:
    """The names of the elements in a piece of HTML."""
    return set(re.findall(r"<([a-zA-Z]+)", text))


class TestGains:
    def test_matrix_is_the_analysis(self, reader):
        pd.testing.assert_frame_equal(
            reader.index.matrix(Choice()), analysis.gain_table(analysis.gain_draws(reader.frame))
        )
        expected = analysis.gain_table(
            analysis.gain_draws(
                reader.frame, languages=list(explored_study.LANGUAGES), metric="accuracy"
            )
        )
        pd.testing.assert_frame_equal(
            reader.index.matrix(Choice(scope=EVERY, metric="accuracy")), expected
        )

    def test_intervals_over_items_are_those_of_the_analysis(self, reader):
        found = reader.index.matrix(Choice(), reader.items)
        expected = analysis.gain_table(analysis.gain_draws(reader.frame, reader.items))
        pd.testing.assert_frame_equal(found, expected, rtol=1e-5)
        assert (found["resampled"] == "seeds and items").any()

    def test_languages_of_a_cell_are_those_of_the_analysis(self, reader):
        table = analysis.by_language(analysis.gain_draws(reader.frame))
        expected = table[(table["recipe"] == "mnli") & (table["task"] == "xnli")].set_index(
            "language"
        )
        found = reader.index.by_language("mnli", "xnli", Choice()).set_index("language")
        for column in ("gain", "low", "high", "n"):
            np.testing.assert_allclose(found.loc[expected.index, column], expected[column])
        one = analysis.gains(reader.frame).query(
            "recipe == 'mnli' and task == 'xnli' and language == 'hi' and seed == 2"
        )
        assert found.loc["hi", "seed2"] == pytest.approx(one["gain"].item())
        assert found.loc["de", "counted"] and not found.loc["en", "counted"]

    def test_another_baseline_turns_the_signs(self, reader):
        usual = reader.index.matrix(Choice()).set_index(["recipe", "task"])["gain"]
        turned = reader.index.matrix(Choice(baseline="mnli")).set_index(["recipe", "task"])["gain"]
        assert turned["none", "xnli"] == pytest.approx(-usual["mnli", "xnli"])
        assert "mnli" not in turned.index.get_level_values(0)
        base = reader.index.baseline(Choice())
        assert base["xnli"] == pytest.approx(analysis.baseline(reader.frame)["xnli"].item())

    @pytest.mark.parametrize(
        ("choice", "left"),
        [
            (Choice(script="Devanagari"), {"hi"}),
            (Choice(family="Indo-European"), {"de", "hi"}),
            (Choice(family="Indo-European", scope=EVERY), {"en", "de", "hi"}),
            (Choice(word_order="SOV"), {"hi"}),
            (Choice(resource_level="low"), {"sw"}),
            (Choice(resource_level="high", script="Han"), {"zh"}),
            (Choice(scope=ALONE), {"en"}),
        ],
    )
    def test_filters(self, reader, choice, left):
        assert reader.index.draws(choice).languages == left
        expected = analysis.gain_table(analysis.gain_draws(reader.frame, languages=sorted(left)))
        pd.testing.assert_frame_equal(reader.index.matrix(choice), expected)

    def test_kind_of_task_and_what_is_left_of_nothing(self, reader):
        assert set(reader.index.matrix(Choice(kind="syntactic"))["task"]) == {"udpos", "average"}
        with pytest.raises(UsageError, match="matches all filters"):
            reader.index.matrix(Choice(script="Cyrillic"))

    @pytest.mark.parametrize(
        ("choice", "said"),
        [
            (Choice(metric="acuracy"), "did you mean 'accuracy'"),
            (Choice(baseline="mnly"), "did you mean 'mnli'"),
            (Choice(scope="all"), "scope"),
        ],
    )
    def test_wrong_names(self, reader, choice, said):
        with pytest.raises(UsageError, match=said):
            reader.index.matrix(choice)

    def test_unfinished_runs_are_missing_and_not_zero(self, reader):
        page = Gains(reader).matrix()
        assert "xs-gain" in page and "random" not in page
        table = reader.index.by_language("ccg", "xnli", Choice())
        assert table["seed3"].isna().all() and table["gain"].notna().all()
        state = Gains(reader)
        state.open("ccg/xnli")
        assert "no finished runs" in state.languages()

    def test_a_cell_says_the_same_to_eye_and_ear(self):
        cells = TEMPLATES.get_template("cells.html").module
        cell = escapes.unescape(
            cells.gain_cell("mnli on xnli", -0.2, 5.0, -0.4, -0.04, "mnli/xnli")
        )
        assert "xs-sure" in cell and "<small>\u22120.40 to \u22120.04</small>" in cell
        assert (
            'aria-label="mnli on xnli: \u22120.2 points, 95 % interval \u22120.40 to \u22120.04"'
            in cell
        )

    def test_tens_of_thousands_of_rows_stay_quick(self):
        """50,000 rows: every change takes less than a tenth of the processor time that the table of
        gains needs for the same means, language by language."""
        index = GainIndex(many_rows())
        assert len(index.frame) >= 50_000
        expected = analysis.gain_table(analysis.gain_draws(index.frame))
        pd.testing.assert_frame_equal(index.matrix(Choice()), expected)
        usual, means = processor_seconds(lambda: grouped_means(index.frame))
        cells = expected[expected["task"] != "average"].set_index(["recipe", "task"])["gain"]
        assert cells.to_dict() == pytest.approx(means)
        choices = [
            Choice(),
            Choice(script="Latin"),
            Choice(metric="f1"),
            Choice(baseline="recipe3"),
            Choice(kind="retrieval", scope=EVERY),
        ]
        for choice in choices:
            took = []
            for _ in range(3):
                index.made.clear()
                took.append(processor_seconds(partial(index.matrix, choice))[0])
            assert min(took) < usual / 10, (choice, took, usual)


def processor_seconds(make: Callable[[], object]) -> tuple[float, object]:
    """Processor time of a call, and what it gives."""
    begun = time.process_time()
    made = make()
    return time.process_time() - begun, made


def grouped_means(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """(recipe, task) -> mean zero-shot gain, from the table of gains, language by language."""
    gains: dict[tuple[str, str], list[float]] = {}
    for (recipe, task, code), rows in analysis.gains(frame).groupby(["recipe", "task", "language"]):
        if code != "en":
            gains.setdefault((recipe, task), []).extend(rows.sort_values("seed")["gain"])
    return {cell: float(np.mean(values)) for cell, values in gains.items()}


def many_rows() -> pd.DataFrame:
    """Scores of 34 recipes in 4 seeds on XTREME's nine targets in all their languages, one to three
    metrics each."""
    from xstilts_core.tasks import TASKS, XTREME

    metrics = {
        "pair": ("accuracy",),
        "tagging": ("f1", "precision", "recall"),
        "span": ("f1", "exact_match"),
        "retrieval": ("f1", "accuracy"),
    }
    rows = []
    for recipe in ["none", *(f"recipe{number}" for number in range(33))]:
        for entry in (TASKS[task] for task in XTREME):
            phase = "retrieval" if entry.format == "retrieval" else "target"
            for metric in metrics[entry.format]:
                rows += [
                    (
                        "many",
                        phase,
                        recipe,
                        seed,
                        "",
                        entry.name,
                        code,
                        "test",
                        metric,
                        50.0 + (seed * len(recipe) * len(code)) % 7,
                        100,
                    )
                    for seed in range(1, 5)
                    for code in entry.languages
                ]
    return pd.DataFrame(rows, columns=list(results.COLUMNS))


class TestText:
    def test_markup_and_overrides_are_only_text(self):
        for shown in (
            plain(HOSTILE),
            name(HOSTILE),
            passage(HOSTILE, "ar", [(0, 8, "xs-gold")]),
            passage("x", HOSTILE),
        ):
            assert not tags(shown) & {"script", "img"}
            assert "\u202e" not in shown and "\u202c" not in shown
        assert "[U+202E]" in plain(HOSTILE) and "&amp;amp;" in plain(HOSTILE)
        assert escapes.unescape(plain('"quoted" & <b>')) == '"quoted" & <b>'

    def test_what_scripts_need_stays(self):
        for text in ("می\u200cخواهم", "क\u094d\u200dष", "שלום\u200f!"):
            assert plain(text) == text

    def test_language_and_direction(self):
        assert passage("سلام", "fa") == '<span class="xs-text" lang="fa" dir="auto">سلام</span>'

    def test_overlapping_marks(self):
        shown = passage("abcdef", "en", [(0, 4, "one"), (2, 6, "two")])
        assert (
            '<mark class="one">ab</mark><mark class="one two">cd</mark><mark class="two">ef</mark>'
            in shown
        )
        assert passage("abc", "en", [(2, 2, "none"), (2, 99, "far")]).count("<mark") == 1


def hostile_examples() -> list:
    text = HOSTILE
    return [
        PairExample(text, text, text, text),
        ChoiceExample(text, text, text, (text, text), 0),
        SpanExample(text, text, text, (Answer(text[:8], 0),)),
        TagsExample(text, (text,), (text,)),
        SentenceExample(text, "ar", text, text),
        RankingExample(text, text, (Passage(text, "ar", text),)),
    ]


class TestItems:
    @pytest.mark.parametrize(
        "example", hostile_examples(), ids=lambda example: type(example).__name__
    )
    def test_every_kind_is_escaped(self, example):
        values = [HOSTILE] if isinstance(example, TagsExample | RankingExample) else HOSTILE
        item = Compared(
            HOSTILE,
            values,
            values,
            [HOSTILE + "!"] if isinstance(values, list) else HOSTILE[:9],
            1.0,
            0.0,
        )
        items = Items("ar", {HOSTILE: example}, {HOSTILE: example})
        page = item_cards([item], items, (HOSTILE, HOSTILE))
        assert not tags(page) & {"script", "img"} and "\u202e" not in page
        assert 'lang="ar"' in page and "in English" in page

    def test_flips(self, reader):
        state = Gains(reader)
        state.open("mnli/xnli")
        state.open_items("de/1")
        found = state.compared()
        assert len(found) == explored_study.ITEMS
        gained = sum((item.change == WON) - (item.change == LOST) for item in found)
        table = reader.index.by_language("mnli", "xnli", Choice()).set_index("language")
        assert 100 * gained / len(found) == pytest.approx(table.loc["de", "seed1"])
        page = state.flips()
        assert page.count("<article") == min(10, sum(item.change == LOST for item in found))
        state.select(WON)
        assert state.flips() != page and "in English" in state.flips()

    def test_items_open_with_a_kind_that_there_is(self, reader):
        state = Gains(reader, change=HIGHER)  # a label is right in full or not at all
        state.open("mnli/xnli")
        state.open_items("de/1")
        kinds = {item.change for item in state.compared()}
        assert (
            state.change == next(kind for kind in CHANGES if kind in kinds)
            and "<article" in state.flips()
        )

    def test_spans_are_marked_in_the_context(self, reader):
        state = Gains(reader)
        state.open("mnli/xquad")
        state.open_items("hi/1")
        pages = []
        for change in CHANGES:
            state.select(change)
            pages.append(state.flips())
        page = "".join(pages)
        assert (
            '<mark class="xs-gold' in page
            and 'lang="hi"' in page
            and "xs-before" in page
            and "xs-after" in page
        )

    def test_partly_right_answers(self):
        rest = ("id", "gold", "a", "b")
        assert [
            Compared(*rest, 0.5, 0.25).change,
            Compared(*rest, 0.25, 0.5).change,
            Compared(*rest, 1.0, 0.5).change,
        ] == [
            LOWER,
            HIGHER,
            LOST,
        ]

    def test_english_beside_only_where_ids_are_translations(self):
        shown = read_items("xnli", "test", "hi", Embedded())
        assert shown.english["xnli-test-00003"].label == shown.examples["xnli-test-00003"].label
        assert read_items("xnli", "test", "en", Embedded()).english == {}

    def test_predictions_are_read_once_and_again_when_they_change(self, tmp_path):
        path = tmp_path / "xnli.de.jsonl.gz"
        item = {"id": "1", "gold": "neutral", "prediction": "neutral", "stats": [1]}
        explored_study.write_predictions(path, ("hit",), "accuracy", [item])
        first = answers(path)
        assert answers(path) is first
        time.sleep(0.01)
        explored_study.write_predictions(path, ("hit",), "accuracy", [{**item, "stats": [0]}])
        assert answers(path)["1"][2] == 0.0
        path.write_bytes(b"no gzip")
        with pytest.raises(UsageError, match=r"xnli\.de.*run its notebook again"):
            answers(path)

    def test_runs_without_predictions_say_so(self, reader):
        state = Gains(reader)
        state.open("mnli/xnli")
        state.open_items("tr/1")
        with pytest.raises(UsageError, match="kept no predictions of xnli in tr"):
            state.flips()
