"""Fit y = X b + sum_k Z_k u_k + e, with crossed normal random effects u_k and noise e, by
restricted maximum likelihood.

With v_k = variance of u_k divided by that of e, and M the projection that removes X, the profiled
criterion is (Patterson and Thompson 1971; Bates and others 2015)

    d(v) = log|V| + m log(y' M V^-1 M y)
    V = I + sum_k v_k M Z_k Z_k' M,    m = rows - columns of X

With M Z = Q R, V is I + R diag(v) R' on the columns of Q, a matrix as wide as there are levels, and
the part of y outside of Q is a separate sum of squares. No large number is subtracted from another,
so the gradient is exact to the last digits wherever the minimum is. The search runs over log v, in
which no scale is preferred, from several starts. Each v_k is then tried at 0, the boundary that log
v never reaches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

# Starting points: the same ratio for all sources.
STARTS = (0.01, 1.0, 100.0)
LEAST, MOST = 1e-12, 1e12
# If y - X b is below this share of y, nothing varies.
NOTHING = 1e-12
# Smallest share of the sum of squares for the noise. Noise-free numbers vary only in their last
# digits, which is no measurement.
_LAST_DIGITS = 1e-10
# A source has no variance if the criterion (twice a log-likelihood) favors it over 0 by less.
_LEAST_DIFFERENCE = 1e-6


@dataclass(frozen=True, slots=True)
class Criterion:
    """The criterion d(v) and its gradient. root [width, levels]: R; projected [width]: Q'y;
    rest: y'y outside of Q; source [levels]: k; freedom: m."""

    root: np.ndarray
    projected: np.ndarray
    rest: float
    source: np.ndarray
    freedom: int

    def at(self, ratios: np.ndarray) -> tuple[float, np.ndarray, float, np.ndarray]:
        """Return d, its derivatives by log v, y' M V^-1 M y and V^-1 Q'y at v = `ratios`
        [sources]."""
        lower = cholesky(
            np.eye(len(self.root)) + (self.root * ratios[self.source]) @ self.root.T,
            lower=True,
            check_finite=False,
        )
        solution = cho_solve((lower, True), self.projected, check_finite=False)
        squares = self.rest + float(self.projected @ solution)
        value = 2 * float(np.log(np.diag(lower)).sum()) + self.freedom * float(np.log(squares))
        spread = (solve_triangular(lower, self.root, lower=True, check_finite=False) ** 2).sum(
            axis=0
        )
        pull = self.freedom / squares * (self.root.T @ solution) ** 2
        return (
            value,
            ratios * np.bincount(self.source, spread - pull, len(ratios)),
            squares,
            solution,
        )


def lowest(criterion: Criterion, count: int) -> np.ndarray:
    """Return the ratios v [count] at the minimum of the criterion; exactly 0 on the boundary."""
    best, least = np.zeros(count), criterion.at(np.zeros(count))[0]
    bounds, options = (
        [(np.log(LEAST), np.log(MOST))] * count,
        {"maxiter": 1000, "ftol": 0.0, "gtol": 1e-9},
    )
    for start in STARTS if count else ():
        initial = np.full(count, np.log(start))
        optimum = minimize(
            lambda logs: criterion.at(np.exp(logs))[:2],
            initial,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        )
        if optimum.fun < least - _LEAST_DIFFERENCE:
            best, least = np.exp(optimum.x), float(optimum.fun)
    for index in np.argsort(best):
        reduced = np.where(np.arange(count) == index, 0.0, best)
        if criterion.at(reduced)[0] <= criterion.at(best)[0] + _LEAST_DIFFERENCE:
            best = reduced
    return best


def separable_sources(fixed: np.ndarray, levels: Sequence[np.ndarray]) -> list[int]:
    """Return the indices of the sources whose variances can be separated from the noise and from
    those of earlier sources.

    These are the sources whose Z_k Z_k', once X is removed, is no linear combination of the
    identity and the others' (Searle, Casella and McCulloch 1992).
    """
    basis = np.linalg.qr(fixed)[0]
    spans = [_without(basis, _indicator(codes)) for codes in levels]
    crossed = np.array([[((one.T @ other) ** 2).sum() for other in spans] for one in spans])
    norms = np.array([(span**2).sum() for span in spans])
    # The first row and column are those of the noise.
    products = np.block([[len(fixed) - basis.shape[1], norms], [norms[:, None], crossed]])
    scale = np.sqrt(np.diag(products))
    sources: list[int] = []
    for index in np.flatnonzero(scale[1:] > 0).tolist():
        chosen = [0, *(source + 1 for source in [*sources, index])]
        scaled = products[np.ix_(chosen, chosen)] / np.outer(scale[chosen], scale[chosen])
        if np.linalg.eigvalsh(scaled)[0] > 1e-9:
            sources.append(index)
    return sources


def _indicator(codes: np.ndarray) -> np.ndarray:
    """Return Z [rows, levels] of a source from the level of each row."""
    indicator: np.ndarray = np.eye(codes.max() + 1)[codes]
    return indicator


def _without(basis: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return M Z for columns Z [rows, levels]; `basis` is an orthonormal basis of X."""
    remaining: np.ndarray = columns - basis @ (basis.T @ columns)
    return remaining


def fit(
    values: np.ndarray, fixed: np.ndarray, levels: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the estimates of b, their covariance, and the variances of the sources followed by
    that of the noise.

    values: y [rows]; fixed: X [rows, columns] of full rank; levels: for each source, the level of
    each row, from 0. With u the predicted effects, b is the least-squares fit to y - Z u. Its
    covariance is that of least squares plus that of u - u_true propagated to b (Henderson 1975).
    """
    basis, triangle = np.linalg.qr(fixed)
    residual = values - basis @ (basis.T @ values)
    total, freedom = float(residual @ residual), len(values) - fixed.shape[1]
    least_squares = solve_triangular(triangle, basis.T)
    if total <= (NOTHING * np.abs(values).max(initial=0.0)) ** 2 * len(values):
        return least_squares @ values, np.zeros((fixed.shape[1],) * 2), np.zeros(len(levels) + 1)
    indicators = [np.zeros((len(values), 0)), *map(_indicator, levels)]
    effects = np.concatenate(indicators, axis=1)
    source = np.repeat(np.arange(len(levels)), [one.shape[1] for one in indicators[1:]]).astype(int)
    parts = [_without(basis, one) for one in indicators]
    directions, root = np.linalg.qr(np.concatenate(parts, axis=1))
    projected = directions.T @ residual
    rest = max(float(((residual - directions @ projected) ** 2).sum()), _LAST_DIGITS * total)
    criterion = Criterion(root, projected, rest, source, freedom)
    ratios = lowest(criterion, len(levels))
    _, _, squares, solution = criterion.at(ratios)
    predicted, roots = ratios[source] * (root.T @ solution), np.sqrt(ratios[source])
    scaled = root * roots
    lower = cholesky(np.eye(len(source)) + scaled.T @ scaled, lower=True)
    propagated = solve_triangular(lower, (least_squares @ effects * roots).T, lower=True)
    covariance = squares / freedom * (least_squares @ least_squares.T + propagated.T @ propagated)
    estimates = least_squares @ (values - effects @ predicted)
    return estimates, covariance, np.append(ratios, 1.0) * squares / freedom
