"""Rows and columns of the real data sets, as the stand-in hub serves them: names, types, class
names and their orders."""

from collections.abc import Callable, Sequence
from typing import Any

from xstilts_core.languages import LANGUAGES
from xstilts_core.tasks import HUB, TASKS

BIO = TASKS["panx"].labels
UPOS = TASKS["udpos"].labels

NLI = ["entailment", "neutral", "contradiction"]
# A class order of its own: a reader that maps by position would mix up the labels.
ANLI = ["contradiction", "entailment", "neutral"]


def texts(*names: str) -> Callable[[Any], dict[str, Any]]:
    """Features: columns of texts."""
    return lambda d: {name: d.Value("string") for name in names}


def classes(first: str, second: str, names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    return lambda d: {
        first: d.Value("string"),
        second: d.Value("string"),
        "label": d.ClassLabel(names=list(names)),
        "idx": d.Value("int32"),
    }


def text_classes(names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    """A text and its class; a bare number where no names are given."""
    return lambda d: {
        "text": d.Value("string"),
        "label": d.ClassLabel(names=list(names)) if names else d.Value("int64"),
    }


def questions(d: Any) -> dict[str, Any]:
    answers = {"text": d.List(d.Value("string")), "answer_start": d.List(d.Value("int32"))}
    return {**texts("id", "title", "context", "question")(d), "answers": answers}


def translated_questions(d: Any) -> dict[str, Any]:
    return {name: feature for name, feature in questions(d).items() if name != "title"}


def tagged(column: str, names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    return lambda d: {
        "tokens": d.List(d.Value("string")),
        column: d.List(d.ClassLabel(names=list(names))),
    }


def arguments(d: Any) -> dict[str, Any]:
    lists = {name: d.List(d.Value("string")) for name in ("tokens", "labels_txt")}
    return {"id": d.Value("int64"), **lists, "labels": d.List(d.Value("int64"))}


def choices(d: Any) -> dict[str, Any]:
    return {
        "ind": d.Value("int32"),
        **texts("activity_label", "ctx_a", "ctx_b", "ctx")(d),
        "endings": d.List(d.Value("string")),
        **label(d),
    }


def label(d: Any) -> dict[str, Any]:
    return {"label": d.Value("string")}


def cosmos(d: Any) -> dict[str, Any]:
    return {
        **texts("id", "context", "question", "answer0", "answer1", "answer2", "answer3")(d),
        "label": d.Value("int32"),
    }


def commonsense(d: Any) -> dict[str, Any]:
    lists = {"label": d.List(d.Value("string")), "text": d.List(d.Value("string"))}
    return {**texts("id", "question", "question_concept", "answerKey")(d), "choices": lists}


def copa(d: Any) -> dict[str, Any]:
    whole = texts("premise", "choice1", "choice2", "question")(d)
    return {**whole, "idx": d.Value("int32"), "label": d.ClassLabel(names=["choice1", "choice2"])}


def xcopa(d: Any) -> dict[str, Any]:
    whole = texts("premise", "choice1", "choice2", "question")(d)
    return {**whole, "label": d.Value("int32"), "idx": d.Value("int32"), "changed": d.Value("bool")}


def pubmed(d: Any) -> dict[str, Any]:
    parts = {name: d.List(d.Value("string")) for name in ("contexts", "labels", "meshes")}
    return {
        "pubid": d.Value("int32"),
        "question": d.Value("string"),
        "context": parts,
        **texts("long_answer", "final_decision")(d),
    }


FEATURES: dict[str, Callable[[Any], dict[str, Any]]] = {
    **{
        name: classes("premise", "hypothesis", NLI)
        for name in ("mnli", "snli", "xnli", "mnli_translated")
    },
    "anli": classes("premise", "hypothesis", ANLI),
    "qqp": classes("question1", "question2", ["not_duplicate", "duplicate"]),
    **dict.fromkeys(("pawsx", "pawsx_translated"), classes("sentence1", "sentence2", ["0", "1"])),
    **dict.fromkeys(("squad_v1", "squad_v2", "xquad", "mlqa", "tydiqa"), questions),
    "squad_translated": translated_questions,
    "udpos": tagged("pos_tags", UPOS),
    "panx": tagged("ner_tags", BIO),
    "abstrct": arguments,
    "hellaswag": choices,
    "cosmosqa": cosmos,
    "commonsenseqa": commonsense,
    "siqa": texts("context", "question", "answerA", "answerB", "answerC", "label"),
    "copa": copa,
    "xcopa": xcopa,
    "pubmedqa": pubmed,
    # The card states the order of the polarities; whether the column does is not known.
    "tweet_sentiment": text_classes([]),
    "tweet_offensive": text_classes(["non-offensive", "offensive"]),
    "tatoeba": texts("source_sentence", "target_sentence", "source_lang", "target_lang"),
}
# The same of the data sets of the added languages, where they differ.
ADDED_FEATURES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "tatoeba": texts("sentence1", "sentence2", "lang")
}


def row(name: str, example: Any, number: int, code: str) -> dict[str, Any]:
    """An example as a row of the data set."""
    match TASKS[name].format:
        case "pair":
            return pair_row(name, example, number)
        case "span":
            key = f"{LANGUAGES[code].name.lower()}-{number}-0" if name == "tydiqa" else f"q{number}"
            answers = {
                "text": [a.text for a in example.answers],
                "answer_start": [a.start for a in example.answers],
            }
            return {
                "id": key,
                "title": "",
                "context": example.context,
                "question": example.question,
                "answers": answers,
            }
        case "tagging":
            numbers = [TASKS[name].labels.index(tag) for tag in example.tags]
            return {
                "id": number,
                "tokens": list(example.words),
                HUB[name].columns[1]: list(example.tags),
                "labels": numbers,
            }
    return choice_row(name, example, number)


def pair_row(name: str, example: Any, number: int) -> dict[str, Any]:
    if name == "pubmedqa":
        first, *rest = example.text_b.split(" ")
        parts = {
            "contexts": [first, " ".join(rest)],
            "labels": ["AIM", "RESULTS"],
            "meshes": ["Humans"],
        }
        return {
            "pubid": number,
            "question": example.text_a,
            "context": parts,
            "long_answer": "",
            "final_decision": example.label,
        }
    if TASKS[name].single_text:
        bare = HUB[name].names
        return {
            "text": example.text_a,
            "label": bare.index(example.label) if bare else example.label,
        }
    first, second, column = HUB[name].columns
    other = {"different": "not_duplicate"}.get(example.label, example.label)
    return {first: example.text_a, second: example.text_b, column: other, "idx": number}


def choice_row(name: str, example: Any, number: int) -> dict[str, Any]:
    if name in ("copa", "xcopa"):
        question = example.question.removeprefix("What was the ").removesuffix("?")
        texts = {
            "premise": example.context,
            "question": question,
            "choice1": example.choices[0],
            "choice2": example.choices[1],
        }
        return {**texts, "idx": number, "changed": False, "label": example.label}
    whole = {
        "id": f"c{number}",
        "context": example.context,
        "question": example.question,
        "label": example.label,
    }
    if name == "siqa":
        return {
            **whole,
            **dict(zip(("answerA", "answerB", "answerC"), example.choices, strict=True)),
            "label": f"{example.label + 1}\n",
        }
    if name == "cosmosqa":
        return {**whole, **{f"answer{k}": text for k, text in enumerate(example.choices)}}
    if name == "commonsenseqa":
        letters = "ABCDE"[: len(example.choices)]
        lists = {"label": list(letters), "text": list(example.choices)}
        return {
            "id": f"c{number}",
            "question": example.question,
            "question_concept": "",
            "choices": lists,
            "answerKey": letters[example.label],
        }
    begun = {
        "ind": number,
        "activity_label": "",
        "ctx_a": example.context,
        "ctx_b": "then",
        "ctx": f"{example.context} then",
    }
    return {**begun, "endings": list(example.choices), "label": str(example.label)}


def translations(examples: Sequence[Any], code: str) -> list[dict[str, Any]]:
    """Pairs of sentences, each with its line end, as the real table has them; under the columns of
    both data sets."""
    english = {example.id: example.text for example in examples if example.language == "en"}
    tatoeba = LANGUAGES[code].tatoeba
    codes = {"source_lang": tatoeba, "target_lang": "eng", "lang": f"{tatoeba}-eng"}
    pairs = [
        (example.text, english[example.match]) for example in examples if example.language != "en"
    ]
    return [
        {
            "source_sentence": f"{text}\n",
            "target_sentence": f"{other}\n",
            "sentence1": text,
            "sentence2": other,
            **codes,
        }
        for text, other in pairs
    ]
