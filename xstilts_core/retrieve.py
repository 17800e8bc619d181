"""The retrieval phase: choose a layer on development data, then mine or search every language.
Beside the task's metric stands that of the paper's measure (`retrieval.papers_layer`, raw states).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from torch import Tensor

from xstilts_core import metrics
from xstilts_core.data import words
from xstilts_core.data.source import source_of
from xstilts_core.evaluate import Scored, as_scores, with_metrics
from xstilts_core.examples import SentenceExample
from xstilts_core.formats import retrieval
from xstilts_core.model import Encoder, device
from xstilts_core.results import Score
from xstilts_core.run import Run
from xstilts_core.study.spec import ControlSpec, RetrievalSpec
from xstilts_core.tasks import task


@dataclass(frozen=True, slots=True)
class Measure:
    """How sentences are compared: by cosines of the mean states of a layer, each side's own mean
    subtracted if `centred`."""

    layer: int
    centred: bool


def papers_measure(encoder: Encoder) -> Measure:
    """Return the paper's measure (`retrieval.papers_layer`)."""
    return Measure(retrieval.papers_layer(encoder), centred=False)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors [sentences, width] of both sides."""

    english: Tensor
    other: Tensor


@dataclass(frozen=True, slots=True)
class Development:
    """What development data say: the mean score of each layer over the languages, in percent, and
    for mining the best threshold of each measure by language. Empty without such data."""

    by_layer: dict[int, float]
    thresholds: dict[Measure, dict[str, float]]


@lru_cache(maxsize=2)
def unit_vectors(
    encoder: Encoder, texts: tuple[str, ...], max_length: int, measures: tuple[Measure, ...]
) -> list[Tensor]:
    """Return unit vectors by measure. The cache of two serves English, which is requested before
    every language: unless its sentences change, it is embedded once."""
    layers = list(dict.fromkeys(measure.layer for measure in measures))
    means = dict(zip(layers, retrieval.embed(encoder, texts, max_length, layers), strict=True))
    vectors = []
    for position, measure in enumerate(measures):
        mean = means[measure.layer]
        shared = any(later.layer == measure.layer for later in measures[position + 1 :])
        vectors.append(retrieval.prepare(mean.clone() if shared else mean, measure.centred))
    return vectors


def sentences(spec: RetrievalSpec, split: str, code: str) -> list[SentenceExample]:
    """Return the sentences of both sides of a language pair."""
    examples = source_of(spec).load(spec.task, split, code)
    return [example for example in examples if isinstance(example, SentenceExample)]


def vectors_by_measure(
    spec: RetrievalSpec,
    encoder: Encoder,
    examples: Sequence[SentenceExample],
    measures: Sequence[Measure],
) -> dict[Measure, Vectors]:
    """Return the sentences' vectors by measure, from one pass of the encoder.
    The control names_masked first replaces every name with the mask token."""
    if spec.control == "names_masked":
        names, mark = source_of(spec).names(examples), encoder.tokenizer.mask_token
        examples = [
            replace(row, text=words.masked(row.text, row.language, names[row.language], mark))
            for row in examples
        ]
    sides = (tuple(row.text for row in side) for side in retrieval.two_sides(examples))
    vectors = [unit_vectors(encoder, side, spec.max_length, tuple(measures)) for side in sides]
    return {measure: Vectors(*pair) for measure, *pair in zip(measures, *vectors, strict=True)}


def candidate_pairs(
    spec: RetrievalSpec | ControlSpec, vectors: Vectors, examples: Sequence[SentenceExample]
) -> retrieval.Candidates:
    """Return candidate pairs as indices into both sides.

    A sentence that occurs more than once on a side is mined once and is in no pair: XTREME maps its
    text back to an id, and drops texts that have two (text_load_unify and read_sent2id of its
    utils_retrieve.py).
    """
    (first_english, alone_english), (first_other, alone_other) = (
        retrieval.distinct([example.text for example in side])
        for side in retrieval.two_sides(examples)
    )
    candidates = retrieval.mine(
        retrieval.select_rows(vectors.other, first_other),
        retrieval.select_rows(vectors.english, first_english),
        spec.neighbours,
        spec.margin,
        device(spec.device),
    )
    unique = alone_other[candidates.other] & alone_english[candidates.english]
    return retrieval.Candidates(
        first_other[candidates.other[unique]],
        first_english[candidates.english[unique]],
        candidates.scores[unique],
        candidates.clamped,
    )


def right_pairs(
    candidates: retrieval.Candidates, examples: Sequence[SentenceExample]
) -> tuple[np.ndarray, int]:
    """Return whether each candidate is gold, and the number of gold pairs."""
    english, other = retrieval.two_sides(examples)
    pairs = zip(candidates.other, candidates.english, strict=True)
    right = np.array([other[x].match == english[y].id for x, y in pairs], dtype=bool)
    return right, sum(example.match is not None for example in other)


def sweep(spec: RetrievalSpec, encoder: Encoder) -> Development:
    """Score every layer, or the spec's if it names one, on development data: by the best F1 over
    thresholds (mining) or by accuracy (search). Find the thresholds of the paper's measure too."""
    entry, source = task(spec.task), source_of(spec)
    layers = [spec.layer] if spec.layer >= 0 else range(encoder.layers + 1)
    measures = [Measure(layer, spec.centred) for layer in layers]
    scores = {measure: list[float]() for measure in (*measures, papers_measure(encoder))}
    thresholds: dict[Measure, dict[str, float]] = {measure: {} for measure in scores}
    mining = entry.metric == "f1"
    if mining:
        source.evaluated(entry.name, "dev", spec.languages)  # raises without development data
    for code in source.languages(entry.name, "dev"):
        if spec.languages and code not in spec.languages:
            continue
        examples = sentences(spec, "dev", code)
        by_measure = vectors_by_measure(spec, encoder, examples, list(scores))
        for measure, vectors in by_measure.items():
            if mining:
                candidates = candidate_pairs(spec, vectors, examples)
                right, gold = right_pairs(candidates, examples)
                score = 100 * float(retrieval.f1_of_prefixes(right, gold).max(initial=0))
                thresholds[measure][code] = retrieval.best_threshold(candidates, right, gold)
            else:
                score = search_language(examples, vectors)[1].values["accuracy"]
            scores[measure].append(score)
    by_layer = {
        measure.layer: round(float(np.mean(scores[measure])), 2)
        for measure in measures
        if scores[measure]
    }
    return Development(by_layer, thresholds)


def choose(spec: RetrievalSpec, encoder: Encoder, by_layer: dict[int, float]) -> int:
    """Return the spec's layer, else the best on development data, else the paper's depth."""
    if spec.layer >= 0:
        return spec.layer
    return max(by_layer, key=by_layer.__getitem__, default=retrieval.papers_layer(encoder))


def search_language(
    examples: Sequence[SentenceExample], vectors: Vectors
) -> tuple[list[Any], Scored]:
    """Find the nearest neighbour of every English sentence, as in Tatoeba; score by accuracy."""
    english, other = retrieval.two_sides(examples)
    matches = [other[index].id for index in retrieval.search(vectors.english, vectors.other)]
    statistics = metrics.accuracy_statistics([example.match for example in english], matches)
    return english, with_metrics(matches, metrics.ACCURACY, statistics)


def mine_language(
    spec: RetrievalSpec | ControlSpec,
    examples: Sequence[SentenceExample],
    vectors: Vectors,
    threshold: float,
) -> tuple[list[Any], Scored]:
    """Score candidate pairs at or above the threshold by set F1, as in BUCC. Every sentence of the
    other language has one prediction, its partner or None.

    counts: `clamped` of retrieval.Candidates.
    """
    english, other = retrieval.two_sides(examples)
    candidates = candidate_pairs(spec, vectors, examples)
    selected = candidates.scores >= threshold
    partners: list[str | None] = [None] * len(other)
    for x, y in zip(candidates.other[selected], candidates.english[selected], strict=True):
        partners[x] = english[y].id
    rows = [
        (guess is not None and guess == example.match, guess is not None, example.match is not None)
        for example, guess in zip(other, partners, strict=True)
    ]
    statistics = np.array(rows, dtype=float)
    return other, with_metrics(partners, metrics.BITEXT, statistics, clamped=candidates.clamped)


def score_retrieval(
    run: Run[RetrievalSpec],
    encoder: Encoder,
    layer: int,
    thresholds: dict[Measure, dict[str, float]],
) -> list[Score]:
    """Score the task in every language with one layer, and write the predictions; score it by the
    paper's measure too, unless that is the same. A language with a threshold is mined, others are
    searched. Mining counts clamped margins in `run.counts`."""
    spec, target, source = run.spec, task(run.spec.task), source_of(run.spec)
    split, scores, papers = source.test_split(spec.task), list[Score](), list[Score]()
    main = Measure(layer, spec.centred)
    measures = list(dict.fromkeys((main, papers_measure(encoder))))
    for code in source.evaluated(spec.task, split, spec.languages):
        examples = sentences(spec, split, code)
        by_measure = vectors_by_measure(spec, encoder, examples, measures)
        for measure, vectors in by_measure.items():
            threshold = thresholds.get(measure, {}).get(code)
            queries, answers = (
                search_language(examples, vectors)
                if threshold is None
                else mine_language(spec, examples, vectors, threshold)
            )
            if measure == main:
                scores += run.keep(target, code, split, queries, answers)
            else:
                own = as_scores(answers, target, code, split)[0]
                papers.append(replace(own, metric=own.metric + metrics.RAW))
    return scores + papers
