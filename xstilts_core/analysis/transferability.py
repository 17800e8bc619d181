"""Score how well labels can be read off vectors of labelled rows: before any training, a guess at
how well an encoder transfers to a target."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.covariance import ledoit_wolf

from xstilts_core.study.spec import BASELINE

_VARIANCE, _ROWS_PER_COMPONENT = 0.8, 4
"""Share of the variance that principal components keep (Li et al. 2021, N-LEEP), and the fewest
rows for each of them: with as many components as rows, noise explains every label."""
_RATIOS = np.logspace(-6, 6, 481)[:, None]
Labels = Sequence[str] | np.ndarray


def _centred(features: np.ndarray, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Return features less their mean, and [rows, classes]: 1 where a row has the class, else 0."""
    features = features.astype(float)
    members = np.unique(labels) == np.asarray(labels)[:, None]
    return features - features.mean(0), members.astype(float)


def h_score(features: np.ndarray, labels: Labels) -> float:
    """Return the H-score with a shrunk covariance, tr((1 - a) S^-1 B): from 0 (the class means are
    equal) to the number of classes less 1.

    features [rows, width], labels [rows]. S = (1 - a) C + a tr(C) I / width with the covariance C
    of the features and the shrinkage a of Ledoit and Wolf (2004); B: the covariance of each row's
    class mean. H-score: Bao et al. 2019; shrunk: Ibrahim et al. 2022, for fewer rows than
    dimensions.
    """
    features, members = _centred(features, labels)
    covariance, shrinkage = ledoit_wolf(features, assume_centered=True)
    sums, counts = members.T @ features, members.sum(0)
    between = (sums / counts[:, None]).T @ sums / len(features)
    return float((1 - shrinkage) * np.trace(np.linalg.solve(covariance, between)))


def log_evidence(features: np.ndarray, labels: Labels) -> float:
    """Return LogME (You et al. 2021) of the features' first principal components: the log evidence
    of a linear model of each class against the others, mean over rows and classes.

    features [rows n, width], labels [rows]. For the components F and a class's indicator y, both
    less their means, y ~ N(0, F F' / a + I / b). With the ratio r = a / b, the eigenvalues s of F'F
    and the projections z of y on the normed components, the evidence at its best b is
    -n/2 (log(2 pi q / n) + 1) + sum(log(r / (r + s))) / 2, where q = |y|^2 - sum(z^2 s / (r + s)).
    The largest over a grid of ratios counts.
    """
    features, members = _centred(features, labels)
    members -= members.mean(0)
    rows = len(features)
    spectrum, axes = np.linalg.eigh(features.T @ features)
    spectrum, axes = spectrum[::-1], axes[:, ::-1]
    count = int(np.searchsorted(spectrum.cumsum(), _VARIANCE * spectrum.sum())) + 1
    count = max(1, min(count, rows // _ROWS_PER_COMPONENT))
    spectrum, axes = spectrum[:count], axes[:, :count]
    explained = (axes.T @ (features.T @ members)) ** 2 / spectrum[:, None]
    ratios = spectrum.mean() * _RATIOS
    prior = ratios / (ratios + spectrum)
    misfit = np.maximum((members**2).sum(0) - (1 - prior) @ explained, 1e-12)
    evidence = -rows / 2 * (np.log(2 * np.pi * misfit / rows) + 1)
    evidence += np.log(prior).sum(1, keepdims=True) / 2
    return float(evidence.max(0).mean() / rows)


def score_differences(
    vectors: Mapping[str, Mapping[str, np.ndarray]], labels: Mapping[str, Labels]
) -> pd.DataFrame:
    """Return the scores of each recipe's vectors of each target, less those of the baseline's:
    columns recipe target h_score log_evidence.

    vectors: recipe -> target -> [rows, width], the baseline among the recipes; labels: target ->
    [rows].
    """
    rows = [
        (recipe, target, h_score(tables[target], names), log_evidence(tables[target], names))
        for recipe, tables in vectors.items()
        for target, names in labels.items()
    ]
    columns = ["recipe", "target", "h_score", "log_evidence"]
    scores = pd.DataFrame(rows, columns=columns)
    baseline = scores[scores["recipe"] == BASELINE].drop(columns="recipe").set_index("target")
    recipes = scores[scores["recipe"] != BASELINE].set_index(columns[:2])
    return recipes.sub(baseline, level="target").reset_index()
