"""The kinds of prediction files: read them, write them from a study's predictions, and score them
by the evaluator's rules. A UsageError names file, line and expected content.

Every score applies the evaluator's float operations in the evaluator's order, so that the last
digit is the same.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

from xstilts_core import metrics
from xstilts_core.data.readers.spans import member, questions
from xstilts_core.data.readers.text import (
    Entry,
    blocks,
    parse_json,
    read_lines,
    read_text,
    wrong,
)
from xstilts_core.errors import UsageError, shown, unknown
from xstilts_core.examples import SentenceExample
from xstilts_core.tasks import Task

Scores = dict[str, float]
# The tags of a sentence, each with the number (from 1) of its line.
_Sentence = list[tuple[int, str]]

# ---- reading

_PAIR_SHAPE = "id TAB English id"
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def _read_labels(task: Task, path: Path, gold: Sequence[str] = ()) -> list[str]:
    """Read a file with one label per line."""
    labels = [line.strip() for line in read_lines(path)]
    for number, label in enumerate(labels, start=1):
        if label not in task.labels:
            raise unknown("label", label, task.labels, f"{path}, line {number}")
    return labels


def _read_indices(task: Task, path: Path, gold: Sequence[str] = ()) -> list[str]:
    """Read a file with one number per line: the index, from 0, of the line in the other language's
    file that translates this line of the sorted English file.

    gold: the labels, one for each line of both languages' files; empty: as many as in this file.
    Raise UsageError for anything but the index of a line.
    """
    texts = [line.strip() for line in read_lines(path)]
    for number, text in enumerate(texts, start=1):
        if not _INDEX.fullmatch(text):
            problem = (
                f"{text[:40]!r} is not a line number: expected 0, 1, 2 ..., a line of the other "
                "language's file, counted from 0"
            )
            raise wrong(path, number, problem)
    numbers, last = list(map(int, texts)), len(gold or texts) - 1
    if (highest := max(numbers)) > last:
        lines = "lines are counted from 0"
        hint = (
            f"; this file counts them from 1: subtract 1 from every number, as {lines}"
            if (min(numbers), highest) == (1, last + 1)
            else ""
        )
        problem = (
            f"{highest} is past the last line: expected 0 to {last}, as there are {last + 1} "
            f"lines{hint or f' ({lines})'}"
        )
        raise wrong(path, numbers.index(highest) + 1, problem)
    return texts


def _read_tags(task: Task | None, path: Path, gold: Collection[str] = ()) -> list[_Sentence]:
    """Read a file with one tag per line and at least one blank line between sentences.

    Legal are the tags of the task and those in `gold`; without a task, any tag without spaces.
    """
    legal = {*task.labels, *gold} if task else set()
    sentences = list(blocks([line.strip() for line in read_lines(path)]))
    for number, tag in chain(*sentences):
        if legal and tag not in legal:
            raise unknown("tag", tag, legal, f"{path}, line {number}")
        if len(tag.split()) > 1:
            raise wrong(path, number, f"{tag!r}: expected one tag, without a word")
    return sentences


def _read_pairs(task: Task, path: Path, once: bool = True) -> list[tuple[str, str]]:
    """Read a file with one pair of sentence ids per line. once: raise UsageError for duplicates."""
    line_numbers: dict[tuple[str, str], int] = {}
    pairs = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = tuple(line.strip().split("\t"))
        if len(cells) != 2 or not all(cells):
            raise wrong(path, number, f"{line[:60]!r}: expected {_PAIR_SHAPE}")
        if once and cells in line_numbers:
            raise wrong(
                path,
                number,
                f"the pair {' '.join(cells)} is also on line {line_numbers[cells]}: "
                "expected each once",
            )
        line_numbers.setdefault(cells, number)
        pairs.append(cells)
    return pairs


def _read_choices(task: Task, path: Path, gold: Sequence[int] = ()) -> list[int]:
    """Read a file with one JSON object per line, whose "label" is the index of a choice, 0 or 1."""
    labels = []
    for number, line in enumerate(read_lines(path), start=1):
        row = parse_json(line, path, "an object with a label, 0 or 1", number)
        label = row.get("label") if isinstance(row, dict) else None
        if type(label) is not int or label not in (0, 1):
            raise wrong(
                path,
                number,
                f"label {shown(label)}: expected an object whose label is the number 0 or 1",
            )
        labels.append(label)
    return labels


def _read_object(path: Path, expected: str) -> dict[str, Any]:
    """Read a JSON object; if it has the key "data", return the object under it."""
    content = parse_json(read_text(path), path, expected)
    content = content.get("data", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not content:
        raise UsageError(
            f"{path} holds {type(content).__name__ if content else 'no id'}: expected {expected}"
        )
    return content


def _read_answers(task: Task, path: Path) -> dict[str, str]:
    """Read the answer to each question id."""
    expected = "one object, {question id: answer}"
    answers = _read_object(path, expected)
    for name, answer in answers.items():
        if not isinstance(answer, str):
            raise UsageError(
                f"{path}: question {name!r} has the answer {shown(answer)}, which is not text: "
                f"expected {expected}"
            )
    return answers


def _read_questions(path: Path) -> dict[str, list[str]]:
    """Read the right answers to each question id from a file in SQuAD's JSON format. The positions
    of the answers are not checked."""
    answers_by_id: dict[str, list[str]] = {}
    for _, question in questions(path):
        number = f"{path}, question {len(answers_by_id)} (counted from 0)"
        name = str(member(question, "id", str, number))
        where = Entry(path, name, f"question {shown(name)}")
        answers = [
            member(answer, "text", str, where)
            for answer in member(question, "answers", list, where)
        ]
        if not any(answers):
            raise UsageError(
                f"{where}: no answer: expected labels (XTREME's own test files have "
                "their answers removed)"
            )
        if name in answers_by_id:
            raise UsageError(f"{where}: the id is in the file twice: expected each once")
        answers_by_id[name] = answers
    if not answers_by_id:
        raise UsageError(f"{path} holds no question")
    return answers_by_id


def _read_rankings(task: Task, path: Path) -> dict[str, list[str]]:
    """Read the ids for each query id: ranked with the best first, or the right ones in labels."""
    expected = "one object, {id: [ids, best first]}"
    rankings = _read_object(path, expected)
    for name, ids in rankings.items():
        if not isinstance(ids, list) or not all(isinstance(ranked_id, str) for ranked_id in ids):
            raise UsageError(f"{path}: {name!r} has {shown(ids)}: expected {expected}")
        if len(set(ids)) < len(ids):
            raise UsageError(f"{path}: {name!r} has an id twice: expected {expected}, each once")
    return rankings


# ---- scoring


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


# ---- tags


def _score_tags(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold = _read_tags(None, labels)
    predicted = _read_tags(task, path, {tag for _, tag in chain(*gold)})
    starts = [sentence[0][0] for sentence in predicted]
    _require_same_count(gold, predicted, labels, path, "sentences", starts)
    for number, (right, guess) in enumerate(zip(gold, predicted, strict=True), start=1):
        if len(right) != len(guess):
            problem = (
                f"sentence {number} has {len(guess)} tags, {len(right)} in {labels}, line "
                f"{right[0][0]}: expected as many"
            )
            raise wrong(path, guess[0][0], problem)
    tags = ([[tag for _, tag in sentence] for sentence in side] for side in (gold, predicted))
    return _f1_scores(*metrics.tagging_statistics(*tags).sum(axis=0)[:3].tolist())


# ---- answers


def _score_answers(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = _read_questions(labels), _read_answers(task, path)
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


# ---- pairs of sentences


def _score_pairs(task: Task, code: str, labels: Path, path: Path) -> Scores:
    """Score mined pairs. Most sentences have no translation, so ids that are in no gold pair are
    legal and unknown ids cannot be detected."""
    gold, predicted = set(_read_pairs(task, labels, once=False)), _read_pairs(task, path)
    english = {right for _, right in gold}
    if swapped := next(
        (number for number, (left, _) in enumerate(predicted, start=1) if left in english), 0
    ):
        raise wrong(
            path,
            swapped,
            f"{predicted[swapped - 1][0]!r} is an English sentence: expected {_PAIR_SHAPE}",
        )
    return _f1_scores(len(gold.intersection(predicted)), len(predicted), len(gold))


# ---- rankings


def _score_rankings(task: Task, code: str, labels: Path, path: Path) -> Scores:
    gold, predicted = _read_rankings(task, labels), _read_rankings(task, path)
    _require_same_ids(gold, predicted, labels, path)
    if empty := next((name for name, right in gold.items() if not right), ""):
        raise UsageError(f"{labels}: {empty!r} has no right id: expected at least one")
    rows = metrics.ranking_statistics(list(gold.values()), [predicted[name] for name in gold])
    return {"map@20": reduce(add, rows[:, 0].tolist()) / len(gold) * 100}


# ---- writing


def write(task: Task, predictions: Mapping[str, Any], examples: Callable[[], Sequence[Any]]) -> str:
    """Return the text of a file for a study's predictions in one language. predictions: by the id
    of the test example. examples: loads the test examples."""
    match _kind_name(task):
        case "pair":
            lines = map(str, predictions.values())
        case "choice":
            lines = (json.dumps({"label": choice}) for choice in predictions.values())
        case "tagging":
            lines = ("\n".join([*tags, ""]) for tags in predictions.values())
            return "\n".join(lines)
        case "mining":
            lines = (f"{left}\t{right}" for left, right in predictions.items() if right is not None)
        case "search":
            lines = map(str, _indices(predictions, examples()))
        case _:
            return json.dumps(predictions, ensure_ascii=False, indent=1) + "\n"
    return "".join(f"{line}\n" for line in lines)


def _indices(matches: Mapping[str, str], sentences: Sequence[SentenceExample]) -> list[int]:
    """Return the index of each English sentence's match in the other language's file. English
    sentences are stably sorted by code points as in XTREME (utils_preprocess.py)."""
    texts = {example.id: example.text.strip() for example in sentences}
    others = [example.id for example in sentences if example.language != "en"]
    indices = {name: number for number, name in enumerate(others)}
    return [indices[matches[name]] for name in sorted(matches, key=texts.__getitem__)]


# ---- the table of kinds


class Kind(NamedTuple):
    """The functions for one kind of file.

    read: read and check a file of predictions. score: return metrics in percent for a task, a
    language, a file of labels and a file of predictions.
    """

    read: Callable[..., Any]
    score: Callable[[Task, str, Path, Path], Scores]


_KINDS = {
    "pair": Kind(_read_labels, _score_lines(_read_labels)),
    "choice": Kind(_read_choices, _score_lines(_read_choices)),
    "search": Kind(_read_indices, _score_lines(_read_indices)),
    "tagging": Kind(_read_tags, _score_tags),
    "span": Kind(_read_answers, _score_answers),
    "ranking": Kind(_read_rankings, _score_rankings),
    "mining": Kind(_read_pairs, _score_pairs),
}


def _kind_name(task: Task) -> str:
    """Return the name of the kind for a task's format; retrieval is mining if its metric is F1,
    else search."""
    retrieval = "mining" if task.metric == "f1" else "search"
    return retrieval if task.format == "retrieval" else task.format


def kind_of(task: Task) -> Kind:
    """Return the kind for a task."""
    return _KINDS[_kind_name(task)]
