"""Scores of vectors with labels: against slow formulas, in other coordinates, beside noise."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from xstilts_core.analysis.transferability import h_score, log_evidence, score_differences
from xstilts_core.study.spec import BASELINE

SCORES = pytest.mark.parametrize("score", [h_score, log_evidence])


def drawn(distance: float, rows: int = 60, width: int = 12, classes: int = 3, seed: int = 0):
    """Vectors whose class means lie this far apart, and labels; the noise is not round."""
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    means = distance * generator.normal(size=(classes, width))
    noise = generator.normal(size=(rows, width)) @ generator.normal(size=(width, width))
    return means[labels] + noise + 5, np.array(list("abcdef"))[labels]


def test_h_score_is_its_formula():
    features, labels = drawn(1.0, rows=30, width=20)
    model = LedoitWolf().fit(features)
    covariance = np.cov(features.T, bias=True)
    shrunk = (1 - model.shrinkage_) * covariance
    shrunk += model.shrinkage_ * np.trace(covariance) / 20 * np.eye(20)
    means = np.stack([features[labels == label].mean(0) for label in labels])
    expected = np.trace(
        np.linalg.inv(shrunk) @ ((1 - model.shrinkage_) * np.cov(means.T, bias=True))
    )
    assert 0 < model.shrinkage_ < 1
    assert h_score(features, labels) == pytest.approx(expected)


def test_log_evidence_is_the_highest_density_of_the_labels():
    features, labels = drawn(2.0)
    components = PCA(0.8).fit_transform(features)
    assert 1 < components.shape[1] < 12
    highest = []
    for label in "abc":
        y = (labels == label) - np.mean(labels == label)

        def loss(logs: np.ndarray, y: np.ndarray = y) -> float:
            covariance = components @ components.T * np.exp(logs[0]) + np.exp(logs[1]) * np.eye(60)
            return -multivariate_normal(np.zeros(60), covariance).logpdf(y)

        highest.append(-min(minimize(loss, [at, -1.0]).fun for at in (-6.0, -2.0)) / 60)
    assert log_evidence(features, labels) == pytest.approx(np.mean(highest), abs=1e-4)


@SCORES
def test_scores_do_not_depend_on_the_coordinates(score):
    features, labels = drawn(1.0)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))
    names = np.char.add("class ", labels)
    assert score(3 * features @ rotation - 7, names) == pytest.approx(score(features, labels))
    order = np.random.default_rng(2).permutation(60)
    assert score(features[order], labels[order]) == pytest.approx(score(features, labels))


@SCORES
@pytest.mark.parametrize(("rows", "width"), [(300, 20), (60, 200)])
def test_the_further_apart_the_classes_the_higher(score, rows, width):
    """Also with fewer rows than dimensions, where noise can be fitted without an error."""
    scores = [
        np.mean([score(*drawn(distance, rows, width, seed=seed)) for seed in range(5)])
        for distance in (0.0, 5.0, 15.0)
    ]
    assert scores[0] < scores[1] < scores[2]


def test_h_score_lies_between_zero_and_the_number_of_classes():
    noise, apart = (h_score(*drawn(distance, rows=2000)) for distance in (0.0, 1000.0))
    assert 0 <= noise < 0.05 and 1.9 < apart <= 2


def test_equal_means_explain_nothing():
    features, _ = drawn(1.0)
    labels = np.repeat(["a", "b"], 30)
    features[30:] = features[:30]
    assert h_score(features, labels) == pytest.approx(0)
    rest = -(np.log(2 * np.pi * 0.25) + 1) / 2
    assert log_evidence(features, labels) == pytest.approx(rest, abs=1e-4)


def test_one_row_may_have_a_class_of_its_own():
    features, labels = drawn(1.0)
    labels[0] = "f"
    assert np.isfinite([h_score(features, labels), log_evidence(features, labels)]).all()


def test_recipes_are_scored_against_the_baseline():
    (near, labels), (far, _) = drawn(1.0), drawn(9.0)
    vectors = {BASELINE: {"x": near, "y": far}, "mnli": {"x": far, "y": far}}
    scores = score_differences(vectors, {"x": list(labels), "y": list(labels)})
    scores = scores.set_index(["recipe", "target"])
    assert list(scores.index) == [("mnli", "x"), ("mnli", "y")]
    assert scores.loc[("mnli", "x"), "h_score"] == h_score(far, labels) - h_score(near, labels)
    assert (scores.loc[("mnli", "y")] == 0).all() and scores.loc[("mnli", "x"), "log_evidence"] > 0
    assert score_differences(vectors, {}).empty


def test_a_single_class_tells_nothing():
    features, labels = drawn(1.0)
    same = np.full(len(labels), "a")
    vectors = {BASELINE: {"x": features}, "mnli": {"x": features[::-1] ** 2}}
    scores = score_differences(vectors, {"x": same})
    np.testing.assert_allclose(scores[["h_score", "log_evidence"]], 0, atol=1e-6)
