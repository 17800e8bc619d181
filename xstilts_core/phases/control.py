"""Controls without an encoder: what the most frequent label, or shared words, reach on the very
items that a study scores. Probes (probing.py) are described and scored in the same way.

Word overlap is language-independent: whatever is fitted on English data is applied unchanged to
every language.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from xstilts_core import metrics
from xstilts_core.data.source import source_of
from xstilts_core.data.words import folded, spans
from xstilts_core.evaluate import Scored, with_metrics
from xstilts_core.examples import Example, PairExample, SpanExample
from xstilts_core.formats import FORMATS, retrieval
from xstilts_core.formats.pair import label_indices
from xstilts_core.results import Score
from xstilts_core.retrieve import (
    Vectors,
    candidate_pairs,
    mine_language,
    right_pairs,
    search_language,
)
from xstilts_core.run import Run
from xstilts_core.study.spec import ControlSpec
from xstilts_core.tasks import Task, task

LONGEST_ANSWER = 8
_ENDS = frozenset(".!?。！？।\n")
_DIMENSIONS = 2_048
_FEATURES = ("share_of_first", "share_of_second", "all_of_second", "longer")
# Examples in a language -> the examples that predictions belong to, and the predictions, scored.
Answer = Callable[[Sequence[Any], str], tuple[Sequence[Any], Scored]]


@dataclass(frozen=True, slots=True)
class Control:
    """A target's fitted control or probe: what it learnt, to display, and how it answers
    examples."""

    target: str
    learnt: dict[str, Any]
    answer: Answer


def predicting(
    entry: Task, learnt: dict[str, Any], predict: Callable[[Sequence[Any], str], list[Any]]
) -> Control:
    """Return a control that predicts from examples and a language; the rule of the task's format
    scores it."""

    def answer(examples: Sequence[Any], code: str) -> tuple[Sequence[Any], Scored]:
        predictions = predict(examples, code)
        statistics = FORMATS[entry.format].statistics(examples, predictions, entry, code)
        return examples, with_metrics(predictions, *statistics)

    return Control(entry.name, learnt, answer)


def training(spec: ControlSpec, entry: Task) -> list[Example]:
    """Return the English examples that the study's models of this target are trained on."""
    count = spec.train_examples.get(entry.name, 0)
    parts = source_of(spec).training(entry.train_on or "", count, spec.seed)
    return [example for examples in parts.values() for example in examples]


def _most_frequent_label(spec: ControlSpec, entry: Task) -> Control:
    label = Counter(example.label for example in training(spec, entry)).most_common(1)[0][0]
    return predicting(entry, {"label": label}, lambda examples, code: [label] * len(examples))


def _most_frequent_tag(spec: ControlSpec, entry: Task) -> Control:
    """Predict one tag for all words, not one per word: for entities O, with an F1 of 0."""
    counts = Counter(tag for example in training(spec, entry) for tag in example.tags)
    tag = counts.most_common(1)[0][0]
    return predicting(
        entry,
        {"tag": tag},
        lambda examples, code: [[tag] * len(example.words) for example in examples],
    )


# ---- word overlap as a classifier, a reader and a search engine


def features(examples: Sequence[PairExample], code: str) -> np.ndarray:
    """Return [examples, _FEATURES]: the share of each text's words that occur in the other, whether
    all of the second's do, and how much longer the second is, as a share of both lengths.

    These are the overlap heuristics that Naik et al. (2018) and McCoy et al. (2019) found in models
    of natural language inference.
    """
    rows = []
    for example in examples:
        first, second = folded(example.text_a, code), folded(example.text_b, code)
        common = (Counter(first) & Counter(second)).total()
        longer = (len(second) - len(first)) / max(1, len(first) + len(second))
        shares = common / max(1, len(first)), common / max(1, len(second))
        rows.append((*shares, float(common == len(second)), longer))
    return np.array(rows)


@dataclass(frozen=True, slots=True)
class _Classifier:
    """Multinomial logistic regression: standardised features times weights [_FEATURES + 1, labels],
    the last row being the bias."""

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray

    def inputs(self, table: np.ndarray) -> np.ndarray:
        """Return standardised features and a column of ones."""
        return np.column_stack([(table - self.mean) / self.deviation, np.ones(len(table))])

    def choose(self, table: np.ndarray) -> np.ndarray:
        """Return [examples]: the most probable label's index, from [examples, _FEATURES]."""
        return (self.inputs(table) @ self.weights).argmax(1)


def fit_classifier(table: np.ndarray, labels: np.ndarray, count: int) -> _Classifier:
    """Fit on features [examples, _FEATURES] and labels [examples] out of `count`.
    A small penalty keeps the weights finite on separable data."""
    deviation = np.maximum(table.std(0), 1e-9)
    start = _Classifier(table.mean(0), deviation, np.zeros((table.shape[1] + 1, count)))
    inputs, gold = torch.from_numpy(start.inputs(table)), torch.from_numpy(labels)
    weights = torch.tensor(start.weights, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = cross_entropy(inputs @ weights, gold) + 1e-4 * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return replace(start, weights=weights.detach().numpy())


def answers(examples: Sequence[SpanExample], code: str, length: int) -> list[str]:
    """Return each question's answer by sliding window: `length` words (characters in scripts
    without spaces) of the context.

    Question words weigh log(1 + 1 / count in the context) (Richardson et al. 2013). A span scores
    the weights around it less those inside it. Around it are as many words on both sides as the
    question has, but not beyond the sentence: an answer is beside the words of its question and
    repeats none of them. The answer is "" if the context has no word.
    """
    return [_answer(example, code, length) for example in examples]


def _answer(example: SpanExample, code: str, length: int) -> str:
    context = example.context
    ranges = spans(context, code)
    if not ranges:
        return ""
    words = [context[first:end].casefold() for first, end in ranges]
    query, count = set(folded(example.question, code)), Counter(words)
    weights = np.array([np.log(1 + 1 / count[word]) if word in query else 0.0 for word in words])
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    breaks = [not _ENDS.isdisjoint(context[end:first]) for (_, end), (first, _) in pairwise(ranges)]
    sentence = np.concatenate([[0], np.cumsum(breaks)]).astype(int)
    starts = np.searchsorted(sentence, sentence)
    ends = np.searchsorted(sentence, sentence, side="right")
    first = np.arange(len(ranges))
    end = np.minimum(first + length, ends)
    around = sums[np.minimum(end + len(query), ends)] - sums[np.maximum(first - len(query), starts)]
    best = int(np.argmax(around - 2 * (sums[end] - sums[first])))
    return context[ranges[best][0] : ranges[end[best] - 1][1]]


def _label_by_overlap(spec: ControlSpec, entry: Task) -> Control:
    examples = training(spec, entry)
    classifier = fit_classifier(
        features(examples, "en"), label_indices(examples, entry), len(entry.labels)
    )

    def predict(queries: Sequence[Any], code: str) -> list[str]:
        return [entry.labels[best] for best in classifier.choose(features(queries, code))]

    rows = zip((*_FEATURES, "bias"), classifier.weights.round(3).tolist(), strict=True)
    learnt = {name: dict(zip(entry.labels, row, strict=True)) for name, row in rows}
    return predicting(entry, learnt, predict)


def _span_by_overlap(spec: ControlSpec, entry: Task) -> Control:
    """Choose the answer's length, in words, that is best on English development data."""
    examples = source_of(spec).development(entry.train_on or "")
    gold = [[answer.text for answer in example.answers] for example in examples]
    by_length = {
        length: metrics.score(
            metrics.squad_statistics(gold, answers(examples, "en", length)), metrics.SPAN
        )["f1"]
        for length in range(1, LONGEST_ANSWER + 1)
    }
    length = max(by_length, key=by_length.__getitem__)
    development = {size: round(value, 2) for size, value in by_length.items()}
    return predicting(
        entry,
        {"length": length, "development": development},
        lambda queries, code: answers(queries, code, length),
    )


def trigrams(texts: Sequence[str]) -> torch.Tensor:
    """Return [texts, _DIMENSIONS] float32: which character trigrams a text has, hashed (Weinberger
    et al. 2009), without regard to case."""
    table = torch.zeros(len(texts), _DIMENSIONS)
    for row, text in enumerate(texts):
        padded = f" {text.casefold()} "
        indices = {
            zlib.crc32(padded[k : k + 3].encode("utf-8")) % _DIMENSIONS
            for k in range(len(padded) - 2)
        }
        table[row, list(indices)] = 1.0
    return table


def vectors(examples: Sequence[Any]) -> Vectors:
    sides = (
        retrieval.prepare(trigrams([example.text for example in side]), False)
        for side in retrieval.two_sides(examples)
    )
    return Vectors(*sides)


def _search_by_overlap(spec: ControlSpec, entry: Task) -> Control:
    """Find nearest neighbours by character trigrams.
    Mine by the rules of the study's retrieval runs, with thresholds from development data."""

    def search(examples: Sequence[Any], code: str) -> tuple[Sequence[Any], Scored]:
        return search_language(examples, vectors(examples))

    def mine(examples: Sequence[Any], code: str) -> tuple[Sequence[Any], Scored]:
        return mine_language(spec, examples, vectors(examples), thresholds[code])

    if entry.metric != "f1":
        return Control(entry.name, {}, search)
    source, thresholds = source_of(spec), {}
    for code in source.evaluated(entry.name, "dev", spec.languages):
        examples = source.load(entry.name, "dev", code)
        candidates = candidate_pairs(spec, vectors(examples), examples)
        thresholds[code] = retrieval.best_threshold(candidates, *right_pairs(candidates, examples))
    return Control(entry.name, {"threshold": thresholds}, mine)


_FITTERS: dict[tuple[str, str], Callable[[ControlSpec, Task], Control]] = {
    ("majority", "pair"): _most_frequent_label,
    ("majority", "tagging"): _most_frequent_tag,
    ("overlap", "pair"): _label_by_overlap,
    ("overlap", "span"): _span_by_overlap,
    ("overlap", "retrieval"): _search_by_overlap,
}


def fit(spec: ControlSpec) -> list[Control]:
    """Fit the control of every target on English training and development data."""
    return [_FITTERS[spec.control, task(name).format](spec, task(name)) for name in spec.targets]


def describe(controls: list[Control]) -> dict[str, dict[str, Any]]:
    """Return what each target's control or probe learnt."""
    return {control.target: control.learnt for control in controls}


def score_targets(run: Run, controls: list[Control]) -> list[Score]:
    """Score every target in every language on the items that the study's models see, and write the
    predictions."""
    spec, source = run.spec, source_of(run.spec)
    limits, scores = getattr(spec, "test_examples", {}), []
    for control in controls:
        target = task(control.target)
        split = source.test_split(target.name)
        for code in source.evaluated(target.name, split, spec.languages):
            examples = source.load(target.name, split, code)[: limits.get(target.name) or None]
            scores += run.keep(target, code, split, *control.answer(examples, code))
    return scores
