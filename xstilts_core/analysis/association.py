"""Correlation coefficients of many resampled or permuted sets of rows at once: Pearson, Spearman
(Pearson's of mid-ranks), and Kendall's tau-b (Kendall 1945, "The treatment of ties in ranking
problems").

A resample is a row of weights: how often each of the n rows of data was drawn. Ranks and concordant
pairs of a resample follow from its weights by one matrix product, so nothing is sorted twice: the
mid-rank of row i is the total weight of all lower rows, plus half of one more than the weight of
the rows tied with it.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

Method = Literal["spearman", "pearson", "kendall"]
METHODS: tuple[Method, ...] = ("spearman", "pearson", "kendall")
# A spread below this share of its scale is rounding error: the values are all equal and have no
# correlation.
ROUNDING = 1e-13
# Number of resamples computed at a time, so that every variable of a table fits into memory.
CHUNK = 1000


def signs(values: np.ndarray) -> np.ndarray:
    """Return [rows, rows]: 1 if the first value is larger than the second, -1 if smaller, 0 if
    tied."""
    compared: np.ndarray = np.sign(values[:, None] - values)
    return compared


def centred(values: np.ndarray, weights: np.ndarray, method: Method) -> np.ndarray:
    """Return [draws, rows]: ranks (Spearman) or values (Pearson) minus their weighted mean, divided
    by the root of their weighted sum of squares.

    NaN for a resample in which all values are equal.
    """
    if method == "spearman":
        # The mean of mid-ranks is half of one more than the total weight. A rank minus this mean
        # is half the weight of the lower rows minus half that of the higher ones: a multiple of
        # one half, without any rounding.
        rest, scale = weights @ (-0.5 * signs(values)), 1.0
    else:
        rest, scale = (
            values - (weights @ values / weights.sum(axis=1))[:, None],
            float(np.abs(values).max()),
        )
    spread = np.sqrt(np.einsum("dr,dr->d", weights * rest, rest))
    scaled: np.ndarray = rest / np.where(spread > ROUNDING * scale, spread, np.nan)[:, None]
    return scaled


def untied(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return [draws]: twice the number of untied pairs of each resample."""
    twice: np.ndarray = np.einsum("dr,dr->d", weights @ np.abs(signs(values)), weights)
    return twice


def correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray, method: Method) -> np.ndarray:
    """Return the coefficients [draws] of x and y [rows] in the resamples `weights` [draws, rows];
    NaN if x or y does not vary."""
    coefficients: np.ndarray
    if method == "kendall":
        concordance = np.einsum("dr,dr->d", weights @ (signs(x) * signs(y)), weights)
        pairs = untied(x, weights) * untied(y, weights)
        coefficients = concordance / np.sqrt(np.where(pairs > 0, pairs, np.nan))
    else:
        coefficients = np.einsum(
            "dr,dr,dr->d", weights, centred(x, weights, method), centred(y, weights, method)
        )
    return coefficients


def pair_draws(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    weights: Callable[[int], np.ndarray],
    method: Method,
) -> np.ndarray:
    """Return [pairs, draws]: the `correlation` of many pairs (x, y), each [rows], in the resamples
    weights(rows) [draws, rows].

    Each variable is centred once for all of its pairs, which takes a tenth of the time of one pair
    after another.
    """
    draws = len(weights(len(pairs[0][0])))
    coefficients = np.empty((len(pairs), draws))
    for start in range(0, draws, CHUNK):
        chunk, vectors = slice(start, start + CHUNK), {}
        for row, pair in enumerate(pairs):
            counts = weights(len(pair[0]))[chunk]
            if method == "kendall":
                coefficients[row, chunk] = correlation(*pair, counts, method)
                continue
            for values in pair:
                if values.tobytes() not in vectors:
                    vectors[values.tobytes()] = np.sqrt(counts) * centred(values, counts, method)
            coefficients[row, chunk] = np.einsum(
                "dr,dr->d", *(vectors[values.tobytes()] for values in pair)
            )
    return coefficients


def permuted(x: np.ndarray, y: np.ndarray, orders: np.ndarray, method: Method) -> np.ndarray:
    """Return the coefficients [orders] of x [rows] with y [rows] in the orders [orders, rows]."""
    ones = np.ones((1, len(x)))
    coefficients: np.ndarray
    if method == "kendall":
        pairs, shuffled = signs(x), y[orders]
        concordance = sum(
            np.sign(shuffled[:, [row]] - shuffled[:, :row]) @ pairs[row, :row]
            for row in range(1, len(x))
        )
        coefficients = 2 * concordance / np.sqrt(untied(x, ones) * untied(y, ones))
    else:
        coefficients = centred(y, ones, method)[0][orders] @ centred(x, ones, method)[0]
    return coefficients
