"""Readers on slices of the real data sets: counts, ids, labels.

The slices are looked for in $XSTILTS_REAL_DATA, then in ../shared/data/real beside the repository; without them all is skipped.
"""

import os
from pathlib import Path

import pytest

from xstilts_core import readers
from xstilts_core.names import UsageError

REAL = Path(os.environ.get("XSTILTS_REAL_DATA", Path(__file__).parents[1].parent / "shared/data/real"))
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real slices are not at hand (set XSTILTS_REAL_DATA)")

XNLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
PANX = (
    "af ar az bg bn de el en es et eu fa fi fr gu he hi hu id it ja jv ka kk ko lt ml mr ms my nl pa pl pt qu ro ru sw ta te tl tr uk ur "
    "vi yo zh"
)
TATOEBA = "af ar az bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko lt ml mr nl pl pt ro ru sw ta te th tl tr uk ur vi zh"
SMALL_TATOEBA = {"jv": 205, "te": 234, "ta": 307, "sw": 390, "th": 548, "kk": 575, "ml": 687, "ka": 746}
COUNTS = {
    ("xnli", "dev"): dict.fromkeys(XNLI.split(), 450),
    ("xnli", "test"): {"es": 450, "sw": 450, "ur": 450},
    ("mnli", "train"): {"en": 289},  # k-shot 240, XNLI-MT 49; the 3 rows of GLUE's head are among the latter
    ("mnli", "dev"): {"en": 242},  # k-shot 240, GLUE's head 2
    ("panx", "train"): {"en": 4000},
    ("panx", "dev"): dict.fromkeys(PANX.split(), 400) | dict.fromkeys(["gu", "jv", "my", "pa", "qu", "yo"], 100),
    ("panx", "test"): {},
    ("udpos", "train"): {"en": 1500},
    ("udpos", "dev"): {"de": 100, "en": 300, "tr": 100},
    ("udpos", "test"): dict.fromkeys(["ar", "de", "en", "es", "fi", "hi", "ja", "ru", "ta", "tr", "zh"], 100) | {"en": 300},
    ("xquad", "test"): dict.fromkeys(["ar", "de", "en", "es", "hi", "ro", "ru", "tr", "vi", "zh"], 225) | {"en": 1190},
    ("tatoeba", "test"): {code: 2 * SMALL_TATOEBA.get(code, 1000) for code in TATOEBA.split()},
    ("bucc2018", "dev"): {"zh": 22_213},  # 8,624 Chinese and 13,589 English sentences
    ("bucc2018", "test"): {},
    ("ccg", "train"): {},
    ("ccg", "dev"): {},
    ("squad_v1", "train"): {"en": 3286},
    ("squad_v1", "dev"): {"en": 398},
}


@pytest.mark.parametrize(("task", "split"), readers.FILES)
def test_counts_of_the_real_slices(task, split):
    examples = {code: readers.read_files(task, split, code, REAL) for code in readers.available(task, split, REAL)}
    assert {code: len(rows) for code, rows in examples.items()} == COUNTS[task, split]
    for rows in examples.values():
        assert len({example.id for example in rows}) == len(rows)


def test_real_test_labels_agree_between_languages():
    """XNLI's items are parallel: Spanish writes numbers, Swahili and Urdu words, and all must mean the same."""
    columns = [[example.label for example in readers.read_files("xnli", "test", code, REAL)] for code in ("es", "sw", "ur")]
    assert columns[0] == columns[1] == columns[2]


def test_real_mnli_splits_share_no_pair():
    train, dev = ({(row.text_a, row.text_b) for row in readers.read_files("mnli", split, "en", REAL)} for split in ("train", "dev"))
    assert not train & dev


@pytest.mark.parametrize(
    ("name", "count", "unanswerable"),
    [("squad_v2/dev-v2.0.json", 1407, 702), ("squad_v2/cs224n/dev-v2.0.json", 2370, 1181), ("squad_v2/allennlp/squad2.json", 6, 1)],
)
def test_real_squad_2(name, count, unanswerable):
    examples = readers.read_squad(REAL / name)
    assert (len(examples), sum(not example.answers for example in examples)) == (count, unanswerable)
    assert len({example.id for example in examples}) == count


def test_real_tydiqa_repeats_its_ids_and_removes_answers():
    examples = readers.read_squad(REAL / "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json")
    assert len({example.id for example in examples}) == len(examples) == 600
    with pytest.raises(UsageError, match="no answer and not marked is_impossible"):
        readers.read_squad(REAL / "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.sw.dev.json")


def test_real_raw_panx_loses_its_prefix():
    words = readers.read_panx(REAL / "panx/rahimi/de/de.tar.gz/dev")[0].words
    assert words == ("Anton", "Wilhelm", "von", "Zuccalmaglio", ".")
