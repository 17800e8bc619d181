"""Examples from every source, the languages and split that are scored, and the errors a user can
make."""

import os
from pathlib import Path

import pytest

from xstilts_core.data import splits
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
    assert splits.languages("xnli", "test") == ("en", "bg", "de", "es", "hi", "sw", "tr", "zh")
    assert splits.languages("tydiqa", "test") == ("en", "id", "sw")
    assert splits.languages("bucc2018", "train") == ()
    assert splits.evaluated("panx", "test", ["zh", "en", "fr"], "mini", "") == ("en", "zh")


def test_wrong_names_are_answered():
    with pytest.raises(UsageError, match="did you mean 'test'"):
        splits.load("xnli", "tset", "en")
    with pytest.raises(UsageError, match="did you mean 'files'"):
        splits.load("xnli", "test", "en", "file")
    with pytest.raises(UsageError, match="needs data_root"):
        splits.load("xnli", "test", "en", "files")


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
    assert splits.test_split("xnli", "files", str(tmp_path)) == "dev"
    assert splits.languages("xnli", "dev", "files", str(tmp_path)) == ("en", "sw")
    assert [
        example.label for example in splits.load("xnli", "dev", "sw", "files", str(tmp_path))
    ] == ["entailment", "neutral"]
    texts = list(splits.texts(str(tmp_path), ["sw"], 10))
    assert texts == [("sw", "Mtu anakula.")]
    spec = PretrainSpec(source="files", data_root=str(tmp_path), languages=["sw"])
    assert pretrain.documents(spec) == [("Mtu anakula.", None)] and list(
        pretrain.vocabulary_texts(spec, [("a b", None)])
    ) == ["a b"]
    with pytest.raises(UsageError, match="no labelled dev data in de"):
        splits.evaluated("xnli", "dev", ["de"], "files", str(tmp_path))


@pytest.mark.parametrize(("rows", "split"), [(40, "test"), (4, "test"), (1, "dev")])
def test_a_handful_of_test_rows_is_not_scored_beside_a_whole_development_set(tmp_path, rows, split):
    """As in slices, which have the head of a real file in one language, and a development set of
    the benchmark in all."""
    folder = tmp_path / "pawsx" / "xtreme"
    folder.mkdir(parents=True)
    for code, count in (("en", 40), ("ja", rows)):
        (folder / f"dev-{code}.tsv").write_text("a b\tb a\t1\n" * 40, encoding="utf-8")
        (folder / f"test-{code}.tsv").write_text("a b\tb a\t1\n" * count, encoding="utf-8")
    assert splits.test_split("pawsx", "files", str(tmp_path)) == split


def test_added_languages_are_those_of_xtreme_r(tmp_path):
    folder = tmp_path / "panx" / "xtreme"
    folder.mkdir(parents=True)
    for code in ("en", "pl"):
        (folder / f"test-{code}.tsv").write_text("Anna\tB-PER\n", encoding="utf-8")
    places = ("files", str(tmp_path))
    assert splits.evaluated("panx", "test", [], *places) == ("en",)
    assert splits.evaluated("panx", "test", [], *places, "xtreme-r") == ("en", "pl")
    assert splits.test_split("panx", *places, "xtreme-r") == "test"
    with pytest.raises(UsageError, match=r"no labelled test data in pl.*available: en"):
        splits.evaluated("panx", "test", ["pl"], *places)


def test_a_task_of_parts_has_the_languages_that_all_parts_have():
    assert splits.languages("anli_plus", "train") == ("en",) and splits.languages(
        "siqa_copa", "train", "hub"
    ) == ("en",)
    assert splits.languages("siqa_copa", "test", "hub") == ()


@real
def test_the_study_of_the_real_slices_has_every_target_of_which_they_have_something():
    found = {
        name
        for name in TARGET_NAMES
        for split in ("dev", "test")
        if splits.languages(name, split, "files", str(REAL))
    }
    assert set(Study.load("real_slice").targets) == found


@real
def test_real_slices_give_texts_in_forty_nine_languages():
    texts = list(splits.texts(str(REAL), [], 50))
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
    counts = {
        split: len(splits.languages(name, split, "files", str(REAL))) for split in ("dev", "test")
    }
    split = splits.test_split(name, "files", str(REAL))
    assert counts[split] == max(counts.values()) >= least
    codes = splits.languages(name, split, "files", str(REAL))
    assert min(len(splits.load(name, split, code, "files", str(REAL))) for code in codes) >= 100
