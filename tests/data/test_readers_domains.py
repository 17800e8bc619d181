"""Readers of the tasks in other domains: what they make of small files, where these may stand, and
what is told of broken ones."""

import json

import pytest
from damaged_files import write

from xstilts_core.data.readers import files as local_files
from xstilts_core.data.source import Files
from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample, TagsExample

GERMAN = "tweet_sentiment/data/sentiment/german"
ENTRIES = {
    str(k): {
        "QUESTION": f"q{k}? ",
        "CONTEXTS": ["To see. ", f"We saw {k}."],
        "final_decision": "maybe",
    }
    for k in range(10)
}


def written(root, files):
    for name, text in files.items():
        write(root / name, text)


@pytest.mark.parametrize("folder", ["", "tweet_sentiment/", "xlm-t/"])
def test_tweets_with_their_labels_beside(tmp_path, folder):
    place = f"{folder}data/sentiment/german"
    written(
        tmp_path,
        {
            f"{place}/test_text.txt": "Ach\u2028ja! \r\n\r\nNa.\r\n",
            f"{place}/test_labels.txt": "2\n1\n0",
        },
    )
    assert local_files.available("tweet_sentiment", "test", tmp_path) == ("de",)
    found = local_files.read_files("tweet_sentiment", "test", "de", tmp_path)
    assert found == [
        PairExample("1", "Ach\u2028ja!", "", "positive"),
        PairExample("2", "", "", "neutral"),
        PairExample("3", "Na.", "", "negative"),
    ]
    assert [text for _, text in Files(str(tmp_path)).texts(["de"], 9)] == ["Ach\u2028ja!", "Na."]


def test_tweets_are_trained_on_in_english_alone(tmp_path):
    for name in ("english", "german"):
        written(
            tmp_path,
            {
                f"xlm-t/data/sentiment/{name}/train_{kind}.txt": text
                for kind, text in (("text", "a\n"), ("labels", "0\n"))
            },
        )
    assert local_files.available("tweet_sentiment", "train", tmp_path) == ("en",)


@pytest.mark.parametrize("folder", ["", "tweet_offensive/", "tweeteval/"])
def test_offensive_tweets(tmp_path, folder):
    place = f"{folder}datasets/offensive/val"
    written(tmp_path, {f"{place}_text.txt": "a\nb\n", f"{place}_labels.txt": "1\n0\n"})
    assert [
        row.label for row in local_files.read_files("tweet_offensive", "dev", "en", tmp_path)
    ] == [
        "offensive",
        "non-offensive",
    ]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            "0\n1\n",
            r"val_labels\.txt, line 2: 2 labels here but 3 texts in .*val_text\.txt: expected as many",
        ),
        ("0\n1\n2\n0\n", r"val_labels\.txt, line 4: 4 labels here but 3 texts in .*val_text\.txt"),
        ("0\n3\n1\n", r"unknown label '3' in .*val_labels\.txt, line 2: legal: 0, 1, 2"),
        ("0\n\n1\n", r"unknown label '' in .*val_labels\.txt, line 2"),
        (None, r"german.val_labels\.txt is missing: files of that kind there: val_text\.txt"),
    ],
)
def test_what_is_wrong_with_tweets_is_told(tmp_path, labels, message):
    written(
        tmp_path,
        {
            f"{GERMAN}/val_text.txt": "a\nb\nc\n",
            **({f"{GERMAN}/val_labels.txt": labels} if labels else {}),
        },
    )
    with pytest.raises(UsageError, match=message):
        local_files.read_files("tweet_sentiment", "dev", "de", tmp_path)


def test_labels_without_tweets_are_nothing(tmp_path):
    written(tmp_path, {f"{GERMAN}/val_labels.txt": "0\n"})
    with pytest.raises(
        UsageError,
        match=r"no labelled tweet_sentiment dev files of language 'de'.*german/val_text\.txt",
    ):
        local_files.read_files("tweet_sentiment", "dev", "de", tmp_path)


@pytest.mark.parametrize("folder", ["", "abstrct/", "abstrct-projections/"])
def test_argument_components(tmp_path, folder):
    place = f"{folder}data/data_for_experiments"
    sentence = "Il B-Claim\nfarmaco\u00a05 I-Claim\n. O\r\n\n\nNo B-Premise\n"
    written(
        tmp_path,
        {
            f"{place}/IT/nllb/argument_components/manual_revision/it_neoplasm_nllb_awesome_test.tsv": sentence
        },
    )
    written(
        tmp_path, {f"{place}/EN/argument_components/original_data/neoplasm_train.tsv": "It O\n"}
    )
    assert local_files.available("abstrct", "test", tmp_path) == ("it",) and local_files.available(
        "abstrct", "train", tmp_path
    ) == ("en",)
    assert local_files.read_files("abstrct", "test", "it", tmp_path) == [
        TagsExample("1", ("Il", "farmaco\u00a05", "."), ("B-Claim", "I-Claim", "O")),
        TagsExample("2", ("No",), ("B-Premise",)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "It B-Clam\n",
            r"unknown tag 'B-Clam' in .*neoplasm_dev\.tsv, line 1: did you mean 'B-Claim'",
        ),
        (
            "It O\n\nis O new\n. O\n",
            r"neoplasm_dev\.tsv, line 3: 3 columns .*: expected token SPACE tag",
        ),
        ("It\nis\n", r"neoplasm_dev\.tsv, line 1: 1 columns \(It\): expected token SPACE tag"),
    ],
)
def test_what_is_wrong_with_argument_components_is_told(tmp_path, text, message):
    written(
        tmp_path,
        {
            "abstrct/data/data_for_experiments/EN/argument_components/original_data/neoplasm_dev.tsv": text
        },
    )
    with pytest.raises(UsageError, match=message):
        local_files.read_files("abstrct", "dev", "en", tmp_path)


@pytest.mark.parametrize("folder", ["", "pubmedqa/"])
def test_pubmedqa_without_its_artificial_part_is_cut_in_two(tmp_path, folder):
    written(tmp_path, {f"{folder}data/ori_pqal.json": json.dumps(ENTRIES)})
    train, dev = (
        local_files.read_files("pubmedqa", split, "en", tmp_path) for split in ("train", "dev")
    )
    assert train[0] == PairExample("1", "q0?", "To see. We saw 0.", "maybe")
    assert [row.id for row in train] == [str(k) for k in range(1, 9)] and [
        row.id for row in dev
    ] == ["9", "10"]
    written(
        tmp_path,
        {
            f"{folder}data/ori_pqaa.json": json.dumps(
                {"77": {**ENTRIES["0"], "final_decision": "no"}}
            )
        },
    )
    assert [row.label for row in local_files.read_files("pubmedqa", "train", "en", tmp_path)] == [
        "no"
    ]
    assert len(local_files.read_files("pubmedqa", "dev", "en", tmp_path)) == 10


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"final_decision": "perhaps"},
            r"unknown label 'perhaps' in .*ori_pqal\.json, line 7, entry 1: legal: maybe, no, yes",
        ),
        (
            {"CONTEXTS": "To see."},
            r"ori_pqal\.json, line 7, entry 1: CONTEXTS is 'To see\.': expected list",
        ),
        ({"CONTEXTS": [3]}, r"ori_pqal\.json, line 7, entry 1: CONTEXTS must be texts"),
        ({"QUESTION": None}, r"ori_pqal\.json, line 7, entry 1: QUESTION is None: expected str"),
    ],
)
def test_what_is_wrong_with_pubmedqa_is_told(tmp_path, changed, message):
    entries = {"0": {**ENTRIES["0"], "CONTEXTS": []}, "1": {**ENTRIES["1"], **changed}}
    written(tmp_path, {"pubmedqa/data/ori_pqal.json": json.dumps(entries, indent=1)})
    with pytest.raises(UsageError, match=message):
        local_files.read_files("pubmedqa", "dev", "en", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "holds no entry"),
        ("[1]", "holds no entry"),
        ('{"1": 2}', "line 1, entry 1: int instead of an object"),
    ],
)
def test_pubmedqa_of_another_shape_is_refused(tmp_path, text, message):
    written(tmp_path, {"pubmedqa/data/ori_pqal.json": text})
    with pytest.raises(UsageError, match=message):
        local_files.read_files("pubmedqa", "dev", "en", tmp_path)
