"""Readers of what the hub lacks: BUCC 2018 with its distractors, and supertags."""

import os
from pathlib import Path

import pytest

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.sentences import read_bucc
from xstilts_core.data.readers.tags import read_ccg
from xstilts_core.errors import UsageError
from xstilts_core.examples import SentenceExample, TagsExample

REAL = Path(
    os.environ.get("XSTILTS_REAL_DATA", Path(__file__).parents[3] / "shared" / "data" / "real")
)
OTHER, ENGLISH, GOLD = (
    "de-1\tEins.\r\nde-2\tZwei\tdrei.\r\n",
    "en-1\tTwo three.\nen-2\tFour.\n",
    "de-2\ten-1\n",
)


def bucc(
    folder: Path, stem: str, other: str = OTHER, english: str = ENGLISH, gold: str | None = GOLD
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in (("de", other), ("en", english), ("gold", gold)):
        if text is not None:
            (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8", newline="")
    return folder / f"{stem}.de"


@pytest.mark.parametrize(
    ("folder", "stem", "split"),
    [
        ("bucc2018", "de-en.dev", "dev"),
        ("bucc2018", "de-en.test", "test"),
        ("bucc2018/de-en", "de-en.sample", "dev"),
        ("bucc2018/de-en", "de-en.training", "test"),
    ],
)
def test_bucc_in_the_layouts_of_xtreme_and_of_the_shared_task(tmp_path, folder, stem, split):
    bucc(tmp_path / folder, stem)
    assert local_files.available("bucc2018", split, tmp_path) == ("de",)
    assert local_files.read_files("bucc2018", split, "de", tmp_path) == [
        SentenceExample("de-1", "de", "Eins.", None),
        SentenceExample("de-2", "de", "Zwei\tdrei.", "en-1"),
        SentenceExample("en-1", "en", "Two three.", "de-2"),
        SentenceExample("en-2", "en", "Four.", None),
    ]


def test_bucc_without_its_gold_pairs_is_not_there(tmp_path):
    bucc(tmp_path / "bucc2018", "de-en.test", gold=None)
    assert local_files.available("bucc2018", "test", tmp_path) == ()
    with pytest.raises(
        UsageError,
        match=r"no labelled bucc2018 test files .*de-en\.test\.de is empty or without labels",
    ):
        local_files.read_files("bucc2018", "test", "de", tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"gold": "de-9\ten-1\n"},
            r"de-en\.dev\.gold, line 1: id 'de-9' is not in .*de-en\.dev\.de",
        ),
        ({"gold": "de-1\ten-9\n"}, r"line 1: id 'en-9' is not in .*de-en\.dev\.en"),
        ({"gold": "de-1\ten-1\nde-2\ten-1\n"}, r"line 2: id 'en-1' is in a second pair"),
        ({"gold": "de-1\ten-1\nde-1\ten-2\n"}, r"line 2: id 'de-1' is also on an earlier line"),
        ({"gold": "de-1 en-1\n"}, r"line 1: 'de-1 en-1': expected id TAB English id"),
        (
            {"other": "de-1\tEins.\nde-2\t\n"},
            r"de-en\.dev\.de, line 2: 'de-2\\t': expected id TAB sentence",
        ),
        ({"gold": ""}, r"de-en\.dev\.gold is empty"),
    ],
)
def test_what_is_wrong_with_bucc_is_told(tmp_path, changed, message):
    path = bucc(tmp_path, "de-en.dev", **changed)
    with pytest.raises(UsageError, match=message):
        read_bucc(path, path.with_suffix(".en"), path.with_suffix(".gold"), "de")


@pytest.mark.skipif(not (REAL / "bucc2018").is_dir(), reason="slices of the real data are not here")
def test_real_bucc_has_distractors_and_one_translation_a_sentence():
    assert local_files.available("bucc2018", "dev", REAL) == ("zh",)
    found = local_files.read_files("bucc2018", "dev", "zh", REAL)
    sides = [
        [example for example in found if (example.language == "en") == english]
        for english in (True, False)
    ]
    assert [len(side) for side in sides] == [13_589, 8_624]
    assert [sum(example.match is not None for example in side) for side in sides] == [257, 257]


def test_supertags(tmp_path):
    (tmp_path / "ccg").mkdir()
    path = tmp_path / "ccg" / "train.tsv"
    path.write_text("Anna reads .\tNP S[dcl]\\NP .\n", encoding="utf-8")
    expected = [TagsExample("1", ("Anna", "reads", "."), ("NP", "S[dcl]\\NP", "."))]
    assert local_files.read_files("ccg", "train", "en", tmp_path) == read_ccg(path) == expected
    path.write_text("Anna reads .\tNP S[dcl]\\NP .\nAnna\tNP .\n", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"train\.tsv, line 2: 1 words and 2 tags: expected words TAB tags"
    ):
        read_ccg(path)
    path.write_text("Anna reads .\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"train\.tsv, line 1: 1 columns"):
        read_ccg(path)


def test_how_to_bring_what_the_hub_lacks_is_told(tmp_path):
    with pytest.raises(
        UsageError,
        match=r"looked for ccg/train\.tsv.*LDC.*from your own copy \(one sentence per line, words TAB tags\)",
    ):
        local_files.read_files("ccg", "train", "en", tmp_path)
    with pytest.raises(
        UsageError,
        match=r"looked for bucc2018/de-en\.dev\.de.*gold pairs alone: mining needs the other sentences",
    ):
        local_files.read_files("bucc2018", "dev", "de", tmp_path)
