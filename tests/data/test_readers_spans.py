"""Files of questions: where those of every data set stand, and what is wrong with the copies that
have no answers."""

import json
from pathlib import Path

import pytest

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.spans import read_squad
from xstilts_core.errors import UsageError
from xstilts_core.examples import Answer

CONTEXT = "Rome is the capital of Italy."


def entry(name: str, text: str = "Rome", start: int = 0, context: str = CONTEXT) -> dict:
    """One article with one question, as XTREME writes them."""
    answers = [{"answer_start": start, "text": text}]
    return {
        "paragraphs": [
            {"context": context, "qas": [{"answers": answers, "question": f"{name}?", "id": name}]}
        ]
    }


def write(path: Path, *entries: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": list(entries), "version": "1.1"}), encoding="utf-8")
    return path


def ids(task: str, split: str, code: str, root: Path) -> list[str]:
    return [example.id for example in local_files.read_files(task, split, code, root)]


REMOVED = entry("a", "")


@pytest.mark.parametrize(
    ("task", "split", "code", "place"),
    [
        ("squad_v1", "train", "en", "squad_v1/train-v1.1.json"),
        ("squad_v1", "train", "en", "squad/train-v1.1.json"),
        ("squad_v1", "dev", "en", "squad/dev-v1.1.json"),
        ("squad_v2", "train", "en", "squad_v2/train-v2.0.json"),
        ("squad_v2", "train", "en", "squad_v2/cs224n/dev-v2.0.json"),
        ("squad_v2", "dev", "en", "squad/dev-v2.0.json"),
        ("xquad", "test", "ro", "xquad/xquad.ro.json"),
        ("xquad", "test", "th", "lareqa/xquad-r/th.json"),
        ("mlqa", "dev", "hi", "mlqa/MLQA_V1/dev/dev-context-hi-question-hi.json"),
        ("mlqa", "test", "hi", "MLQA_V1/test/test-context-hi-question-hi.json"),
        (
            "squad_translated",
            "train",
            "vi",
            "mlqa-translate-train/vi_squad-translate-train-train-v1.1.json",
        ),
        (
            "squad_translated",
            "dev",
            "vi",
            "mlqa/mlqa-translate-train/vi_squad-translate-train-dev-v1.1.json",
        ),
        ("tydiqa", "test", "fi", "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.fi.dev.json"),
        ("tydiqa", "dev", "fi", "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-finnish.json"),
        ("tydiqa", "dev", "sw", "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json"),
        ("tydiqa", "dev", "ko", "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.ko.train.json"),
    ],
)
def test_the_places_of_every_data_set(tmp_path, task, split, code, place):
    write(tmp_path / place, entry("a"))
    assert local_files.available(task, split, tmp_path) == (code,)
    assert local_files.read_files(task, split, code, tmp_path)[0].answers == (Answer("Rome", 0),)


def test_mlqa_reads_questions_in_the_language_of_their_text(tmp_path):
    write(tmp_path / "mlqa/MLQA_V1/dev/dev-context-de-question-en.json", entry("a"))
    assert local_files.available("mlqa", "dev", tmp_path) == ()


@pytest.mark.parametrize(
    ("task", "split", "place"),
    [
        ("xquad", "test", "xquad/xquad.en.json"),
        ("mlqa", "test", "mlqa/MLQA_V1/test/test-context-en-question-en.json"),
        ("tydiqa", "test", "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.en.dev.json"),
    ],
)
def test_files_whose_answers_xtreme_removed_are_not_there(tmp_path, task, split, place):
    path = write(tmp_path / place, REMOVED, REMOVED)
    assert local_files.available(task, split, tmp_path) == ()
    with pytest.raises(
        UsageError,
        match=rf"no labelled {task} test files of language 'en'.*{path.name} is empty or without labels",
    ):
        local_files.read_files(task, split, "en", tmp_path)
    write(path, entry("a"), REMOVED)
    with pytest.raises(UsageError, match=r"question 'a': no answer and not marked is_impossible"):
        local_files.read_files(task, split, "en", tmp_path)


def test_a_question_without_answer_among_the_first_is_no_removed_one(tmp_path):
    """SQuAD 2.0: an empty list of answers, and an answer whose text begins with a quotation
    mark."""
    path = tmp_path / "squad_v2/dev-v2.0.json"
    path.parent.mkdir()
    question = {"question": "?", "id": "a", "answers": [], "is_impossible": True}
    path.write_text(
        json.dumps({"data": [{"paragraphs": [{"context": CONTEXT, "qas": [question]}]}]})
    )
    assert local_files.read_files("squad_v2", "dev", "en", tmp_path)[0].answers == ()
    write(tmp_path / "xquad/xquad.en.json", entry("a", '"Rome"', 3, 'In "Rome".'))
    assert local_files.available("xquad", "test", tmp_path) == ("en",)


def test_the_courses_half_of_squad_2_shares_no_text_with_the_development_set(tmp_path):
    write(tmp_path / "squad_v2/cs224n/dev-v2.0.json", entry("a"), entry("b", context="Rome it is."))
    assert ids("squad_v2", "train", "en", tmp_path) == ["a", "b"]
    write(tmp_path / "squad_v2/dev-v2.0.json", entry("c"))
    assert ids("squad_v2", "train", "en", tmp_path) == ["b"]
    write(tmp_path / "squad_v2/train-v2.0.json", entry("d"))
    assert ids("squad_v2", "train", "en", tmp_path) == ["d"]


# ---- TyDiQA


def tydiqa_training(folder: Path) -> Path:
    """Twenty English questions: the last two, which stand in for development data, share a text
    with the third."""
    texts = [f"Rome {number}." for number in range(20)]
    texts[2] = texts[19]
    return write(
        folder / "tydiqa.goldp.en.train.json",
        *(entry(str(number % 7), context=text) for number, text in enumerate(texts)),
    )


def test_tydiqas_english_training_questions_are_cut_by_position(tmp_path):
    tydiqa_training(tmp_path / "tydiqa/tydiqa-goldp-v1.1-train")
    write(tmp_path / "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.en.dev.json", REMOVED)
    train, dev = (
        local_files.read_files("tydiqa", split, "en", tmp_path) for split in ("train", "dev")
    )
    # Ids repeat, as in XTREME's files, and are told apart by position.
    assert [example.id for example in dev] == ["4#19", "5#20"]
    assert [example.id for example in train] == [
        f"{number % 7}#{number + 1}" for number in range(18) if number != 2
    ]
    assert not {example.context for example in train} & {example.context for example in dev}
    assert local_files.available("tydiqa", "test", tmp_path) == ()


def test_tydiqas_english_training_questions_are_whole_beside_labelled_development_questions(
    tmp_path,
):
    tydiqa_training(tmp_path / "tydiqa/tydiqa-goldp-v1.1-train")
    write(
        tmp_path / "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-english.json",
        entry("english-1-2"),
    )
    assert len(ids("tydiqa", "train", "en", tmp_path)) == 20
    assert (
        ids("tydiqa", "dev", "en", tmp_path)
        == ids("tydiqa", "test", "en", tmp_path)
        == ["english-1-2"]
    )


@pytest.mark.parametrize(
    "place",
    [
        "tydiqa/tydiqa-goldp-v1.1-train.json",
        "tydiqa/tydiqa-goldp-v1.1-train/tydiqa-goldp-v1.1-train.json",
    ],
)
def test_tydiqas_upstream_training_file_holds_nine_languages(tmp_path, place):
    """Training on all of them, as the paper's code does at its last commit, would not be
    zero-shot."""
    names = ("english", "finnish", "english", "korean", "english")
    write(
        tmp_path / place,
        *(
            entry(f"{name}-{number}", context=f"Rome {number}.")
            for number, name in enumerate(names)
        ),
    )
    assert local_files.available("tydiqa", "train", tmp_path) == ("en",)
    assert ids("tydiqa", "train", "en", tmp_path) == ["english-0", "english-2"]
    assert ids("tydiqa", "dev", "en", tmp_path) == ["english-4"]
    assert ids("tydiqa", "dev", "fi", tmp_path) == ["finnish-1"]
    with pytest.raises(UsageError, match=r"holds no question whose id begins with swahili-"):
        local_files.read_files("tydiqa", "dev", "sw", tmp_path)
    write(tmp_path / place, entry("english-0"), entry("englishlike-1"))
    with pytest.raises(
        UsageError,
        match=r"unknown beginning of an id 'englishlike-1' in .*train\.json: did you mean 'english-'",
    ):
        local_files.read_files("tydiqa", "train", "en", tmp_path)


def test_tydiqas_upstream_development_file_holds_nine_languages(tmp_path):
    write(tmp_path / "tydiqa/tydiqa-goldp-v1.1-dev.json", entry("english-0"), entry("telugu-1"))
    assert (
        ids("tydiqa", "test", "te", tmp_path)
        == ids("tydiqa", "dev", "te", tmp_path)
        == ["telugu-1"]
    )


@pytest.mark.parametrize(
    ("task", "code", "place"),
    [("mlqa", "hi", "mlqa/MLQA_V1.zip"), ("tydiqa", "fi", "tydiqa/tydiqa-goldp-v1.1-dev.tgz")],
)
def test_packed_archives_are_named(tmp_path, task, code, place):
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).write_bytes(b"PK")
    with pytest.raises(
        UsageError,
        match=rf"no labelled {task} test files of language {code!r}.*{place} is still packed: unpack it",
    ):
        local_files.read_files(task, "test", code, tmp_path)


# ---- what a file may have wrong


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xef\xbb\xbf{", r"JSON breaks off at column"),
        (
            json.dumps({"data": [entry("a")]})[:-30].encode(),
            r"xquad\.de\.json, line 1: JSON breaks off .*expected a complete file",
        ),
        (b'{"data": [{"paragraphs": [{"context": "M\xfcnchen"', r"line 1: byte 0xfc is not UTF-8"),
        (b'{"data": []}', r"xquad\.de\.json holds no question"),
        (b"", r"xquad\.de\.json is empty"),
        (
            json.dumps({"data": [entry("a", "Rome", 7)]}).encode(),
            r"expected the answer 'Rome' at character 7 .*found ' the'",
        ),
        (json.dumps({"rows": [entry("a")]}).encode(), r"the top level: no list named 'data'"),
    ],
)
def test_what_is_wrong_with_a_file_of_questions_is_said(tmp_path, content, message):
    path = tmp_path / "xquad/xquad.de.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        local_files.read_files("xquad", "test", "de", tmp_path)


def test_a_byte_order_mark_line_ends_and_offsets_in_characters(tmp_path):
    """Offsets count characters, not bytes, and CRLF inside a text is two of them."""
    path = write(tmp_path / "xquad.de.json", entry("a", "größte", 16, "Köln —\r\nist die größte."))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b'"data": ', b'"data":\r\n'))
    assert read_squad(path)[0].answers == (Answer("größte", 16),)
