"""Where the tasks' data are on the Hugging Face hub, and which tasks' data are not there.

Only data sets that the hub keeps as parquet are used, because its client no longer runs loading
scripts. If a data set's own branch still has a script, the parquet copy is read that the hub makes
of every data set it can convert (CONVERTED). Labels are mapped by the names that a data set states
for its classes, never by their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from xstilts_core.languages import language

# How a row becomes an example: `readers/rows.py` has a function for each shape.
Shape = Literal[
    "pair",
    "text",
    "abstract",
    "span",
    "tags",
    "syntactic_words",
    "translations",
    "hellaswag",
    "cosmosqa",
    "commonsenseqa",
    "siqa",
    "copa",
    "answer_sentences",
    "document",
]
CONVERTED = "refs/convert/parquet"


@dataclass(frozen=True, slots=True)
class HubData:
    """The data of one task on the hub.

    config: the data set's configuration, with {code}, {name} (german), {tatoeba} or {treebank} of
    the language; configs: exceptions by our split. splits: our split -> the data set's splits, read
    one after another. columns: the columns that the shape reads, in its order. classes: class name
    in the data set -> the task's label, if they differ. names: the documented names of classes 0,
    1, ..., for a column that states none. absent: split -> languages of the task that it lacks. A
    task with English data trains on English only. by_language: one configuration has all languages,
    and an id begins with the language's name ("finnish-..."). revision: the branch to read, by
    default the main one; in CONVERTED a configuration is a folder. first_file: read only the first
    file of a split, if that is enough.
    """

    dataset: str
    config: str
    splits: Mapping[str, tuple[str, ...]]
    shape: Shape
    columns: tuple[str, ...]
    classes: Mapping[str, str] = field(default_factory=dict, hash=False)
    names: tuple[str, ...] = ()
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    configs: Mapping[str, str] = field(default_factory=dict, hash=False)
    by_language: bool = False
    revision: str = ""
    first_file: bool = False

    def configuration(self, split: str, code: str) -> str:
        """Return the configuration that has a split (ours) in a language."""
        row = language(code)
        return self.configs.get(split, self.config).format(
            code=code, name=row.name.lower(), tatoeba=row.tatoeba, treebank=row.treebank
        )

    def languages(self, split: str, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Return the task's declared languages that the split has."""
        if split not in self.splits:
            return ()
        if split == "train" and "en" in declared:
            return ("en",)
        return tuple(code for code in declared if code not in self.absent.get(split, ()))


_TRAIN_DEV = {"train": ("train",), "dev": ("validation",)}
_EVALUATION = {"dev": ("validation",), "test": ("test",)}
WHOLE = {**_TRAIN_DEV, **_EVALUATION}
# XQuAD, TyDiQA and Tatoeba have no held-out test set: XTREME reports their development data.
_DEVELOPMENT_AS_TEST = {"test": ("validation",)}
PAIR = ("premise", "hypothesis", "label")
SPAN = ("id", "question", "context", "answers")
COPA = ("premise", "question", "choice1", "choice2", "label")

INTERMEDIATE = {
    # GLUE's development set of MNLI has two parts. The matched one is used, as in the paper's
    # table.
    "mnli": HubData(
        "nyu-mll/glue", "mnli", {"train": ("train",), "dev": ("validation_matched",)}, "pair", PAIR
    ),
    "snli": HubData("stanfordnlp/snli", "plain_text", _TRAIN_DEV, "pair", PAIR),
    "anli": HubData(
        "facebook/anli",
        "plain_text",
        {"train": ("train_r1", "train_r2", "train_r3"), "dev": ("dev_r1", "dev_r2", "dev_r3")},
        "pair",
        PAIR,
    ),
    "qqp": HubData(
        "nyu-mll/glue",
        "qqp",
        _TRAIN_DEV,
        "pair",
        ("question1", "question2", "label"),
        classes={"not_duplicate": "different"},
    ),
    "squad_v1": HubData("rajpurkar/squad", "plain_text", _TRAIN_DEV, "span", SPAN),
    "squad_v2": HubData("rajpurkar/squad_v2", "squad_v2", _TRAIN_DEV, "span", SPAN),
    "hellaswag": HubData(
        "Rowan/hellaswag",
        "default",
        _TRAIN_DEV,
        "hellaswag",
        ("ctx_a", "ctx_b", "endings", "label"),
    ),
    "cosmosqa": HubData(
        "allenai/cosmos_qa",
        "default",
        _TRAIN_DEV,
        "cosmosqa",
        ("context", "question", "answer0", "answer1", "answer2", "answer3", "label"),
        revision=CONVERTED,
    ),
    "commonsenseqa": HubData(
        "tau/commonsense_qa",
        "default",
        _TRAIN_DEV,
        "commonsenseqa",
        ("question", "choices", "answerKey"),
    ),
}

TARGETS = {
    "xnli": HubData("facebook/xnli", "{code}", _EVALUATION, "pair", PAIR),
    # google/xtreme's copy lacks 226 of the 49,401 English training pairs, lost to a quotation mark.
    "pawsx": HubData(
        "google-research-datasets/paws-x",
        "{code}",
        WHOLE,
        "pair",
        ("sentence1", "sentence2", "label"),
    ),
    "udpos": HubData(
        "google/xtreme",
        "udpos.{treebank}",
        WHOLE,
        "syntactic_words",
        ("tokens", "pos_tags"),
        absent={"dev": ("kk", "th", "tl", "yo")},
    ),
    "panx": HubData("google/xtreme", "PAN-X.{code}", WHOLE, "tags", ("tokens", "ner_tags")),
    "xquad": HubData("google/xtreme", "XQuAD.{code}", _DEVELOPMENT_AS_TEST, "span", SPAN),
    "mlqa": HubData("google/xtreme", "MLQA.{code}.{code}", _EVALUATION, "span", SPAN),
    "tydiqa": HubData(
        "google/xtreme",
        "tydiqa",
        {**_TRAIN_DEV, **_DEVELOPMENT_AS_TEST},
        "span",
        SPAN,
        by_language=True,
    ),
    "tatoeba": HubData(
        "google/xtreme",
        "tatoeba.{tatoeba}",
        _DEVELOPMENT_AS_TEST,
        "translations",
        ("source_sentence", "target_sentence", "source_lang", "target_lang"),
    ),
}

XTREME_R = {
    "siqa": HubData(
        "allenai/social_i_qa",
        "default",
        _TRAIN_DEV,
        "siqa",
        ("context", "question", "answerA", "answerB", "answerC", "label"),
        revision=CONVERTED,
    ),
    # SuperGLUE does not publish the labels of COPA's test set.
    "copa": HubData("aps/super_glue", "copa", _TRAIN_DEV, "copa", COPA, revision=CONVERTED),
    "xcopa": HubData("cambridgeltl/xcopa", "{code}", _EVALUATION, "copa", COPA),
    "squad_sentences": HubData(
        "rajpurkar/squad", "plain_text", _TRAIN_DEV, "answer_sentences", SPAN
    ),
}

TRANSLATED = {
    "mnli_translated": HubData("facebook/xnli", "{code}", {"train": ("train",)}, "pair", PAIR),
    "squad_translated": HubData(
        "facebook/mlqa", "mlqa-translate-train.{code}", _TRAIN_DEV, "span", SPAN, revision=CONVERTED
    ),
    "pawsx_translated": HubData(
        "google-research-datasets/paws-x",
        "{code}",
        {"train": ("train",)},
        "pair",
        ("sentence1", "sentence2", "label"),
    ),
}

DOMAINS = {
    "abstrct": HubData(
        "HiTZ/multilingual-abstrct",
        "{code}",
        {"train": ("neoplasm_train",), "dev": ("neoplasm_dev",), "test": ("neoplasm_test",)},
        "tags",
        ("tokens", "labels_txt"),
    ),
    # The development set is the questions that experts answered; the training set was made from
    # titles by rule.
    "pubmedqa": HubData(
        "qiaojin/PubMedQA",
        "pqa_artificial",
        {"train": ("train",), "dev": ("train",)},
        "abstract",
        ("question", "context", "final_decision"),
        configs={"dev": "pqa_labeled"},
    ),
    "tweet_sentiment": HubData(
        "cardiffnlp/tweet_sentiment_multilingual",
        "{name}",
        WHOLE,
        "text",
        ("text", "label"),
        names=("negative", "neutral", "positive"),
        revision=CONVERTED,
    ),
    "tweet_offensive": HubData(
        "cardiffnlp/tweet_eval", "offensive", _TRAIN_DEV, "text", ("text", "label")
    ),
}

# Unlabelled text: the first file of each language's Wikipedia articles (English has 41 files).
TEXTS = HubData(
    "wikimedia/wikipedia",
    "20231101.{code}",
    {"train": ("train",)},
    "document",
    ("text",),
    first_file=True,
)

HUB: Mapping[str, HubData] = MappingProxyType(
    {**INTERMEDIATE, **TARGETS, **XTREME_R, **TRANSLATED, **DOMAINS}
)

# Task -> data of the languages that XTREME-R added: google/xtreme has only XTREME's languages.
ADDED: Mapping[str, HubData] = MappingProxyType(
    {
        "panx": HubData(
            "unimelb-nlp/wikiann", "{code}", _EVALUATION, "tags", ("tokens", "ner_tags")
        ),
        "xquad": HubData("google/xquad", "xquad.{code}", _DEVELOPMENT_AS_TEST, "span", SPAN),
        "tatoeba": HubData(
            "mteb/tatoeba-bitext-mining",
            "{tatoeba}-eng",
            {"test": ("test",)},
            "translations",
            ("sentence1", "sentence2"),
            revision=CONVERTED,
        ),
    }
)

# Task -> why the hub lacks its data: with source hub they are read from local files.
LOCAL: Mapping[str, str] = MappingProxyType(
    {
        "ccg": "CCGbank is licensed by the LDC and not on the hub: provide files made from your "
        "own copy (one sentence per line, words TAB tags)",
        "bucc2018": "google/xtreme's bucc18 has the gold pairs alone: mining needs the other "
        "sentences, so provide the shared task's files",
        "lareqa": "google-research-datasets/xquad_r lacks the sentence breaks: provide xquad-r/ "
        "of google-research-datasets/lareqa",
        "wikipedia_mentions": "the hub has no parquet copy of Mewsli-X: provide the files that its "
        "get-mewsli-x.sh makes",
        "mewslix": "the hub has no parquet copy of Mewsli-X: provide the files that its "
        "get-mewsli-x.sh makes",
    }
)
# The same for the added languages only.
LOCAL_ADDED: Mapping[str, str] = MappingProxyType(
    {
        "udpos": "XTREME-R takes it from Universal Dependencies 2.7, of which the hub has no "
        "complete parquet copy: provide its files",
    }
)
