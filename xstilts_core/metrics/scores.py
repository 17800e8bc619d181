"""Metrics from rows of sufficient statistics."""

from collections.abc import Sequence, Sized

import numpy as np

ACCURACY = ("hit",)
BINARY = ("true_positive", "predicted", "gold", "hit")
SPAN = ("exact_match", "f1")
TAGGING = ("true_positive", "predicted", "gold", "token_hit", "token")
BITEXT = ("true_positive", "predicted", "gold")
RANKING = ("average_precision",)


def check_lengths(gold: Sized, predicted: Sized, what: str) -> None:
    """Raise ValueError unless there is something to score and one prediction per gold value."""
    if len(gold) == 0:
        raise ValueError(f"nothing to score: no {what} given")
    if len(gold) != len(predicted):
        raise ValueError(
            f"{len(gold)} gold {what} but {len(predicted)} predicted {what}: the numbers must be "
            "equal"
        )


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return numerator / denominator, or 0 if the denominator is 0 (the convention of seqeval and
    of XTREME's evaluate.py)."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    return np.divide(
        numerator,
        denominator,
        out=np.zeros(np.broadcast(numerator, denominator).shape),
        where=denominator > 0,
    )


def score_sums(sums: np.ndarray, count: int, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Compute metrics in percent from column sums over `count` examples, for one sample or for many
    at once (bootstrap replicates).

    sums: [..., columns]; every returned value has the shape [...]. precision = TP / predicted,
    recall = TP / gold, f1 = 2PR / (P + R); accuracy, exact_match, span f1 and map@20 are means.
    """
    column = {name: np.asarray(sums, float)[..., position] for position, name in enumerate(columns)}
    scores: dict[str, np.ndarray] = {}
    if "true_positive" in column:
        precision = ratio(column["true_positive"], column["predicted"])
        recall = ratio(column["true_positive"], column["gold"])
        scores = {
            "f1": 100 * ratio(2 * precision * recall, precision + recall),
            "precision": 100 * precision,
            "recall": 100 * recall,
        }
    if "token" in column:
        scores["accuracy"] = 100 * ratio(column["token_hit"], column["token"])
    if "hit" in column:
        scores["accuracy"] = 100 * column["hit"] / count
    if "exact_match" in column:
        scores = {
            "f1": 100 * column["f1"] / count,
            "exact_match": 100 * column["exact_match"] / count,
        }
    if "average_precision" in column:
        scores = {"map@20": 100 * column["average_precision"] / count}
    if not scores:
        legal = (ACCURACY, BINARY, SPAN, TAGGING, BITEXT, RANKING)
        raise ValueError(
            f"columns {', '.join(columns)} belong to no metric: legal are "
            f"{', '.join(map(str, legal))}"
        )
    return scores


def score(statistics: np.ndarray, columns: Sequence[str]) -> dict[str, float]:
    """Compute the metrics of all examples from statistics [examples, columns]. Raise ValueError if
    there are no examples or the columns do not fit."""
    statistics = np.asarray(statistics)
    if statistics.ndim != 2 or statistics.shape[1] != len(columns):
        raise ValueError(
            f"statistics of shape {statistics.shape} do not fit the columns {', '.join(columns)}"
        )
    if len(statistics) == 0:
        raise ValueError("nothing to score: no example given")
    return {
        name: float(value)
        for name, value in score_sums(statistics.sum(axis=0), len(statistics), columns).items()
    }
