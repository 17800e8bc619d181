"""The kinds of files: how one of predictions is read, written from a study's predictions, and
scored by the evaluator's rule.

Every number is made by the evaluator's own operations on floats in its own order, so that the last
digit is the same.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xstilts_core import metrics
from xstilts_core.data.readers.text import wrong
from xstilts_core.errors import UsageError
from xstilts_core.examples import SentenceExample
from xstilts_core.publish.xtreme import files
from xstilts_core.tasks import Task

Scores = dict[str, float]
Prediction = Mapping[str, Any]
"""A line of a study's kept predictions: id, prediction."""


@dataclass(frozen=True, slots=True)
class Kind:
    """score: task, language, file of labels, file of predictions -> metrics in percent. read: a
    file of predictions, checked.

    write: a study's predictions in one language, and a function that loads its test examples ->
    text of the file.
    """

    read: Callable[[Task, Path], Any]
    score: Callable[[Task, str, Path, Path], Scores]
    write: Callable[[Sequence[Prediction], Callable[[], Sequence[Any]]], str]


def _as_many(
    gold: Sequence,
    predicted: Sequence,
    labels: Path,
    path: Path,
    what: str,
    lines: Sequence[int] = (),
) -> None:
    """UsageError at the first that is too many, or at the last where some are missing. lines: where
    each begins, if not one a line."""
    if len(gold) != len(predicted):
        place = min(len(gold) + 1, len(predicted))
        problem = (
            f"the file has {len(predicted)} {what}, {labels} has {len(gold)}: expected as many"
        )
        raise wrong(path, lines[place - 1] if lines else place, problem)


def _same_ids(
    gold: Mapping[str, Any], predicted: Mapping[str, Any], labels: Path, path: Path
) -> None:
    """UsageError for ids without a prediction and for others. The evaluator would count the first
    as wrong and forget the second."""
    for these, those, words in (
        (gold, predicted, "has no prediction for"),
        (predicted, gold, "has ids that the labels lack:"),
    ):
        if lost := [name for name in these if name not in those]:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise UsageError(
                f"{path} {words} {lost[0]!r}{more}: expected the {len(gold)} ids of {labels}"
            )


def accuracy(gold: Sequence, predicted: Sequence) -> Scores:
    hits = sum(right == guess for right, guess in zip(gold, predicted, strict=True))
    return {"accuracy": hits / len(predicted) * 100}


def _found_of(hits: int, predicted: int, gold: int) -> Scores:
    """F1, precision and recall from counts, 0 where nothing can be divided (as seqeval 0.0.12 and
    evaluate.py's bucc_f1)."""
    precision = hits / predicted if predicted else 0.0
    recall = hits / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
    return {"f1": f1 * 100, "precision": precision * 100, "recall": recall * 100}


# ---- labels


def _score_labels(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = (files.read_labels(file, task.labels) for file in (labels, path))
    _as_many(gold, predicted, labels, path, "lines")
    return accuracy(gold, predicted)


def write_labels(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "".join(f"{line['prediction']}\n" for line in lines)


def _score_choices(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = files.read_choices(labels), files.read_choices(path)
    _as_many(gold, predicted, labels, path, "lines")
    return accuracy(gold, predicted)


def _write_choices(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "".join(json.dumps({"label": line["prediction"]}) + "\n" for line in lines)


# ---- tags


def _score_tags(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold = files.read_tags(labels)
    predicted = files.read_tags(path, {*task.labels}.union(*gold.tags))
    _as_many(gold.tags, predicted.tags, labels, path, "sentences", predicted.lines)
    for number, (right, guess) in enumerate(zip(gold.tags, predicted.tags, strict=True)):
        if len(right) != len(guess):
            there = f"{len(right)} in {labels}, line {gold.lines[number]}"
            raise wrong(
                path,
                predicted.lines[number],
                f"sentence {number + 1} has {len(guess)} tags, {there}: expected as many",
            )
    hits, found, there = (
        metrics.tagging_statistics(gold.tags, predicted.tags).sum(axis=0)[:3].tolist()
    )
    return _found_of(hits, found, there)


def _write_tags(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "\n".join("".join(f"{tag}\n" for tag in line["prediction"]) for line in lines)


# ---- answers


def _score_answers(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = files.read_questions(labels), files.read_answers(path)
    _same_ids(gold, predicted, labels, path)
    guesses = [predicted[name] for name in gold]
    answers = list(gold.values())
    rows = (
        metrics.mlqa_statistics(answers, guesses, code)
        if task.scoring == "mlqa"
        else metrics.squad_statistics(answers, guesses)
    )
    exact, f1 = (reduce(add, column) for column in rows.T.tolist())
    return {"exact_match": 100.0 * exact / len(gold), "f1": 100.0 * f1 / len(gold)}


def _write_answers(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return (
        json.dumps({line["id"]: line["prediction"] for line in lines}, ensure_ascii=False, indent=1)
        + "\n"
    )


# ---- sentences


def _score_indices(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold = files.read_indices(labels)
    predicted = files.read_indices(path, len(gold))
    _as_many(gold, predicted, labels, path, "lines")
    return accuracy(gold, predicted)


def _write_indices(
    lines: Sequence[Prediction], examples: Callable[[], Sequence[SentenceExample]]
) -> str:
    """A line per English sentence, sorted as XTREME sorts them (utils_preprocess.py): by code
    points, equal ones in their order."""
    sentences = examples()
    texts = {example.id: example.text for example in sentences}
    place = {
        example.id: number
        for number, example in enumerate(entry for entry in sentences if entry.language != "en")
    }
    ordered = sorted(lines, key=lambda line: texts[line["id"]].strip())
    return "".join(f"{place[line['prediction']]}\n" for line in ordered)


def _score_pairs(task: Task, code: str, labels: Path, path: Path) -> Scores:
    """Ids that no gold pair has are legal: most sentences translate none. So no id can be told to
    be unknown."""
    gold, predicted = set(files.read_pairs(labels, once=False)), files.read_pairs(path, once=True)
    english = {right for _, right in gold}
    if swapped := next(
        (number for number, (left, _) in enumerate(predicted, start=1) if left in english), 0
    ):
        raise wrong(
            path,
            swapped,
            f"{predicted[swapped - 1][0]!r} is an English sentence: expected {files.PAIR_SHAPE}",
        )
    return _found_of(len(gold.intersection(predicted)), len(predicted), len(gold))


def _write_pairs(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "".join(
        f"{line['id']}\t{line['prediction']}\n" for line in lines if line["prediction"] is not None
    )


# ---- rankings


def _score_rankings(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = files.read_rankings(labels), files.read_rankings(path)
    _same_ids(gold, predicted, labels, path)
    if empty := next((name for name, right in gold.items() if not right), ""):
        raise UsageError(f"{labels}: {empty!r} has no right id: expected at least one")
    rows = metrics.ranking_statistics(list(gold.values()), [predicted[name] for name in gold])
    return {"map@20": reduce(add, rows[:, 0].tolist()) / len(gold) * 100}


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "pair": Kind(
            lambda task, path: files.read_labels(path, task.labels), _score_labels, write_labels
        ),
        "choice": Kind(lambda task, path: files.read_choices(path), _score_choices, _write_choices),
        "tagging": Kind(
            lambda task, path: files.read_tags(path, task.labels), _score_tags, _write_tags
        ),
        "span": Kind(lambda task, path: files.read_answers(path), _score_answers, _write_answers),
        "ranking": Kind(
            lambda task, path: files.read_rankings(path), _score_rankings, _write_answers
        ),
        "mining": Kind(
            lambda task, path: files.read_pairs(path, once=True), _score_pairs, _write_pairs
        ),
        "search": Kind(lambda task, path: files.read_indices(path), _score_indices, _write_indices),
    }
)


def kind_of(task: Task) -> Kind:
    """By the task's format; sentences are mined where F1 is the metric, else searched."""
    return KINDS[
        ("mining" if task.metric == "f1" else "search")
        if task.format == "retrieval"
        else task.format
    ]
