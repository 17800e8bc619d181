"""Correlation coefficients of resampled and of permuted rows, many at once. Formulas: Pearson,
Spearman (Pearson's of mid-ranks), and Kendall's tau-b (Kendall 1945, "The treatment of ties in
ranking problems").

A resample is a row of weights: how often each of the n rows of data was drawn. Ranks and concordant
pairs of a resample follow from its weights by one matrix product, so that nothing is sorted twice:
the mid-rank of row i is the weight of all lower rows, and half of one more than the weight of the
rows tied with it.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

Method = Literal["spearman", "pearson", "kendall"]
METHODS: tuple[Method, ...] = ("spearman", "pearson", "kendall")
# Below this share of its scale a spread is rounding: the values are all equal and have no
# correlation.
ROUNDING = 1e-13
# Resamples that are worked on at a time: every variable of a table in so many of them fits into
# memory.
CHUNK = 1000


def signs(values: np.ndarray) -> np.ndarray:
    """[rows, rows]: 1 where the first is larger than the second, -1 where smaller, 0 where they are
    tied."""
    return np.sign(values[:, None] - values)


def centred(values: np.ndarray, weights: np.ndarray, method: Method) -> np.ndarray:
    """Ranks (Spearman) or values (Pearson) less their weighted mean, divided by the root of their
    weighted sum of squares.

    [draws, rows]. NaN for a resample in which all values are equal.
    """
    if method == "spearman":
        # The mean of mid-ranks is half of one more than all weight, so that what is left of a rank
        # is half the weight of the lower rows less half that of the higher ones: a multiple of a
        # half, without any rounding.
        rest, scale = weights @ (-0.5 * signs(values)), 1.0
    else:
        rest, scale = (
            values - (weights @ values / weights.sum(axis=1))[:, None],
            float(np.abs(values).max()),
        )
    spread = np.sqrt(np.einsum("dr,dr->d", weights * rest, rest))
    return rest / np.where(spread > ROUNDING * scale, spread, np.nan)[:, None]


def untied(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[draws]: twice the number of pairs of a resample that are not tied."""
    return np.einsum("dr,dr->d", weights @ np.abs(signs(values)), weights)


def correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray, method: Method) -> np.ndarray:
    """[draws] coefficients of x and y [rows] in the resamples `weights` [draws, rows]; NaN where x
    or y does not vary."""
    if method == "kendall":
        agreed = np.einsum("dr,dr->d", weights @ (signs(x) * signs(y)), weights)
        pairs = untied(x, weights) * untied(y, weights)
        return agreed / np.sqrt(np.where(pairs > 0, pairs, np.nan))
    return np.einsum(
        "dr,dr,dr->d", weights, centred(x, weights, method), centred(y, weights, method)
    )


def pair_draws(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    weights: Callable[[int], np.ndarray],
    method: Method,
) -> np.ndarray:
    """[pairs, draws]: `correlation` of many pairs (x, y), each [rows], in the resamples
    weights(rows) [draws, rows].

    What a resample makes of a variable is worked out once for all pairs that it is in: a tenth of
    the time of pair by pair.
    """
    draws = len(weights(len(pairs[0][0])))
    found = np.empty((len(pairs), draws))
    for start in range(0, draws, CHUNK):
        part, known = slice(start, start + CHUNK), {}
        for place, pair in enumerate(pairs):
            drawn = weights(len(pair[0]))[part]
            if method == "kendall":
                found[place, part] = correlation(*pair, drawn, method)
                continue
            for values in pair:
                if values.tobytes() not in known:
                    known[values.tobytes()] = np.sqrt(drawn) * centred(values, drawn, method)
            found[place, part] = np.einsum(
                "dr,dr->d", *(known[values.tobytes()] for values in pair)
            )
    return found


def permuted(x: np.ndarray, y: np.ndarray, orders: np.ndarray, method: Method) -> np.ndarray:
    """[orders] coefficients of x [rows] with y [rows] in each of the orders [orders, rows]."""
    once = np.ones((1, len(x)))
    if method == "kendall":
        pairs, shuffled = signs(x), y[orders]
        agreed = sum(
            np.sign(shuffled[:, [row]] - shuffled[:, :row]) @ pairs[row, :row]
            for row in range(1, len(x))
        )
        return 2 * agreed / np.sqrt(untied(x, once) * untied(y, once))
    return centred(y, once, method)[0][orders] @ centred(x, once, method)[0]
