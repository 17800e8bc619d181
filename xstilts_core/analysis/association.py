"""Correlation coefficients of resampled and of permuted rows, many at once. Formulas: Pearson, Spearman (Pearson's of mid-ranks), and
Kendall's tau-b (Kendall 1945, "The treatment of ties in ranking problems").

A resample is a row of weights: how often each of the n rows of data was drawn. Ranks and concordant pairs of a resample follow from its
weights by one matrix product, so that nothing is sorted twice: the mid-rank of row i is the weight of all lower rows, and half of one
more than the weight of the rows tied with it.
"""

from typing import Literal

import numpy as np

Method = Literal["spearman", "pearson", "kendall"]
METHODS: tuple[Method, ...] = ("spearman", "pearson", "kendall")
# Below this share of its scale a spread is rounding: the values are all equal and have no correlation.
ROUNDING = 1e-13


def ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mid-ranks [draws, rows] of `values` [rows] in every resample `weights` [draws, rows]; a row that was not drawn counts nothing."""
    below = (values[:, None] < values).astype(float) + 0.5 * (values[:, None] == values)
    return weights @ below + 0.5


def signs(values: np.ndarray) -> np.ndarray:
    """[rows, rows]: 1 where the first is larger than the second, -1 where smaller, 0 where they are tied."""
    return np.sign(values[:, None] - values)


def centred(values: np.ndarray, weights: np.ndarray, method: Method) -> np.ndarray:
    """Ranks (Spearman) or values (Pearson) less their weighted mean, divided by the root of their weighted sum of squares.

    [draws, rows]. NaN for a resample in which all values are equal.
    """
    found = ranks(values, weights) if method == "spearman" else np.broadcast_to(values, weights.shape)
    rest = found - (np.einsum("dr,dr->d", weights, found) / weights.sum(axis=1))[:, None]
    spread = np.sqrt(np.einsum("dr,dr,dr->d", weights, rest, rest))
    scale = np.abs(found).max(axis=1)
    return rest / np.where(spread > ROUNDING * scale, spread, np.nan)[:, None]


def untied(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[draws]: twice the number of pairs of a resample that are not tied."""
    return np.einsum("dr,dr->d", weights @ np.abs(signs(values)), weights)


def correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray, method: Method) -> np.ndarray:
    """[draws] coefficients of x and y [rows] in the resamples `weights` [draws, rows]; NaN where x or y does not vary."""
    if method == "kendall":
        agreed = np.einsum("dr,dr->d", weights @ (signs(x) * signs(y)), weights)
        pairs = untied(x, weights) * untied(y, weights)
        return agreed / np.sqrt(np.where(pairs > 0, pairs, np.nan))
    return np.einsum("dr,dr,dr->d", weights, centred(x, weights, method), centred(y, weights, method))


def permuted(x: np.ndarray, y: np.ndarray, orders: np.ndarray, method: Method) -> np.ndarray:
    """[orders] coefficients of x [rows] with y [rows] in each of the orders [orders, rows]."""
    once = np.ones((1, len(x)))
    if method == "kendall":
        pairs, shuffled = signs(x), y[orders]
        agreed = sum(np.sign(shuffled[:, [row]] - shuffled[:, :row]) @ pairs[row, :row] for row in range(1, len(x)))
        return 2 * agreed / np.sqrt(untied(x, once) * untied(y, once))
    return centred(y, once, method)[0][orders] @ centred(x, once, method)[0]
