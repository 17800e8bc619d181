"""Compare a development score with what is had without learning: the best of the answers that are
the same for every item.

Of labels and choices that is the most frequent one of the development data themselves, or a guess;
of tags the most frequent tag for every word; of questions no answer at all, or all of the context.
The interval of the difference is a paired bootstrap of the items.
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
_GUESS = "a guess"


def answers(entry: Task, examples: Sequence[Any]) -> dict[str, list[Any]]:
    """What can be said of every item alike, in words -> its predictions; nothing for formats that
    have no such answer."""
    count = len(examples)
    if entry.format == "pair":
        return {f"always {label}": [label] * count for label in entry.labels}
    if entry.format == "choice":
        return {
            f"always choice {k + 1}": [k] * count
            for k in range(max(len(example.choices) for example in examples))
        }
    if entry.format == "tagging":
        tag = Counter(tag for example in examples for tag in example.tags).most_common(1)[0][0]
        return {f"every word {tag}": [[tag] * len(example.words) for example in examples]}
    if entry.format == "span":
        return {
            "never an answer": [""] * count,
            "all of the context": [example.context for example in examples],
        }
    return {}


def reference(entry: Task, examples: Sequence[Any]) -> tuple[str, np.ndarray] | None:
    """The trivial answer of the highest score, in words, and its statistics [examples, columns];
    None where there is none."""
    form = FORMATS[entry.format]
    columns: tuple[str, ...] = ()
    found: dict[str, np.ndarray] = {}
    for words, predictions in answers(entry, examples).items():
        columns, found[words] = form.statistics(examples, predictions, entry, "en")
    if entry.format == "choice":
        found[_GUESS] = np.array([[1 / len(example.choices)] for example in examples])
    if not found:
        return None
    best = max(found, key=lambda words: metrics.score(found[words], columns)[entry.metric])
    return best, np.asarray(found[best], float)


def differences(
    own: np.ndarray, other: np.ndarray, columns: Sequence[str], metric: str, seed: int
) -> np.ndarray:
    """[DRAWS] differences of two scores on the same resampled items; statistics [items,
    columns]."""
    generator, table, count = np.random.default_rng([seed, 10]), np.hstack([own, other]), len(own)
    sums = np.stack(
        [
            np.bincount(generator.integers(count, size=count), minlength=count) @ table
            for _ in range(DRAWS)
        ]
    )
    first, second = (
        metrics.score_sums(part, count, columns)[metric] for part in np.split(sums, 2, axis=1)
    )
    return first - second


def judge(
    entry: Task, examples: Sequence[Any], columns: Sequence[str], statistics: np.ndarray, seed: int
) -> Judgement | None:
    """Compare a run's statistics [examples, columns] of a task with the best trivial answer; None
    where the format has none."""
    if (found := reference(entry, examples)) is None:
        return None
    answer, trivial = found
    own = np.asarray(statistics, float)
    low, high = np.quantile(differences(own, trivial, columns, entry.metric, seed), (0.025, 0.975))
    score, other = (metrics.score(part, columns)[entry.metric] for part in (own, trivial))
    numbers = (round(float(value), 4) for value in (score, other))
    return Judgement(
        entry.name,
        entry.metric,
        *numbers,
        answer,
        round(float(low), 4),
        round(float(high), 4),
        len(own),
    )
