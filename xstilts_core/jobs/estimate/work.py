"""Count the work of a run before it starts: rows to train on and examples to score. Nothing is
downloaded for this."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from xstilts_core.data import sampling
from xstilts_core.data.source import Source, source_of
from xstilts_core.errors import UsageError
from xstilts_core.mini import suite
from xstilts_core.study.spec import (
    ControlSpec,
    IntermediateSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
    Tuning,
)
from xstilts_core.tasks import task

# Larger files are not read for a count; the sizes of the public releases are used instead.
_LARGEST_FILE_BYTES = 8_000_000
# A training step costs about three times as much as the forward pass over the same tokens.
BACKWARD = 3


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a run. steps: optimizer steps; trained: rows in all of them; scored: examples
    that are predicted or embedded (phase 1: documents); languages: number of scored ones."""

    steps: int = 0
    trained: int = 0
    scored: int = 0
    languages: int = 0

    @property
    def units(self) -> float:
        """The number of examples seen, with trained rows counted as BACKWARD: the relative cost
        among runs of one kind."""
        return BACKWARD * self.trained + self.scored


def _are_small(paths: Sequence[Path]) -> bool:
    return bool(paths) and sum(path.stat().st_size for path in paths) <= _LARGEST_FILE_BYTES


@lru_cache(maxsize=512)
def size(source: Source, name: str, split: str, code: str = "en") -> int:
    """Return the examples of a split in one language: exact for the embedded suite and for small
    files, otherwise those of the public release. If a release does not state the size of
    development or test, use the other's; 0 if neither is stated."""
    if parts := task(name).parts:
        return sum(size(source, part, split, code) for part in parts)
    if task(name).file:
        return task(name).sizes[split]
    if source.name == "mini":
        examples = suite.SIZES.get(name, {}).get(split, 0)
        return 2 * (examples + suite.RETRIEVAL[name]) if name in suite.RETRIEVAL else examples
    with suppress(UsageError):  # no files of this split are known
        if source.at_hand and _are_small(source.split_files(name, split, code)):
            return len(source.load(name, split, code))
    sides = 2 if task(name).format == "retrieval" else 1  # of a pair of sentences
    other = {"test": "dev", "dev": "test"}.get(split, "")
    return sides * (task(name).sizes.get(split) or task(name).sizes.get(other, 0))


def scored_languages(source: Source, name: str, split: str, wish: list[str]) -> tuple[str, ...]:
    """Return the languages that are scored: those on this machine, or the benchmark's if there are
    no data yet."""
    if source.at_hand:
        with suppress(UsageError):  # these files do not exist yet
            return source.evaluated(name, split, wish)
    codes = task(name).languages_of(source.benchmark)
    return tuple(code for code in codes if not wish or code in wish)


def test_split(source: Source, name: str) -> str:
    """Return the split that scores are reported on."""
    if source.at_hand and any(source.languages(name, split) for split in ("test", "dev")):
        return source.test_split(name)
    return "test" if "test" in task(name).sizes else "dev"


def _steps(spec: Tuning) -> tuple[int, int]:
    """Return the optimizer steps and the development evaluations of a training with one row per
    example, as `schedule.plan` counts them."""
    from xstilts_core.schedule import Learner, plan  # imports torch

    source, learners, head = source_of(spec), [], cast(Any, None)
    for name in spec.trains:
        rows: Any = {part: range(size(source, part, "train")) for part in sampling.parts(name)}
        parts = sampling.capped(name, rows, spec.examples_of(name), 0)
        streams: list[Any] = [
            SimpleNamespace(name=part, size=len(examples), encoded=examples)
            for part, examples in parts.items()
        ]
        learners.append(Learner(task(name), head, streams, []))
    planned = plan(spec, learners)
    return planned.steps, planned.evaluations


def _tuned(spec: Tuning) -> Work:
    """Return the work of phases 2 and 3: training, evaluations on development data, and the final
    scores (all development data in phase 2, all targets in phase 3)."""
    source, (steps, evaluations) = source_of(spec), _steps(spec)
    development = [
        sum(size(source, part, "dev") for part in parts[-1 if task(name).staged else 0 :])
        or spec.dev_examples
        for name in spec.trains
        if (parts := sampling.parts(name))
    ]
    judged = development[-1:] if spec.sequence else development
    scored = evaluations * sum(min(rows, spec.dev_examples) for rows in judged)
    if isinstance(spec, IntermediateSpec):
        return Work(steps, steps * spec.batch_size, scored + sum(development))
    tested = [_tested(source, name, spec.languages, spec.test_examples) for name in spec.targets]
    return Work(
        steps=steps,
        trained=steps * spec.batch_size,
        scored=scored
        + sum(examples for _, examples in tested)
        + sum(_pool_size(source, name) for name in spec.targets),
        languages=sum(languages for languages, _ in tested),
    )


def _tested(
    source: Source, name: str, wish: list[str], most: int = 0, split: str = ""
) -> tuple[int, int]:
    """Return the languages and the examples of a split, by default of the one that scores are
    reported on: at most `most` a language (0: all). The first language's size counts for all."""
    split = split or test_split(source, name)
    codes = scored_languages(source, name, split, wish)
    rows = size(source, name, split, codes[0]) if codes else 0
    return len(codes), len(codes) * min(rows, most or rows)


def _pool_size(source: Source, name: str) -> int:
    """Return the number of passages that a target's queries are ranked against, counted if the
    files are small, otherwise that of the public release."""
    with suppress(UsageError):  # some of these files do not exist yet
        if _are_small(source.pool_files(name)):
            return len(source.pool(name))
    return task(name).pool


def _retrieved(spec: RetrievalSpec) -> Work:
    """Return the work of a retrieval run: embed development data once for the layer and, for
    mining, once more for the threshold; then embed test data."""
    source, entry = source_of(spec), task(spec.task)
    languages, scored = _tested(source, spec.task, spec.languages)
    has_dev = source.languages(spec.task, "dev") if source.at_hand else "dev" in entry.sizes
    if has_dev and test_split(source, spec.task) == "test":
        passes = 1 + (entry.metric == "f1")
        scored += passes * _tested(source, spec.task, spec.languages, split="dev")[1]
    return Work(scored=scored, languages=languages)


def work(spec: Spec) -> Work:
    """Return the work of the run of `spec`.

    A probing run embeds English training and development data once, and test data in every
    language. A control without an encoder only reads and counts, and the speed of the hub is
    unknown; both are charged for their start-up only.
    """
    match spec:
        case PretrainSpec():
            return Work(spec.steps, spec.steps * spec.batch_tokens, spec.documents)
        case IntermediateSpec() | TargetSpec():
            return _tuned(spec)
        case RetrievalSpec():
            return _retrieved(spec)
        case ProbingSpec() | ControlSpec():
            source, names = source_of(spec), spec.scores or spec.uses
            tested = [_tested(source, name, spec.languages, split="test") for name in names]
            languages = sum(count for count, _ in tested)
            if isinstance(spec, ControlSpec):
                return Work(languages=languages)
            english = sum(size(source, name, split) for name in names for split in ("train", "dev"))
            return Work(scored=english + sum(rows for _, rows in tested), languages=languages)
    return Work()
