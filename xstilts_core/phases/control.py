"""Controls without an encoder: what the most frequent label, or shared words, reach on the very
items that a study scores. Probes (probing.py) are described and scored in the same way."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xstilts_core import metrics
from xstilts_core.data.source import source_of
from xstilts_core.evaluate import Scored, as_scores, write_predictions
from xstilts_core.examples import Example
from xstilts_core.formats import FORMATS, retrieval
from xstilts_core.formats.pair import label_indices
from xstilts_core.phases import overlap
from xstilts_core.results import Score
from xstilts_core.retrieve import (
    Vectors,
    candidate_pairs,
    mine_language,
    right_pairs,
    search_language,
)
from xstilts_core.run import Run
from xstilts_core.study.spec import ControlSpec, RetrievalSpec
from xstilts_core.tasks import Task, task

LONGEST_ANSWER = 8
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
        columns, rows = FORMATS[entry.format].statistics(examples, predictions, entry, code)
        return examples, Scored(predictions, columns, rows, metrics.score(rows, columns))

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


def _label_by_overlap(spec: ControlSpec, entry: Task) -> Control:
    examples = training(spec, entry)
    classifier = overlap.fit_classifier(
        overlap.features(examples, "en"), label_indices(examples, entry), len(entry.labels)
    )

    def predict(queries: Sequence[Any], code: str) -> list[str]:
        return [entry.labels[best] for best in classifier.choose(overlap.features(queries, code))]

    rows = zip((*overlap.FEATURES, "bias"), classifier.weights.round(3).tolist(), strict=True)
    learnt = {name: dict(zip(entry.labels, row, strict=True)) for name, row in rows}
    return predicting(entry, learnt, predict)


def _span_by_overlap(spec: ControlSpec, entry: Task) -> Control:
    """Choose the answer's length, in words, that is best on English development data."""
    examples = source_of(spec).development(entry.train_on or "")
    gold = [[answer.text for answer in example.answers] for example in examples]
    by_length = {
        length: metrics.score(
            metrics.squad_statistics(gold, overlap.answers(examples, "en", length)), metrics.SPAN
        )["f1"]
        for length in range(1, LONGEST_ANSWER + 1)
    }
    length = max(by_length, key=lambda size: by_length[size])
    development = {size: round(value, 2) for size, value in by_length.items()}
    return predicting(
        entry,
        {"length": length, "development": development},
        lambda queries, code: overlap.answers(queries, code, length),
    )


def vectors(examples: Sequence[Any]) -> Vectors:
    sides = (
        retrieval.prepare(overlap.trigrams([example.text for example in side]), False)
        for side in retrieval.two_sides(examples)
    )
    return Vectors(*sides)


def _search_by_overlap(spec: ControlSpec, entry: Task) -> Control:
    """Find nearest neighbours by character trigrams.
    Mine by the rules of the study's retrieval runs, with thresholds from development data."""

    def search(examples: Sequence[Any], code: str) -> tuple[Sequence[Any], Scored]:
        return search_language(examples, vectors(examples))

    def mine(examples: Sequence[Any], code: str) -> tuple[Sequence[Any], Scored]:
        return mine_language(settings, examples, vectors(examples), thresholds[code])

    if entry.metric != "f1":
        return Control(entry.name, {}, search)
    settings = RetrievalSpec(
        task=entry.name,
        centred=False,
        device=spec.device,
        neighbours=spec.neighbours,
        margin=spec.margin,
    )
    source, thresholds = source_of(spec), {}
    for code in source.evaluated(entry.name, "dev", spec.languages):
        examples = source.load(entry.name, "dev", code)
        candidates = candidate_pairs(settings, vectors(examples), examples)
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
            queries, scored = control.answer(examples, code)
            write_predictions(spec.folder, target, code, queries, scored)
            run.count(target.name, code, scored)
            scores += as_scores(scored, target, code, split)
    return scores
