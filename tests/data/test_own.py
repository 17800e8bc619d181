"""Rows of a user's own: three examples of each format, as the guide shows them, and what is wrong
with others."""

import json
import re
from pathlib import Path

import pytest

from xstilts_core.data.own import OWN_FORMATS, read_own
from xstilts_core.errors import UsageError

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "first.md"


def shown_rows() -> dict[str, list[str]]:
    """The example rows of the guide, by format."""
    blocks = re.findall(r"^```json\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return dict(zip(OWN_FORMATS, (block.splitlines() for block in blocks), strict=True))


def written(folder: Path, lines: list[str]) -> Path:
    path = folder / "my_rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", OWN_FORMATS)
def test_the_rows_of_the_guide_are_read(form, tmp_path):
    lines = shown_rows()[form]
    assert len(lines) == 3
    examples = read_own(written(tmp_path, ["", *lines * 20]), form)
    assert len(examples) == 60 and isinstance(examples[0], OWN_FORMATS[form])
    assert examples[1].id.endswith("my_rows.jsonl, line 3")


PAIR = {"text_a": "It rains.", "text_b": "It is wet.", "label": "yes"}
TAGS = {"words": ["It", "rains"], "tags": ["PRON", "VERB"]}
SPAN = {"question": "Who?", "context": "Ada came.", "answers": [{"text": "Ada", "start": 0}]}
CHOICE = {"context": "It rains.", "choices": ["wet", "dry"], "label": 1}


@pytest.mark.parametrize(
    ("form", "row", "message"),
    [
        (
            "pair",
            {"text": "It rains.", "label": "yes"},
            "no 'text_a' among text, label: format pair has text_a, text_b, label",
        ),
        ("pair", {**PAIR, "label": None}, "label is null: expected a labelled row"),
        ("pair", {**PAIR, "label": 3}, "label is 3: Input should be a valid string"),
        ("pair", ["It rains."], "['It rains.']: expected an object with text_a, text_b, label"),
        ("tagging", {**TAGS, "tags": ["PRON"]}, "2 words but 1 tags: expected as many"),
        (
            "tagging",
            {**TAGS, "words": [1, "rains"]},
            "words.0 is 1: Input should be a valid string",
        ),
        (
            "span",
            {**SPAN, "answers": [{"text": "Ada", "start": 2}]},
            "answer 'Ada' is not at 2 of the context",
        ),
        (
            "span",
            {**SPAN, "answers": [{"text": "Ada"}]},
            "no 'answers.0.start' among question, context, answers",
        ),
        ("span", {"context": "Ada came.", "answers": []}, "no 'question' among context, answers"),
        (
            "choice",
            {**CHOICE, "label": 2},
            "label 2: expected the index of one of 2 choices, from 0",
        ),
    ],
)
def test_a_wrong_row_is_named_by_its_line(form, row, message, tmp_path):
    good = {"pair": PAIR, "tagging": TAGS, "span": SPAN, "choice": CHOICE}[form]
    lines = [json.dumps(good)] * 2 + [json.dumps(row)]
    with pytest.raises(UsageError, match=re.escape(f"my_rows.jsonl, line 3: {message}")):
        read_own(written(tmp_path, lines), form)


@pytest.mark.parametrize(
    ("lines", "form", "message"),
    [
        ([], "pair", r"my_rows\.jsonl: 0 rows: give at least 50"),
        ([json.dumps(PAIR)] * 20, "pair", r"my_rows\.jsonl: 20 rows: give at least 50"),
        ([json.dumps(PAIR)] * 60, "pair", "every label is 'yes': give rows with two or more"),
        ([json.dumps(CHOICE)] * 60, "choice", "every label is 1: give rows with two or more"),
        ([json.dumps({**SPAN, "answers": []})] * 60, "span", "every label is no answer"),
        (["{'text_a'"], "pair", r"line 1: no JSON \(Expecting property name"),
        ([], "pairs", "unknown format 'pairs' in --format: did you mean 'pair'"),
    ],
    ids=["empty", "20 rows", "one label", "one choice", "no answer", "no JSON", "unknown format"],
)
def test_a_wrong_file(lines, form, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        read_own(written(tmp_path, lines), form)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_own(tmp_path, "pair")
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UsageError, match="it is not UTF-8 text"):
        read_own(tmp_path / "latin", "pair")
