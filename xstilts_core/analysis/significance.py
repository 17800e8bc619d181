"""Permutation tests of numbers, and p-values adjusted for the number of tests.

If a recipe changes nothing, its score and the baseline's could just as well be swapped, by seed or
by test item (gain_tests.py). A test swaps them and counts how often the gain is then as far from 0
as the observed one (Fisher 1935).
"""

from itertools import product

import numpy as np

# Statistics that differ only by rounding count as equal.
_TIE = 1e-12
PERMUTATIONS = 10_000


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's (1979) adjusted p-values, which keep the probability of any false finding below
    alpha.

    Of m p-values in ascending order, the k-th becomes the largest of min(1, (m - j + 1) p_j) over j
    <= k. NaN means that there was no test, and stays NaN.
    """
    p = np.array(p, dtype=float)
    order = np.argsort(p, kind="stable")[: np.isfinite(p).sum()]
    p[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return p


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return adjusted p-values that keep the expected share of false findings among all findings
    below alpha (Benjamini and Hochberg 1995).

    Uses scipy's `false_discovery_control`. NaN means that there was no test, and stays NaN.
    """
    from scipy.stats import false_discovery_control

    p = np.array(p, dtype=float)
    tests = np.isfinite(p)
    if tests.any():
        p[tests] = false_discovery_control(p[tests])
    return p


def tail_share(observed: float, drawn: np.ndarray, exact: bool) -> float:
    """Return a two-sided p-value: the share of the permutations `drawn` whose statistic is at least
    as far from 0 as the observed one.

    exact: `drawn` holds all possible permutations. Otherwise they are drawn at random, and p is (1
    + count) / (1 + permutations), never 0 (Phipson and Smyth 2010).
    """
    extreme = int(np.count_nonzero(np.abs(drawn) >= abs(observed) - _TIE * max(1.0, abs(observed))))
    return extreme / len(drawn) if exact else (1 + extreme) / (1 + len(drawn))


def sign_flip_p(values: np.ndarray, permutations: int = PERMUTATIONS) -> float:
    """Return the two-sided p-value of a mean of 0 for `values` [units], if both signs of each unit
    are equally likely (Fisher 1935).

    Uses all 2^units sign patterns if these are at most `permutations`, else that many random ones.
    NaN without values.
    """
    values = np.asarray(values, dtype=float)
    if len(values) == 0 or not np.isfinite(values).all():
        return float("nan")
    exact = 2.0 ** len(values) <= permutations
    if exact:
        signs = np.array(list(product((1.0, -1.0), repeat=len(values))))
    else:
        signs = np.random.default_rng([0, 6]).choice((1.0, -1.0), size=(permutations, len(values)))
    return tail_share(float(values.mean()), signs @ values / len(values), exact)
