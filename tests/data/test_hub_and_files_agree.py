"""The same rows, with blanks around their texts, read from a data set's own files and from the
hub's table: the same examples."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from damaged_files import json_lines, write

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers import hub as hub_reader
from xstilts_core.errors import UsageError
from xstilts_core.tasks import HUB

BLANKS = (" ", "\u3000", "\xa0 ", " \u2028")


def hub(name: str, code: str, *values: tuple[Any, ...], classes: tuple[str, ...] = ()) -> list:
    """What the task's shape makes of these rows of one split."""
    source = HUB[name]
    table = [dict(zip(source.columns, cells, strict=True)) for cells in values]
    found = hub_reader.rows_of(name, source, "there", table, classes)
    return hub_reader.examples_of(name, source, found, code)


def around(*texts: str) -> list[str]:
    """The texts with blanks on both sides, of another kind each."""
    return [BLANKS[k % 4] + text + BLANKS[(k + 1) % 4] for k, text in enumerate(texts)]


def squad(context: str, question: str, answer: str) -> str:
    asked = {
        "id": "q",
        "question": question,
        "answers": [{"text": answer, "answer_start": context.index(answer)}],
    }
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": [asked]}]}]})


def quoted(*row: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(
        [("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label"), row]
    )
    return buffer.getvalue()


CONTEXT, QUESTION = "\u3000 Anna lives in Rome.\xa0", "\u3000\xa0Who? "
C, Q, A, B, D, E = around("He left.", "Why?", "a", "b, c", "d", "e")
LETTERS = [{"label": letter, "text": text} for letter, text in zip("ABD", (A, B, D), strict=True)]
ANSWERS = {"text": ["Anna"], "answer_start": [2]}
CASES = {
    "squad_v1": ("train", "en", "squad/train-v1.1.json", squad(CONTEXT, QUESTION, "Anna"), [("q", QUESTION, CONTEXT, ANSWERS)]),
    "xquad": ("test", "de", "xquad/xquad.de.json", squad(CONTEXT, QUESTION, "Anna"), [("q", QUESTION, CONTEXT, ANSWERS)]),
    "hellaswag": (
        "dev", "en", "hellaswag_val.jsonl",
        json_lines({"ctx_a": C, "ctx_b": "he", "endings": [A, B, D, E], "label": 2}), [(C, "he", [A, B, D, E], "2")],
    ),
    "cosmosqa": ("dev", "en", "cosmosqa/valid.csv", quoted("1", C, Q, A, B, D, E, "3"), [(C, Q, A, B, D, E, 3)]),
    "commonsenseqa": (
        "dev", "en", "dev_rand_split.jsonl", json_lines({"answerKey": "D", "question": {"stem": Q, "choices": LETTERS}}),
        [(Q, {"label": ["A", "B", "D"], "text": [A, B, D]}, "D")],
    ),
    "siqa": (
        "dev", "en", "socialIQa_v1.4_dev.jsonl",
        json_lines({"context": C, "question": Q, "answerA": A, "answerB": B, "answerC": D, "correct": "B"}), [(C, Q, A, B, D, "2\n")],
    ),
    "xcopa": (
        "dev", "et", "xcopa/data/et/val.et.jsonl",
        json_lines({"premise": C, "choice1": A, "choice2": B, "question": "cause", "label": 1}), [(C, "cause", A, B, 1)],
    ),
    "panx": ("dev", "de", "panx/dev-de.tsv", f"{A}\tB-PER\n\u3000\tI-PER\n{D}\tO\n", [([A, "\u3000", D], ["B-PER", "I-PER", "O"])]),
    "pawsx": ("dev", "de", "pawsx/dev-de.tsv", f"{C}\t{D}\t1\n", [(C, D, "1")]),
    "tatoeba": ("test", "de", "tatoeba/v1/tatoeba.deu-eng.deu", f"{C}\n", [(C, Q, "deu", "eng")]),
    "tweet_sentiment": ("dev", "de", "xlm-t/data/sentiment/german/val_text.txt", f"{C}\n", [(C, "neutral")]),
    "pubmedqa": (
        "dev", "en", "pubmedqa/data/ori_pqal.json", json.dumps({"1": {"QUESTION": Q, "CONTEXTS": [C, D], "final_decision": "no"}}),
        [(Q, {"contexts": [C, D]}, "no")],
    ),
}  # fmt: skip
# What stands in a second file: its name in place of the first one's, and its text.
BESIDE = {
    "tatoeba": (".deu-eng.deu", ".deu-eng.eng", f"{Q}\n"),
    "tweet_sentiment": ("_text", "_labels", "1\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_blanks_around_texts_mean_nothing_in_either(tmp_path: Path, name: str) -> None:
    split, code, place, text, values = CASES[name]
    write(tmp_path / place, text)
    if name in BESIDE:
        first, second, other = BESIDE[name]
        write(tmp_path / place.replace(first, second), other)
    assert local_files.read_files(name, split, code, tmp_path) == hub(name, code, *values)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("squad_v1", ("q", "\u3000", CONTEXT, ANSWERS), "there, row 1: the question is blank"),
        (
            "squad_v1",
            ("q", "Who?", CONTEXT, {"text": [" "], "answer_start": [1]}),
            "row 1: no answer and not marked is_impossible",
        ),
        (
            "squad_v1",
            ("q", "Who?", "a b a", {"text": ["c"], "answer_start": [-1]}),
            "row 1: the answer 'c' is not in its context",
        ),
        (
            "tatoeba",
            ("Ja.", "\xa0", "deu", "eng"),
            "row 1: blank: expected a sentence on both sides",
        ),
        ("hellaswag", ("a", "b", ["c", "d"], "1"), "row 1: 2 endings: expected 4"),
    ],
)
def test_what_a_file_would_be_refused_for_a_table_is_too(
    name: str, row: tuple, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        hub(name, "de", row)


def test_an_answer_before_the_beginning_is_looked_for() -> None:
    """Counted from the end, as Python does, -3 would be a place."""
    (found,) = hub(
        "xquad", "de", ("q", "Who?", "Bo saw Bo.", {"text": ["Bo"], "answer_start": [-3]})
    )
    assert [answer.start for answer in found.answers] == [0]


def test_rows_of_two_splits_are_numbered_through() -> None:
    part = [{"ctx_a": "x", "ctx_b": "y", "endings": ["1", "2", "3", "4"], "label": "0"}]
    source = HUB["hellaswag"]
    rows = [row for _ in range(2) for row in hub_reader.rows_of("hellaswag", source, "there", part)]
    examples = hub_reader.examples_of("hellaswag", source, rows, "en")
    assert [example.id for example in examples] == ["1", "2"]
