"""The best trivial answer, one and the same for every item, to compare a development score with.

For labels and choices it is the most frequent one of the development data themselves, or a guess;
for tags, the most frequent tag for every word; for questions, no answer at all, or all of the
context. The interval of the difference is a paired bootstrap of the items.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from xstilts_core import metrics
from xstilts_core.formats import FORMATS
from xstilts_core.phases.learnt import Judgement
from xstilts_core.tasks import Task

DRAWS = 1_000


def answers(task: Task, examples: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the answers that are the same for every item, in words -> predictions; empty for
    formats without such answers."""
    count = len(examples)
    if task.format == "pair":
        return {f"always {label}": [label] * count for label in task.labels}
    if task.format == "choice":
        most = max(len(example.choices) for example in examples)
        return {f"always choice {k + 1}": [k] * count for k in range(most)}
    if task.format == "tagging":
        tag = Counter(tag for example in examples for tag in example.tags).most_common(1)[0][0]
        return {f"every word {tag}": [[tag] * len(example.words) for example in examples]}
    if task.format == "span":
        return {
            "never an answer": [""] * count,
            "all of the context": [example.context for example in examples],
        }
    return {}


def reference(task: Task, examples: Sequence[Any]) -> tuple[str, np.ndarray] | None:
    """Return the trivial answer of the highest score, in words, and its statistics [examples,
    columns]; None if there is none."""
    form = FORMATS[task.format]
    columns: tuple[str, ...] = ()
    by_answer: dict[str, np.ndarray] = {}
    for words, predictions in answers(task, examples).items():
        columns, by_answer[words] = form.statistics(examples, predictions, task, "en")
    if not by_answer:
        return None
    if task.format == "choice":
        by_answer["a guess"] = np.array([[1 / len(example.choices)] for example in examples])
    best = max(by_answer, key=lambda words: metrics.score(by_answer[words], columns)[task.metric])
    return best, np.asarray(by_answer[best], float)


def differences(
    statistics: np.ndarray,
    reference_statistics: np.ndarray,
    columns: Sequence[str],
    metric: str,
    seed: int,
) -> np.ndarray:
    """Return [DRAWS] score differences on the same resampled items; statistics [items, columns]."""
    generator, count = np.random.default_rng([seed, 10]), len(statistics)
    table = np.hstack([statistics, reference_statistics])
    draws = (generator.integers(count, size=count) for _ in range(DRAWS))
    sums = np.stack([np.bincount(draw, minlength=count) @ table for draw in draws])
    first, second = (
        metrics.score_sums(part, count, columns)[metric] for part in np.split(sums, 2, axis=1)
    )
    return first - second


def judge(
    task: Task, examples: Sequence[Any], columns: Sequence[str], statistics: np.ndarray, seed: int
) -> Judgement | None:
    """Compare a run's statistics [examples, columns] of a task with the best trivial answer.
    Return None if the format has none."""
    if (best := reference(task, examples)) is None:
        return None
    answer, trivial = best
    run = np.asarray(statistics, float)
    low, high = np.quantile(differences(run, trivial, columns, task.metric, seed), (0.025, 0.975))
    score, trivial_score = (metrics.score(rows, columns)[task.metric] for rows in (run, trivial))
    score, trivial_score, low, high = (
        round(float(value), 4) for value in (score, trivial_score, low, high)
    )
    return Judgement(task.name, task.metric, score, trivial_score, answer, low, high, len(run))
