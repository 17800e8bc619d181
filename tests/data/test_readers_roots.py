"""Where the files of sentence pairs may stand: releases as unpacked, XTREME's download folder,
slices."""

import json
import os
from pathlib import Path

import pytest
from pair_files import GLUE_HEADER, PAWS_HEADER, SNLI_OWN, XNLI_HEADER, labels, table, texts, write

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.source import Files
from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample
from xstilts_core.study.identity import DataRoots
from xstilts_core.study.spec import IntermediateSpec, TargetSpec
from xstilts_core.tasks import TASKS
from xstilts_core.translation import translated

REAL = Path(os.environ.get("XSTILTS_REAL_DATA", Path(__file__).parents[3] / "shared/data/real"))
LEVELS = REAL.parent / "resource_level"
GLUE_ROW = "0\t1\t1e\tfiction\t{}\tB\tneutral\tentailment"


def anli_row(hypothesis: str, label: object, first: str = "context") -> str:
    return (
        json.dumps(
            {"uid": "u", first: "Rome is\u2028old.", "hypothesis": hypothesis, "label": label},
            ensure_ascii=False,
        )
        + "\n"
    )


def test_the_parts_of_anli_plus_write_labels_differently_and_mean_the_same(tmp_path):
    write(tmp_path / "MNLI/train.tsv", table(GLUE_HEADER, GLUE_ROW.format("A")))
    write(
        tmp_path / "snli_1.0/snli_1.0_train.txt", table(SNLI_OWN, "entailment\tA\tB\tc\tp\tneutral")
    )
    for number in (1, 2, 3):
        write(tmp_path / f"anli_v1.0/R{number}/train.jsonl", anli_row("h", "e"))
    for task in ("mnli", "snli", "anli"):
        assert set(labels(local_files.read_files(task, "train", "en", tmp_path))) == {"entailment"}


@pytest.mark.parametrize("folder", ["", "glue_data/", "glue/", "mnli/", "mnli/glue/"])
def test_mnli_develops_on_the_matched_set_alone(tmp_path, folder):
    write(
        tmp_path / f"{folder}MNLI/dev_mismatched.tsv",
        table(GLUE_HEADER, GLUE_ROW.format("mismatched")),
    )
    with pytest.raises(
        UsageError,
        match=r"no labelled mnli dev files of language 'en'.*looked for glue_data/MNLI/dev_matched\.tsv or",
    ):
        local_files.read_files("mnli", "dev", "en", tmp_path)
    write(
        tmp_path / f"{folder}MNLI/dev_matched.tsv",
        table(GLUE_HEADER, *[GLUE_ROW.format("matched")] * 2),
    )
    assert texts(local_files.read_files("mnli", "dev", "en", tmp_path)) == [("matched", "B")] * 2


def test_multinli_in_its_own_archive(tmp_path):
    header = "gold_label\tsentence1\tsentence2\tpromptID\tpairID\tgenre\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5"
    write(
        tmp_path / "multinli_1.0/multinli_1.0_train.txt",
        table(header, "neutral\tA\tB\t1\t1n\tslate\tneutral", "-\tC\tD\t1\t1n\tslate\tneutral"),
    )
    assert local_files.read_files("mnli", "train", "en", tmp_path) == [
        PairExample("1", "A", "B", "neutral")
    ]
    rows = (
        {"sentence1": text, "sentence2": "B", "gold_label": label}
        for text, label in (("A", "-"), ("C", "contradiction"))
    )
    write(
        tmp_path / "mnli/multinli_1.0/multinli_1.0_dev_matched.jsonl",
        "".join(json.dumps(row) + "\n" for row in rows),
    )
    assert local_files.read_files("mnli", "dev", "en", tmp_path) == [
        PairExample("1", "C", "B", "contradiction")
    ]


def test_xtreme_folder_as_data_root(tmp_path):
    write(tmp_path / "xnli/train-en.tsv", "a .\tb .\tneutral\r\n")
    for code in ("en", "de"):
        write(tmp_path / f"xnli/dev-{code}.tsv", f"{code}\tb\tentailment\r\n")
        write(tmp_path / f"xnli/test-{code}.tsv", "a\tb\r\n")
        write(tmp_path / f"pawsx/dev-{code}.tsv", '"a ""b"""\tb\t1\r\n')
    write(tmp_path / "pawsx/train-en.tsv", "a\tb\t0\r\n")
    assert texts(local_files.read_files("mnli", "train", "en", tmp_path)) == [("a .", "b .")]
    assert texts(local_files.read_files("mnli", "dev", "en", tmp_path)) == [("en", "b")]
    assert (
        local_files.available("xnli", "dev", tmp_path)
        == local_files.available("pawsx", "dev", tmp_path)
        == ("de", "en")
    )
    assert local_files.available("xnli", "test", tmp_path) == ()
    assert local_files.available("pawsx", "train", tmp_path) == ("en",)
    assert local_files.read_files("pawsx", "dev", "de", tmp_path) == [
        PairExample("1", 'a "b"', "b", "1")
    ]
    # The labels that XTREME takes away stand in XNLI's own archive.
    write(tmp_path / "XNLI-1.0/xnli.test.tsv", table(XNLI_HEADER, "de\tneutral\t\tA\tB\t1"))
    assert labels(local_files.read_files("xnli", "test", "de", tmp_path)) == ["neutral"]


def test_mnli_slices_are_read_once_and_a_whole_set_as_it_is(tmp_path):
    row = "0\t1\t1e\tfiction\tIt works.\tYes.\tneutral\tentailment"
    write(tmp_path / "mnli/glue/MNLI/train.tsv", table(GLUE_HEADER, row, row))
    assert len(local_files.read_files("mnli", "train", "en", tmp_path)) == 2
    for seed in (13, 21):
        write(tmp_path / f"mnli/k-shot/MNLI/16-{seed}/train.tsv", table(GLUE_HEADER, row))
    translated = table("premise\thypo\tlabel", "It works .\tYes .\tentailment", "A\tB\tneutral")
    write(tmp_path / "mnli/XNLI-MT-1.0/multinli/multinli.train.en.tsv", translated)
    expected = [
        PairExample("1", "It works.", "Yes.", "entailment"),
        PairExample("2", "A", "B", "neutral"),
    ]
    assert local_files.read_files("mnli", "train", "en", tmp_path) == expected
    assert local_files.available("mnli", "train", tmp_path) == ("en",)


def test_translated_training_sets(tmp_path):
    write(
        tmp_path / "xnli/XNLI-MT-1.0/multinli/multinli.train.sw.tsv",
        table("premise\thypo\tlabel", "A .\tB .\tcontradictory"),
    )
    write(
        tmp_path / "XNLI-MT-1.0/multinli/multinli.train.en.tsv",
        table("premise\thypo\tlabel", "A .\tB .\tneutral"),
    )
    write(
        tmp_path / "xtreme_translations/XNLI/translate-train/en-de-translated.tsv",
        'a\tb\t"A\tB\tcontradictory\n',
    )
    assert local_files.available("mnli_translated", "train", tmp_path) == ("de", "sw")
    assert local_files.read_files("mnli_translated", "train", "sw", tmp_path) == [
        PairExample("1", "A .", "B .", "contradiction")
    ]
    assert local_files.read_files("mnli_translated", "train", "de", tmp_path) == [
        PairExample("1", '"A', "B", "contradiction")
    ]
    write(tmp_path / "x-final/fr/translated_train.tsv", table(PAWS_HEADER, "1\tA\tB\t1"))
    write(
        tmp_path / "xtreme_translations/PAWSX/translate-train/en-ja-translated.tsv",
        "a\tb\tA\tB\t1\na\tb\tC\tD\tE\na\tb\tF\tG\t0\n",
    )
    assert local_files.available("pawsx_translated", "train", tmp_path) == ("fr", "ja")
    assert texts(local_files.read_files("pawsx_translated", "train", "fr", tmp_path)) == [
        ("A", "B")
    ]
    assert texts(local_files.read_files("pawsx_translated", "train", "ja", tmp_path)) == [
        ("A", "B"),
        ("F", "G"),
    ]


@pytest.mark.parametrize(
    ("task", "split", "code", "message"),
    [
        (
            "xnli",
            "dev",
            "de",
            r"looked for xnli/xtreme/dev-de\.tsv or xnli/dev-de\.tsv or .*xnli\.dev\.tsv; languages there: none",
        ),
        ("mnli", "train", "de", r"the data set names no files of that language"),
        ("mnli_translated", "train", "en", r"the data set names no files of that language"),
        ("qqp", "test", "en", r"unknown split 'test' in the files of qqp"),
    ],
)
def test_what_is_not_there_is_said(tmp_path, task, split, code, message):
    with pytest.raises(UsageError, match=message):
        local_files.read_files(task, split, code, tmp_path)


def check_resource_level(root, rows, codes):
    """The same rows of MNLI in each language, matched one by one; XNLI scored on its test set, and
    chosen on MNLI's development set."""
    assert local_files.available("mnli_translated", "train", root) == codes
    settings = {
        "source": "files",
        "data_root": str(root),
        "encoder": "mini",
        "epochs": 1,
        "batch_size": 1,
        "learning_rate": 1e-5,
    }
    read = set()
    for code in codes:
        spec = IntermediateSpec(tasks=["mnli"], data_languages=[code], **settings)
        found = translated.training("mnli", spec)
        assert [(count.found, count.filled, count.dropped) for count in found.counts] == [
            (rows, 0, 0)
        ]
        read |= set(DataRoots().input_paths(spec, str(root)))
    assert Files(str(root)).test_split("xnli") == "test"
    read |= set(
        DataRoots().input_paths(
            TargetSpec(train_on="mnli", targets=["xnli"], **settings), str(root)
        )
    )
    assert {name for name in read if name.startswith("xnli/")} == {
        name for name in read if name.startswith("xnli/labelled_test/")
    }
    assert (
        {name for name in read if "dev" in name}
        == {name for name in read if "dev_matched" in name}
        != set()
    )


def test_one_set_in_several_languages_never_touches_the_development_rows_of_xnli(tmp_path):
    """XNLI's development rows in MNLI's place, beside the k-shot development rows of the slices."""
    for code in ("en", "de", "sw"):
        found = [
            f"{code} {k}\th\t{label}"
            for k, label in enumerate(("neutral", "contradictory", "entailment"))
        ]
        write(
            tmp_path / f"mnli/XNLI-MT-1.0/multinli/multinli.train.{code}.tsv",
            table("premise\thypo\tlabel", *found),
        )
        header = f"genre\tlabel\tsentence1_{code}\tsentence2_{code}"
        write(
            tmp_path / f"xnli/labelled_test/{code}.genre.test.tsv",
            table(header, "fiction\tneutral\ta\tb"),
        )
    write(
        tmp_path / "mnli/k-shot/MNLI/16-13/dev_matched.tsv",
        table(GLUE_HEADER, GLUE_ROW.format("matched")),
    )
    check_resource_level(tmp_path, 3, ("de", "sw"))


@pytest.mark.skipif(
    not LEVELS.is_dir(),
    reason="the rows in fifteen languages are not at hand (set XSTILTS_REAL_DATA)",
)
def test_real_rows_in_fifteen_languages_are_matched_one_by_one(tmp_path):
    """The root that their README asks for: the slices without MNLI's training rows and XNLI's
    development rows, and these over it."""
    left_out = (
        "mnli/k-shot/MNLI/*/train.tsv",
        "mnli/glue/MNLI/train.tsv",
        "mnli/XNLI-MT-1.0/**/*.tsv",
        "xnli/xtreme/dev-*",
    )
    without = {path for pattern in left_out for path in REAL.glob(pattern)}
    for source in (REAL, LEVELS):
        for path in (
            path
            for task in ("mnli", "xnli")
            for path in (source / task).rglob("*.tsv")
            if path not in without
        ):
            (tmp_path / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path.relative_to(source)).symlink_to(path)
    check_resource_level(tmp_path, 2490, TASKS["mnli_translated"].languages)
