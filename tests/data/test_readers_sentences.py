"""Files of translated sentences: where they stand, and the copies that hold no gold."""

from pathlib import Path

import pytest

from xstilts_core.data.readers import files as local_files
from xstilts_core.errors import UsageError
from xstilts_core.examples import SentenceExample


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def tatoeba(
    folder: Path, other: str | bytes = "Nein.\nJa.\n", english: str = "No.\nYes.\n"
) -> None:
    write(folder / "tatoeba.deu-eng.deu", other)
    write(folder / "tatoeba.deu-eng.eng", english)


@pytest.mark.parametrize("folder", ["tatoeba/v1", "data/tatoeba/v1", "LASER-main/data/tatoeba/v1"])
def test_tatoeba_in_lasers_layout(tmp_path, folder):
    tatoeba(tmp_path / folder, "\ufeffNein.\r\nJa.\r\n")
    assert local_files.available("tatoeba", "test", tmp_path) == ("de",)
    assert local_files.read_files("tatoeba", "test", "de", tmp_path) == [
        SentenceExample("de-1", "de", "Nein.", "en-1"),
        SentenceExample("de-2", "de", "Ja.", "en-2"),
        SentenceExample("en-1", "en", "No.", "de-1"),
        SentenceExample("en-2", "en", "Yes.", "de-2"),
    ]


@pytest.mark.parametrize("folder", ["tatoeba", "tatoeba/xtreme"])
def test_xtremes_sorted_copy_of_tatoeba_is_refused(tmp_path, folder):
    """Its English side is in alphabetical order: read line by line, two of these three pairs would
    be wrong."""
    write(tmp_path / folder / "de-en.de", "Zwei.\nEins.\nDrei.\n")
    write(tmp_path / folder / "de-en.en", "One.\nThree.\nTwo.\n")
    assert local_files.available("tatoeba", "test", tmp_path) == ()
    with pytest.raises(
        UsageError,
        match=r"no labelled tatoeba test files .*de-en\.de holds no gold: XTREME sorts the English side",
    ):
        local_files.read_files("tatoeba", "test", "de", tmp_path)
    tatoeba(tmp_path / "tatoeba/v1")
    assert [
        example.match for example in local_files.read_files("tatoeba", "test", "de", tmp_path)
    ] == [
        "en-1",
        "en-2",
        "de-1",
        "de-2",
    ]


def test_tatoeba_without_its_english_side_is_not_there(tmp_path):
    write(tmp_path / "tatoeba/v1/tatoeba.deu-eng.deu", "Ja.\n")
    assert local_files.available("tatoeba", "test", tmp_path) == ()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            "Nein.\n",
            r"tatoeba\.deu-eng\.deu, line 2: 1 lines here but 2 in .*\.eng: expected as many",
        ),
        ("Nein.\n\n", r"tatoeba\.deu-eng\.deu, line 2: blank: expected one sentence on every line"),
        (b"Nein.\nSch\xf6n.\n", r"tatoeba\.deu-eng\.deu, line 2: byte 0xf6 is not UTF-8"),
        ("", r"tatoeba\.deu-eng\.deu is empty"),
    ],
)
def test_what_is_wrong_with_tatoeba_is_told(tmp_path, other, message):
    tatoeba(tmp_path / "tatoeba/v1", other)
    with pytest.raises(UsageError, match=message):
        local_files.read_files("tatoeba", "test", "de", tmp_path)


def bucc(
    folder: Path,
    english: str = "en-1\tTwo.\nen-2\tFour.\n",
    other: str = "de-1\tEins.\nde-2\tZwei.\n",
) -> Path:
    write(folder / "de-en.dev.en", english)
    write(folder / "de-en.dev.gold", "de-2\ten-1\n")
    return write(folder / "de-en.dev.de", other)


def test_bucc_without_distractors_is_refused(tmp_path):
    """As google/xtreme's bucc18 on the hub: every sentence has its pair, and nothing needs to be
    told apart."""
    bucc(tmp_path / "bucc2018", "en-1\tTwo.\n", "de-2\tZwei.\n")
    with pytest.raises(
        UsageError,
        match=r"hold no sentence without a pair in .*de-en\.dev\.gold: .*F1 says nothing",
    ):
        local_files.read_files("bucc2018", "dev", "de", tmp_path)
    bucc(tmp_path / "bucc2018", "en-1\tTwo.\n")
    assert [
        example.match for example in local_files.read_files("bucc2018", "dev", "de", tmp_path)
    ] == [
        None,
        "en-1",
        "de-2",
    ]


@pytest.mark.parametrize(
    ("english", "message"),
    [
        (
            "en-2\tFour.\n",
            r"de-en\.dev\.gold, line 1: id 'en-1' is not in .*de-en\.dev\.en: .*truncated download",
        ),
        (
            "en-1\tTwo.\nen-2",
            r"de-en\.dev\.en, line 2: 'en-2': expected id TAB sentence; .*cut off",
        ),
        ("en-1\tTwo.\nen-2\n\n", r"de-en\.dev\.en, line 2: 'en-2': expected id TAB sentence$"),
    ],
)
def test_truncated_downloads_of_bucc(tmp_path, english, message):
    bucc(tmp_path / "bucc2018", english)
    with pytest.raises(UsageError, match=message):
        local_files.read_files("bucc2018", "dev", "de", tmp_path)


def test_a_packed_archive_of_bucc_is_named(tmp_path):
    write(tmp_path / "bucc2018-fr-en.training-gold.tar.bz2", b"BZh")
    with pytest.raises(
        UsageError,
        match=r"no labelled bucc2018 test files .*fr-en\.training-gold\.tar\.bz2 is still packed",
    ):
        local_files.read_files("bucc2018", "test", "fr", tmp_path)
