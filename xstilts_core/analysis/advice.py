"""Predict the gains of recipes on a target that no study has measured, by partial pooling.

Evidence is a frame with one row per measured gain: `table` (the study), `recipe`, `target`, `gain`
(points over the baseline), `error` (its standard error), `format` (the target's), and covariates.
The gain g of recipe r on target t of format f in table s is modelled as

    g = x'b + u[r] + u[r, f] + v[s, f] + v[s, t] + e,    e ~ N(0, sigma^2 + error^2)

with normal effects: of the standardised covariates x, of a recipe, of a recipe on targets of one
format, of a format and of a target in one table. The variances are estimated by maximum marginal
likelihood with a weak prior, the effects by their posterior mean (best linear unbiased prediction:
Henderson 1975; the same as a Gaussian process with these covariances: Rasmussen and Williams 2006,
chapter 2). A target without data has v[s, t] = 0 in the mean and its full variance in the interval.

Intervals are calibrated: each target in turn is left out, and the widths are multiplied by the
quantile of the standardised errors that makes their coverage nominal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.stats import norm

GROUPS: tuple[tuple[str, ...], ...] = (
    ("recipe",),
    ("recipe", "format"),
    ("table", "format"),
    ("table", "target"),
)
"""Columns whose joint values share an effect."""
LEVELS = (0.8, 0.95)
NONE = "none"
_SCALE = 5.0
"""Points of gain to which standard deviations are relative: a typical gain."""
_START, _PRIOR, _BOUNDS = -1.5, 0.05, (-7.0, 3.0)
"""Log variances: where the search begins, the precision of the normal prior around -1, and
limits."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predicted gains of the rows of a frame, in points: posterior mean and standard deviation,
    [rows] each; widths: half an interval of each level in standard deviations."""

    mean: np.ndarray
    deviation: np.ndarray
    widths: dict[float, float]

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper ends [rows] of the interval of a level."""
        half = self.widths[level] * self.deviation
        return self.mean - half, self.mean + half

    @property
    def chance(self) -> np.ndarray:
        """Return the probability [rows] that the gain is above zero."""
        return norm.cdf(self.mean / self.deviation)


class Pooling:
    """The model of this module's docstring, fitted to evidence.

    covariates: names of numeric columns; they are standardised by the evidence.
    """

    def __init__(self, evidence: pd.DataFrame, covariates: Sequence[str] = ()):
        self.evidence, self.covariates = evidence, tuple(covariates)
        table = evidence[list(self.covariates)].to_numpy(float)
        self._center, self._spread = table.mean(0), np.maximum(table.std(0), 1e-9)
        self._gain = evidence["gain"].to_numpy(float) / _SCALE
        self._noise = (evidence["error"].to_numpy(float) / _SCALE) ** 2
        self._terms = self._kernels(evidence, evidence)
        optimum = minimize(
            self._loss,
            np.full(len(self._terms) + 1, _START),
            jac=True,
            method="L-BFGS-B",
            bounds=[_BOUNDS] * (len(self._terms) + 1),
        )
        self.variances = np.exp(optimum.x)
        self._factor = cho_factor(self._covariance(self.variances), lower=True)
        self._weights = cho_solve(self._factor, self._gain)

    def _kernels(self, rows: pd.DataFrame, columns: pd.DataFrame) -> np.ndarray:
        """Return [terms, rows, columns]: the covariance of each effect at variance 1."""
        terms = [np.ones((len(rows), len(columns)))]
        for group in GROUPS:
            left, right = (
                pd.MultiIndex.from_frame(frame[list(group)].astype(str)).to_flat_index()
                for frame in (rows, columns)
            )
            terms.append(left.to_numpy()[:, None] == right.to_numpy()[None])
        for number, name in enumerate(self.covariates):
            first, second = (
                (frame[name].to_numpy(float) - self._center[number]) / self._spread[number]
                for frame in (rows, columns)
            )
            terms.append(np.outer(first, second))
        return np.stack(terms).astype(float)

    def _covariance(self, variances: np.ndarray) -> np.ndarray:
        return np.tensordot(variances[:-1], self._terms, 1) + np.diag(variances[-1] + self._noise)

    def _loss(self, logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the negative log posterior of the log variances, and its gradient."""
        variances = np.exp(logarithms)
        factor = cho_factor(self._covariance(variances), lower=True)
        weights = cho_solve(factor, self._gain)
        inverse = cho_solve(factor, np.eye(len(weights)))
        difference = inverse - np.outer(weights, weights)
        slopes = np.append(np.einsum("kij,ij->k", self._terms, difference), np.trace(difference))
        deviation = logarithms + 1
        loss = 0.5 * self._gain @ weights + np.log(np.diag(factor[0])).sum()
        return (
            float(loss + 0.5 * _PRIOR * deviation @ deviation),
            0.5 * slopes * variances + _PRIOR * deviation,
        )

    def predict(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the standard deviation [rows] of a newly measured gain, in
        points."""
        cross = np.tensordot(self.variances[:-1], self._kernels(rows, self.evidence), 1)
        own = np.einsum("k,kii->i", self.variances[:-1], self._kernels(rows, rows))
        explained = solve_triangular(self._factor[0], cross.T, lower=True)
        variance = own - (explained**2).sum(0) + self.variances[-1]
        return _SCALE * cross @ self._weights, _SCALE * np.sqrt(np.maximum(variance, 1e-12))


def leave_one_target_out(evidence: pd.DataFrame, covariates: Sequence[str] = ()) -> pd.DataFrame:
    """Return the evidence with `mean` and `deviation` of each gain as predicted from the other
    targets. Targets are told apart by name, whatever their table."""
    parts = []
    for target in evidence["target"].unique():
        held = evidence["target"] == target
        mean, deviation = Pooling(evidence[~held], covariates).predict(evidence[held])
        parts.append(evidence[held].assign(mean=mean, deviation=deviation))
    return pd.concat(parts)


def calibrated(predicted: pd.DataFrame) -> dict[float, float]:
    """Return for each level the quantile of the standardised errors of predictions of left-out
    targets, and at least that of a normal distribution where there are too few to tell.

    predicted: as of `leave_one_target_out`. With n errors the quantile is the
    ceil((n + 1) level)-th smallest one (split conformal prediction: Lei et al. 2018).
    """
    errors = np.sort(np.abs(predicted["gain"] - predicted["mean"]) / predicted["deviation"])
    ranks = {level: int(np.ceil((len(errors) + 1) * level)) for level in LEVELS}
    return {
        level: float(errors[rank - 1]) if rank <= len(errors) else float(norm.ppf((1 + level) / 2))
        for level, rank in ranks.items()
    }


def predict(
    evidence: pd.DataFrame, rows: pd.DataFrame, covariates: Sequence[str] = ()
) -> Prediction:
    """Predict the gains of rows (`table`, `recipe`, `target`, `format`, covariates) from the
    evidence, which needs two targets."""
    mean, deviation = Pooling(evidence, covariates).predict(rows)
    return Prediction(mean, deviation, calibrated(leave_one_target_out(evidence, covariates)))


Rule = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]
"""(evidence of other targets, rows of a target) -> a score of each row; recipes with a score above
zero are preferred to none."""


def by_model(evidence: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Score by the model's predicted gain."""
    return Pooling(evidence).predict(rows)[0]


def by_average(evidence: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Score by a recipe's mean gain on the other targets."""
    return rows["recipe"].map(evidence.groupby("recipe")["gain"].mean()).to_numpy(float)


def by_size(evidence: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Score by the number of training rows: the largest set, whatever it gains."""
    return rows["size"].to_numpy(float)


def by_format(evidence: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Score the recipes of the target's format by their mean gain on the other targets, and no
    other recipe."""
    same = rows["same_format"].to_numpy(float) > 0
    return np.where(same, by_average(evidence, rows), -np.inf)


def regret(gains: np.ndarray, scores: np.ndarray, first: int = 1) -> float:
    """Return the points lost against the best of the recipes and none by trying the `first` best
    scored ones.

    gains, scores: [recipes]; none has score and gain 0, a score of nan counts as -inf.
    """
    scores = np.append(np.where(np.isnan(scores), -np.inf, scores), 0.0)
    gains = np.append(gains, 0.0)
    tried = np.argsort(-scores, kind="stable")[:first]
    return float(gains.max() - gains[tried].max())
