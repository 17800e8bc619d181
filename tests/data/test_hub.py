"""The hub through its real client, from a stand-in on this machine: every task's data set under its
own name, schema and traps."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hub_content
import pytest
from hub_stand_in import Hub as Server

from xstilts_core import model
from xstilts_core.data import hub_client
from xstilts_core.data.readers import hub as hub_reader
from xstilts_core.data.readers.shapes import SHAPES
from xstilts_core.data.source import Hub
from xstilts_core.errors import UsageError
from xstilts_core.examples import Answer, ChoiceExample
from xstilts_core.tasks import HUB, LOCAL, TARGET_NAMES, TASKS, VERSIONS

ROOT = Path(__file__).resolve().parents[2]
# One process asks for everything: [[task, split, language], ...] in, a list of examples or a
# sentence for each out.
CLIENT = """
import json, sys
from dataclasses import asdict
from xstilts_core.data.source import Hub
from xstilts_core.errors import UsageError
for name, split, code in json.load(sys.stdin):
    try:
        print(json.dumps([asdict(example) for example in Hub().load(name, split, code)]))
    except UsageError as error:
        print(json.dumps(str(error)))
"""
WISHES = [
    (name, split, code)
    for name in HUB
    for split in HUB[name].splits
    for code in HUB[name].languages(split, TASKS[name].languages)
    if code in hub_content.CODES
]
MORE = [("anli_plus", "dev", "en"), ("xquad", "test", "ru")]


def ask(
    endpoint: str, cache: Path, wishes: list[tuple[str, str, str]], offline: bool = False
) -> list[Any]:
    """The answers of a fresh process that knows only this hub and this cache."""
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": str(int(offline)),
        "PYTHONPATH": str(ROOT),
    }
    settings["XSTILTS_HUB_LOCK"] = str(cache / "hub.lock")
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        input=json.dumps(wishes),
        capture_output=True,
        text=True,
        env={**clean, **settings},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def served(hub: Server, cache: Path) -> dict[tuple[str, str, str], Any]:
    """Everything that the stand-in has, read through the client."""
    return dict(zip([*WISHES, *MORE], ask(hub.address, cache, [*WISHES, *MORE]), strict=True))


def content(example: dict[str, Any]) -> str:
    """All of an example but its id."""
    return json.dumps(
        {key: value for key, value in example.items() if key not in ("id", "match")}, sort_keys=True
    )


def expected(name: str, split: str, code: str) -> list[str]:
    """What the rows were made of. HellaSwag's choices begin with the second part of its context."""
    found = hub_content.originals(name, split, code)
    if name == "hellaswag":
        found = [
            ChoiceExample(
                "", e.context, "", tuple(f"then {choice}" for choice in e.choices), e.label
            )
            for e in found
        ]
    return sorted(content(json.loads(json.dumps(asdict(example)))) for example in found)


@pytest.mark.slow
class TestServed:
    @pytest.mark.parametrize("name", HUB)
    def test_every_split_gives_what_its_rows_were_made_of(self, served, name):
        """Labels too, though ANLI's classes stand in another order and QQP's have other names than
        the task's."""
        for wish in (wish for wish in WISHES if wish[0] == name):
            found = [
                content(example)
                for example in served[wish]
                if "می" not in json.dumps(example, ensure_ascii=False)
            ]
            assert sorted(found) == expected(*wish), wish
            assert len({example["id"] for example in served[wish]}) == len(served[wish])

    def test_tydiqa_trains_on_english_alone(self, served):
        ids = [example["id"] for example in served["tydiqa", "train", "en"]]
        assert len(ids) == hub_content.SIZE and all(name.startswith("english-") for name in ids)
        assert HUB["tydiqa"].languages("train", TASKS["tydiqa"].languages) == ("en",)

    def test_pairs_without_a_gold_label_are_left_out(self, served):
        assert len(served["snli", "train", "en"]) == hub_content.SIZE

    def test_marks_inside_words_go_from_parts_of_speech_only(self, served):
        last = served["udpos", "test", "de"][-1]
        assert (last["words"], last["tags"]) == (["میروم", "10000"], ["VERB", "NUM"])
        assert served["panx", "test", "de"][-1]["words"] == ["می\u200cروم", "10 000", "\u200c"]

    def test_offsets_that_were_left_behind_are_found_again(self, served):
        first = served["mlqa", "dev", "de"][0]
        for answer in first["answers"]:
            assert first["context"][answer["start"] :].startswith(answer["text"])

    def test_translations_refer_to_each_other(self, served):
        found = {example["id"]: example for example in served["tatoeba", "test", "de"]}
        assert len(found) == 2 * hub_content.SIZE and not any(
            example["text"].endswith("\n") for example in found.values()
        )
        assert all(found[example["match"]]["match"] == name for name, example in found.items())

    def test_the_parts_of_anli_plus_are_joined(self, served):
        ids = [example["id"] for example in served["anli_plus", "dev", "en"]]
        assert (
            ids[0] == "mnli-1"
            and ids[-1] == f"anli-{hub_content.SIZE}"
            and len(set(ids)) == 3 * hub_content.SIZE
        )

    def test_a_configuration_that_is_not_there_is_named(self, served):
        error = served["xquad", "test", "ru"]
        assert error.startswith(
            "xquad: data set google/xtreme, configuration XQuAD.ru, split validation cannot be loaded"
        )
        assert "XQuAD.de" in error and "\n" not in error

    def test_what_was_read_once_is_there_offline(self, hub, cache, served):
        before = len(hub.asked)
        wishes = [
            ("mnli", "train", "en"),
            ("panx", "test", "de"),
            ("cosmosqa", "dev", "en"),
            ("tatoeba", "test", "sw"),
        ]
        assert ask(hub.address, cache, wishes, offline=True) == [served[wish] for wish in wishes]
        assert len(hub.asked) == before

    def test_a_cache_without_the_data_set_is_told(self, hub, tmp_path):
        (error,) = ask(hub.address, tmp_path, [("mnli", "train", "en")], offline=True)
        assert (
            error.startswith("mnli: data set nyu-mll/glue")
            and "HF_HUB_OFFLINE is set: only the local cache is read" in error
        )


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_hub_that_does_not_answer_is_told_at_once(monkeypatch):
    address = closed_port()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    sentence = f"the hub at {address} does not answer .*HF_HUB_OFFLINE=1.*HF_ENDPOINT"
    with pytest.raises(
        UsageError,
        match=f"^mnli: data set nyu-mll/glue, configuration mnli, split train: {sentence}",
    ):
        Hub().load("mnli", "train", "en")
    with pytest.raises(UsageError, match=f"^encoder 'FacebookAI/xlm-roberta-large': {sentence}"):
        model.load(
            "FacebookAI/xlm-roberta-large", dropout=0.0, packed=False, device=model.device("cpu")
        )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub_client.require_hub("nothing is asked offline")


def test_any_answer_is_an_answer(hub):
    assert (
        hub_client.connection_error(hub.address)
        == hub_client.connection_error(f"{hub.address}/models/not/there")
        == ""
    )


def test_every_task_is_on_the_hub_or_says_why_not():
    assert {
        name for name, entry in TASKS.items() if not entry.parts and entry.role != "probing"
    } == HUB.keys() | LOCAL.keys() | VERSIONS.keys()
    assert len(HUB.keys() | LOCAL.keys() | VERSIONS.keys()) == len(HUB) + len(LOCAL) + len(VERSIONS)
    assert all(
        source.shape in (*SHAPES, "translations") and source.dataset.count("/") == 1
        for source in HUB.values()
    )
    for name in LOCAL:
        for asked in (
            lambda name=name: Hub().load(name, "test", "de"),
            lambda name=name: Hub().languages(name, "test"),
        ):
            with pytest.raises(
                UsageError, match=f"{name} cannot be read from the hub: .*--data-root"
            ):
                asked()


def test_languages_are_the_benchmarks():
    for name in set(TARGET_NAMES) - LOCAL.keys() - VERSIONS.keys():
        assert (
            Hub().languages(name, "test") == TASKS[name].languages
            and Hub().test_split(name) == "test"
        )
    assert set(Hub().languages("udpos", "test")) - set(Hub().languages("udpos", "dev")) == {
        "kk",
        "th",
        "tl",
        "yo",
    }
    assert Hub().languages("xquad", "dev") == () and Hub().languages("panx", "train") == ("en",)
    with pytest.raises(
        UsageError,
        match=r"unknown language 'de' in mnli train on the hub \(nyu-mll/glue\):.* legal: en",
    ):
        Hub().load("mnli", "train", "de")
    with pytest.raises(
        UsageError, match=r"unknown split 'dev' in tatoeba on the hub \(google/xtreme\)"
    ):
        Hub().load("tatoeba", "dev", "de")


def test_what_the_hub_lacks_comes_from_local_files(tmp_path):
    folder = tmp_path / "bucc2018"
    folder.mkdir()
    for suffix, text in (
        ("de", "de-1\tEins.\nde-2\tZwei.\n"),
        ("en", "en-1\tTwo.\nen-2\tThree.\n"),
        ("gold", "de-2\ten-1\n"),
    ):
        (folder / f"de-en.dev.{suffix}").write_text(text, encoding="utf-8")
    assert Hub(str(tmp_path)).languages("bucc2018", "dev") == ("de",)
    assert [example.match for example in Hub(str(tmp_path)).load("bucc2018", "dev", "de")] == [
        None,
        "en-1",
        "de-2",
        None,
    ]


def table(columns: dict[str, list], features: Any = None) -> Any:
    import datasets

    return datasets.Dataset.from_dict(columns, features=features)


def test_a_missing_column_is_named(monkeypatch):
    monkeypatch.setattr(
        hub_reader, "fetch", lambda *_: table({"premise": ["a"], "hypotheses": ["b"], "label": [0]})
    )
    with pytest.raises(
        UsageError,
        match=r"unknown column 'hypothesis' in nyu-mll/glue, configuration mnli, split train: did you mean 'hyp",
    ):
        Hub().load("mnli", "train", "en")


def test_numbers_without_class_names_are_refused(monkeypatch):
    monkeypatch.setattr(
        hub_reader, "fetch", lambda *_: table({"premise": ["a"], "hypothesis": ["b"], "label": [0]})
    )
    with pytest.raises(
        UsageError,
        match=r"split train, row 1: label is 0 and the data set names no classes: expected entailment, neutral",
    ):
        Hub().load("mnli", "train", "en")


def test_an_unknown_class_name_is_refused(monkeypatch):
    import datasets

    features = datasets.Features(
        {
            "premise": datasets.Value("string"),
            "hypothesis": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["yes", "neutral"]),
        }
    )
    monkeypatch.setattr(
        hub_reader,
        "fetch",
        lambda *_: table({"premise": ["a"], "hypothesis": ["b"], "label": [0]}, features),
    )
    with pytest.raises(
        UsageError,
        match=r"unknown class 'yes' in nyu-mll/glue, configuration mnli, split train, column label",
    ):
        Hub().load("mnli", "train", "en")


def rows(name: str, *values: tuple, classes: tuple[str, ...] = ()) -> list:
    """The examples that the task's shape makes of these rows."""
    source = HUB[name]
    table = [dict(zip(source.columns, cells, strict=True)) for cells in values]
    found = hub_reader.rows_of(name, source, "there", table, classes)
    return hub_reader.examples_of(name, source, found, "de")


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("xnli", ("a", "b", "maybe"), "unknown label 'maybe' in there, row 1"),
        (
            "squad_v1",
            ("q", "Who?", "Anna.", {"text": [], "answer_start": []}),
            "row 1: no answer and not marked is_impossible",
        ),
        (
            "squad_v1",
            ("q", "Who?", "Anna.", {"text": ["Bo"], "answer_start": [0]}),
            "the answer 'Bo' is not in its context",
        ),
        ("panx", (["a", "b"], ["O"]), "row 1: 2 words but 1 tags"),
        ("panx", (["a"], [-1]), r"unknown tag '-1' in there, row 1: legal: B-LOC"),
        ("tatoeba", ("a", "b", "fra", "eng"), "row 1: languages fra and eng: expected deu and eng"),
        (
            "hellaswag",
            ("a", "b", ["c", "d", "e", "f"], ""),
            "row 1: label '': expected the number of the right choice, 0 to 3",
        ),
        (
            "cosmosqa",
            ("a", "b", "c", "d", "e", "f", -1),
            "row 1: label -1: expected the number of the right choice, 0 to 3",
        ),
        (
            "commonsenseqa",
            ("a", {"label": ["A", "B"], "text": ["c", "d"]}, ""),
            "unknown answerKey '' in there, row 1: legal: A, B",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_told(name, row, message):
    with pytest.raises(UsageError, match=message):
        rows(name, row)


def test_choices_are_looked_up_by_their_letter_and_answers_by_the_nearest_place():
    assert (
        rows("commonsenseqa", ("a", {"label": ["B", "A"], "text": ["c", "d"]}, "A"))[0].label == 1
    )
    assert (
        rows("squad_v2", ("q", "Who?", "Anna.", {"text": [], "answer_start": []}))[0].answers == ()
    )
    found = rows(
        "xquad", ("q", "Who?", "Bo saw Bo, and Bo.", {"text": ["Bo"], "answer_start": [9]})
    )
    assert found[0].answers == (Answer("Bo", 7),)
    repeated = rows("xquad", *[("q", "Who?", "Bo.", {"text": ["Bo"], "answer_start": [0]})] * 2)
    assert [example.id for example in repeated] == ["q#1", "q#2"]
