"""Predict the gains of recipes on a target by partial pooling, and compare the advice with rules.

Evidence (evidence.py) is a frame with one row per measured gain: `table` (the study), `recipe`,
`target`, `gain` (points over the baseline), `error` (its standard error), `format` (the target's),
and covariates. The gain g of recipe r on target t of format f in table s is modelled as

    g = x'b + u[r] + u[r, f] + u[r, t] + v[s, f] + v[s, t] + e,    e ~ N(0, sigma^2 + error^2)

with normal effects: of the standardised covariates x, of a recipe, of a recipe on targets of one
format and on one target, of a format and of a target in one table. The variances are estimated by
maximum marginal likelihood with a weak prior, the effects by their posterior mean (best linear
unbiased prediction: Henderson 1975; the same as a Gaussian process with these covariances:
Rasmussen and Williams 2006, chapter 2). A target without data has v[s, t] = 0 in the mean and its
full variance in the interval.

Intervals are calibrated: each target in turn is left out, and the widths are multiplied by the
quantile of the standardised errors that makes their coverage nominal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.stats import norm

GROUPS: tuple[tuple[str, ...], ...] = (
    ("recipe",),
    ("recipe", "format"),
    ("recipe", "target"),
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
        return np.asarray(norm.cdf(self.mean / self.deviation))


class Pooling:
    """The model of this module's docstring, fitted to evidence.

    covariates: names of numeric columns; they are standardised by the evidence, and a missing value
    counts as their mean.
    """

    def __init__(self, evidence: pd.DataFrame, covariates: Sequence[str] = ()):
        self.evidence, self.covariates = evidence, tuple(covariates)
        values = evidence[list(self.covariates)]
        self._center, self._spread = values.mean(), values.std(ddof=0).clip(lower=1e-9)
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
        terms, both = [np.ones((len(rows), len(columns)))], pd.concat([rows, columns])
        for group in GROUPS:
            effects = both.groupby(list(group), sort=False).ngroup().to_numpy()
            terms.append(effects[: len(rows), None] == effects[None, len(rows) :])
        for name in self.covariates:
            first, second = (
                ((frame[name] - self._center[name]) / self._spread[name]).fillna(0.0)
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

    def predict(self, rows: pd.DataFrame) -> Prediction:
        """Predict newly measured gains of rows (`table`, `recipe`, `target`, `format`,
        covariates)."""
        return Prediction(*self._posterior(rows), self.widths)

    def _posterior(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the standard deviation [rows] of newly measured gains, in points."""
        cross = np.tensordot(self.variances[:-1], self._kernels(rows, self.evidence), 1)
        own = np.einsum("k,kii->i", self.variances[:-1], self._kernels(rows, rows))
        explained = solve_triangular(self._factor[0], cross.T, lower=True)
        variance = own - (explained**2).sum(0) + self.variances[-1]
        return _SCALE * cross @ self._weights, _SCALE * np.sqrt(np.maximum(variance, 1e-12))

    @cached_property
    def left_out(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the standard deviation [rows] of each gain of the evidence as predicted by a
        model of the other targets, whatever their table."""
        target = self.evidence["target"].to_numpy(object)
        mean, deviation = np.empty((2, len(target)))
        for held in (target == name for name in dict.fromkeys(target)):
            others = Pooling(self.evidence[~held], self.covariates)
            mean[held], deviation[held] = others._posterior(self.evidence[held])
        return mean, deviation

    @cached_property
    def widths(self) -> dict[float, float]:
        """For each level the quantile of the standardised errors on left-out targets; that of a
        normal distribution where there are too few to tell.

        With n errors it is the ceil((n + 1) level)-th smallest one (split conformal prediction: Lei
        et al. 2018).
        """
        mean, deviation = self.left_out
        errors = np.sort(np.abs(self.evidence["gain"].to_numpy(float) - mean) / deviation)
        ranks = {level: int(np.ceil((len(errors) + 1) * level)) for level in LEVELS}
        return {
            level: float(errors[rank - 1]) if rank <= len(errors) else norm.ppf((1 + level) / 2)
            for level, rank in ranks.items()
        }


# ---- simple rules


Rule = Callable[[pd.DataFrame, pd.DataFrame], pd.Series]
"""(evidence of other targets, rows of a target) -> a score of each row; recipes with a score above
zero are preferred to none, and one without a score is not recommended."""


def _by_average(evidence: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Score by a recipe's mean gain on the other targets."""
    return rows["recipe"].map(evidence.groupby("recipe")["gain"].mean()).astype(float)


def _by_format(evidence: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Score the recipes of the target's format by their mean gain on the other targets."""
    return _by_average(evidence, rows).where(rows["same_format"] > 0)


MODEL, ADVISOR, CHANCE, SIMILAR = "the model", "the advisor", "chance", "most similar texts"
RULES: Mapping[str, Rule] = {
    "best on average": _by_average,
    "same format": _by_format,
    "largest set": lambda evidence, rows: rows["size"],
    SIMILAR: lambda evidence, rows: rows["similarity"],
}


def regret(gains: np.ndarray, scores: np.ndarray, first: int = 1) -> float:
    """Return the points lost against the best of the recipes and none by trying the `first` best
    scored ones.

    gains, scores: [recipes]; none has score and gain 0, a score of nan counts as -inf.
    """
    scores = np.append(np.where(np.isnan(scores), -np.inf, scores), 0.0)
    gains = np.append(gains, 0.0)
    tried = np.argsort(-scores, kind="stable")[:first]
    return float(gains.max() - gains[tried].max())


def _scores(evidence: pd.DataFrame, rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the scores of the rows by each rule, that of similar texts if these are known."""
    return {
        name: rule(evidence, rows)
        for name, rule in RULES.items()
        if name != SIMILAR or "similarity" in rows
    }


def _covariates(evidence: pd.DataFrame) -> list[str]:
    """Return the covariates of the model that the evidence has."""
    return [name for name in ("same_format", "log_size", "similarity") if name in evidence]


def rule_regrets(model: Pooling) -> pd.Series:
    """Return the mean regret of the model and of each rule over the targets of the model's
    evidence, each left out; the model first."""
    evidence = model.evidence.assign(mean=model.left_out[0])
    rows = []
    for (_, target), measured in evidence.groupby(["table", "target"], sort=False):
        others, gain = evidence[evidence["target"] != target], measured["gain"].to_numpy(float)
        scores = {MODEL: measured["mean"], **_scores(others, measured)}
        rows.append({name: regret(gain, score.to_numpy(float)) for name, score in scores.items()})
    return pd.DataFrame(rows).mean()


def advise(evidence: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Rank the recipes for a target, none among them: the rows, best first, with gain low_80
    high_80 low_95 high_95 chance (that the gain is above zero); and `rule_regrets`.

    The order is the model's, or that of a simple rule if the rule has the lowest regret (`attrs`:
    rule) and the target was not measured itself. Intervals are always the model's.
    """
    model = Pooling(evidence, _covariates(evidence))
    regrets, prediction = rule_regrets(model), model.predict(rows)
    measured = bool(evidence["target"].isin(rows["target"]).any())
    rule = MODEL if measured else str(regrets.idxmin())
    score = prediction.mean if rule == MODEL else RULES[rule](evidence, rows)
    ends = {
        f"{end}_{100 * level:.0f}": values
        for level in LEVELS
        for end, values in zip(("low", "high"), prediction.interval(level), strict=True)
    }
    table = rows.assign(gain=prediction.mean, **ends, chance=prediction.chance, score=score)
    none = {"recipe": NONE, "tasks": (), "gain": 0.0, "score": 0.0, **dict.fromkeys(ends, 0.0)}
    table = pd.concat([pd.DataFrame([none]), table], ignore_index=True)
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    table.attrs["rule"] = rule
    return table, regrets


# ---- how good the advice is


ORIGINS: Mapping[str, Callable[[pd.DataFrame, str, str], pd.Series]] = {
    "other targets": lambda frame, table, target: (
        (frame["target"] != target) & (frame["table"] == table)
    ),
    "other targets, all tables": lambda frame, table, target: frame["target"] != target,
    "other tables": lambda frame, table, target: frame["table"] != table,
}
"""What advice for a target of a table is derived from."""
MEASURES = ("regret_1", "regret_3", "correlation", "covered_80", "covered_95")


def measure(evidence: pd.DataFrame) -> pd.DataFrame:
    """Advise on every measured target from the evidence of each of ORIGINS alone: a row per origin,
    table, target and rule, with columns MEASURES.

    regret: as in `regret`; by chance its mean over all choices. correlation: Spearman's, of the
    scores with the gains. covered: share of the gains inside the model's intervals. The advisor is
    the model, or the rule with the lowest regret in the same evidence.
    """
    rows = []
    for (table, target), measured in evidence.groupby(["table", "target"], sort=False):
        for origin, select in ORIGINS.items():
            known = evidence[select(evidence, str(table), str(target))]
            if known["target"].nunique() > 1:
                key = {"origin": origin, "table": table, "target": target}
                rows += [{**key, **row} for row in _measures(known, measured)]
    return pd.DataFrame(rows)


def _measures(known: pd.DataFrame, measured: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows of `measure` for one target and origin."""
    model = Pooling(known, _covariates(known))
    prediction, gain = model.predict(measured), measured["gain"].to_numpy(float)
    scores = {MODEL: pd.Series(prediction.mean), **_scores(known, measured)}
    covered = {}
    for level in LEVELS:
        low, high = prediction.interval(level)
        covered[f"covered_{100 * level:.0f}"] = float(np.mean((low <= gain) & (gain <= high)))
    best, tried = max(0.0, gain.max()), [*gain, 0.0]
    by_chance = {
        f"regret_{first}": best - np.mean([max(some) for some in combinations(tried, first)])
        for first in (1, 3)
    }
    rows = [
        {
            "rule": name,
            **{f"regret_{first}": regret(gain, score.to_numpy(float), first) for first in (1, 3)},
            "correlation": score.reset_index(drop=True).rank().corr(pd.Series(gain).rank()),
            **(covered if name == MODEL else {}),
        }
        for name, score in scores.items()
    ]
    chosen = list(scores).index(str(rule_regrets(model).idxmin()))
    return [
        {**rows[chosen], **covered, "rule": ADVISOR},
        *rows,
        {"rule": CHANCE, **by_chance, "correlation": 0.0},
    ]


def measure_summary(measures: pd.DataFrame, resamples: int = 10_000) -> pd.DataFrame:
    """Return the mean of each of MEASURES over targets with a 95 % interval, from resampled targets
    (percentile bootstrap), by origin, table and rule: columns measure value low high targets.

    The tables together follow as table "all": the mean over their targets.
    """
    every = pd.concat([measures, measures.assign(table="all")])
    draws = np.random.default_rng(0)
    rows = []
    for key, group in every.groupby(["origin", "table", "rule"], sort=False):
        for name in MEASURES:
            values = group[name].dropna().to_numpy(float)
            if len(values):
                means = draws.choice(values, (resamples, len(values))).mean(1)
                low, high = np.percentile(means, [2.5, 97.5])
                rows.append((*key, name, values.mean(), low, high, len(values)))
    columns = ["origin", "table", "rule", "measure", "value", "low", "high", "targets"]
    return pd.DataFrame(rows, columns=columns)
