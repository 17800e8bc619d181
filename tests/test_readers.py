"""Readers of upstream files: every layout and trap, in small files written here (tags: test_readers_tags.py)."""

import json
from pathlib import Path

import pytest

from xstilts_core import readers
from xstilts_core.examples import Answer, PairExample, SentenceExample
from xstilts_core.names import UsageError

GLUE_HEADER = "index\tpromptID\tpairID\tgenre\tsentence1\tsentence2\tlabel1\tgold_label"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def squad(*questions: dict, context: str = "Rome is the capital of Italy.") -> str:
    return json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]})


def question(name: str, *answers: tuple[str, int], **extra: object) -> dict:
    return {"id": name, "question": "What?", "answers": [{"text": text, "answer_start": start} for text, start in answers], **extra}


# ---- XNLI and MNLI


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_xnli_takes_both_line_ends(tmp_path, end):
    path = write(tmp_path / "dev-de.tsv", f"Er kam.\tEr ging.\tcontradiction{end}Er kam.\tJemand kam.\tentailment{end}")
    assert readers.read_xnli(path) == [
        PairExample("1", "Er kam.", "Er ging.", "contradiction"),
        PairExample("2", "Er kam.", "Jemand kam.", "entailment"),
    ]


def test_xnli_cells_are_quoted_as_by_csv_writer(tmp_path):
    path = write(tmp_path / "dev-en.tsv", '"He said ""no""."\tHe said "no" twice.\tneutral\n')
    assert readers.read_xnli(path)[0].text_a == 'He said "no".'
    assert readers.read_xnli(path)[0].text_b == 'He said "no" twice.'


def test_xnli_without_labels(tmp_path):
    assert readers.read_xnli(write(tmp_path / "test-en.tsv", "a\tb\nc\td\n"))[1] == PairExample("2", "c", "d", None)


def test_separators_inside_a_text_do_not_cut_it(tmp_path):
    path = write(tmp_path / "dev-en.tsv", "a\u2028b\x85c\x0cd\te\tneutral\n")
    assert readers.read_xnli(path)[0].text_a == "a\u2028b\x85c\x0cd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\tneutral\na\tb\n", r"dev-en\.tsv, line 2: 2 columns: expected 3 \(premise"),
        ("a\tb\na\tb\tneutral\n", r"line 2: 3 columns: expected 2"),
        ("a\n", r"line 1: 1 columns: expected 2 or 3"),
        ("a\tb\tneutral\na\tb\tentailmemt\n", r"unknown label 'entailmemt' in .*dev-en\.tsv, line 2: did you mean 'entailment'\?"),
        ("a\tb\t0\n", r"unknown label '0' in .*line 1: legal: contradiction, entailment, neutral"),
        ('a\t"b\tneutral\n', r"line 1: broken quoting"),
        ("", r"dev-en\.tsv is empty"),
        ("\ufeff\n \n", r"is empty"),
        ("gut\tschön\tneutral\n\nso\tsö\tneutral\n".encode("latin-1"), r"line 1: byte 0xf6 is not UTF-8"),
    ],
)
def test_what_is_wrong_with_an_xnli_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        readers.read_xnli(write(tmp_path / "dev-en.tsv", text))


def test_the_line_of_a_wrong_byte_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"line 3: byte 0xfc is not UTF-8"):
        readers.read_xnli(write(tmp_path / "dev-en.tsv", b"a\tb\tneutral\n" * 2 + "ü\tb\tneutral\n".encode("latin-1")))


def test_a_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path / "dev-de.tsv", "a\tb\tneutral\n")
    with pytest.raises(UsageError, match=r"dev-xx\.tsv is missing: files of that kind there: dev-de\.tsv"):
        readers.read_xnli(tmp_path / "dev-xx.tsv")
    with pytest.raises(UsageError, match=r"the folder .*nowhere does not exist either; .* holds dev-de\.tsv"):
        readers.read_xnli(tmp_path / "nowhere" / "dev-de.tsv")
    with pytest.raises(UsageError, match=r"is a folder: expected a file; it holds dev-de\.tsv"):
        readers.read_xnli(tmp_path)


def test_mnli_in_both_layouts(tmp_path):
    glue = write(tmp_path / "train.tsv", f'{GLUE_HEADER}\n0\t1\t1e\tfiction\t"Quoted, unbalanced\tB\tneutral\tentailment\n')
    assert readers.read_mnli(glue) == [PairExample("1", '"Quoted, unbalanced', "B", "entailment")]
    translated = write(tmp_path / "multinli.train.en.tsv", "premise\thypo\tlabel\nA .\tB .\tcontradictory\n")
    assert readers.read_mnli(translated) == [PairExample("1", "A .", "B .", "contradiction")]


def test_glue_test_files_have_no_label(tmp_path):
    assert readers.read_mnli(write(tmp_path / "test_matched.tsv", "index\tsentence1\tsentence2\n0\tA\tB\n"))[0].label is None


def test_numbered_labels_are_mapped_in_the_order_stated(tmp_path):
    path = write(tmp_path / "es.tsv", "premise\thypothesis\tlabel\na\tb\t2\nc\td\t0\n")
    columns = ("premise", "hypothesis", "label")
    assert [example.label for example in readers.read_pairs(path, columns, numbered=True)] == ["contradiction", "entailment"]
    with pytest.raises(UsageError, match="unknown label '2'"):
        readers.read_pairs(path, columns)
    with pytest.raises(UsageError, match=r"line 2: label '3': expected a number from 0 to 2 \(entailment, neutral, contradiction\)"):
        readers.read_pairs(write(path, "premise\thypothesis\tlabel\na\tb\t3\n"), columns, numbered=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{GLUE_HEADER}\n0\t1\tneutral\n", r"line 2: 3 columns: expected 8, as the header has"),
        (f"{GLUE_HEADER}\n", r"holds a header and nothing else"),
        ("a\tb\nc\td\n", r"unknown column 'sentence1' in the header \(line 1\) of .*train\.tsv"),
        (f"{GLUE_HEADER}\n0\t1\t1e\tfiction\tA\tB\tneutral\t-\n", r"unknown label '-' in .*line 2"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        readers.read_mnli(write(tmp_path / "train.tsv", text))


# ---- questions


def test_squad_answers_stand_at_their_offsets(tmp_path):
    path = write(tmp_path / "xquad.en.json", squad(question("a", ("Rome", 0), ("Italy", 23)), question("b", ("capital", 12))))
    first, second = readers.read_squad(path)
    assert first.answers == (Answer("Rome", 0), Answer("Italy", 23)) and second.id == "b"
    assert all(first.context[answer.start :].startswith(answer.text) for answer in first.answers)


def test_squad_2_marks_questions_without_answer(tmp_path):
    unanswerable = question("b", is_impossible=True, plausible_answers=[{"text": "Rome", "answer_start": 0}])
    path = write(tmp_path / "dev-v2.0.json", squad(question("a", ("Rome", 0), is_impossible=False), unanswerable))
    assert [len(example.answers) for example in readers.read_squad(path)] == [1, 0]


def test_repeated_ids_are_told_apart_by_position(tmp_path):
    path = write(tmp_path / "sw.json", squad(question("7", ("Rome", 0)), question("8", ("Rome", 0)), question("7", ("Italy", 23))))
    assert [example.id for example in readers.read_squad(path)] == ["7#1", "8", "7#3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (squad(question("a7", ("Rome", 1))), r"xquad\.de\.json, question 'a7': expected the answer 'Rome' at character 1 .*found 'ome '"),
        (squad(question("a", ("Rome", -29))), r"at character -29"),
        (squad(question("a", ("", 0))), r"question 'a': no answer and not marked is_impossible"),
        (squad(question("a")), r"no answer and not marked is_impossible"),
        (squad(), r"holds no question"),
        (squad(question("a", ("Rome", 0)))[:-20], r"line 1: JSON breaks off at column \d+"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', r"data\[0\]\.paragraphs\[0\]: no str named 'context'"),
        ('[{"question": "x"}]', r"the top level: no list named 'data'"),
        (squad({"id": "a", "question": "?", "answers": [{"text": "Rome"}]}), r"question 'a': no int named 'answer_start'"),
    ],
)
def test_what_is_wrong_with_a_squad_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        readers.read_squad(write(tmp_path / "xquad.de.json", text))


# ---- Tatoeba


def test_tatoeba_gives_both_sides(tmp_path):
    german = write(tmp_path / "tatoeba.deu-eng.deu", "Ja.\nNein.\n")
    english = write(tmp_path / "tatoeba.deu-eng.eng", "Yes.\r\nNo.\r\n")
    assert readers.read_tatoeba(german, english, "de") == [
        SentenceExample("de-1", "de", "Ja.", "en-1"),
        SentenceExample("de-2", "de", "Nein.", "en-2"),
        SentenceExample("en-1", "en", "Yes.", "de-1"),
        SentenceExample("en-2", "en", "No.", "de-2"),
    ]
    with pytest.raises(UsageError, match=r"tatoeba\.deu-eng\.deu, line 2: 2 lines here but 1 in .*eng: expected as many"):
        readers.read_tatoeba(german, write(english, "Yes.\n"), "de")
    with pytest.raises(UsageError, match=r"tatoeba\.deu-eng\.eng, line 1: blank"):
        readers.read_tatoeba(german, write(english, "\nNo.\n"), "de")


# ---- the table of files


def test_languages_without_labels_are_not_available(tmp_path):
    write(tmp_path / "panx/xtreme/test-de.tsv", "Rom\n")
    write(tmp_path / "panx/xtreme/test-fr.tsv", "\nRome\tB-LOC\n")
    write(tmp_path / "panx/xtreme/test-es.tsv", "")
    assert readers.available("panx", "test", tmp_path) == ("fr",)
    assert readers.read_files("panx", "test", "fr", tmp_path)[0].tags == ("B-LOC",)
    with pytest.raises(
        UsageError, match=r"no labelled panx test files of language 'de'.*test-de\.tsv is empty or without labels.*there: fr"
    ):
        readers.read_files("panx", "test", "de", tmp_path)


def test_mnli_rows_are_read_once(tmp_path):
    row = "0\t1\t1e\tfiction\tIt works.\tYes.\tneutral\tentailment"
    for seed in (13, 21):
        write(tmp_path / f"mnli/k-shot/MNLI/16-{seed}/train.tsv", f"{GLUE_HEADER}\n{row}\n")
    write(
        tmp_path / "mnli/XNLI-MT-1.0/multinli/multinli.train.en.tsv", "premise\thypo\tlabel\nIt works .\tYes .\tentailment\nA\tB\tneutral\n"
    )
    expected = [PairExample("1", "It works.", "Yes.", "entailment"), PairExample("2", "A", "B", "neutral")]
    assert readers.read_files("mnli", "train", "en", tmp_path) == expected
    assert readers.available("mnli", "train", tmp_path) == ("en",)


def test_altered_squad_questions_are_left_out(tmp_path):
    text = squad(question("a", ("Rome", 0)), question("a-high-conf", ("Rome", 0)))
    write(tmp_path / "squad_v1/adversarial/AddOneSent.json", text)
    assert [example.id for example in readers.read_files("squad_v1", "dev", "en", tmp_path)] == ["a"]
    write(tmp_path / "squad_v1/dev-v1.1.json", squad(question("whole", ("Rome", 0))))
    assert [example.id for example in readers.read_files("squad_v1", "dev", "en", tmp_path)] == ["whole"]


@pytest.mark.parametrize(
    ("task", "split", "code", "message"),
    [
        ("xnil", "dev", "de", r"unknown task 'xnil'.*did you mean 'xnli'\?"),
        ("xquad", "tset", "de", r"unknown split 'tset' in the files of xquad: did you mean 'test'\?"),
        ("xnli", "dev", "gr", r"unknown language 'gr'"),
        ("xnli", "dev", "de", r"looked for xnli/xtreme/dev-de\.tsv; languages there: none"),
        ("mnli", "train", "de", r"the data set names no files of that language"),
        ("tatoeba", "test", "wo", r"the data set names no files of that language"),
    ],
)
def test_wrong_requests_are_answered(tmp_path, task, split, code, message):
    with pytest.raises(UsageError, match=message):
        readers.read_files(task, split, code, tmp_path)


def test_a_wrong_data_root_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"the data root .*nowhere is no folder"):
        readers.available("xnli", "dev", tmp_path / "nowhere")
