"""F1 of mined sentence pairs."""

from collections import Counter
from collections.abc import Collection

import numpy as np

from xstilts_core.metrics.scores import BITEXT, score


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


def bitext(
    gold: Collection[tuple[str, str]], predicted: Collection[tuple[str, str]]
) -> dict[str, float]:
    """Return F1, precision and recall of the (source id, target id) pairs (BUCC 2018, XTREME
    evaluate.py)."""
    return score(bitext_statistics(gold, predicted), BITEXT)
