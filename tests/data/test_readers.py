"""Readers of upstream files of questions and sentences, and the table of files, in small files
written here."""

import json
from pathlib import Path

import pytest

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.sentences import read_tatoeba
from xstilts_core.data.readers.spans import read_squad
from xstilts_core.errors import UsageError
from xstilts_core.examples import Answer, SentenceExample


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def squad(*questions: dict, context: str = "Rome is the capital of Italy.") -> str:
    return json.dumps(
        {
            "version": "1.1",
            "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}],
        }
    )


def question(name: str, *answers: tuple[str, int], **extra: object) -> dict:
    return {
        "id": name,
        "question": "What?",
        "answers": [{"text": text, "answer_start": start} for text, start in answers],
        **extra,
    }


# ---- questions


def test_squad_answers_stand_at_their_offsets(tmp_path):
    path = write(
        tmp_path / "xquad.en.json",
        squad(question("a", ("Rome", 0), ("Italy", 23)), question("b", ("capital", 12))),
    )
    first, second = read_squad(path)
    assert first.answers == (Answer("Rome", 0), Answer("Italy", 23)) and second.id == "b"
    assert all(first.context[answer.start :].startswith(answer.text) for answer in first.answers)


def test_squad_2_marks_questions_without_answer(tmp_path):
    unanswerable = question(
        "b", is_impossible=True, plausible_answers=[{"text": "Rome", "answer_start": 0}]
    )
    path = write(
        tmp_path / "dev-v2.0.json",
        squad(question("a", ("Rome", 0), is_impossible=False), unanswerable),
    )
    assert [len(example.answers) for example in read_squad(path)] == [1, 0]


def test_repeated_ids_are_told_apart_by_position(tmp_path):
    path = write(
        tmp_path / "sw.json",
        squad(question("7", ("Rome", 0)), question("8", ("Rome", 0)), question("7", ("Italy", 23))),
    )
    assert [example.id for example in read_squad(path)] == ["7#1", "8", "7#3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            squad(question("a7", ("Rome", 1))),
            r"xquad\.de\.json, line 1, question 'a7': expected the answer 'Rome' at .* 1 .*found 'ome '",
        ),
        (
            squad(question("a", ("", 3), ("Rome", 0))),
            r"question 'a': expected the answer '' at character 3 of the context, which is blank",
        ),
        (
            squad(question("a", ("Rome", 0), question="\u3000\xa0 ")),
            r"json, line 1, question 'a': the question is blank",
        ),
        (
            squad(question("a", ("Rome", 0), is_impossible=True)),
            r"question 'a': marked is_impossible but has answers",
        ),
        (squad(question(None, ("Rome", 0))), r"a question has the id None: expected a text"),
        (squad(question("a", ("Rome", 0), question="\ud800")), r"line 1: half a surrogate pair"),
        ("[" * 100_000, r"line 1: JSON is nested too deeply"),
        (
            squad(question("a", ("Rome", 0))).replace('"id"', '"question": "Who?", "id"'),
            r"line 1: key 'question' is repeated",
        ),
        (
            squad(question("a", ("Rome", 0))).replace(": 0}", f": {'9' * 5000}}}"),
            r"line 1: a number with too many digits",
        ),
        (squad(question("a", ("Rome", 0))).replace(": 0}", ": NaN}"), r"line 1: NaN is not JSON"),
        (
            squad(question("a", ("Rome", 0))).replace('"id"', '\n"id"').replace(": 0}", ": 3}"),
            r"json, line 2, question 'a': expected the",
        ),
        (squad(question("a", ("Rome", -29))), r"at character -29"),
        (squad(question("a", ("", 0))), r"question 'a': no answer and not marked is_impossible"),
        (squad(question("a")), r"no answer and not marked is_impossible"),
        (squad(), r"holds no question"),
        (squad(question("a", ("Rome", 0)))[:-20], r"line 1: JSON breaks off at column \d+"),
        (
            '{"data": [{"paragraphs": [{"qas": []}]}]}',
            r"data\[0\]\.paragraphs\[0\]: no str named 'context'",
        ),
        ('[{"question": "x"}]', r"the top level: no list named 'data'"),
        (
            squad({"id": "a", "question": "?", "answers": [{"text": "Rome"}]}),
            r"question 'a': no 'answer_start' among text",
        ),
    ],
)
def test_what_is_wrong_with_a_squad_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        read_squad(write(tmp_path / "xquad.de.json", text))


@pytest.mark.parametrize("blanks", [" ", "\n\t", "\u3000", "\xa0 ", "\u2003\u2028", "\x1c"])
def test_blanks_around_a_question_are_taken_off_and_a_contexts_stay(tmp_path, blanks):
    """As in the hub's rows: a tokenizer that writes blanks as tokens would give a question away for
    them."""
    context = f"{blanks}Rome is old.{blanks}"
    asked = question("a", ("Rome", len(blanks)), question=f"{blanks}What is{blanks}old?{blanks}")
    (example,) = read_squad(write(tmp_path / "xquad.en.json", squad(asked, context=context)))
    assert (example.question, example.context) == (f"What is{blanks}old?", context)
    assert context[example.answers[0].start :].startswith("Rome")


# ---- Tatoeba


def test_tatoeba_gives_both_sides(tmp_path):
    german = write(tmp_path / "tatoeba.deu-eng.deu", "Ja.\nNein.\n")
    english = write(tmp_path / "tatoeba.deu-eng.eng", "Yes.\r\nNo.\r\n")
    assert read_tatoeba(german, english, "de") == [
        SentenceExample("de-1", "de", "Ja.", "en-1"),
        SentenceExample("de-2", "de", "Nein.", "en-2"),
        SentenceExample("en-1", "en", "Yes.", "de-1"),
        SentenceExample("en-2", "en", "No.", "de-2"),
    ]
    with pytest.raises(
        UsageError,
        match=r"tatoeba\.deu-eng\.deu, line 2: 2 lines here but 1 in .*eng: expected as many",
    ):
        read_tatoeba(german, write(english, "Yes.\n"), "de")
    with pytest.raises(UsageError, match=r"tatoeba\.deu-eng\.eng, line 1: blank"):
        read_tatoeba(german, write(english, "\nNo.\n"), "de")


# ---- the table of files


def test_languages_without_labels_are_not_available(tmp_path):
    write(tmp_path / "panx/xtreme/test-de.tsv", "Rom\n")
    write(tmp_path / "panx/xtreme/test-fr.tsv", "\nRome\tB-LOC\n")
    write(tmp_path / "panx/xtreme/test-es.tsv", "")
    assert local_files.available("panx", "test", tmp_path) == ("fr",)
    assert local_files.read_files("panx", "test", "fr", tmp_path)[0].tags == ("B-LOC",)
    with pytest.raises(
        UsageError,
        match=r"no labelled panx test files of language 'de'.*test-de\.tsv is empty or without labels.*there: fr",
    ):
        local_files.read_files("panx", "test", "de", tmp_path)


def test_altered_squad_questions_are_left_out(tmp_path):
    text = squad(question("a", ("Rome", 0)), question("a-high-conf", ("Rome", 0)))
    write(tmp_path / "squad_v1/adversarial/AddOneSent.json", text)
    assert [
        example.id for example in local_files.read_files("squad_v1", "dev", "en", tmp_path)
    ] == ["a"]
    write(tmp_path / "squad_v1/dev-v1.1.json", squad(question("whole", ("Rome", 0))))
    assert [
        example.id for example in local_files.read_files("squad_v1", "dev", "en", tmp_path)
    ] == ["whole"]


@pytest.mark.parametrize(
    ("task", "split", "code", "message"),
    [
        ("xnil", "dev", "de", r"unknown task 'xnil'.*did you mean 'xnli'\?"),
        (
            "xquad",
            "tset",
            "de",
            r"unknown split 'tset' in the files of xquad: did you mean 'test'\?",
        ),
        ("xnli", "dev", "gr", r"unknown language 'gr'"),
        ("tatoeba", "test", "wo", r"the data set names no files of that language"),
    ],
)
def test_wrong_requests_are_answered(tmp_path, task, split, code, message):
    with pytest.raises(UsageError, match=message):
        local_files.read_files(task, split, code, tmp_path)


def test_a_wrong_data_root_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"the data root .*nowhere is not a folder"):
        local_files.available("xnli", "dev", tmp_path / "nowhere")
