"""XTREME's and XTREME-R's evaluator, its rules written out plainly from evaluate.py
(google-research/xtreme) and seqeval 0.0.12: the oracle of test_xtreme_score.py. Slow, and it
believes every file."""

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.official import answers_score, mlqa_text, squad_text

TAGGED, QUESTIONS, RANKED = ("udpos", "panx"), ("xquad", "mlqa", "tydiqa"), ("mewslix", "lareqa")

# evaluate.py's own lists, in its order.
NER = "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr et fi hu"
POS = "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
NLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
SENTENCES = "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu"
XQUAD, MLQA, TYDIQA = (
    "en es de el ru tr ar vi th zh hi",
    "en es de ar hi vi zh",
    "en ar bn fi id ko ru sw te",
)
LANGUAGES = {
    "xtreme": {
        "pawsx": "de en es fr ja ko zh",
        "xnli": NLI,
        "panx": NER,
        "udpos": POS,
        "bucc2018": "de fr ru zh",
        "tatoeba": SENTENCES,
        "xquad": XQUAD,
        "mlqa": MLQA,
        "tydiqa": TYDIQA,
    },
    "xtreme-r": {
        "xnli": NLI,
        "panx": f"{NER} qu pl uk az lt pa gu ro",
        "udpos": f"{POS} lt pl uk wo ro",
        "tatoeba": f"{SENTENCES} az lt pl uk ro",
        "xcopa": "et ht id it qu sw ta th tr vi zh",
        "mewslix": "ar de en es fa ja pl ro ta tr uk",
        "xquad": f"{XQUAD} ro",
        "mlqa": MLQA,
        "tydiqa": TYDIQA,
    },
}
GROUPS = {
    "xtreme": {
        "classification": ["pawsx", "xnli"],
        "tagging": ["udpos", "panx"],
        "qa": ["xquad", "mlqa", "tydiqa"],
        "retrieval": ["bucc2018", "tatoeba"],
    },
    "xtreme-r": {
        "classification": ["xnli", "xcopa"],
        "tagging": ["udpos", "panx"],
        "qa": ["xquad", "mlqa", "tydiqa"],
        "retrieval": ["tatoeba", "mewslix"],
        "multi_choice": ["xcopa"],
    },
}


def in_order(values: Sequence[float]) -> float:
    """The sum() of Python before 3.12."""
    total = 0
    for value in values:
        total += value
    return total


def chunks(sentences: Sequence[Sequence[str]]) -> set[tuple[str, int, int]]:
    """(type, first, last) by the loop of seqeval 0.0.12, written from its rules: end is asked
    before start at each token."""
    letter_before, type_before, begin, found = "O", "", 0, set()
    for position, tag in enumerate([tag for tags in sentences for tag in [*tags, "O"]] + ["O"]):
        letter, kind = tag[0], tag.split("-")[-1]
        ended = letter_before in "ES" or (letter_before in "BI" and letter in "BSO")
        ended = ended or (letter_before not in "O." and type_before != kind)
        started = (
            letter in "BS"
            or (letter_before in "ESO" and letter in "EI")
            or (letter not in "O." and type_before != kind)
        )
        if ended:
            found.add((type_before, begin, position - 1))
        if started:
            begin = position
        letter_before, type_before = letter, kind
    return found


def sets(gold: set, guessed: set) -> dict[str, float]:
    same = len(gold & guessed)
    precision = same / len(guessed) if len(guessed) > 0 else 0
    recall = same / len(gold) if len(gold) > 0 else 0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0
    return {"f1": f1 * 100, "precision": precision * 100, "recall": recall * 100}


def read_tags(path: Path) -> list[list[str]]:
    labels, example = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            example.append(line.strip())
        else:
            labels.append(example)
            example = []
    return [*labels, example] if example else labels


def read_lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]


def reciprocal_rank(right: str, ranked: Sequence[str]) -> float:
    for rank, name in enumerate(ranked[:20], start=1):
        if name == right:
            return 1.0 / rank
    return 0.0


def one_file(task: str, code: str, gold: Path, predicted: Path) -> dict[str, float]:
    if task in TAGGED:
        return sets(chunks(read_tags(gold)), chunks(read_tags(predicted)))
    if task in QUESTIONS:
        guesses = json.loads(predicted.read_text(encoding="utf-8"))
        articles = json.loads(gold.read_text(encoding="utf-8"))["data"]
        asked = [
            entry
            for article in articles
            for paragraph in article["paragraphs"]
            for entry in paragraph["qas"]
        ]
        answers = [[answer["text"] for answer in entry["answers"]] for entry in asked]
        normal = partial(mlqa_text, language=code) if task == "mlqa" else squad_text
        return answers_score(answers, [guesses[entry["id"]] for entry in asked], normal)
    if task in RANKED:
        guesses, right = (
            json.loads(path.read_text(encoding="utf-8")) for path in (predicted, gold)
        )
        ranks = [reciprocal_rank(labels[0], guesses[name]) for name, labels in right.items()]
        return {"map@20": in_order(ranks) / len(ranks) * 100}
    if task == "bucc2018":
        return sets(
            *({tuple(line.split("\t")) for line in read_lines(path)} for path in (gold, predicted))
        )
    values = [read_lines(path) for path in (gold, predicted)]
    if task == "xcopa":
        values = [[json.loads(line)["label"] for line in lines] for lines in values]
    correct = sum([int(guess == right) for right, guess in zip(*values, strict=True)])
    return {"accuracy": float(correct) / len(values[1]) * 100}


def suffix(task: str) -> str:
    return "json" if task in (*QUESTIONS, *RANKED) else "jsonl" if task == "xcopa" else "tsv"


def evaluate(benchmark: str, predictions: Path, labels: Path) -> dict[str, Any]:
    """task -> {"languages", "avg_...", "avg_metric"}, and group -> score of the groups that are
    whole."""
    tasks = {}
    for task, codes in LANGUAGES[benchmark].items():
        if not (predictions / task).is_dir() or not (labels / task).is_dir():
            continue
        by_metric: dict[str, list[float]] = defaultdict(list)
        languages = {}
        for code in codes.split():
            name = f"test-{code}.{suffix(task)}"
            languages[code] = one_file(task, code, labels / task / name, predictions / task / name)
            for metric, value in languages[code].items():
                by_metric[metric].append(value)
        scores = {
            f"avg_{metric}": in_order(values) / len(values) for metric, values in by_metric.items()
        }
        if task in QUESTIONS:
            main = (scores["avg_exact_match"] + scores["avg_f1"]) / 2
        else:
            main = scores.get("avg_f1", scores.get("avg_accuracy", scores.get("avg_map@20")))
        tasks[task] = {"languages": languages, **scores, "avg_metric": main}
    groups = {
        group: in_order([tasks[name]["avg_metric"] for name in names]) / len(names)
        for group, names in GROUPS[benchmark].items()
        if all(name in tasks for name in names)
    }
    return {"tasks": tasks, "groups": groups}
