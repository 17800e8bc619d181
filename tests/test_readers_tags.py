"""Readers of PAN-X and CoNLL-U: every layout and trap, in small files written here."""

from pathlib import Path

import pytest

from xstilts_core import readers
from xstilts_core.examples import TagsExample
from xstilts_core.names import UsageError


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def conllu(*rows: str) -> str:
    """Rows "id form tag" as CoNLL-U; a blank row ends a sentence, "#..." is a comment."""
    lines = []
    for row in rows:
        cells = row.split("|")
        lines.append(row if len(cells) < 3 else "\t".join([cells[0], cells[1], "_", cells[2]] + ["_"] * 6))
    return "\n".join(lines) + "\n"


def test_panx_with_crlf_and_extra_blank_lines(tmp_path):
    path = write(tmp_path / "dev-de.tsv", "\r\nAnton\tB-PER\r\nlacht\tO\r\n\r\n\r\nRom\tB-LOC")
    assert readers.read_panx(path) == [TagsExample("1", ("Anton", "lacht"), ("B-PER", "O")), TagsExample("2", ("Rom",), ("B-LOC",))]


def test_panx_raw_archive_has_language_prefixes(tmp_path):
    path = write(tmp_path / "dev", "de:Anton\tB-PER\nde:::\tO\n\nde:10:30\tO\n")
    assert [example.words for example in readers.read_panx(path)] == [("Anton", "::"), ("10:30",)]


def test_a_colon_in_some_tokens_is_no_prefix(tmp_path):
    path = write(tmp_path / "dev-de.tsv", "de:Anton\tB-PER\nkam\tO\n")
    assert readers.read_panx(path)[0].words == ("de:Anton", "kam")
    assert readers.read_panx(write(path, "10:30\tO\n10:45\tO\n"))[0].words == ("10:30", "10:45")


def test_panx_tokens_only(tmp_path):
    assert readers.read_panx(write(tmp_path / "test-de.tsv", "Anton\nlacht\n")) == [TagsExample("1", ("Anton", "lacht"), ())]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tO\nb\n", r"line 2: 1 columns \(b\): expected token TAB tag"),
        ("a\nb\tO\n", r"line 2: 2 columns \(b \| O\): expected a token alone, as in the first line"),
        ("a\tb\tO\n", r"line 1: 3 columns .*expected token TAB tag, or a token alone"),
        ("a\tO\n\tO\n", r"line 2: 2 columns \( \| O\): expected token TAB tag"),
        ("a\tO\nb\tB-PRE\n", r"unknown tag 'B-PRE' in .*line 2: did you mean 'B-PER'\?"),
        ("\n\n", r"is empty"),
    ],
)
def test_what_is_wrong_with_a_panx_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        readers.read_panx(write(tmp_path / "dev-de.tsv", text))


def test_conllu_keeps_syntactic_words_only(tmp_path):
    rows = ("# text = im Haus", "1-2|im|_", "1|in|ADP", "2|dem|DET", "2.1|leer|NOUN", "3|Ha\u200cus 7|NOUN", "4|x|_", "", "1|Ja|INTJ", "")
    path = write(tmp_path / "de_x-ud-test.conllu", conllu(*rows))
    expected = [TagsExample("1", ("in", "dem", "Haus7"), ("ADP", "DET", "NOUN")), TagsExample("2", ("Ja",), ("INTJ",))]
    assert readers.read_conllu(path) == expected
    assert readers.read_conllu(write(path, conllu(*rows).replace("\n", "\r\n"))) == expected


def test_conllu_texts_that_may_not_be_shared_are_left_out(tmp_path):
    rows = ("1|_|NOUN", "2|_|VERB", "3|.|PUNCT", "", "1|_|PUNCT", "2|a|DET", "3|b|NOUN", "")
    assert [example.words for example in readers.read_conllu(write(tmp_path / "x.conllu", conllu(*rows)))] == [("_", "a", "b")]
    with pytest.raises(UsageError, match="holds no sentence with tags"):
        readers.read_conllu(write(tmp_path / "x.conllu", conllu(*rows[:4])))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (conllu("1|a|NOUN", "3|b|NOUN"), r"x\.conllu, line 2: word id '3': expected 2"),
        (conllu("1|a|NOUNS"), r"unknown tag 'NOUNS' in .*line 1: did you mean 'NOUN'\?"),
        ("1\ta\t_\tNOUN\n", r"line 1: 4 columns: expected the 10 of CoNLL-U"),
    ],
)
def test_what_is_wrong_with_a_conllu_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        readers.read_conllu(write(tmp_path / "x.conllu", text))


def test_all_treebanks_of_a_language_are_joined_in_order(tmp_path):
    folder = tmp_path / "udpos/ud-treebanks-v2.5"
    write(folder / "UD_German-PUD/de_pud-ud-test.conllu", conllu("1|zwei|NUM", ""))
    write(folder / "UD_German-GSD/de_gsd-ud-test.conllu", conllu("1|eins|NUM", ""))
    write(folder / "UD_German-GSD/de_gsd-ud-dev.conllu", conllu("1|drei|NUM", ""))
    assert [(example.id, example.words) for example in readers.read_files("udpos", "test", "de", tmp_path)] == [
        ("1", ("eins",)),
        ("2", ("zwei",)),
    ]
