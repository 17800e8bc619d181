"""The kinds of prediction files: read them, write them from a study's predictions, and score them
by the evaluator's rules.

Every score applies the evaluator's float operations in the evaluator's order, so that the last
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
    """The functions for one kind of file.

    read: read and check a file of predictions. score: return metrics in percent for a task, a
    language, a file of labels and a file of predictions. write: return the text of a file for a
    study's predictions in one language; its second argument loads the test examples.
    """

    read: Callable[[Task, Path], Any]
    score: Callable[[Task, str, Path, Path], Scores]
    write: Callable[[Sequence[Prediction], Callable[[], Sequence[Any]]], str]


def _require_same_count(
    gold: Sequence,
    predicted: Sequence,
    labels: Path,
    path: Path,
    what: str,
    lines: Sequence[int] = (),
) -> None:
    """Raise UsageError if the numbers of items differ, at the first surplus item or at the last one
    before missing items. lines: the line on which each item begins, unless it is one per line."""
    if len(gold) != len(predicted):
        item_number = min(len(gold) + 1, len(predicted))
        problem = (
            f"the file has {len(predicted)} {what}, {labels} has {len(gold)}: expected as many"
        )
        raise wrong(path, lines[item_number - 1] if lines else item_number, problem)


def _require_same_ids(
    gold: Mapping[str, Any], predicted: Mapping[str, Any], labels: Path, path: Path
) -> None:
    """Raise UsageError for ids without a prediction and for unknown ids. The evaluator would count
    the former as wrong and ignore the latter."""
    for expected_ids, given_ids, problem in (
        (gold, predicted, "has no prediction for"),
        (predicted, gold, "has ids that the labels lack:"),
    ):
        if absent_ids := [name for name in expected_ids if name not in given_ids]:
            others = f" and {len(absent_ids) - 1} more" if len(absent_ids) > 1 else ""
            raise UsageError(
                f"{path} {problem} {absent_ids[0]!r}{others}: "
                f"expected the {len(gold)} ids of {labels}"
            )


def _f1_scores(hits: int, predicted: int, gold: int) -> Scores:
    """Return F1, precision and recall from counts, with 0 for a zero denominator (as in seqeval
    0.0.12 and bucc_f1 of evaluate.py)."""
    precision = hits / predicted if predicted else 0.0
    recall = hits / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
    return {"f1": f1 * 100, "precision": precision * 100, "recall": recall * 100}


# ---- one label, choice or line number per line


def _score_lines(
    read: Callable[[Task, Path, Sequence], Sequence],
) -> Callable[[Task, str, Path, Path], Scores]:
    """Return the scoring by accuracy of files that `read` reads: a task, a path and, for a file of
    predictions, the labels."""

    def score(task: Task, code: str, labels: Path, path: Path) -> Scores:
        gold = read(task, labels, ())
        predicted = read(task, path, gold)
        _require_same_count(gold, predicted, labels, path, "lines")
        hits = sum(right == guess for right, guess in zip(gold, predicted, strict=True))
        return {"accuracy": hits / len(predicted) * 100}

    return score


def _read_labels(task: Task, path: Path, gold: Sequence = ()) -> list[str]:
    return files.read_labels(path, task.labels)


def _read_choices(task: Task, path: Path, gold: Sequence = ()) -> list[int]:
    return files.read_choices(path)


def _read_indices(task: Task, path: Path, gold: Sequence = ()) -> list[str]:
    return files.read_indices(path, len(gold))


def _write_labels(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "".join(f"{line['prediction']}\n" for line in lines)


def _write_choices(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "".join(json.dumps({"label": line["prediction"]}) + "\n" for line in lines)


def _write_indices(
    lines: Sequence[Prediction], examples: Callable[[], Sequence[SentenceExample]]
) -> str:
    """Return a line per English sentence, stably sorted by code points as in XTREME
    (utils_preprocess.py)."""
    sentences = examples()
    texts = {example.id: example.text for example in sentences}
    others = [example.id for example in sentences if example.language != "en"]
    indices = {name: number for number, name in enumerate(others)}
    ordered = sorted(lines, key=lambda line: texts[line["id"]].strip())
    return "".join(f"{indices[line['prediction']]}\n" for line in ordered)


# ---- tags


def _score_tags(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold = files.read_tags(labels)
    predicted = files.read_tags(path, {*task.labels}.union(*gold.tags))
    _require_same_count(gold.tags, predicted.tags, labels, path, "sentences", predicted.lines)
    for number, (right, guess) in enumerate(zip(gold.tags, predicted.tags, strict=True)):
        if len(right) != len(guess):
            gold_count = f"{len(right)} in {labels}, line {gold.lines[number]}"
            raise wrong(
                path,
                predicted.lines[number],
                f"sentence {number + 1} has {len(guess)} tags, {gold_count}: expected as many",
            )
    hits, predicted_count, gold_count = (
        metrics.tagging_statistics(gold.tags, predicted.tags).sum(axis=0)[:3].tolist()
    )
    return _f1_scores(hits, predicted_count, gold_count)


def _write_tags(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "\n".join("".join(f"{tag}\n" for tag in line["prediction"]) for line in lines)


# ---- answers


def _score_answers(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = files.read_questions(labels), files.read_answers(path)
    _require_same_ids(gold, predicted, labels, path)
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


# ---- pairs of sentences


def _score_pairs(task: Task, code: str, labels: Path, path: Path) -> Scores:
    """Score mined pairs. Most sentences have no translation, so ids that are in no gold pair are
    legal and unknown ids cannot be detected."""
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
    return _f1_scores(len(gold.intersection(predicted)), len(predicted), len(gold))


def _write_pairs(lines: Sequence[Prediction], examples: Callable[[], Sequence[Any]]) -> str:
    return "".join(
        f"{line['id']}\t{line['prediction']}\n" for line in lines if line["prediction"] is not None
    )


# ---- rankings


def _score_rankings(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = files.read_rankings(labels), files.read_rankings(path)
    _require_same_ids(gold, predicted, labels, path)
    if empty := next((name for name, right in gold.items() if not right), ""):
        raise UsageError(f"{labels}: {empty!r} has no right id: expected at least one")
    rows = metrics.ranking_statistics(list(gold.values()), [predicted[name] for name in gold])
    return {"map@20": reduce(add, rows[:, 0].tolist()) / len(gold) * 100}


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "pair": Kind(_read_labels, _score_lines(_read_labels), _write_labels),
        "choice": Kind(_read_choices, _score_lines(_read_choices), _write_choices),
        "search": Kind(_read_indices, _score_lines(_read_indices), _write_indices),
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
    }
)


def kind_of(task: Task) -> Kind:
    """Return the kind for a task's format; retrieval is mining if its metric is F1, else search."""
    retrieval = "mining" if task.metric == "f1" else "search"
    return KINDS[retrieval if task.format == "retrieval" else task.format]
