"""Readers of PAN-X and CoNLL-U: every layout and trap, in small files written here."""

from pathlib import Path

import pytest

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.tags import read_conllu, read_tagged, read_treebanks
from xstilts_core.errors import UsageError
from xstilts_core.examples import TagsExample


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def conllu(*rows: str) -> str:
    """Rows "id|form|tag|head|enhanced heads", the last two may be missing; a blank row ends a
    sentence, "#..." is a comment."""
    lines = []
    for row in rows:
        cells = row.split("|")
        if len(cells) >= 3:
            head, deps = [*cells[3:], "_", "_"][:2]
            row = "\t".join(
                [
                    cells[0],
                    cells[1],
                    "_",
                    cells[2],
                    "_",
                    "_",
                    head,
                    "_",
                    deps.replace("+", "|"),
                    "_",
                ]
            )
        lines.append(row)
    return "\n".join(lines) + "\n"


def words(path: Path, code: str = "en") -> list[tuple[str, ...]]:
    return [example.words for example in read_conllu(path, code)]


# ---- PAN-X


def test_panx_with_crlf_a_byte_order_mark_and_extra_blank_lines(tmp_path):
    path = write(
        tmp_path / "dev-de.tsv", "\ufeff\r\nAnton\tB-PER\r\nlacht\tO\r\n\r\n\r\nRom\tB-LOC"
    )
    assert read_tagged(path, "panx", "de:") == [
        TagsExample("1", ("Anton", "lacht"), ("B-PER", "O")),
        TagsExample("2", ("Rom",), ("B-LOC",)),
    ]


def test_panx_raw_archive_has_language_prefixes(tmp_path):
    path = write(tmp_path / "dev", "de:Anton\tB-PER\nde:::\tO\n\nde:10:30\tO\n")
    assert [example.words for example in read_tagged(path, "panx", "de:")] == [
        ("Anton", "::"),
        ("10:30",),
    ]


def test_a_colon_in_some_tokens_is_no_prefix(tmp_path):
    path = write(tmp_path / "dev-de.tsv", "de:Anton\tB-PER\nkam\tO\n")
    assert read_tagged(path, "panx", "de:")[0].words == ("de:Anton", "kam")
    assert read_tagged(write(path, "10:30\tO\n10:45\tO\n"), "panx", "de:")[0].words == (
        "10:30",
        "10:45",
    )


@pytest.mark.parametrize(
    "tokens",
    [("10:30", "10:45"), ("a:b", "a:c"), ("http://x", "http://y"), ("de:", "de:Rom"), ("en:Rome",)],
)
def test_only_the_files_own_language_is_a_prefix(tmp_path, tokens):
    path = write(tmp_path / "dev-fr.tsv", "".join(f"{token}\tO\n" for token in tokens))
    assert read_tagged(path, "panx", "fr:")[0].words == tokens
    write(tmp_path / "panx/dev-fr.tsv", path.read_text(encoding="utf-8").replace("en:", "fr:"))
    assert local_files.read_files("panx", "dev", "fr", tmp_path)[0].words == (
        ("Rome",) if tokens == ("en:Rome",) else tokens
    )


def test_words_of_nothing_are_left_out_with_their_tags(tmp_path):
    path = write(
        tmp_path / "dev", "fa:a\tB-PER\nfa:\tI-PER\nfa: \tI-PER\nfa:b\tO\n\nfa:\tO\n\nfa:c\tO\n"
    )
    expected = [TagsExample("1", ("a", "b"), ("B-PER", "O")), TagsExample("2", ("c",), ("O",))]
    assert read_tagged(path, "panx", "fa:") == expected
    assert read_tagged(write(path, "a\tB-PER\n\tI-PER\nb\tO\n\nc\tO\n"), "panx", "fa:") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tO\nb\n\nc\tO\n", r"line 2: 1 columns \(b\): expected token TAB tag$"),
        ("a\tO\nb", r"line 2: 1 columns \(b\): expected token TAB tag; .* cut off"),
        ("a\nb\tO\n", r"line 1: 1 columns \(a\): expected token TAB tag$"),
        ("a\tb\tO\n", r"line 1: 3 columns \(a \| b \| O\): expected token TAB tag"),
        ("a\tO\nb\tB-PRE\n", r"unknown tag 'B-PRE' in .*line 2: did you mean 'B-PER'\?"),
        ("\n\n", r"is empty"),
        (
            "a\tO\rb\tO\r",
            r"line 1: a carriage return inside the line: expected line ends LF or CRLF",
        ),
        ("\u3000\tO\n", r"line 1: no token of the file is a word"),
        ("a\tO\nM\xfcnchen\tB-LOC\n".encode("latin-1"), r"line 2: byte 0xfc is not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_panx_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        read_tagged(write(tmp_path / "dev-de.tsv", text), "panx", "de:")


@pytest.mark.parametrize(
    "place",
    [
        "panx/dev-qu.tsv",
        "panx/xtreme/dev-qu.tsv",
        "panx/qu/dev",
        "panx/panx_dataset/qu/dev",
        "panx_dataset/qu/dev",
        "panx/rahimi/qu/dev",
        "panx/rahimi/qu/qu.tar.gz/dev",
    ],
)
def test_panx_is_found_in_xtremes_folder_and_in_the_archives(tmp_path, place):
    write(tmp_path / place, "qu:Inka\tB-PER\n")
    assert local_files.available("panx", "dev", tmp_path) == ("qu",)
    assert local_files.read_files("panx", "dev", "qu", tmp_path)[0].words == ("Inka",)


@pytest.mark.parametrize(
    "place", ["panx/qu.tar.gz", "panx/panx_dataset/qu.tar.gz", "panx/AmazonPhotos.zip"]
)
def test_a_packed_archive_is_named(tmp_path, place):
    write(tmp_path / place, b"\x1f\x8b")
    assert local_files.available("panx", "dev", tmp_path) == ()
    with pytest.raises(
        UsageError,
        match=rf"no labelled panx dev files of language 'qu'.*{place} is still packed: unpack it",
    ):
        local_files.read_files("panx", "dev", "qu", tmp_path)


# ---- CoNLL-U


def test_conllu_reads_fused_words_as_one(tmp_path):
    rows = (
        "# text = im Haus",
        "1-2|im|_",
        "1|in|ADP|3",
        "2|dem|DET|3",
        "2.1|leer|NOUN",
        "3|Ha\u200cus 7|NOUN|0",
        "4|x|_|3",
        "",
        "1|Ja|INTJ|0",
        "",
    )
    path = write(tmp_path / "de_x-ud-test.conllu", conllu(*rows))
    expected = [
        TagsExample("1", ("im", "Haus7"), ("ADP", "NOUN")),
        TagsExample("2", ("Ja",), ("INTJ",)),
    ]
    assert read_conllu(path, "de") == expected
    assert (
        read_conllu(write(path, "\ufeff" + conllu(*rows).replace("\n", "\r\n")), "de") == expected
    )


@pytest.mark.parametrize(
    ("code", "rows", "tag"),
    [
        # The word highest in the tree gives the tag: the verb over its pronouns, whatever the
        # order; the noun over its copula.
        ("es", ("1-3|dámelo|_", "1|da|VERB|0", "2|me|PRON|1", "3|lo|PRON|1"), "VERB"),
        ("tr", ("1-2|x|_", "1|a|AUX|2", "2|b|NOUN|0"), "NOUN"),
        ("fi", ("1-2|ettei|_", "1|että|SCONJ|2", "2|ei|AUX|3", "3|ole|VERB|0"), "AUX"),
        # Words under the same head: the language's order of precedence.
        ("de", ("1-2|zum|_", "1|zu|ADP|3", "2|dem|DET|3", "3|Haus|NOUN|0"), "ADP"),
        ("tr", ("1-2|x|_", "1|a|AUX|3", "2|b|PRON|3", "3|c|NOUN|0"), "PRON"),
        ("es", ("1-2|x|_", "1|a|PRON|3", "2|b|AUX|3", "3|c|NOUN|0"), "AUX"),
        ("it", ("1-2|x|_", "1|a|PRON|3", "2|b|ADV|3", "3|c|NOUN|0"), "ADV"),
        ("fr", ("1-2|x|_", "1|a|ADV|3", "2|b|ADJ|3", "3|c|NOUN|0"), "ADJ"),
        # A tag that the order lacks comes last, and among equals the first word.
        ("es", ("1-2|x|_", "1|a|ADV|3", "2|b|DET|3", "3|c|NOUN|0"), "DET"),
        ("ta", ("1-2|x|_", "1|a|SYM|3", "2|b|PUNCT|3", "3|c|NOUN|0"), "PUNCT"),
        # Enhanced heads count too: here the second word hangs below another one beside its head,
        # and no longer ties.
        (
            "de",
            (
                "1-2|x|_",
                "1|a|DET|3|3:det",
                "2|b|ADP|3|3:case+4:case",
                "3|c|NOUN|0|0:root",
                "4|d|NOUN|3|3:nmod",
            ),
            "DET",
        ),
        # Enhanced heads that are empty nodes do not, and a circle of enhanced heads ends.
        (
            "de",
            ("1-2|x|_", "1|a|DET|3|3:det+3.1:det", "2|b|ADP|3|3:case+1:x", "3|c|NOUN|0|0:root+2:y"),
            "ADP",
        ),
    ],
)
def test_the_tag_of_a_fused_word(tmp_path, code, rows, tag):
    found = read_conllu(write(tmp_path / "x.conllu", conllu(*rows, "")), code)
    assert found[0].tags[0] == tag and found[0].words[0] == rows[0].split("|")[1]


def test_two_fused_words_in_a_sentence(tmp_path):
    rows = (
        "1|er|PRON|2",
        "2|geht|VERB|0",
        "3-4|zur|_",
        "3|zu|ADP|5",
        "4|der|DET|5",
        "5|Tür|NOUN|2",
        "6-7|im|_",
        "6|in|ADP|8",
        "7|dem|DET|8",
        "8|Haus|NOUN|5",
    )
    found = read_conllu(write(tmp_path / "x.conllu", conllu(*rows, "")), "de")[0]
    assert list(zip(found.words, found.tags, strict=True)) == [
        ("er", "PRON"),
        ("geht", "VERB"),
        ("zur", "ADP"),
        ("Tür", "NOUN"),
        ("im", "ADP"),
        ("Haus", "NOUN"),
    ]


def test_conllu_words_of_nothing_are_left_out(tmp_path):
    path = write(
        tmp_path / "x.conllu",
        conllu("1|\u200c|NOUN", "2|می\u200cرود|VERB", "3|1 000|NUM", "", "1|\u200c|NOUN", ""),
    )
    assert read_conllu(path, "fa") == [TagsExample("1", ("میرود", "1000"), ("VERB", "NUM"))]


def test_conllu_texts_that_may_not_be_shared_are_left_out(tmp_path):
    rows = ("1|_|NOUN", "2|_|VERB", "3|.|PUNCT", "", "1|_|PUNCT", "2|a|DET", "3|b|NOUN", "")
    assert words(write(tmp_path / "x.conllu", conllu(*rows))) == [("_", "a", "b")]
    # It is the words after fusing that count: with its three words this sentence would stay.
    assert (
        words(
            write(
                tmp_path / "x.conllu",
                conllu("1-3|_|_", "1|_|ADP", "2|a|DET", "3|b|DET", "4|.|PUNCT", ""),
            )
        )
        == []
    )
    with pytest.raises(
        UsageError, match=r"no sentence with words and tags in .*x\.conllu: expected CoNLL-U"
    ):
        read_treebanks([write(tmp_path / "x.conllu", conllu(*rows[:4]))], "en")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (conllu("1|a|NOUN", "3|b|NOUN", ""), r"x\.conllu, line 2: word id '3': expected 2"),
        (conllu("1|a|NOUNS", ""), r"unknown tag 'NOUNS' in .*line 1: did you mean 'NOUN'\?"),
        ("1\ta\t_\tNOUN\n\n", r"line 1: 4 columns: expected the 10 of CoNLL-U"),
        (
            conllu("1|a|NOUN|0", "2|b|NOUN|1"),
            r"line 2: the file ends inside a sentence: .*truncated download",
        ),
        (conllu("1|a|NOUN|0", "", "1|b|NOUN|0")[:-9], r"line 3: the file ends inside a sentence"),
        (conllu("1|a|NOUN|5", ""), r"line 1: head 5: expected a word id up to 1"),
        (conllu("1-2|ab|_", "1|a|ADP", ""), r"line 1: word ids up to 2: expected at most 1"),
        (
            conllu("2-3|ab|_", "1|a|ADP", "2|b|DET", ""),
            r"line 1: word ids '2-3': expected a range that begins with the next word, 1",
        ),
        (conllu("1-x|ab|_", "1|a|ADP", ""), r"line 1: word ids '1-x': expected a range"),
        (
            conllu("1-3|abc|_", "1|a|ADP", "2-3|bc|_", "2|b|DET", "3|c|X", ""),
            r"line 3: word ids '2-3': expected a range after .* line 1",
        ),
        (
            conllu("1-2|ab|_", "1-2|ab|_", "1|a|ADP", "2|b|DET", ""),
            r"line 2: word ids '1-2': expected a range after",
        ),
        (
            conllu(f"1-{'9' * 5000}|ab|_", "1|a|ADP", ""),
            r"line 1: word ids '1-9+': expected a range",
        ),
        (
            conllu("1|a|ADP", "1.x|b|X", ""),
            r"line 2: id '1\.x': expected an empty node's, such as 1\.1, after word 1",
        ),
        (conllu("1|a|ADP", "7.1|b|X", ""), r"line 2: id '7\.1': expected an empty node's"),
        (conllu("1|a|ADP|one", ""), r"line 1: head 'one': expected a word id"),
        (conllu("1|a|ADP", "").replace("\n", "\r"), r"line 1: a carriage return inside the line"),
        ("\n", r"is empty"),
        (conllu("1|M\xfcnchen|PROPN|0", "").encode("latin-1"), r"line 1: byte 0xfc is not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_conllu_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        read_conllu(write(tmp_path / "x.conllu", text), "en")


def test_all_treebanks_of_a_language_are_joined_in_the_order_of_the_files_names(tmp_path):
    """As in XTREME: fr_partut before fr_pud, though UD_French-PUD stands before UD_French-ParTUT
    among the folders."""
    folder = tmp_path / "udpos/ud-treebanks-v2.5"
    write(folder / "UD_French-PUD/fr_pud-ud-test.conllu", conllu("1|trois|NUM", ""))
    write(folder / "UD_French-ParTUT/fr_partut-ud-test.conllu", conllu("1|deux|NUM", ""))
    write(folder / "UD_French-GSD/fr_gsd-ud-test.conllu", conllu("1|un|NUM", ""))
    # A treebank without its texts beside others is no error.
    write(folder / "UD_French-FTB/fr_ftb-ud-test.conllu", conllu("1|_|NUM", "2|_|NUM", ""))
    write(folder / "UD_French-GSD/fr_gsd-ud-dev.conllu", conllu("1|zéro|NUM", ""))
    assert [
        (example.id, example.words)
        for example in local_files.read_files("udpos", "test", "fr", tmp_path)
    ] == [
        ("1", ("un",)),
        ("2", ("deux",)),
        ("3", ("trois",)),
    ]


def test_a_treebank_in_several_files(tmp_path):
    folder = tmp_path / "ud-treebanks-v2.5/UD_German-HDT"
    for part in "ba":
        write(folder / f"de_hdt-ud-train-{part}.conllu", conllu(f"1|{part}|X", ""))
    assert [
        example.words for example in local_files.read_files("udpos", "train", "de", tmp_path)
    ] == [
        ("a",),
        ("b",),
    ]


def test_added_languages_are_those_of_the_later_release(tmp_path):
    for release in ("v2.5", "v2.7"):
        for name, code in (("Polish", "pl"), ("German", "de")):
            write(
                tmp_path / f"udpos/ud-treebanks-{release}/UD_{name}-PUD/{code}_pud-ud-test.conllu",
                conllu(f"1|{release}|X", ""),
            )
    found = {
        code: local_files.read_files("udpos", "test", code, tmp_path)[0].words
        for code in ("de", "pl")
    }
    assert found == {"de": ("v2.5",), "pl": ("v2.7",)}


def test_xtremes_own_part_of_speech_files_come_first(tmp_path):
    write(
        tmp_path / "udpos/ud-treebanks-v2.5/UD_German-PUD/de_pud-ud-test.conllu",
        conllu("1|eins|NUM", ""),
    )
    write(tmp_path / "udpos/test-de.tsv", "eins\nzwei\n")
    assert local_files.read_files("udpos", "test", "de", tmp_path)[0].words == ("eins",)
    write(tmp_path / "udpos/test-de.tsv", "im\tADP\r\nHaus\tNOUN\r\n\tX\r\n")
    assert local_files.read_files("udpos", "test", "de", tmp_path) == [
        TagsExample("1", ("im", "Haus"), ("ADP", "NOUN"))
    ]
    write(tmp_path / "udpos/test-de.tsv", "im\tADPP\n")
    with pytest.raises(
        UsageError, match=r"unknown tag 'ADPP' in .*test-de\.tsv, line 1: did you mean 'ADP'\?"
    ):
        local_files.read_files("udpos", "test", "de", tmp_path)


def test_a_packed_release_is_named(tmp_path):
    write(tmp_path / "udpos/ud-treebanks-v2.7.tgz", b"\x1f\x8b")
    with pytest.raises(
        UsageError,
        match=r"udpos dev files of language 'wo'.*ud-treebanks-v2\.7\.tgz is still packed",
    ):
        local_files.read_files("udpos", "dev", "wo", tmp_path)
