"""Mean average precision of the first 20 results of a ranking (LAReQA, Mewsli-X)."""

from collections.abc import Collection, Sequence

import numpy as np

from xstilts_core.metrics.scores import RANKING, check_lengths, score

TOP = 20


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


def ranking(right: Sequence[Collection[str]], ranked: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return map@20 over all queries, from their right ids and the retrieved ids, best first."""
    return score(ranking_statistics(right, ranked), RANKING)
