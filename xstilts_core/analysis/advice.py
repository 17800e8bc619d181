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
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.stats import norm

from xstilts_core.study.spec import BASELINE

GROUPS: tuple[tuple[str, ...], ...] = (
    ("recipe",),
    ("recipe", "format"),
    ("recipe", "target"),
    ("table", "format"),
    ("table", "target"),
)
"""Columns whose joint values share an effect."""
COVARIATES = ("same_format", "log_size", "similarity", "h_score", "log_evidence")
LEVELS = (0.8, 0.95)
_SCALE = 5.0
"""Points of gain to which standard deviations are relative: a typical gain."""
_START, _PRIOR, _BOUNDS = -1.5, 0.05, (-7.0, 3.0)
"""Log variances: where the search begins, the precision of the normal prior around -1, and
limits."""


class Pooling:
    """The model of this module's docstring, fitted to evidence.

    covariates: names of numeric columns, by default those of COVARIATES that the evidence has; they
    are standardised by the evidence, and a missing value counts as their mean.
    """

    def __init__(self, evidence: pd.DataFrame, covariates: Sequence[str] = COVARIATES):
        self.evidence = evidence
        self.covariates = [name for name in covariates if name in evidence]
        values = evidence[self.covariates]
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

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Predict newly measured gains of rows (`table`, `recipe`, `target`, `format`, covariates),
        in points: columns gain deviation (posterior mean and standard deviation), low_80 high_80
        low_95 high_95 (ends of the intervals), chance (probability that the gain is above zero).
        """
        table = self._posterior(rows)
        for level, width in self.widths.items():
            for end, sign in (("low", -1), ("high", 1)):
                half = width * table["deviation"]
                table[f"{end}_{100 * level:.0f}"] = table["gain"] + sign * half
        return table.assign(chance=norm.cdf(table["gain"] / table["deviation"]))

    def _posterior(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return gain and deviation of `predict`."""
        cross = np.tensordot(self.variances[:-1], self._kernels(rows, self.evidence), 1)
        own = np.einsum("k,kii->i", self.variances[:-1], self._kernels(rows, rows))
        explained = solve_triangular(self._factor[0], cross.T, lower=True)
        variance = np.maximum(own - (explained**2).sum(0) + self.variances[-1], 1e-12)
        values = {"gain": _SCALE * cross @ self._weights, "deviation": _SCALE * np.sqrt(variance)}
        return pd.DataFrame(values, index=rows.index)

    @cached_property
    def left_out(self) -> pd.DataFrame:
        """Gain and deviation, as in `predict`, of each gain of the evidence as predicted by a model
        of the other targets, whatever their table."""
        parts = []
        for target, held in self.evidence.groupby("target", sort=False):
            others = self.evidence[self.evidence["target"] != target]
            parts.append(Pooling(others, self.covariates)._posterior(held))
        return pd.concat(parts).loc[self.evidence.index]

    @cached_property
    def widths(self) -> dict[float, float]:
        """For each level the quantile of the standardised errors on left-out targets; that of a
        normal distribution where there are too few to tell.

        With n errors it is the ceil((n + 1) level)-th smallest one (split conformal prediction: Lei
        et al. 2018).
        """
        missed = (self.evidence["gain"] - self.left_out["gain"]).abs()
        errors = np.sort(missed / self.left_out["deviation"])
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


MODEL, ADVISOR, CHANCE = "the model", "the advisor", "chance"
RULES: Mapping[str, Rule] = {
    "best on average": _by_average,
    "same format": _by_format,
    "largest set": lambda evidence, rows: rows["size"],
}
FEATURES: Mapping[str, str] = {
    "most similar texts": "similarity",
    "highest H-score": "h_score",
    "highest evidence": "log_evidence",
}
"""Rules whose score is a column, which is not known everywhere."""


def regret(gains: np.ndarray, scores: np.ndarray, first: int = 1) -> float:
    """Return the points lost against the best of the recipes and none by trying the `first` best
    scored ones.

    gains, scores: [recipes]; none has score and gain 0, a score of nan counts as -inf.
    """
    scores = np.append(np.where(np.isnan(scores), -np.inf, scores), 0.0)
    gains = np.append(gains, 0.0)
    tried = np.argsort(-scores, kind="stable")[:first]
    return float(gains.max() - gains[tried].max())


def _scores(evidence: pd.DataFrame, rows: pd.DataFrame, predicted: pd.Series) -> pd.DataFrame:
    """Return the scores of the rows by the model, by each rule and by each known feature."""
    scores = {name: rule(evidence, rows) for name, rule in RULES.items()}
    scores |= {name: rows[column] for name, column in FEATURES.items() if column in rows}
    return pd.DataFrame({MODEL: predicted, **scores}).astype(float)


def rule_regrets(model: Pooling) -> pd.Series:
    """Return the mean regret of the model and of each rule over the targets of the model's
    evidence, each left out; the model first."""
    evidence, rows = model.evidence, []
    for (_, target), measured in evidence.groupby(["table", "target"], sort=False):
        predicted = model.left_out.loc[measured.index, "gain"]
        scores = _scores(evidence[evidence["target"] != target], measured, predicted)
        rows.append({name: regret(measured["gain"], column) for name, column in scores.items()})
    return pd.DataFrame(rows).mean()


def advise(evidence: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Rank the recipes for a target, none among them: the rows with the columns of
    `Pooling.predict`, best first; and `rule_regrets`.

    The order is the model's, or that of a simple rule if the rule has the lowest regret (`attrs`:
    rule) and the target was not measured itself. Intervals are always the model's.
    """
    model = Pooling(evidence)
    regrets, prediction = rule_regrets(model), model.predict(rows)
    measured = evidence["target"].isin(rows["target"]).any()
    rule = MODEL if measured else str(regrets.idxmin())
    scores = _scores(evidence, rows, prediction["gain"])
    table = rows.drop(columns=["gain", "error"]).join(prediction).assign(score=scores[rule])
    zeros = dict.fromkeys([*prediction.drop(columns="chance"), "score"], 0.0)
    nothing = pd.DataFrame([{"recipe": BASELINE, "tasks": (), **zeros}])
    table = pd.concat([nothing, table]).sort_values("score", ascending=False, kind="stable")
    table.attrs["rule"] = rule
    return table.reset_index(drop=True), regrets


# ---- how good the advice is


ORIGINS = ("other targets", "other targets, all tables", "other tables")
"""What advice for a target of a table is derived from."""
MEASURES = ("regret_1", "regret_3", "correlation", "covered_80", "covered_95")


def measure(evidence: pd.DataFrame) -> pd.DataFrame:
    """Advise on every measured target from the evidence of each of ORIGINS alone: a row per origin,
    table, target and rule, with columns MEASURES.

    regret: as in `regret`; by chance its mean over all choices. correlation: Spearman's, of the
    scores with the gains. covered: share of the gains inside the model's intervals. The advisor is
    the model, or the rule with the lowest regret in the same evidence.
    """
    parts = []
    for (table, target), measured in evidence.groupby(["table", "target"], sort=False):
        here, elsewhere = evidence["table"] == table, evidence["target"] != target
        for origin, chosen in zip(ORIGINS, (elsewhere & here, elsewhere, ~here), strict=True):
            known = evidence[chosen]
            if known["target"].nunique() > 1:
                rows = _measures(known, measured).assign(origin=origin, table=table, target=target)
                parts.append(rows)
    return pd.concat(parts).rename_axis("rule").reset_index()


def _measures(known: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Return MEASURES by rule (the index) for one target and origin."""
    model, gain = Pooling(known), measured["gain"]
    predicted = model.predict(measured)
    scores = _scores(known, measured, predicted["gain"])
    table = pd.DataFrame({"correlation": scores.rank().corrwith(gain.rank())})
    for first in (1, 3):
        lost = {name: regret(gain, column, first) for name, column in scores.items()}
        choices = combinations([*gain, 0.0], first)
        lost[CHANCE] = max(0.0, gain.max()) - np.mean([max(choice) for choice in choices])
        table = table.reindex(list(lost)).assign(**{f"regret_{first}": lost})
    table.loc[ADVISOR] = table.loc[str(rule_regrets(model).idxmin())]
    for level in ("80", "95"):
        inside = gain.between(predicted[f"low_{level}"], predicted[f"high_{level}"])
        table.loc[[MODEL, ADVISOR], f"covered_{level}"] = inside.mean()
    return table.loc[[ADVISOR, *lost]]


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
