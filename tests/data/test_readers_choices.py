"""Readers of multiple choice: every layout and trap, in small files written here."""

import csv
import io
import json
from pathlib import Path

import pytest

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.tables import TABLES, read_table
from xstilts_core.errors import UsageError
from xstilts_core.examples import ChoiceExample

COSMOS_HEADER = ["id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label"]


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def lines(*rows: dict, end: str = "\n") -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)


def story(begun: str = "he", label: object = 3, **extra: object) -> dict:
    row = {
        "ind": 4,
        "ctx_a": "A man sits.",
        "ctx_b": begun,
        "ctx": f"A man sits. {begun}",
        "endings": ["a.", "b.", "c.", "d."],
    }
    return {**row, "label": label, **extra}


def cause(label: object = 1, question: str = "cause", premise: str = "Mees\u2028istus.") -> dict:
    return {
        "premise": premise,
        "choice1": "Üks.",
        "choice2": "Kaks.",
        "question": question,
        "label": label,
        "idx": 0,
    }


def social(**extra: object) -> dict:
    row = {
        "context": "Tracy left.",
        "question": "Why?",
        "answerA": "a",
        "answerB": "b",
        "answerC": "c",
    }
    return {**row, **extra}


def common(key: str = "B", letters: str = "ABC", **extra: object) -> dict:
    found = [{"label": letter, "text": f"text {letter}"} for letter in letters]
    return {
        "answerKey": key,
        "id": "x",
        "question": {"stem": "Where?", "choices": found, "question_concept": "c"},
        **extra,
    }


def cosmos(*rows: list[str], header: list[str] = COSMOS_HEADER, end: str = "\r\n") -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end).writerows([header, *rows])
    return buffer.getvalue()


def blog(context: str = 'He said "no", twice.', label: str = "2") -> list[str]:
    return ["id", context, "Why ?", "a", "b, or c", "None of the above choices .", "d", label]


# ---- the shapes


def test_a_begun_sentence_opens_every_ending(tmp_path):
    path = write(tmp_path / "train.jsonl", lines(story(), story(begun="", label="0")))
    assert read_table(path, TABLES["hellaswag"]) == [
        ChoiceExample("1", "A man sits.", "", ("he a.", "he b.", "he c.", "he d."), 3),
        ChoiceExample("2", "A man sits.", "", ("a.", "b.", "c.", "d."), 0),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cosmosqa_is_quoted_csv(tmp_path, end):
    path = write(
        tmp_path / "valid.csv",
        "\ufeff" + cosmos(blog(), blog("Two\nlines\u2028here", "0"), end=end),
    )
    answers = ("a", "b, or c", "None of the above choices .", "d")
    assert read_table(path, TABLES["cosmosqa"]) == [
        ChoiceExample("1", 'He said "no", twice.', "Why ?", answers, 2),
        ChoiceExample("2", "Two\nlines\u2028here", "Why ?", answers, 0),
    ]


def test_commonsenseqa_keys_are_looked_up_among_the_letters(tmp_path):
    path = write(tmp_path / "train.jsonl", lines(common("B"), common("B", "CAB")))
    assert [example.label for example in read_table(path, TABLES["commonsenseqa"])] == [1, 2]
    assert read_table(path, TABLES["commonsenseqa"])[1].choices == ("text C", "text A", "text B")
    assert (
        read_table(path, TABLES["commonsenseqa"])[0].context,
        read_table(path, TABLES["commonsenseqa"])[0].question,
    ) == ("", "Where?")


def test_siqa_in_both_releases(tmp_path):
    newer = write(
        tmp_path / "socialIQa_v1.4_dev.jsonl", lines(social(correct="C"), social(correct="A"))
    )
    older = write(tmp_path / "socialiqa-train-dev/dev.jsonl", lines(social(), social()))
    write(tmp_path / "socialiqa-train-dev/dev-labels.lst", "3\n1\n")
    expected = [
        ChoiceExample(str(number), "Tracy left.", "Why?", ("a", "b", "c"), label)
        for number, label in ((1, 2), (2, 0))
    ]
    assert read_table(newer, TABLES["siqa"]) == read_table(older, TABLES["older_siqa"]) == expected
    with pytest.raises(
        UsageError,
        match=r"dev-labels\.lst, line 1: 1 labels here but 2 questions in .*dev\.jsonl: expected as many",
    ):
        write(tmp_path / "socialiqa-train-dev/dev-labels.lst", "3\n")
        read_table(older, TABLES["older_siqa"])
    with pytest.raises(
        UsageError,
        match=r"dev-labels\.lst, line 2: label '0': expected the number of the right choice, 1 to 3",
    ):
        write(tmp_path / "socialiqa-train-dev/dev-labels.lst", "3\n0\n")
        read_table(older, TABLES["older_siqa"])


def test_the_kind_of_question_becomes_an_english_question(tmp_path):
    path = write(tmp_path / "val.et.jsonl", lines(cause(), cause(0, "effect"), end="\r\n"))
    assert read_table(path, TABLES["copa"]) == [
        ChoiceExample("1", "Mees\u2028istus.", "What was the cause?", ("Üks.", "Kaks."), 1),
        ChoiceExample("2", "Mees\u2028istus.", "What was the effect?", ("Üks.", "Kaks."), 0),
    ]


# ---- what is wrong


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (
            "hellaswag",
            lines(story(label="")),
            r"line 1: label '': expected the number of the right choice, 0 to 3",
        ),
        ("hellaswag", lines(story(label=4)), r"line 1: label 4: expected"),
        ("hellaswag", lines(story(), story(endings=["a", "b"])), r"line 2: 2 endings: expected 4"),
        (
            "hellaswag",
            lines(story(), story())[:-30],
            r"line 2: JSON breaks off at column \d+ .*this is the last line: the download may",
        ),
        (
            "commonsenseqa",
            lines(common("F")),
            r"unknown answerKey 'F' in .*file\.jsonl, line 1: legal: A, B, C",
        ),
        (
            "commonsenseqa",
            lines({"id": "x", "question": {}}),
            r"line 1: no 'answerKey' among id, question",
        ),
        (
            "commonsenseqa",
            lines({"answerKey": "A", "question": {"stem": "?"}}),
            r"line 1: no 'choices' among stem",
        ),
        ("siqa", lines(social(correct="D")), r"unknown label 'D' in .*line 1: legal: A, B, C"),
        ("siqa", lines(social()), r"line 1: no 'correct' among context, question"),
        (
            "copa",
            lines(cause(question="efect")),
            r"unknown question 'efect' in .*line 1: did you mean 'effect'\?",
        ),
        (
            "copa",
            lines(cause(2)),
            r"line 1: label 2: expected the number of the right choice, 0 to 1",
        ),
        ("cosmosqa", cosmos(), r"holds no row: expected at least one"),
        (
            "cosmosqa",
            cosmos(blog(), header=[*COSMOS_HEADER[:-1], "labels"]),
            r"unknown column 'label' in the header .*did you mean 'labels'",
        ),
        (
            "cosmosqa",
            cosmos(blog(label="4")),
            r"line 2: label '4': expected the number of the right choice, 0 to 3",
        ),
        (
            "cosmosqa",
            cosmos(blog("Two\nlines"), blog()[:4], blog()),
            r"line 4: 4 columns: expected 8, as the header has$",
        ),
        (
            "cosmosqa",
            cosmos(blog("Two\nlines"), blog())[:-20],
            r"line 4: 6 columns: expected 8, as the header has; this is the last line",
        ),
        (
            "cosmosqa",
            cosmos(blog(), blog())[:-75],
            r"line 3: broken quoting in the row that begins here \(unexpected end of data\)",
        ),
        ("copa", lines(cause(premise="Mees")).encode("latin-1"), r"line 1: byte 0xdc is not UTF-8"),
        ("copa", "\n", r"file\.jsonl is empty"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, read, text, message):
    with pytest.raises(UsageError, match=message):
        suffix = "csv" if read == "cosmosqa" else "jsonl"
        read_table(write(tmp_path / f"file.{suffix}", text), TABLES[read])


# ---- where files stand


@pytest.mark.parametrize(
    ("task", "split", "name", "text"),
    [
        ("hellaswag", "train", "hellaswag_train.jsonl", lines(story())),
        ("hellaswag", "dev", "hellaswag/hellaswag_val.jsonl", lines(story())),
        ("hellaswag", "dev", "hellaswag/data/hellaswag_val.jsonl", lines(story())),
        ("cosmosqa", "train", "cosmosqa/data/train.csv", cosmos(blog())),
        ("cosmosqa", "dev", "cosmosqa-master/data/valid.csv", cosmos(blog())),
        ("commonsenseqa", "train", "train_rand_split.jsonl", lines(common())),
        ("commonsenseqa", "dev", "commonsenseqa/dev_rand_split.jsonl", lines(common())),
        ("siqa", "train", "siqa/socialIQa_v1.4_trn.jsonl", lines(social(correct="A"))),
        ("siqa", "dev", "socialIQa_v1.4/socialIQa_v1.4_dev.jsonl", lines(social(correct="A"))),
        ("copa", "train", "xcopa/train-en.jsonl", lines(cause())),
        ("copa", "dev", "xcopa/val.en.jsonl", lines(cause())),
        ("copa", "dev", "COPA/val.jsonl", lines(cause())),
    ],
)
def test_english_files_stand_where_their_releases_put_them(tmp_path, task, split, name, text):
    write(tmp_path / name, text)
    assert local_files.available(task, split, tmp_path) == ("en",)
    assert len(local_files.read_files(task, split, "en", tmp_path)) == 1


@pytest.mark.parametrize(
    "name", ["xcopa/data/{0}/{1}.{0}.jsonl", "xcopa/{1}-{0}.jsonl", "xcopa/{1}.{0}.jsonl"]
)
def test_xcopa_in_every_folder(tmp_path, name):
    for code in ("et", "zh", "en"):
        for split in ("val", "test"):
            write(tmp_path / name.format(code, split), lines(cause(1), cause(0)))
    assert (
        local_files.available("xcopa", "dev", tmp_path)
        == local_files.available("xcopa", "test", tmp_path)
        == ("et", "zh")
    )
    assert [
        example.label for example in local_files.read_files("xcopa", "test", "zh", tmp_path)
    ] == [
        1,
        0,
    ]


def test_test_files_whose_labels_xtreme_removed_are_not_there(tmp_path):
    write(tmp_path / "xcopa/test-et.jsonl", lines(cause(0), cause(0)))
    assert local_files.available("xcopa", "test", tmp_path) == ()
    with pytest.raises(UsageError, match=r"xcopa/test-et\.jsonl is empty or without labels"):
        local_files.read_files("xcopa", "test", "et", tmp_path)
    write(tmp_path / "xcopa/data/et/test.et.jsonl", lines(cause(0), cause(1)))
    assert [
        example.label for example in local_files.read_files("xcopa", "test", "et", tmp_path)
    ] == [
        0,
        1,
    ]
    write(
        tmp_path / "COPA/test.jsonl",
        lines({key: value for key, value in cause().items() if key != "label"}),
    )
    assert local_files.available("copa", "test", tmp_path) == ()


def test_the_older_siqa_needs_its_labels(tmp_path):
    write(tmp_path / "socialiqa-train-dev/train.jsonl", lines(social()))
    with pytest.raises(
        UsageError, match=r"socialiqa-train-dev/train\.jsonl is empty or without labels"
    ):
        local_files.read_files("siqa", "train", "en", tmp_path)
    write(tmp_path / "socialiqa-train-dev/train-labels.lst", "2\n")
    assert local_files.read_files("siqa", "train", "en", tmp_path)[0].label == 1


def test_a_lone_development_file_is_cut_in_two_in_the_slices_only(tmp_path):
    rows = [blog(f"text {min(number, 8)}") for number in range(10)]
    write(tmp_path / "cosmosqa/data/valid.csv", cosmos(*rows))
    assert len(local_files.read_files("cosmosqa", "dev", "en", tmp_path)) == 10
    with pytest.raises(
        UsageError,
        match=r"no labelled cosmosqa train files of language 'en'.*looked for cosmosqa/data/train\.csv",
    ):
        local_files.read_files("cosmosqa", "train", "en", tmp_path)
    write(tmp_path / "cosmosqa/heads/train.csv", cosmos(blog()))
    train, dev = (
        local_files.read_files("cosmosqa", split, "en", tmp_path) for split in ("train", "dev")
    )
    assert [example.context for example in train] == [f"text {number}" for number in range(8)]
    assert [(example.id, example.context) for example in dev] == [("9", "text 8"), ("10", "text 8")]
    write(tmp_path / "cosmosqa/data/train.csv", cosmos(blog(), blog()))
    assert [
        len(local_files.read_files("cosmosqa", split, "en", tmp_path)) for split in ("train", "dev")
    ] == [2, 10]


def test_both_parts_of_a_cut_file_share_no_text(tmp_path):
    rows = [social(correct="A", context=f"text {number % 9}") for number in range(10)]
    write(tmp_path / "siqa/LICENCE-CC-BY-4.txt", "CC BY 4.0")
    write(tmp_path / "siqa/socialIQa_v1.4_dev.jsonl", lines(*rows))
    train, dev = (
        local_files.read_files("siqa", split, "en", tmp_path) for split in ("train", "dev")
    )
    assert len(train) == 8 and [example.context for example in dev] == ["text 8"]
