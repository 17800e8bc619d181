"""Where the tasks' data stand on the Hugging Face hub, as pure data, and which tasks are not there.

Only data sets that the hub keeps as parquet: loading scripts are no longer run by its client. Labels are mapped by the names that a
data set states for its classes, never by their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

# How a row becomes an example: `readers/rows.py` has a function for each.
Shape = Literal["pair", "span", "tags", "syntactic_words", "translations", "hellaswag", "cosmosqa", "commonsenseqa"]


@dataclass(frozen=True, slots=True)
class HubData:
    """The data of one task on the hub.

    config: the data set's configuration, with {code}, {tatoeba} or {treebank} of the language. splits: our split to the data set's
    own, read one after another. columns: the columns that the shape reads, in its order. classes: names of the data set's classes
    that the task calls otherwise. absent: split to languages of the task that the split lacks; training data are English only.
    by_language: one configuration holds all languages, and an id begins with the language's name ("finnish-...").
    revision: the branch to read; the default one where empty.
    """

    dataset: str
    config: str
    splits: Mapping[str, tuple[str, ...]]
    shape: Shape
    columns: tuple[str, ...]
    classes: Mapping[str, str] = field(default_factory=dict, hash=False)
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    by_language: bool = False
    revision: str = ""

    def languages(self, split: str, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the task's languages that the split has."""
        if split not in self.splits:
            return ()
        return ("en",) if split == "train" else tuple(code for code in declared if code not in self.absent.get(split, ()))


TRAIN_DEV = {"train": ("train",), "dev": ("validation",)}
EVALUATION = {"dev": ("validation",), "test": ("test",)}
WHOLE = {**TRAIN_DEV, **EVALUATION}
PAIR = ("premise", "hypothesis", "label")
SPAN = ("id", "question", "context", "answers")

HUB: Mapping[str, HubData] = MappingProxyType(
    {
        # GLUE's development set of MNLI is in two parts: the matched one, as in the paper's table.
        "mnli": HubData("nyu-mll/glue", "mnli", {"train": ("train",), "dev": ("validation_matched",)}, "pair", PAIR),
        "snli": HubData("stanfordnlp/snli", "plain_text", TRAIN_DEV, "pair", PAIR),
        "anli": HubData(
            "facebook/anli",
            "plain_text",
            {"train": ("train_r1", "train_r2", "train_r3"), "dev": ("dev_r1", "dev_r2", "dev_r3")},
            "pair",
            PAIR,
        ),
        "qqp": HubData(
            "nyu-mll/glue", "qqp", TRAIN_DEV, "pair", ("question1", "question2", "label"), classes={"not_duplicate": "different"}
        ),
        "squad_v1": HubData("rajpurkar/squad", "plain_text", TRAIN_DEV, "span", SPAN),
        "squad_v2": HubData("rajpurkar/squad_v2", "squad_v2", TRAIN_DEV, "span", SPAN),
        "hellaswag": HubData("Rowan/hellaswag", "default", TRAIN_DEV, "hellaswag", ("ctx_a", "ctx_b", "endings", "label")),
        # The default branch holds a loading script; this branch is the hub's own parquet copy of what the script gives.
        "cosmosqa": HubData(
            "allenai/cosmos_qa",
            "default",
            TRAIN_DEV,
            "cosmosqa",
            ("context", "question", "answer0", "answer1", "answer2", "answer3", "label"),
            revision="refs/convert/parquet",
        ),
        "commonsenseqa": HubData("tau/commonsense_qa", "default", TRAIN_DEV, "commonsenseqa", ("question", "choices", "answerKey")),
        "xnli": HubData("facebook/xnli", "{code}", EVALUATION, "pair", PAIR),
        # google/xtreme's copy lacks 226 of the 49,401 English training pairs: a quotation mark swallowed them.
        "pawsx": HubData("google-research-datasets/paws-x", "{code}", WHOLE, "pair", ("sentence1", "sentence2", "label")),
        "udpos": HubData(
            "google/xtreme", "udpos.{treebank}", WHOLE, "syntactic_words", ("tokens", "pos_tags"), absent={"dev": ("kk", "th", "tl", "yo")}
        ),
        "panx": HubData("google/xtreme", "PAN-X.{code}", WHOLE, "tags", ("tokens", "ner_tags")),
        # XQuAD, TyDiQA and Tatoeba have no held-out test set: XTREME reports their development data.
        "xquad": HubData("google/xtreme", "XQuAD.{code}", {"test": ("validation",)}, "span", SPAN),
        "mlqa": HubData("google/xtreme", "MLQA.{code}.{code}", EVALUATION, "span", SPAN),
        "tydiqa": HubData("google/xtreme", "tydiqa", {**TRAIN_DEV, "test": ("validation",)}, "span", SPAN, by_language=True),
        "tatoeba": HubData(
            "google/xtreme",
            "tatoeba.{tatoeba}",
            {"test": ("validation",)},
            "translations",
            ("source_sentence", "target_sentence", "source_lang", "target_lang"),
        ),
    }
)

# Tasks whose data the hub lacks, and why: with source hub they are read from local files.
LOCAL: Mapping[str, str] = MappingProxyType(
    {
        "ccg": "CCGbank is licensed by the LDC and not on the hub: bring files made from your own copy",
        "bucc2018": "google/xtreme's bucc18 holds the gold pairs alone: mining needs the other sentences, so the shared task's files",
    }
)
