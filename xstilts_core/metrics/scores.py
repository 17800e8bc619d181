"""Metrics from rows of sufficient statistics, and those of labels, mined pairs and rankings."""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence, Sized
from operator import eq

import numpy as np

ACCURACY = ("hit",)
SPAN = ("exact_match", "f1")
TAGGING = ("true_positive", "predicted", "gold", "token_hit", "token")
BITEXT = ("true_positive", "predicted", "gold")
RANKING = ("average_precision",)
TOP = 20
# Columns whose mean is a metric -> its name.
_MEANS = {
    "hit": "accuracy",
    "f1": "f1",
    "exact_match": "exact_match",
    "average_precision": "map@20",
}


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
    means = {name: column[key] for key, name in _MEANS.items() if key in column}
    scores |= {name: 100 * total / count for name, total in means.items()}
    if not scores:
        legal = (ACCURACY, SPAN, TAGGING, BITEXT, RANKING)
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


def accuracy_statistics(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> np.ndarray:
    """Return [examples, 1], columns ACCURACY: 1 if the prediction equals the gold label (for
    retrieval, the id of the right sentence). Raise ValueError on an unlabelled example (None)."""
    check_lengths(gold, predicted, "labels")
    if None in gold:
        raise ValueError(
            f"example {list(gold).index(None)} (counted from 0) has no gold label: an unlabelled "
            "split cannot be scored"
        )
    return np.fromiter(map(eq, gold, predicted), dtype=np.int64, count=len(gold))[:, None]


def bitext_statistics(
    gold: Collection[tuple[str, str]], predicted: Collection[tuple[str, str]]
) -> np.ndarray:
    """Return [source sentences, 3], columns BITEXT: a row per source id of a gold or predicted
    pair, sorted by id."""
    gold, predicted = set(gold), set(predicted)
    if not gold:
        raise ValueError("nothing to score: no gold pairs given")
    counts = [
        Counter(source for source, _ in pairs) for pairs in (gold & predicted, predicted, gold)
    ]
    sources = sorted(counts[1].keys() | counts[2].keys())
    return np.array([[count[source] for count in counts] for source in sources])


def average_precision(right: Collection[str], ranked: Sequence[str], cutoff: int = TOP) -> float:
    """Average the precision at each right id among the first `cutoff`, over min(right, cutoff),
    0 to 1. A repeated id counts once.

    With one right id this is its reciprocal rank, 0 beyond `cutoff`, which XTREME-R calls map@20
    for Mewsli-X.
    """
    hits, total = set(), 0.0
    for rank, name in enumerate(ranked[:cutoff], start=1):
        if name in right and name not in hits:
            hits.add(name)
            total += len(hits) / rank
    return total / min(len(right), cutoff)


def ranking_statistics(
    right: Sequence[Collection[str]], ranked: Sequence[Sequence[str]]
) -> np.ndarray:
    """Return [queries, 1], columns RANKING: the average precision of the first 20, 0 to 1. Raise
    ValueError if a query has no right answer.

    XTREME-R's rule (third_party/utils_lareqa.py, average_precision_at_k with k = 20;
    utils_mewslix.py, mean_reciprocal_rank).
    """
    check_lengths(right, ranked, "rankings")
    right = [frozenset(names) for names in right]
    if frozenset() in right:
        raise ValueError(
            f"query {right.index(frozenset())} (counted from 0) has no right answer: it cannot be "
            "scored"
        )
    return np.array(
        [[average_precision(names, guess)] for names, guess in zip(right, ranked, strict=True)]
    )
