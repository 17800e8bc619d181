"""Readers on slices of the real data sets: counts, ids, labels.

The slices are looked for in $XSTILTS_REAL_DATA, then in ../shared/data/real beside the repository; without them all is skipped.
"""

import os
from pathlib import Path

import pytest

from xstilts_core import readers
from xstilts_core.names import UsageError
from xstilts_core.readers.pairs import (
    ANNOTATED,
    GOLD,
    MULTINLI,
    PARAPHRASE,
    PAWS_X,
    XNLI_RAW,
    read_json_pairs,
    read_pairs,
    read_xtreme_pairs,
)

REAL = Path(os.environ.get("XSTILTS_REAL_DATA", Path(__file__).parents[1].parent / "shared/data/real"))
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real slices are not at hand (set XSTILTS_REAL_DATA)")

XNLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
XCOPA = "et ht id it qu sw ta th tr vi zh"
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
    ("snli", "train"): {"en": 243},  # k-shot 240, the release's head 3
    ("snli", "dev"): {"en": 242},
    ("anli", "train"): {"en": 613},  # four of five few-shot samples, 600 rows of which 2 stand twice, and 15 of the release
    ("anli", "dev"): {"en": 165},  # the fifth sample, 150 rows, and 15 of the release
    ("qqp", "train"): {},
    ("qqp", "dev"): {},
    ("pawsx", "train"): {"en": 49},
    ("pawsx", "dev"): dict.fromkeys(["de", "en", "es", "fr", "ja", "ko", "zh"], 450),
    ("pawsx", "test"): {"de": 600, "en": 49, "es": 49, "fr": 49, "ja": 4, "ko": 4, "zh": 300},
    ("mnli_translated", "train"): {},
    ("pawsx_translated", "train"): {},
    ("hellaswag", "train"): {"en": 82},
    ("hellaswag", "dev"): {"en": 22},
    ("cosmosqa", "train"): {"en": 2388},  # four fifths of the 2,985 development questions
    ("cosmosqa", "dev"): {"en": 594},  # the rest, less 3 about texts of the former
    ("commonsenseqa", "train"): {"en": 2000},
    ("commonsenseqa", "dev"): {"en": 1221},
    ("siqa", "train"): {"en": 480},
    ("siqa", "dev"): {"en": 119},
    ("copa", "train"): {"en": 400},
    ("copa", "dev"): {"en": 100},
    ("copa", "test"): {},
    ("xcopa", "dev"): dict.fromkeys(XCOPA.split(), 100),
    ("xcopa", "test"): dict.fromkeys(XCOPA.split(), 500),
    ("panx", "train"): {"de": 1, "en": 4000, "sw": 1},  # de and sw, and all of test: a sentence of the raw archive each
    ("panx", "dev"): dict.fromkeys(PANX.split(), 400) | dict.fromkeys(["gu", "jv", "my", "pa", "qu", "yo"], 100),
    ("panx", "test"): {"de": 1, "en": 1, "sw": 1},
    ("udpos", "train"): {"en": 1500},
    ("udpos", "dev"): {"de": 100, "en": 300, "tr": 100},
    ("udpos", "test"): dict.fromkeys(["ar", "de", "en", "es", "fi", "hi", "ja", "ru", "ta", "tr", "zh"], 100) | {"en": 300},
    ("xquad", "test"): dict.fromkeys(["ar", "de", "es", "hi", "ro", "ru", "tr", "vi", "zh"], 225) | {"el": 177, "en": 1190, "th": 177},
    ("mlqa", "dev"): {"ar": 150, "de": 98, "en": 172, "es": 119, "hi": 103, "vi": 150, "zh": 101},
    ("mlqa", "test"): {"ar": 108, "de": 62, "en": 150, "es": 67, "hi": 121, "vi": 58, "zh": 65},
    ("tydiqa", "train"): {"en": 717},  # 800 English questions less the 80 held out and 3 about the same texts
    ("tydiqa", "dev"): {"en": 80, "ko": 400, "sw": 600},
    ("tydiqa", "test"): {},
    ("tatoeba", "test"): {code: 2 * SMALL_TATOEBA.get(code, 1000) for code in TATOEBA.split()},
    ("bucc2018", "dev"): {"zh": 22_213},  # 8,624 Chinese and 13,589 English sentences
    ("bucc2018", "test"): {},
    ("ccg", "train"): {},
    ("ccg", "dev"): {},
    ("squad_v1", "train"): {"en": 3286},
    ("squad_v1", "dev"): {"en": 398},
    ("squad_v2", "train"): {"en": 2370},
    ("squad_v2", "dev"): {"en": 1407},
    ("squad_translated", "train"): {},
    ("squad_translated", "dev"): {},
    ("squad_sentences", "train"): {"en": 3286},
    ("squad_sentences", "dev"): {"en": 398},
    ("lareqa", "test"): dict.fromkeys(["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"], 177),
    ("wikipedia_mentions", "train"): {},
    ("wikipedia_mentions", "dev"): {},
    ("mewslix", "dev"): {},
    ("mewslix", "test"): {},
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


@pytest.mark.parametrize("task", ["mnli", "snli", "anli"])
def test_real_splits_share_no_pair(task):
    train, dev = ({(row.text_a, row.text_b) for row in readers.read_files(task, split, "en", REAL)} for split in ("train", "dev"))
    assert not train & dev


@pytest.mark.parametrize("task", ["hellaswag", "cosmosqa", "commonsenseqa", "siqa", "copa"])
def test_real_splits_share_no_question(task):
    train, dev = (
        {(row.context, row.question, row.choices) for row in readers.read_files(task, split, "en", REAL)} for split in ("train", "dev")
    )
    assert train and dev and not train & dev


@pytest.mark.parametrize("code", ["de", "en", "es", "fr", "ja", "ko", "zh"])
@pytest.mark.parametrize(("split", "own"), [("dev", "dev_2k"), ("test", "test_2k")])
def test_real_pawsx_is_the_same_with_and_without_quoting(split, own, code):
    """XTREME quotes, the release does not, and three of its files here were rewritten with quoting: all mean the same texts."""
    prepared = read_xtreme_pairs(REAL / f"pawsx/xtreme/{split}-{code}.tsv", PARAPHRASE)
    released = read_pairs(REAL / f"pawsx/x-final/{code}/{own}.tsv", PAWS_X)
    count = min(len(prepared), len(released))
    assert count >= 4
    assert [(row.text_a, row.text_b) for row in released[:count]] == [(row.text_a, row.text_b) for row in prepared[:count]]
    if split == "dev":
        assert [row.label for row in released[:count]] == [row.label for row in prepared[:count]]


def test_real_pawsx_labels_differ_between_languages():
    german, chinese = ([row.label for row in readers.read_files("pawsx", "test", code, REAL)[:300]] for code in ("de", "zh"))
    assert 0 < sum(first != second for first, second in zip(german, chinese, strict=True)) < 10


def test_real_xnli_archive_agrees_with_xtreme():
    for code in XNLI.split():
        assert read_pairs(REAL / "xnli/XNLI-1.0/xnli.dev.tsv", XNLI_RAW, code) == readers.read_files("xnli", "dev", code, REAL)[:1]


def test_real_multinli_archive_is_the_same_as_a_table_and_as_json_lines():
    for split in ("train", "dev_matched"):
        stem = f"mnli/multinli_1.0/multinli_1.0_{split}"
        found = read_pairs(REAL / f"{stem}.txt", MULTINLI)
        assert len(found) >= 4 and found == read_json_pairs(REAL / f"{stem}.jsonl", GOLD, ANNOTATED)[: len(found)]


def test_real_xcopa_is_parallel_in_its_labels_and_asks_in_english():
    """The kind of question is not the same in every language: the Thai files call every question one for the effect."""
    columns = {code: readers.read_files("xcopa", "test", code, REAL) for code in XCOPA.split()}
    assert len({tuple(row.label for row in rows) for rows in columns.values()}) == 1
    for rows in columns.values():
        assert {row.question for row in rows} <= {"What was the cause?", "What was the effect?"}
    assert {row.question for row in columns["th"]} == {"What was the effect?"}


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


def test_real_questions_of_xquad_r_are_those_of_xquad():
    """Greek and Thai are read from XQuAD-R here: in the languages that both have, question, text and answers are the same."""
    for code in ("de", "hi", "zh"):
        again = readers.read_squad(REAL / f"lareqa/xquad-r/{code}.json")
        assert len(again) == 177 and set(again) <= set(readers.read_squad(REAL / f"xquad/xquad.{code}.json"))


def test_real_fused_words_are_read_as_xtreme_has_them():
    """The first words of XTREME's own test-ta.tsv, and of German contractions; a clitic takes the tag of its noun or verb."""
    tamil = readers.read_files("udpos", "test", "ta", REAL)
    assert tamil[0].words[:4] == ("பிகாரிலிருந்து", "ஏராளமான", "இளைஞர்கள்", "வேலை") and tamil[0].tags[0] == "PROPN"
    found = {
        pair
        for code in ("de", "es")
        for row in readers.read_files("udpos", "test", code, REAL)
        for pair in zip(row.words, row.tags, strict=True)
    }
    assert {("im", "ADP"), ("zum", "ADP"), ("del", "ADP"), ("al", "ADP")} <= found
    assert not {("zu", "DET"), ("dem", "ADP")} & found


def test_real_raw_panx_loses_its_prefix():
    words = readers.read_panx(REAL / "panx/rahimi/de/de.tar.gz/dev", "de")[0].words
    assert words == ("Anton", "Wilhelm", "von", "Zuccalmaglio", ".")
