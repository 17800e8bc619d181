"""Tasks beyond XTREME on the hub: XTREME-R's added languages, translated training sets, other
domains; and the shapes of their rows."""

from typing import Any

import hub_content
import pytest
from hub_stand_in import Hub as Server
from test_hub import ask, content, expected

from xstilts_core.data.readers import hub as hub_reader
from xstilts_core.data.source import Hub
from xstilts_core.errors import UsageError
from xstilts_core.examples import ChoiceExample, PairExample
from xstilts_core.tasks import ADDED, HUB, LOCAL_ADDED, TASKS

WISHES = [
    (name, split, code)
    for name, source in ADDED.items()
    for split in source.splits
    for code in source.languages(split, TASKS[name].added)
    if code in hub_content.STAND_INS
]
REFUSED = [
    ("udpos", "test", "lt"),
    ("mnli_translated", "train", "en"),
    ("squad_translated", "train", "sw"),
    ("copa", "test", "en"),
]


@pytest.mark.slow
class TestAddedLanguages:
    @pytest.fixture(scope="class")
    def served(
        self, hub: Server, tmp_path_factory: pytest.TempPathFactory
    ) -> dict[tuple[str, str, str], Any]:
        cache = tmp_path_factory.mktemp("cache")
        return dict(
            zip([*WISHES, *REFUSED], ask(hub.address, cache, [*WISHES, *REFUSED]), strict=True)
        )

    def test_they_are_read_from_data_sets_of_their_own(self, served):
        assert {name for name, _, _ in WISHES} == ADDED.keys() and {"lt", "ro", "az"} == {
            code for _, _, code in WISHES
        }
        for wish in WISHES:
            assert sorted(map(content, served[wish])) == expected(*wish), wish

    def test_what_the_hub_lacks_is_said(self, served):
        assert served["udpos", "test", "lt"].startswith(
            "udpos in lt cannot be read from the hub: XTREME-R takes it from Universal Dep"
        )
        assert (
            "unknown language 'en' in mnli_translated train on the hub (facebook/xnli)"
            in served["mnli_translated", "train", "en"]
        )
        assert (
            "unknown language 'sw' in squad_translated train on the hub (facebook/mlqa)"
            in served["squad_translated", "train", "sw"]
        )
        assert (
            "unknown split 'test' in copa on the hub (aps/super_glue)"
            in served["copa", "test", "en"]
        )


def test_added_languages_count_for_xtreme_r_alone():
    """Counts of XTREME-R's evaluate.py."""
    counts = {"panx": 48, "tatoeba": 41, "xquad": 12, "udpos": 33}
    for name, count in counts.items():
        assert len(Hub(benchmark="xtreme-r").languages(name, "test")) == count
        assert Hub().languages(name, "test") == TASKS[name].languages
    assert {
        name for name, entry in TASKS.items() if entry.added
    } == ADDED.keys() | LOCAL_ADDED.keys()


def test_translated_training_sets_have_no_english():
    for name, count in {
        "mnli_translated": 14,
        "squad_translated": 6,
        "pawsx_translated": 6,
    }.items():
        found = Hub().languages(name, "train")
        assert len(found) == count and "en" not in found and found == TASKS[name].languages
    assert Hub().languages("mnli_translated", "test") == ()


def test_a_configuration_is_named_by_language_and_split():
    assert HUB["tweet_sentiment"].configuration("test", "de") == "german"
    assert HUB["pubmedqa"].configuration("train", "en") == "pqa_artificial"
    assert HUB["pubmedqa"].configuration("dev", "en") == "pqa_labeled"
    assert ADDED["tatoeba"].configuration("test", "lt") == "lit-eng"


def served_as(monkeypatch: pytest.MonkeyPatch, columns: dict[str, list], label: Any = None) -> None:
    """The reader is given this table, whatever it asks for."""
    import datasets

    features = None
    if label is not None:
        features = datasets.Features(
            {**{name: datasets.Value("string") for name in columns}, "label": label}
        )
    monkeypatch.setattr(
        hub_reader, "fetch", lambda *_: datasets.Dataset.from_dict(columns, features=features)
    )


def test_numbers_are_mapped_by_the_documented_names(monkeypatch):
    served_as(monkeypatch, {"text": ["gut ", "so", "übel"], "label": [2, 1, 0]})
    found = Hub().load("tweet_sentiment", "test", "de")
    assert found[0] == PairExample("1", "gut", "", "positive") and [
        example.label for example in found[1:]
    ] == ["neutral", "negative"]


def test_names_of_the_column_go_before_the_documented_ones(monkeypatch):
    import datasets

    served_as(
        monkeypatch,
        {"text": ["gut"], "label": [0]},
        datasets.ClassLabel(names=["positive", "neutral", "negative"]),
    )
    assert Hub().load("tweet_sentiment", "test", "de")[0].label == "positive"


def test_numbers_without_any_names_are_refused(monkeypatch):
    served_as(monkeypatch, {"text": ["@user no"], "label": [1]})
    with pytest.raises(
        UsageError,
        match=r"row 1: label is 1 and the data set names no classes: expected non-offensive, offensive by name",
    ):
        Hub().load("tweet_offensive", "train", "en")


def read(name: str, *values: tuple, classes: tuple[str, ...] = ()) -> list:
    """The examples that the task's shape makes of these rows."""
    source = HUB[name]
    table = [dict(zip(source.columns, cells, strict=True)) for cells in values]
    found = hub_reader.rows_of(name, source, "there", table, classes)
    return hub_reader.examples_of(name, source, found, "en")


def test_the_question_of_a_cause_is_told_as_in_xtreme_r():
    row = (
        "The man broke his toe.",
        "cause",
        "He got a hole in his sock.",
        "He dropped a hammer on his foot.",
    )
    whole = ChoiceExample("1", row[0], "What was the cause?", row[2:], 1)
    assert (
        read("xcopa", (*row, 1))
        == read("copa", (*row, 1), classes=("choice1", "choice2"))
        == [whole]
    )
    assert read("copa", (*row, 0), classes=("choice2", "choice1")) == [whole]
    assert read("xcopa", ("a", "effect", "b", "c", 0))[0].question == "What was the effect?"


def test_answers_of_siqa_are_counted_from_one():
    assert read("siqa", ("c ", "q", "a1", "a2", "a3", "3\n")) == [
        ChoiceExample("1", "c", "q", ("a1", "a2", "a3"), 2)
    ]


def test_an_abstract_is_one_text():
    found = read(
        "pubmedqa",
        (
            "Does it?",
            {"contexts": ["To see. ", "We saw."], "labels": ["A", "B"], "meshes": []},
            "maybe",
        ),
    )
    assert found == [PairExample("1", "Does it?", "To see. We saw.", "maybe")]


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        (
            "xcopa",
            ("a", "reason", "b", "c", 0),
            "unknown question 'reason' in there, row 1: legal: cause, effect",
        ),
        (
            "xcopa",
            ("a", "cause", "b", "c", -1),
            "row 1: label -1: expected the number of the right choice, 0 to 1",
        ),
        (
            "copa",
            ("a", "cause", "b", "c", 2),
            "row 1: label 2: expected the number of the right choice, 0 to 1",
        ),
        (
            "siqa",
            ("a", "b", "c", "d", "e", "0\n"),
            r"row 1: label '0\\n': expected the number of the right choice, 1 to 3",
        ),
        (
            "tweet_offensive",
            ("a", -1),
            r"unknown label '-1' in there, row 1: legal: non-offensive, offensive",
        ),
        ("pubmedqa", ("a", {"contexts": []}, "perhaps"), "unknown label 'perhaps' in there, row 1"),
        (
            "abstrct",
            (["a"], ["B-Clam"]),
            "unknown tag 'B-Clam' in there, row 1: did you mean 'B-Claim'",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_told(name, row, message):
    with pytest.raises(UsageError, match=message):
        read(name, row)
