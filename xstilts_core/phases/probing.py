"""The probing phase: what can be read off the sentence vectors of an encoder that stays as it is.

A sentence is the mean of its hidden states, less the mean vector of all sentences of the data in
its language, scaled to length 1. A pair of sentences u, v is [|u - v|, u * v] (Tai et al. 2015).
Every language's features are standardised by their own mean and deviation, which takes no labels:
otherwise the differences between languages would hide what they share (Libovický et al. 2020). A
multinomial logistic regression is fitted on English training data, its penalty chosen on English
development data, and applied unchanged to every language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from xstilts_core import metrics
from xstilts_core.data.source import source_of
from xstilts_core.evaluate import Scored, as_scores, write_predictions
from xstilts_core.examples import PairExample
from xstilts_core.formats import FORMATS
from xstilts_core.formats.pair import label_indices
from xstilts_core.model import Encoder
from xstilts_core.results import Score
from xstilts_core.retrieve import unit_vectors
from xstilts_core.run import Run
from xstilts_core.study.spec import ProbingSpec
from xstilts_core.tasks import task

ENGLISH = "en"
# Inverse strengths of the L2 penalty (scikit-learn's C), the strongest first: it wins a tie of
# development scores.
_STRENGTHS = (0.001, 0.01, 0.1)
_MOST_STEPS = 1_000


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe: its task, the classifier, the chosen strength, and the accuracy of each strength on
    English development data in percent."""

    task: str
    classifier: LogisticRegression
    strength: float
    development: dict[float, float]


def features(spec: ProbingSpec, encoder: Encoder, examples: Sequence[PairExample]) -> np.ndarray:
    """Return standardised features of examples in one language, [examples, width], or of pairs,
    [examples, 2 * width]."""

    def vectors(texts: Sequence[str]) -> np.ndarray:
        layers = (spec.layer if spec.layer >= 0 else encoder.layers,)
        return unit_vectors(encoder, tuple(texts), spec.max_length, layers, True)[0].numpy()

    table = vectors([example.text_a for example in examples])
    if any(example.text_b for example in examples):
        other = vectors([example.text_b for example in examples])
        table = np.concatenate([np.abs(table - other), table * other], axis=1)
    return (table - table.mean(0)) / np.maximum(table.std(0), 1e-9)


def _fit_probe(spec: ProbingSpec, encoder: Encoder, name: str) -> Probe:
    """Fit the classifier of one probing task, with its strength chosen on English data."""
    train, dev = (source_of(spec).load(name, split, ENGLISH) for split in ("train", "dev"))
    table, dev_table = features(spec, encoder, train), features(spec, encoder, dev)
    gold, dev_gold = label_indices(train, task(name)), label_indices(dev, task(name))
    classifiers = {
        strength: LogisticRegression(C=strength, max_iter=_MOST_STEPS).fit(table, gold)
        for strength in _STRENGTHS
    }
    accuracies = {
        strength: round(100 * float(classifier.score(dev_table, dev_gold)), 2)
        for strength, classifier in classifiers.items()
    }
    best = max(accuracies, key=lambda strength: accuracies[strength])
    return Probe(name, classifiers[best], best, accuracies)


def fit(spec: ProbingSpec, encoder: Encoder) -> list[Probe]:
    """Fit the probes of all the spec's tasks."""
    return [_fit_probe(spec, encoder, name) for name in spec.probes]


def describe(probes: Sequence[Probe]) -> dict[str, dict[str, Any]]:
    """Return each task's accuracies on English development data, and the chosen strength."""
    return {
        probe.task: {"strength": probe.strength, "development": probe.development}
        for probe in probes
    }


def score_probes(run: Run, encoder: Encoder, probes: Sequence[Probe]) -> list[Score]:
    """Score every probe in every language, zero-shot, and write the predictions."""
    spec, source = run.spec, source_of(run.spec)
    scores: list[Score] = []
    for probe in probes:
        target = task(probe.task)
        for code in source.evaluated(target.name, "test", spec.languages):
            examples = source.load(target.name, "test", code)
            indices = probe.classifier.predict(features(spec, encoder, examples))
            predictions = [target.labels[index] for index in indices]
            columns, rows = FORMATS[target.format].statistics(examples, predictions, target, code)
            scored = Scored(predictions, columns, rows, metrics.score(rows, columns))
            write_predictions(spec.folder, target, code, examples, scored)
            scores += as_scores(scored, target, code, "test")
    return scores
