"""Accuracy of labels, and F1 of a positive class."""

from collections.abc import Hashable, Sequence
from operator import eq

import numpy as np

from xstilts_core.metrics.scores import ACCURACY, BINARY, check_lengths, score


def accuracy_statistics(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> np.ndarray:
    """Return [examples, 1], columns ACCURACY: 1 if the prediction equals the gold label. Raise
    ValueError on an unlabelled example (None)."""
    check_lengths(gold, predicted, "labels")
    if None in gold:
        raise ValueError(
            f"example {list(gold).index(None)} (counted from 0) has no gold label: an unlabelled "
            "split cannot be scored"
        )
    return np.fromiter(map(eq, gold, predicted), dtype=np.int64, count=len(gold))[:, None]


def accuracy(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> dict[str, float]:
    """Return the share of equal labels, for XNLI, PAWS-X and multiple choice, and for sentence
    retrieval, where the label is the id of the retrieved sentence."""
    return score(accuracy_statistics(gold, predicted), ACCURACY)


def binary_f1_statistics(
    gold: Sequence[Hashable], predicted: Sequence[Hashable], positive: Hashable
) -> np.ndarray:
    """Return [examples, 4], columns BINARY: whether the example is a true positive, predicted
    positive, gold positive, and a hit."""
    hit = accuracy_statistics(gold, predicted)[:, 0]
    is_gold = np.array([label == positive for label in gold])
    is_predicted = np.array([label == positive for label in predicted])
    return np.stack([is_gold & is_predicted, is_predicted, is_gold, hit], axis=1).astype(np.int64)


def binary_f1(
    gold: Sequence[Hashable], predicted: Sequence[Hashable], positive: Hashable = "1"
) -> dict[str, float]:
    """Return F1, precision and recall of the positive class, and accuracy (QQP, as in GLUE)."""
    return score(binary_f1_statistics(gold, predicted, positive), BINARY)
