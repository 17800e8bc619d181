"""Examples from every source, the languages and split that are scored, and the errors a user can
make."""

import os
from pathlib import Path

import pytest

from xstilts_core.data.source import Embedded, Files, Hub, find_source
from xstilts_core.errors import UsageError
from xstilts_core.phases import pretrain
from xstilts_core.study import Study
from xstilts_core.study.spec import PretrainSpec
from xstilts_core.tasks import TARGET_NAMES

REAL = Path(
    os.environ.get("XSTILTS_REAL_DATA", Path(__file__).parents[3] / "shared" / "data" / "real")
)
real = pytest.mark.skipif(not REAL.is_dir(), reason="slices of the real data are not here")


def test_languages_are_the_benchmarks_as_far_as_the_source_has_them():
    assert Embedded().languages("xnli", "test") == ("en", "bg", "de", "es", "hi", "sw", "tr", "zh")
    assert Embedded().languages("tydiqa", "test") == ("en", "id", "sw")
    assert Embedded().languages("bucc2018", "train") == ()
    assert Embedded().evaluated("panx", "test", ["zh", "en", "fr"]) == ("en", "zh")


def test_wrong_names_are_answered():
    with pytest.raises(UsageError, match="did you mean 'test'"):
        Embedded().load("xnli", "tset", "en")
    with pytest.raises(UsageError, match="did you mean 'files'"):
        find_source("file").load("xnli", "test", "en")
    with pytest.raises(UsageError, match="needs data_root"):
        Files().load("xnli", "test", "en")


def write_xnli(root: Path) -> None:
    folder = root / "xnli" / "xtreme"
    folder.mkdir(parents=True)
    for code, text in (("en", "A man eats."), ("sw", "Mtu anakula.")):
        (folder / f"dev-{code}.tsv").write_text(
            f"{text}\t{text}\tentailment\n{text}\t{text}\tneutral\n", encoding="utf-8"
        )
        (folder / f"test-{code}.tsv").write_text(f"{text}\t{text}\n", encoding="utf-8")


def test_files_are_scored_where_their_labels_are(tmp_path):
    write_xnli(tmp_path)
    assert Files(str(tmp_path)).test_split("xnli") == "dev"
    assert Files(str(tmp_path)).languages("xnli", "dev") == ("en", "sw")
    assert [example.label for example in Files(str(tmp_path)).load("xnli", "dev", "sw")] == [
        "entailment",
        "neutral",
    ]
    texts = list(Files(str(tmp_path)).texts(["sw"], 10))
    assert texts == [("sw", "Mtu anakula.")]
    spec = PretrainSpec(source="files", data_root=str(tmp_path), languages=["sw"])
    assert pretrain.documents(spec) == [("Mtu anakula.", None)] and list(
        pretrain.vocabulary_texts(spec, [("a b", None)])
    ) == ["a b"]
    with pytest.raises(UsageError, match="no labelled dev data in de"):
        Files(str(tmp_path)).evaluated("xnli", "dev", ["de"])


@pytest.mark.parametrize(("rows", "split"), [(40, "test"), (4, "test"), (1, "dev")])
def test_a_handful_of_test_rows_is_not_scored_beside_a_whole_development_set(tmp_path, rows, split):
    """As in slices, which have the head of a real file in one language, and a development set of
    the benchmark in all."""
    folder = tmp_path / "pawsx" / "xtreme"
    folder.mkdir(parents=True)
    for code, count in (("en", 40), ("ja", rows)):
        (folder / f"dev-{code}.tsv").write_text("a b\tb a\t1\n" * 40, encoding="utf-8")
        (folder / f"test-{code}.tsv").write_text("a b\tb a\t1\n" * count, encoding="utf-8")
    assert Files(str(tmp_path)).test_split("pawsx") == split


def test_added_languages_are_those_of_xtreme_r(tmp_path):
    folder = tmp_path / "panx" / "xtreme"
    folder.mkdir(parents=True)
    for code in ("en", "pl"):
        (folder / f"test-{code}.tsv").write_text("Anna\tB-PER\n", encoding="utf-8")
    narrow, wide = Files(str(tmp_path)), Files(str(tmp_path), "xtreme-r")
    assert narrow.evaluated("panx", "test", []) == ("en",)
    assert wide.evaluated("panx", "test", []) == ("en", "pl")
    assert wide.test_split("panx") == "test"
    with pytest.raises(UsageError, match=r"no labelled test data in pl.*available: en"):
        narrow.evaluated("panx", "test", ["pl"])


def test_a_task_of_parts_has_the_languages_that_all_parts_have():
    assert Embedded().languages("anli_plus", "train") == ("en",) and Hub().languages(
        "siqa_copa", "train"
    ) == ("en",)
    assert Hub().languages("siqa_copa", "test") == ()


@real
def test_the_study_of_the_real_slices_has_every_target_of_which_they_have_something():
    found = {
        name
        for name in TARGET_NAMES
        for split in ("dev", "test")
        if Files(str(REAL)).languages(name, split)
    }
    assert set(Study.load("real_slice").targets) == found


@real
def test_real_slices_give_texts_in_forty_nine_languages():
    texts = list(Files(str(REAL)).texts([], 50))
    assert len({code for code, _ in texts}) == 49 and len(texts) == len(set(texts))
    chinese = [text for code, text in texts if code == "zh"]
    assert chinese and not any(" " in text.strip() for text in chinese[:10])


@real
@pytest.mark.parametrize(
    ("name", "least"), [("xnli", 15), ("pawsx", 7), ("panx", 39), ("udpos", 11), ("xquad", 11)]
)
def test_real_slices_are_scored_in_all_their_languages(name, least):
    """On the split that has labels in more languages: how many those are may grow with the
    slices."""
    counts = {split: len(Files(str(REAL)).languages(name, split)) for split in ("dev", "test")}
    split = Files(str(REAL)).test_split(name)
    assert counts[split] == max(counts.values()) >= least
    codes = Files(str(REAL)).languages(name, split)
    assert min(len(Files(str(REAL)).load(name, split, code)) for code in codes) >= 100
