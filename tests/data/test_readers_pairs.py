"""Readers of sentence pairs: every layout and trap, in small files written here."""

import csv
import io
import json

import pytest
from pair_files import GLUE_HEADER, PAWS_HEADER, SNLI_OWN, XNLI_HEADER, labels, table, texts, write

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.tables import TABLES, read_table, read_tables
from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample

SNLI_HEADER = "index\tcaptionID\tpairID\tsentence1\tsentence2\tlabel1\tgold_label"
QQP_HEADER = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"


def read_mnli(path):
    """MNLI in one of its two tables."""
    return read_tables([path], "en", ("mnli", "xnli_mt"))


# ---- XTREME's files: XNLI and PAWS-X


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_xtreme_files_take_both_line_ends(tmp_path, end):
    path = write(
        tmp_path / "dev-de.tsv",
        f"\ufeffEr kam.\tEr ging.\tcontradiction{end}Er kam.\tJemand kam.\tentailment{end}",
    )
    assert read_table(path, TABLES["xtreme_xnli"]) == [
        PairExample("1", "Er kam.", "Er ging.", "contradiction"),
        PairExample("2", "Er kam.", "Jemand kam.", "entailment"),
    ]


def test_cells_are_quoted_as_by_csv_writer(tmp_path):
    path = write(tmp_path / "dev-en.tsv", '"He said ""no""."\tHe said "no" twice.\tneutral\n')
    assert texts(read_table(path, TABLES["xtreme_xnli"])) == [
        ('He said "no".', 'He said "no" twice.')
    ]


def test_separators_inside_a_text_do_not_cut_it(tmp_path):
    path = write(tmp_path / "dev-en.tsv", "a\u2028b\x85c\x0cd\te\tneutral\n")
    assert read_table(path, TABLES["xtreme_xnli"])[0].text_a == "a\u2028b\x85c\x0cd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\tb\tneutral\na\tb\n",
            r"dev-en\.tsv, line 2: 2 columns: expected 3 \(first text.*may have been cut off",
        ),
        ("a\tb\tneutral\na\tb\nc\td\tneutral\n", r"line 2: 2 columns: expected 3 \([^;]*$"),
        ("a\tb\na\tb\tneutral\n", r"line 1: 2 columns: expected 3"),
        ("a\n", r"line 1: 1 columns: expected 3"),
        (
            "a\tb\tneutral\na\tb\tentailmemt\n",
            r"unknown label 'entailmemt' in .*dev-en\.tsv, line 2: did you mean 'entailment'\?",
        ),
        (
            "a\tb\tneutral\na\tb\tcontradic",
            r"unknown label 'contradic' in .*line 2: did you mean 'contradict",
        ),
        (
            "a\tb\t0\n",
            r"unknown label '0' in .*line 1: legal: contradiction, contradictory, entailment, neutral",
        ),
        ('a\tb\tneutral\na\t"b', r"line 2: broken quoting .*may have been cut off"),
        ("", r"dev-en\.tsv is empty"),
        ("\ufeff\n \n", r"is empty"),
        (
            "gut\tschön\tneutral\n\nso\tsö\tneutral\n".encode("latin-1"),
            r"line 1: byte 0xf6 is not UTF-8",
        ),
        ("a\tb\tneutral\n".encode("utf-16"), r"dev-en\.tsv is UTF-16 text: expected UTF-8"),
        ("a\tb\tneutral\n".encode("utf-16-le"), r"line 1: a NUL byte: expected UTF-8 text"),
        (b"a\tb\tneutral\nc\t\x00d\tneutral\n", r"line 2: a NUL byte.*damaged"),
        (b"\x1f\x8b\x08\x00", r"dev-en\.tsv is a compressed file \(gzip\): unpack it first"),
        (b"PK\x03\x04\x14", r"is a compressed file \(zip\)"),
    ],
)
def test_what_is_wrong_with_an_xtreme_file_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        read_table(write(tmp_path / "dev-en.tsv", text), TABLES["xtreme_xnli"])


def test_the_line_of_a_wrong_byte_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"line 3: byte 0xfc is not UTF-8"):
        read_table(
            write(
                tmp_path / "dev-en.tsv",
                b"a\tb\tneutral\n" * 2 + "ü\tb\tneutral\n".encode("latin-1"),
            ),
            TABLES["xtreme_xnli"],
        )


def test_a_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path / "dev-de.tsv", "a\tb\tneutral\n")
    with pytest.raises(
        UsageError, match=r"dev-xx\.tsv is missing: files of that kind there: dev-de\.tsv"
    ):
        read_table(tmp_path / "dev-xx.tsv", TABLES["xtreme_xnli"])
    with pytest.raises(
        UsageError, match=r"the folder .*nowhere does not exist either; .* holds dev-de\.tsv"
    ):
        read_table(tmp_path / "nowhere" / "dev-de.tsv", TABLES["xtreme_xnli"])
    with pytest.raises(UsageError, match=r"is a folder: expected a file; it holds dev-de\.tsv"):
        read_table(tmp_path, TABLES["xtreme_xnli"])


# ---- tables with a header: MNLI, SNLI, QQP, XNLI's own


def test_mnli_in_both_tables(tmp_path):
    glue = write(
        tmp_path / "train.tsv",
        table(GLUE_HEADER, '0\t1\t1e\tfiction\t"Quoted, unbalanced\tB\tneutral\tentailment'),
    )
    assert read_mnli(glue) == [PairExample("1", '"Quoted, unbalanced', "B", "entailment")]
    translated = write(
        tmp_path / "multinli.train.en.tsv",
        table("premise\thypo\tlabel", "A .\tB .\tcontradictory", end="\r\n"),
    )
    assert read_mnli(translated) == [PairExample("1", "A .", "B .", "contradiction")]


def test_a_table_without_labels_is_refused(tmp_path):
    with pytest.raises(
        UsageError,
        match=r"unknown column 'gold_label' in the header \(line 1\) of .*test_matched\.tsv",
    ):
        read_mnli(write(tmp_path / "test_matched.tsv", "index\tsentence1\tsentence2\n0\tA\tB\n"))


def test_numbered_labels_are_mapped_by_the_numbers_stated(tmp_path):
    path = write(tmp_path / "es.tsv", "premise\thypothesis\tlabel\na\tb\t2\nc\td\t0\n")
    assert labels(read_table(path, TABLES["nli_numbered"])) == ["contradiction", "entailment"]
    with pytest.raises(UsageError, match=r"unknown label '3' in .*es\.tsv, line 2: legal: 0, 1, 2"):
        read_table(write(path, "premise\thypothesis\tlabel\na\tb\t3\n"), TABLES["nli_numbered"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            table(GLUE_HEADER, "0\t1\tneutral"),
            r"line 2: 3 columns: expected 8, as the header has; this is the last line",
        ),
        (
            table(GLUE_HEADER, "0\t1\tneutral", "0\t1\t1e\tfiction\tA\tB\tneutral\tneutral"),
            r"line 2: 3 columns: [^;]*$",
        ),
        (table(GLUE_HEADER), r"train\.tsv holds no row: expected at least one"),
        ("a\tb\nc\td\n", r"unknown column 'sentence1' in the header \(line 1\) of .*train\.tsv"),
        (
            table(GLUE_HEADER, "0\t1\t1e\tfiction\tA\tB\tneutral\t-"),
            r"unknown label '-' in .*line 2",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        read_mnli(write(tmp_path / "train.tsv", text))


def test_rows_without_a_gold_label_are_left_out(tmp_path):
    path = write(
        tmp_path / "dev.txt",
        table(SNLI_OWN, "-\tA\tB\tc\tp\tneutral", "entailment\tC\tD\tc\tp\tneutral\tneutral"),
    )
    assert read_table(path, TABLES["nli_release"]) == [PairExample("1", "C", "D", "entailment")]
    glue = write(
        tmp_path / "dev.tsv",
        table(SNLI_HEADER, "0\tc\tp\tA\tB\tneutral\t-1", "1\tc\tp\tC\tD\tneutral\tneutral"),
    )
    assert read_table(glue, TABLES["nli_release"]) == [PairExample("1", "C", "D", "neutral")]
    with pytest.raises(UsageError, match="holds no row with a gold label"):
        read_table(write(path, table(SNLI_OWN, "-\tA\tB\tc\tp\tneutral")), TABLES["nli_release"])


def test_snli_rows_differ_in_their_annotators_and_the_gold_label_is_last(tmp_path):
    short = "0\tc\tp\tA\tB\tneutral\tentailment"
    long = "1\tc\tp\tC\tD\tneutral\tneutral\tneutral\tneutral\tcontradiction\tneutral"
    path = write(tmp_path / "train.tsv", table(SNLI_HEADER, short, long))
    assert labels(read_table(path, TABLES["nli_release"])) == ["entailment", "neutral"]
    with pytest.raises(
        UsageError,
        match=r"line 2: 6 columns: expected 7 to 11, with one to five annotators; this is the last",
    ):
        read_table(
            write(path, table(SNLI_HEADER, short.removesuffix("\tentailment"))),
            TABLES["nli_release"],
        )
    with pytest.raises(UsageError, match=r"line 2: 5 columns: expected 6 to 10"):
        read_table(write(path, table(SNLI_OWN, "neutral\tA\tB\tc\tp")), TABLES["nli_release"])


def test_broken_rows_of_qqp_are_left_out(tmp_path):
    whole = "1\t2\t3\tWhy?\tHow come?\t1"
    path = write(
        tmp_path / "train.tsv",
        table(
            QQP_HEADER,
            whole,
            "4\t5\t6\tWhat is",
            '"this" thing?\tIt?\t0',
            "7\t8\t9\tWho?\tWhen?\t0",
        ),
    )
    assert read_table(path, TABLES["qqp"]) == [
        PairExample("1", "Why?", "How come?", "duplicate"),
        PairExample("2", "Who?", "When?", "different"),
    ]
    with pytest.raises(
        UsageError,
        match=r"line 3: 4 columns: expected 6.*this is the last line: the download may have been cut off",
    ):
        read_table(write(path, table(QQP_HEADER, whole, "4\t5\t6\tWhat is")), TABLES["qqp"])
    with pytest.raises(UsageError, match=r"line 3: 3 columns: expected 6"):
        read_table(write(path, table(QQP_HEADER, whole, *["a\tb\tc"] * 11, whole)), TABLES["qqp"])
    with pytest.raises(
        UsageError, match=r"unknown label 'yes' in .*train\.tsv, line 2: legal: 0, 1"
    ):
        read_table(
            write(path, table(QQP_HEADER, *["1\t2\t3\tWhy?\tHow come?\tyes"] * 2)), TABLES["qqp"]
        )


def test_xnli_has_all_languages_in_one_file(tmp_path):
    rows = ("de\tneutral\t\tA\tB\t1", "fr\tentailment\t\tC\tD\t1", "de\tcontradictory\t\tE\tF\t2")
    path = write(tmp_path / "xnli/XNLI-1.0/xnli.test.tsv", table(XNLI_HEADER, *rows))
    assert read_table(path, TABLES["xnli"], "de") == [
        PairExample("1", "A", "B", "neutral"),
        PairExample("2", "E", "F", "contradiction"),
    ]
    assert labels(local_files.read_files("xnli", "test", "fr", tmp_path)) == ["entailment"]
    with pytest.raises(UsageError, match=r"xnli\.test\.tsv holds no row of language 'zh'"):
        local_files.read_files("xnli", "test", "zh", tmp_path)


# ---- PAWS-X


def test_paws_x_is_read_without_quoting_and_its_rewritten_copies_with(tmp_path):
    sentences = ['Er sagte "nein".', '"Nein", sagte er.', "Er ging."]
    plain = write(
        tmp_path / "plain.tsv",
        table(PAWS_HEADER, f"1\t{sentences[0]}\t{sentences[1]}\t0", f"2\t{sentences[2]}\tNS\t1"),
    )
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerows(
        [PAWS_HEADER.split("\t"), ["1", *sentences[:2], "0"], ["2", sentences[2], "NS", "1"]]
    )
    quoted = write(tmp_path / "quoted.tsv", buffer.getvalue())
    assert '""nein""' in quoted.read_text("utf-8")
    expected = [PairExample("1", *sentences[:2], "0"), PairExample("2", sentences[2], "NS", "1")]
    assert read_table(plain, TABLES["pawsx"]) == read_table(quoted, TABLES["pawsx"]) == expected


def test_a_cell_in_quotes_is_no_quoted_cell(tmp_path):
    path = write(tmp_path / "test_2k.tsv", table(PAWS_HEADER, '1\t"Rosetta"\t"A" und "B"\t1'))
    assert texts(read_table(path, TABLES["pawsx"])) == [('"Rosetta"', '"A" und "B"')]


def test_paws_x_labels_are_those_of_each_language(tmp_path):
    for code, label in (("de", 0), ("fr", 1)):
        write(tmp_path / f"pawsx/test-{code}.tsv", "a\tb\n")
        write(tmp_path / f"x-final/{code}/test_2k.tsv", table(PAWS_HEADER, f"7\ta\tb\t{label}"))
    write(tmp_path / "pawsx/test-es.tsv", "a\tb\n")
    assert labels(local_files.read_files("pawsx", "test", "de", tmp_path)) == ["0"]
    assert labels(local_files.read_files("pawsx", "test", "fr", tmp_path)) == ["1"]
    with pytest.raises(
        UsageError, match=r"test-es\.tsv is empty or without labels.*; languages there: de, fr"
    ):
        local_files.read_files("pawsx", "test", "es", tmp_path)
    write(tmp_path / "pawsx/dev-de.tsv", "a\tb\t2\n")
    with pytest.raises(
        UsageError, match=r"unknown label '2' in .*pawsx/dev-de\.tsv, line 1: legal: 0, 1"
    ):
        local_files.read_files("pawsx", "dev", "de", tmp_path)


# ---- ANLI, and JSON lines


def anli_row(hypothesis: str, label: object, first: str = "context") -> str:
    return (
        json.dumps(
            {"uid": "u", first: "Rome is\u2028old.", "hypothesis": hypothesis, "label": label},
            ensure_ascii=False,
        )
        + "\n"
    )


def test_anli_is_three_rounds_with_labels_of_one_letter(tmp_path):
    for number, letter in enumerate("nec", start=1):
        write(tmp_path / f"anli_v1.0/R{number}/train.jsonl", anli_row(f"h{number}", letter))
    found = local_files.read_files("anli", "train", "en", tmp_path)
    assert [(example.id, example.text_b, example.label) for example in found] == [
        ("1", "h1", "neutral"),
        ("2", "h2", "entailment"),
        ("3", "h3", "contradiction"),
    ]
    assert found[0].text_a == "Rome is\u2028old."
    (tmp_path / "anli_v1.0/R2/train.jsonl").unlink()
    with pytest.raises(
        UsageError, match=r"anli_v1\.0 has train\.jsonl only in R1, R3: expected R2 too"
    ):
        local_files.read_files("anli", "train", "en", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            anli_row("h", "e") + anli_row("h", "n")[:-20],
            r"dev\.jsonl, line 2: JSON breaks off at column \d+ .*may have been cut off",
        ),
        (
            anli_row("h", "e")[:-20] + "\n" + anli_row("h", "n"),
            r"line 1: JSON breaks off at column \d+ [^;]*$",
        ),
        (anli_row("h", "x"), r"unknown label 'x' in .*line 1: legal: c, e, n"),
        (anli_row("h", 0), r"unknown label '0' in .*line 1"),
        (
            anli_row("h", "e", "premise"),
            r"line 1: no 'context' among uid, premise, hypothesis, label",
        ),
        ('["context"]\n', r"line 1: list instead of an object: expected one with 'context'"),
        (
            '{"context": 3, "hypothesis": "h", "label": "e"}\n',
            r"line 1: context is 3: expected str",
        ),
        (" \n", r"dev\.jsonl is empty"),
    ],
)
def test_what_is_wrong_with_json_lines_is_said(tmp_path, text, message):
    path = write(tmp_path / "dev.jsonl", text)
    with pytest.raises(UsageError, match=message):
        read_table(path, TABLES["anli"])
