"""Restricted maximum likelihood of y = X b + sum_k Z_k u_k + e with crossed normal random effects
u_k and noise e.

With v_k = variance of u_k by that of e, and M the projection that takes X out, the profiled
criterion is (Patterson and Thompson 1971; Bates and others 2015)

    d(v) = log|V| + m log(y' M V^-1 M y),    V = I + sum_k v_k M Z_k Z_k' M,    m = rows less columns of X

With M Z = Q R, V is I + R diag(v) R' on the columns of Q, a matrix as wide as there are levels, and
what of y lies outside of Q is a sum of squares of its own: nothing large is subtracted from
another, so that the gradient is exact to the last digits wherever the minimum is. It is searched
for over log v, in which no scale is preferred, from several starts; each v_k is then tried at 0,
the boundary, where log v never arrives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

# Starts: all sources alike, at these ratios.
STARTS = (0.01, 1.0, 100.0)
LEAST, MOST = 1e-12, 1e12
# With y - X b below this share of y nothing varies.
NOTHING = 1e-12
# Noise has at least this share of the sum of squares: numbers made without any have that of their
# last digits, which is no measurement.
_LAST_DIGITS = 1e-10
# A source is without variance where the criterion (twice a log-likelihood) tells it from 0 by less.
TOLD = 1e-6


@dataclass(frozen=True, slots=True)
class Criterion:
    """d(v) and its gradient. root [width, levels]: R; seen [width]: Q'y; rest: y'y outside of Q;
    source [levels]: k; freedom: m."""

    root: np.ndarray
    seen: np.ndarray
    rest: float
    source: np.ndarray
    freedom: int

    def at(self, ratios: np.ndarray) -> tuple[float, np.ndarray, float, np.ndarray]:
        """d, its derivatives by log v, y' M V^-1 M y, and V^-1 Q'y, at v = `ratios` [sources]."""
        lower = cholesky(
            np.eye(len(self.root)) + (self.root * ratios[self.source]) @ self.root.T,
            lower=True,
            check_finite=False,
        )
        solved = cho_solve((lower, True), self.seen, check_finite=False)
        squares = self.rest + float(self.seen @ solved)
        value = 2 * float(np.log(np.diag(lower)).sum()) + self.freedom * float(np.log(squares))
        spread = (solve_triangular(lower, self.root, lower=True, check_finite=False) ** 2).sum(
            axis=0
        )
        pulled = self.freedom / squares * (self.root.T @ solved) ** 2
        return (
            value,
            ratios * np.bincount(self.source, spread - pulled, len(ratios)),
            squares,
            solved,
        )


def lowest(criterion: Criterion, count: int) -> np.ndarray:
    """The ratios v [count] at the minimum of the criterion; exactly 0 on the boundary."""
    best, least = np.zeros(count), criterion.at(np.zeros(count))[0]
    bounds, options = (
        [(np.log(LEAST), np.log(MOST))] * count,
        {"maxiter": 1000, "ftol": 0.0, "gtol": 1e-9},
    )
    for start in STARTS if count else ():
        begin = np.full(count, np.log(start))
        found = minimize(
            lambda logs: criterion.at(np.exp(logs))[:2],
            begin,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        )
        if found.fun < least - TOLD:
            best, least = np.exp(found.x), float(found.fun)
    for place in np.argsort(best):
        without = np.where(np.arange(count) == place, 0.0, best)
        if criterion.at(without)[0] <= criterion.at(best)[0] + TOLD:
            best = without
    return best


def told_apart(fixed: np.ndarray, levels: Sequence[np.ndarray]) -> list[int]:
    """The places of the sources whose variances this table can tell from the noise and from those
    before them.

    Those whose Z_k Z_k', once X is taken out, are no sum of the identity and the others' (Searle,
    Casella and McCulloch 1992).
    """
    basis = np.linalg.qr(fixed)[0]
    spans = [held(basis, codes) for codes in levels]
    kept: list[int] = []
    for place in range(len(spans)):
        tried = [*kept, place]
        crossed = np.array(
            [[((spans[one].T @ spans[other]) ** 2).sum() for other in tried] for one in tried]
        )
        alone = np.array([(spans[one] ** 2).sum() for one in tried])
        products = np.block(
            [[np.array([[len(fixed) - basis.shape[1]]]), alone[None]], [alone[:, None], crossed]]
        ).astype(float)
        scale = np.sqrt(np.diag(products))
        if (scale > 0).all() and np.linalg.eigvalsh(products / np.outer(scale, scale))[0] > 1e-9:
            kept = tried
    return kept


def held(basis: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """M Z [rows, levels] of a source from the level of each row, `basis` an orthonormal one of
    X."""
    indicator = np.eye(codes.max() + 1)[codes]
    return indicator - basis @ (basis.T @ indicator)


def fit(
    values: np.ndarray, fixed: np.ndarray, levels: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimates of b, their covariance, and the variances of the sources and, last, of the noise.

    values: y [rows]; fixed: X [rows, columns] of full rank; levels: for each source the level, from
    0, of each row. With u the predicted effects, b is the least-squares fit to y - Z u, and its
    covariance that of least squares and, beside it, that of u - u_true carried over (Henderson
    1975).
    """
    basis, triangle = np.linalg.qr(fixed)
    free = values - basis @ (basis.T @ values)
    whole, freedom = float(free @ free), len(values) - fixed.shape[1]
    least_squares = solve_triangular(triangle, basis.T)
    if whole <= (NOTHING * np.abs(values).max(initial=0.0)) ** 2 * len(values):
        return least_squares @ values, np.zeros((fixed.shape[1],) * 2), np.zeros(len(levels) + 1)
    none = np.zeros((len(values), 0))
    sides, root = np.linalg.qr(
        np.concatenate([none, *(held(basis, codes) for codes in levels)], axis=1)
    )
    seen = sides.T @ free
    rest = max(float(((free - sides @ seen) ** 2).sum()), _LAST_DIGITS * whole)
    source = np.repeat(np.arange(len(levels)), [codes.max() + 1 for codes in levels]).astype(int)
    criterion = Criterion(root, seen, rest, source, freedom)
    ratios = lowest(criterion, len(levels))
    _, _, squares, solved = criterion.at(ratios)
    effects = np.concatenate([none, *(np.eye(codes.max() + 1)[codes] for codes in levels)], axis=1)
    predicted = ratios[source] * (root.T @ solved)
    scaled = root * np.sqrt(ratios[source])
    lower = cholesky(np.eye(len(source)) + scaled.T @ scaled, lower=True)
    carried = solve_triangular(
        lower, (least_squares @ effects * np.sqrt(ratios[source])).T, lower=True
    )
    covariance = squares / freedom * (least_squares @ least_squares.T + carried.T @ carried)
    return (
        least_squares @ (values - effects @ predicted),
        covariance,
        np.append(ratios, 1.0) * squares / freedom,
    )
