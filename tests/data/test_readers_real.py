"""Readers on slices of the real data sets: counts, ids, labels.

The slices are looked for in $XSTILTS_REAL_DATA, then in ../shared/data/real beside the repository;
without them all is skipped.
"""

import csv
import io
import json
import os
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.spans import read_squad
from xstilts_core.data.readers.tables import TABLES, read_table
from xstilts_core.data.readers.tags import read_tagged
from xstilts_core.errors import UsageError

REAL = Path(os.environ.get("XSTILTS_REAL_DATA", Path(__file__).parents[3] / "shared/data/real"))
pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real slices are not at hand (set XSTILTS_REAL_DATA)"
)

XNLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
XCOPA = "et ht id it qu sw ta th tr vi zh"
PANX = (
    "af ar az bg bn de el en es et eu fa fi fr gu he hi hu id it ja jv ka kk ko lt ml mr ms my nl pa pl pt qu ro ru sw ta te tl tr uk ur "
    "vi yo zh"
)
TATOEBA = "af ar az bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko lt ml mr nl pl pt ro ru sw ta te th tl tr uk ur vi zh"
# The languages that the slices have had from the beginning, English where none are named: they
# grow, and may have more by now.
LEAST = {
    ("xnli", "dev"): XNLI,
    ("xnli", "test"): "es sw ur",
    ("pawsx", "dev"): "de en es fr ja ko zh",
    ("pawsx", "test"): "de en es fr ja ko zh",
    ("xcopa", "dev"): XCOPA,
    ("xcopa", "test"): XCOPA,
    ("panx", "train"): "de en sw",
    ("panx", "dev"): PANX,
    ("panx", "test"): "de en sw",
    ("udpos", "dev"): "de en tr",
    ("udpos", "test"): "ar de en es fi hi ja ru ta tr zh",
    ("xquad", "test"): "ar de el en es hi ro ru th tr vi zh",
    ("mlqa", "dev"): "ar de en es hi vi zh",
    ("mlqa", "test"): "ar de en es hi vi zh",
    ("tydiqa", "dev"): "en ko sw",
    ("tatoeba", "test"): TATOEBA,
    ("bucc2018", "dev"): "zh",
    ("tweet_sentiment", "dev"): "ar de en es fr hi it pt",
    ("tweet_sentiment", "test"): "ar de en es fr hi it pt",
    ("abstrct", "test"): "en es fr it",
    ("lareqa", "test"): "ar de el en es hi ru th tr vi zh",
}
# Without files in the first slices.
ABSENT = {
    *product(("qqp", "ccg", "squad_translated", "wikipedia_mentions"), ("train", "dev")),
    *product(("mewslix",), ("dev", "test")),
    *product(("mnli_translated", "pawsx_translated"), ("train",)),
    *product(("copa", "tydiqa", "bucc2018"), ("test",)),
}
# What the files of the original releases call the column of the label; a table whose first line has
# none of them has no header.
LABELS = {"label", "gold_label", "is_duplicate"}
TEXTS = ("sentence1", "sentence2", "premise", "context", "hypo", "hypothesis")


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file by the csv and json modules alone, each with its texts by their names
    where the file has names."""
    text = path.read_bytes().decode("utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text, newline="")))
    cells = [line.rstrip("\r").split("\t") for line in text.split("\n") if line.strip()]
    header = cells[0] if LABELS & set(cells[0]) else []
    return [dict(zip(header, row, strict=False)) for row in cells[bool(header) :]]


def blocks(path: Path) -> list[str]:
    """Sentences of a file with a token on each line and a blank line between them."""
    lines = [
        line if line.strip() else "" for line in path.read_bytes().decode("utf-8").splitlines()
    ]
    return [block for block in "\n".join(lines).split("\n\n") if block.strip()]


def abstracts(path: Path) -> list[dict[str, Any]]:
    """Entries of PubMedQA's JSON, each with its abstract."""
    return [
        {**entry, "context": str(entry["CONTEXTS"])}
        for entry in json.loads(path.read_bytes()).values()
    ]


def questions(path: Path) -> list[dict[str, Any]]:
    """Questions of a file in SQuAD's JSON, each with its text."""
    parts = [
        part for article in json.loads(path.read_bytes())["data"] for part in article["paragraphs"]
    ]
    return [{**entry, "context": part["context"]} for part in parts for entry in part["qas"]]


def lines(path: Path) -> list[str]:
    """Lines of a file and of the English one beside it."""
    texts = [
        other.read_bytes().decode("utf-8")
        for other in dict.fromkeys((path, path.with_suffix(".eng"), path.with_suffix(".en")))
        if other.is_file()
    ]
    return [line for text in texts for line in text.split("\n") if line.strip()]


UNITS = dict.fromkeys(("panx", "udpos", "abstrct"), blocks) | {"pubmedqa": abstracts}
UNITS |= dict.fromkeys(("tatoeba", "bucc2018", "tweet_sentiment", "tweet_offensive"), lines)
UNITS |= dict.fromkeys(
    ("xquad", "mlqa", "tydiqa", "squad_v1", "squad_v2", "squad_sentences", "lareqa"), questions
)
# Where the slices lack a training set the development file is cut in two: what marks the slices,
# and the file that they lack.
CUT = {
    "cosmosqa": ("cosmosqa/heads", "cosmosqa/data/train.csv"),
    "siqa": ("siqa/LICENCE-CC-BY-4.txt", "siqa/socialIQa_v1.4_trn.jsonl"),
}
CUT["pubmedqa"] = ("pubmedqa/data/ori_pqal.json", "pubmedqa/data/ori_pqaa.json")


def files(task: str, split: str, code: str) -> list[Path]:
    """The files that hold a split; how many examples they have is for `counted` to say."""
    return next(
        found for layout in local_files.FILES[task, split] if (found := layout.find(code, REAL))
    )


def others(kept: list[dict[str, Any]], held: list[dict[str, Any]]) -> int:
    """How many rows are about no text of those held out."""
    texts = {row["context"] for row in held}
    return sum(row["context"] not in texts for row in kept)


def counted(task: str, split: str, code: str) -> int:
    """How many examples the files of a split have, by their own rows: repeated pairs once, and the
    documented cuts made."""
    paths = files(task, split, code)
    found = [row for path in paths for row in UNITS.get(task, rows)(path)]
    if task in ("mnli", "snli", "anli"):
        gold = [
            row for row in found if str(row.get("gold_label", row.get("label"))) not in ("-", "-1")
        ]
        return len(
            {tuple("".join(row[name].split()) for name in TEXTS if name in row) for row in gold}
        )
    if (
        "adversarial" in paths[0].parts
    ):  # Jia and Liang's altered questions have a hyphen in their ids
        return sum("-" not in row["id"] for row in found)
    if (
        "cs224n" in paths[0].parts
    ):  # the course's half of the development set, less what the other half asks about
        return others(found, questions(REAL / "squad_v2/dev-v2.0.json"))
    if task == "tydiqa" and code == "en":
        place = len(found) - len(found) // 10
        return len(found) - place if split == "dev" else others(found[:place], found[place:])
    if task in CUT and (REAL / CUT[task][0]).exists() and not (REAL / CUT[task][1]).exists():
        place = len(found) * 4 // 5
        if split == "dev":
            return others(found[place:], found[:place])
        if paths == files(task, "dev", code):
            return place
    return len(found)


@pytest.mark.parametrize(("task", "split"), local_files.FILES)
def test_counts_of_the_real_slices(task, split):
    """As many examples as the files have rows, by the plain modules: none lost, none twice, in
    every language that is there."""
    codes = local_files.available(task, split, REAL)
    least = set() if (task, split) in ABSENT else set(LEAST.get((task, split), "en").split())
    assert least <= set(codes)
    for code in codes:
        examples = local_files.read_files(task, split, code, REAL)
        assert len(examples) == counted(task, split, code), code
        assert len({example.id for example in examples}) == len(examples), code


def test_real_test_labels_agree_between_languages():
    """XNLI's items are parallel: Spanish writes numbers, Swahili and Urdu words, and all must mean
    the same."""
    columns = [
        [example.label for example in local_files.read_files("xnli", "test", code, REAL)]
        for code in ("es", "sw", "ur")
    ]
    assert columns[0] == columns[1] == columns[2]


@pytest.mark.parametrize("task", ["mnli", "snli", "anli"])
def test_real_splits_share_no_pair(task):
    train, dev = (
        {(row.text_a, row.text_b) for row in local_files.read_files(task, split, "en", REAL)}
        for split in ("train", "dev")
    )
    assert not train & dev


@pytest.mark.parametrize("task", ["hellaswag", "cosmosqa", "commonsenseqa", "siqa", "copa"])
def test_real_splits_share_no_question(task):
    train, dev = (
        {
            (row.context, row.question, row.choices)
            for row in local_files.read_files(task, split, "en", REAL)
        }
        for split in ("train", "dev")
    )
    assert train and dev and not train & dev


@pytest.mark.parametrize("code", ["de", "en", "es", "fr", "ja", "ko", "zh"])
@pytest.mark.parametrize(("split", "own"), [("dev", "dev_2k"), ("test", "test_2k")])
def test_real_pawsx_is_the_same_with_and_without_quoting(split, own, code):
    """XTREME quotes, the release does not, and three of its files here were rewritten with quoting:
    all mean the same texts."""
    text = (REAL / f"pawsx/xtreme/{split}-{code}.tsv").read_text(encoding="utf-8")
    lines = text.rstrip("\n").split("\n")
    prepared = [next(csv.reader([line], delimiter="\t", strict=True)) for line in lines]
    released = read_table(REAL / f"pawsx/x-final/{code}/{own}.tsv", TABLES["pawsx"])
    count = min(len(prepared), len(released))
    assert count >= 4
    assert [(row.text_a, row.text_b) for row in released[:count]] == [
        (first.strip(), second.strip()) for first, second, *_ in prepared[:count]
    ]
    if split == "dev":
        assert [row.label for row in released[:count]] == [row[2] for row in prepared[:count]]


def test_real_pawsx_labels_differ_between_languages():
    german, chinese = (
        [row.label for row in local_files.read_files("pawsx", "test", code, REAL)[:300]]
        for code in ("de", "zh")
    )
    assert 0 < sum(first != second for first, second in zip(german, chinese, strict=True)) < 10


def test_real_xnli_archive_agrees_with_xtreme():
    for code in XNLI.split():
        assert (
            read_table(REAL / "xnli/XNLI-1.0/xnli.dev.tsv", TABLES["xnli"], code)
            == local_files.read_files("xnli", "dev", code, REAL)[:1]
        )


def test_real_multinli_archive_is_the_same_as_a_table_and_as_json_lines():
    for split in ("train", "dev_matched"):
        stem = f"mnli/multinli_1.0/multinli_1.0_{split}"
        found = read_table(REAL / f"{stem}.txt", TABLES["nli_release"])
        assert (
            len(found) >= 4
            and found == read_table(REAL / f"{stem}.jsonl", TABLES["nli_release"])[: len(found)]
        )


def test_real_xcopa_is_parallel_in_its_labels_and_asks_in_english():
    """The kind of question is not the same in every language: the Thai files call every question
    one for the effect."""
    columns = {code: local_files.read_files("xcopa", "test", code, REAL) for code in XCOPA.split()}
    assert len({tuple(row.label for row in rows) for rows in columns.values()}) == 1
    for rows in columns.values():
        assert {row.question for row in rows} <= {"What was the cause?", "What was the effect?"}
    assert {row.question for row in columns["th"]} == {"What was the effect?"}


@pytest.mark.parametrize(
    "name",
    ["squad_v2/dev-v2.0.json", "squad_v2/cs224n/dev-v2.0.json", "squad_v2/allennlp/squad2.json"],
)
def test_real_squad_2(name):
    examples, written = read_squad(REAL / name), questions(REAL / name)
    assert [not example.answers for example in examples] == [
        row["is_impossible"] for row in written
    ]
    assert [example.question for example in examples] == [
        row["question"].strip() for row in written
    ]
    assert any(row["is_impossible"] for row in written)
    assert len({example.id for example in examples}) == len(examples)


def test_real_tydiqa_repeats_its_ids_and_removes_answers():
    path = REAL / "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json"
    written = [row["id"] for row in questions(path)]
    assert len({example.id for example in read_squad(path)}) == len(written) > len(set(written))
    with pytest.raises(UsageError, match="no answer and not marked is_impossible"):
        read_squad(REAL / "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.sw.dev.json")


def test_real_questions_of_xquad_r_are_those_of_xquad():
    """Greek and Thai are read from XQuAD-R here: in the languages that both have, question, text
    and answers are the same."""
    for code in ("de", "hi", "zh"):
        path = REAL / f"lareqa/xquad-r/{code}.json"
        again = read_squad(path)
        assert len(again) == len(questions(path)) and set(again) <= set(
            read_squad(REAL / f"xquad/xquad.{code}.json")
        )


def test_real_fused_words_are_read_as_xtreme_has_them():
    """The first words of XTREME's own test-ta.tsv, and of German contractions; a clitic takes the
    tag of its noun or verb."""
    tamil = local_files.read_files("udpos", "test", "ta", REAL)
    assert (
        tamil[0].words[:4] == ("பிகாரிலிருந்து", "ஏராளமான", "இளைஞர்கள்", "வேலை")
        and tamil[0].tags[0] == "PROPN"
    )
    found = {
        pair
        for code in ("de", "es")
        for row in local_files.read_files("udpos", "test", code, REAL)
        for pair in zip(row.words, row.tags, strict=True)
    }
    assert {("im", "ADP"), ("zum", "ADP"), ("del", "ADP"), ("al", "ADP")} <= found
    assert not {("zu", "DET"), ("dem", "ADP")} & found


def test_real_raw_panx_loses_its_prefix():
    words = read_tagged(REAL / "panx/rahimi/de/de.tar.gz/dev", "panx", "de:")[0].words
    assert words == ("Anton", "Wilhelm", "von", "Zuccalmaglio", ".")


@pytest.mark.parametrize(
    ("task", "split"), [("tweet_sentiment", "test"), ("tweet_offensive", "train")]
)
def test_real_tweets_have_the_label_of_the_same_line(task, split):
    """By the files alone: line k of both files, 0 and 1 as TweetEval's mapping.txt says, 0 to 2
    from negative to positive."""
    names = (
        ("negative", "neutral", "positive")
        if task == "tweet_sentiment"
        else ("non-offensive", "offensive")
    )
    written = [
        (text.strip(), names[int(label)])
        for path in REAL.glob(f"{task}/**/{split}_text.txt")
        for text, label in zip(
            lines(path), lines(path.with_name(f"{split}_labels.txt")), strict=True
        )
    ]
    read = [
        (row.text_a, row.label)
        for code in local_files.available(task, split, REAL)
        for row in local_files.read_files(task, split, code, REAL)
    ]
    assert len(read) >= 870 and sorted(read) == sorted(written)


def test_real_abstrct_is_parallel_in_what_it_marks():
    """438 premises and 248 claims in the test set of each language, though their words are not as
    many."""
    for code in ("en", "es", "fr", "it"):
        tags = [
            tag for row in local_files.read_files("abstrct", "test", code, REAL) for tag in row.tags
        ]
        assert (tags.count("B-Premise"), tags.count("B-Claim")) == (438, 248)


def test_real_pubmedqa_is_cut_in_two():
    entries = list(json.loads((REAL / "pubmedqa/data/ori_pqal.json").read_bytes()).values())
    found = [
        row
        for split in ("train", "dev")
        for row in local_files.read_files("pubmedqa", split, "en", REAL)
    ]
    for row, entry in zip(found, entries, strict=True):
        assert (row.text_a, row.label) == (entry["QUESTION"].strip(), entry["final_decision"])
        assert all(part.strip() in row.text_b for part in entry["CONTEXTS"])
