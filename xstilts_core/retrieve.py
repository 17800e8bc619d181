"""The retrieval phase: choose a layer on development data, then mine or search every language.
Beside the task's metric stands that of the paper's measure (`retrieval.papers_layer`, raw states).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from torch import Tensor

from xstilts_core import metrics
from xstilts_core.data import words
from xstilts_core.data.source import source_of
from xstilts_core.evaluate import Scored, as_scores, write_predictions
from xstilts_core.examples import SentenceExample
from xstilts_core.formats import retrieval
from xstilts_core.model import Encoder, device
from xstilts_core.results import Score
from xstilts_core.run import Run
from xstilts_core.study.spec import RetrievalSpec
from xstilts_core.tasks import task


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors [sentences, width] of both sides."""

    english: Tensor
    other: Tensor


@lru_cache(maxsize=2)
def unit_vectors(
    encoder: Encoder,
    texts: tuple[str, ...],
    max_length: int,
    layers: tuple[int, ...],
    centred: bool,
) -> list[Tensor]:
    """Return unit vectors by layer. The cache of two serves English, which is requested before
    every language: unless its sentences change, it is embedded once."""
    return [
        retrieval.prepare(vectors, centred)
        for vectors in retrieval.embed(encoder, texts, max_length, layers)
    ]


def sentences(spec: RetrievalSpec, split: str, code: str) -> list[SentenceExample]:
    """Return the sentences of both sides of a language pair."""
    examples = source_of(spec).load(spec.task, split, code)
    return [example for example in examples if isinstance(example, SentenceExample)]


def vectors_by_layer(
    spec: RetrievalSpec,
    encoder: Encoder,
    examples: Sequence[SentenceExample],
    layers: Sequence[int],
) -> list[Vectors]:
    """Return the sentences' vectors by layer.
    The control names_masked first replaces every name with the mask token."""
    texts = [example.text for example in examples]
    if spec.control == "names_masked":
        names, mark = source_of(spec).names(examples), encoder.tokenizer.mask_token
        texts = [
            words.masked(example.text, example.language, names[example.language], mark)
            for example in examples
        ]
    sides: list[list[str]] = [[], []]
    for example, text in zip(examples, texts, strict=True):
        sides[example.language != retrieval.ENGLISH].append(text)
    vectors = [
        unit_vectors(encoder, tuple(side), spec.max_length, tuple(layers), spec.centred)
        for side in sides
    ]
    return [Vectors(*pair) for pair in zip(*vectors, strict=True)]


def candidate_pairs(
    spec: RetrievalSpec, vectors: Vectors, examples: Sequence[SentenceExample]
) -> retrieval.Candidates:
    """Return candidate pairs as indices into both sides.

    A sentence that occurs more than once on a side is mined once and is in no pair: XTREME maps its
    text back to an id, and drops texts that have two (text_load_unify and read_sent2id of its
    utils_retrieve.py).
    """
    english, other = ([example.text for example in side] for side in retrieval.two_sides(examples))
    (first_english, alone_english), (first_other, alone_other) = (
        retrieval.distinct(english),
        retrieval.distinct(other),
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
    gold = retrieval.gold_pairs(examples)
    pairs = zip(candidates.other, candidates.english, strict=True)
    return np.array([(other[x].id, english[y].id) in gold for x, y in pairs], dtype=bool), len(gold)


def development_score(
    spec: RetrievalSpec,
    encoder: Encoder,
    examples: Sequence[SentenceExample],
    layers: Sequence[int],
) -> list[float]:
    """Return the task's metric on development data by layer, in percent: best F1 over thresholds
    (mining) or accuracy (search)."""
    if task(spec.task).metric == "f1":
        scores = []
        for vectors in vectors_by_layer(spec, encoder, examples, layers):
            right, gold = right_pairs(candidate_pairs(spec, vectors, examples), examples)
            scores.append(100 * float(retrieval.f1_of_prefixes(right, gold).max(initial=0)))
        return scores
    return [
        search_language(examples, vectors)[1].values["accuracy"]
        for vectors in vectors_by_layer(spec, encoder, examples, layers)
    ]


def sweep(spec: RetrievalSpec, encoder: Encoder) -> dict[int, float]:
    """Return layer -> mean development score over the languages, for the spec's layer alone if it
    names one. Empty without development data."""
    layers = [spec.layer] if spec.layer >= 0 else range(encoder.layers + 1)
    source = source_of(spec)
    tables = [
        development_score(spec, encoder, sentences(spec, "dev", code), layers)
        for code in source.languages(spec.task, "dev")
        if not spec.languages or code in spec.languages
    ]
    return (
        {
            layer: round(float(value), 2)
            for layer, value in zip(layers, np.mean(tables, axis=0), strict=True)
        }
        if tables
        else {}
    )


def choose(spec: RetrievalSpec, encoder: Encoder, by_layer: dict[int, float]) -> int:
    """Return the spec's layer, else the best on development data, else the paper's depth."""
    if spec.layer >= 0:
        return spec.layer
    return max(by_layer, key=lambda k: by_layer[k], default=retrieval.papers_layer(encoder))


def search_language(
    examples: Sequence[SentenceExample], vectors: Vectors
) -> tuple[list[Any], Scored]:
    """Find the nearest neighbour of every English sentence, as in Tatoeba; score by accuracy."""
    english, other = retrieval.two_sides(examples)
    matches = [other[index].id for index in retrieval.search(vectors.english, vectors.other)]
    statistics = metrics.accuracy_statistics([example.match for example in english], matches)
    return english, Scored(
        matches, metrics.ACCURACY, statistics, metrics.score(statistics, metrics.ACCURACY)
    )


def mine_language(
    spec: RetrievalSpec, examples: Sequence[SentenceExample], vectors: Vectors, threshold: float
) -> tuple[list[Any], Scored]:
    """Score candidate pairs at or above the threshold by set F1, as in BUCC. Every sentence of the
    other language has one prediction, its partner or None.

    counts: `clamped` of retrieval.Candidates.
    """
    english, other = retrieval.two_sides(examples)
    candidates = candidate_pairs(spec, vectors, examples)
    selected = candidates.scores >= threshold
    partner = {
        other[x].id: english[y].id
        for x, y in zip(candidates.other[selected], candidates.english[selected], strict=True)
    }
    partners = [partner.get(example.id) for example in other]
    rows = [
        (
            float(guess is not None and guess == example.match),
            float(guess is not None),
            float(example.match is not None),
        )
        for example, guess in zip(other, partners, strict=True)
    ]
    statistics = np.array(rows)
    return other, Scored(
        predictions=partners,
        columns=metrics.BITEXT,
        statistics=statistics,
        values=metrics.score(statistics, metrics.BITEXT),
        counts={"clamped": candidates.clamped},
    )


def thresholds(spec: RetrievalSpec, encoder: Encoder, layer: int) -> dict[str, float]:
    """Return the mining threshold that is best on development data, by language.
    Empty for search tasks."""
    if task(spec.task).metric != "f1":
        return {}
    source, by_language = source_of(spec), {}
    for code in source.evaluated(spec.task, "dev", spec.languages):
        examples = sentences(spec, "dev", code)
        vectors = vectors_by_layer(spec, encoder, examples, [layer])[0]
        candidates = candidate_pairs(spec, vectors, examples)
        by_language[code] = retrieval.best_threshold(candidates, *right_pairs(candidates, examples))
    return by_language


def score_retrieval(
    run: Run[RetrievalSpec], encoder: Encoder, layer: int, threshold: dict[str, float]
) -> list[Score]:
    """Score the task in every language with one layer, and write the predictions; score it by the
    paper's measure too, unless that is the same. Mining counts clamped margins in `run.counts`."""
    spec, target, scores = run.spec, task(run.spec.task), list[Score]()
    split = source_of(spec).test_split(spec.task)
    for code, queries, scored in _by_language(spec, encoder, layer, threshold):
        write_predictions(spec.folder, target, code, queries, scored)
        run.count(target.name, code, scored)
        scores += as_scores(scored, target, code, split)
    raw, middle = spec.model_copy(update={"centred": False}), retrieval.papers_layer(encoder)
    if (spec.centred, layer) == (raw.centred, middle):
        return scores
    # After the last language by the other measure, so that each embeds English once.
    threshold = thresholds(raw, encoder, middle)
    for code, _, scored in _by_language(raw, encoder, middle, threshold):
        score = as_scores(scored, target, code, split)[0]
        scores.append(replace(score, metric=score.metric + metrics.RAW))
    return scores


def _by_language(
    spec: RetrievalSpec, encoder: Encoder, layer: int, threshold: dict[str, float]
) -> Iterator[tuple[str, list[Any], Scored]]:
    """Mine the test data of each language that has a threshold, search that of the others."""
    source = source_of(spec)
    split = source.test_split(spec.task)
    for code in source.evaluated(spec.task, split, spec.languages):
        examples = sentences(spec, split, code)
        vectors = vectors_by_layer(spec, encoder, examples, [layer])[0]
        if code in threshold:
            yield code, *mine_language(spec, examples, vectors, threshold[code])
        else:
            yield code, *search_language(examples, vectors)
