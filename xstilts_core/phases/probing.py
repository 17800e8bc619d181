"""The probing phase: what can be read off the sentence vectors of an encoder that stays as it is.

A sentence is the mean of its hidden states, less the mean vector of all sentences of the data in
its language, scaled to length 1. A pair of sentences u, v is [|u - v|, u * v] (Tai et al. 2015).
Every language's features are standardised by their own mean and deviation, which takes no labels:
otherwise the differences between languages would hide what they share (Libovický et al. 2020). A
multinomial logistic regression is fitted on English training data, its penalty chosen on English
development data, and applied unchanged to every language.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from xstilts_core.data.source import source_of
from xstilts_core.examples import PairExample
from xstilts_core.formats.pair import label_indices
from xstilts_core.model import Encoder
from xstilts_core.phases.control import Control, predicting
from xstilts_core.retrieve import Measure, unit_vectors
from xstilts_core.study.spec import ProbingSpec
from xstilts_core.tasks import Task, task

ENGLISH = "en"
# Inverse strengths of the L2 penalty (scikit-learn's C), the strongest first: it wins a tie of
# development scores.
_STRENGTHS = (0.001, 0.01, 0.1)
_MOST_STEPS = 1_000


def features(spec: ProbingSpec, encoder: Encoder, examples: Sequence[PairExample]) -> np.ndarray:
    """Return standardised features of examples in one language, [examples, width], or of pairs,
    [examples, 2 * width]."""

    def vectors(texts: Sequence[str]) -> np.ndarray:
        measure = Measure(spec.layer if spec.layer >= 0 else encoder.layers, centred=True)
        return unit_vectors(encoder, tuple(texts), spec.max_length, (measure,))[0].numpy()

    table = vectors([example.text_a for example in examples])
    if any(example.text_b for example in examples):
        other = vectors([example.text_b for example in examples])
        table = np.concatenate([np.abs(table - other), table * other], axis=1)
    return (table - table.mean(0)) / np.maximum(table.std(0), 1e-9)


def _fit_probe(spec: ProbingSpec, encoder: Encoder, entry: Task) -> Control:
    """Fit the classifier of one probing task, with its strength chosen on English data. What it
    learnt: the accuracy of each strength on development data in percent, and the chosen one."""
    train, dev = (source_of(spec).load(entry.name, split, ENGLISH) for split in ("train", "dev"))
    table, dev_table = features(spec, encoder, train), features(spec, encoder, dev)
    gold, dev_gold = label_indices(train, entry), label_indices(dev, entry)
    classifiers = {
        strength: LogisticRegression(C=strength, max_iter=_MOST_STEPS).fit(table, gold)
        for strength in _STRENGTHS
    }
    accuracies = {
        strength: round(100 * float(classifier.score(dev_table, dev_gold)), 2)
        for strength, classifier in classifiers.items()
    }
    best = max(accuracies, key=accuracies.__getitem__)

    def predict(examples: Sequence[PairExample], code: str) -> list[str]:
        indices = classifiers[best].predict(features(spec, encoder, examples))
        return [entry.labels[index] for index in indices]

    return predicting(entry, {"strength": best, "development": accuracies}, predict)


def fit(spec: ProbingSpec, encoder: Encoder) -> list[Control]:
    """Fit the probes of all the spec's tasks. They are described and scored, zero-shot, as controls
    are (control.py)."""
    return [_fit_probe(spec, encoder, task(name)) for name in spec.probes]
