"""Count the work of a run before it starts: rows to train on and examples to score. Nothing is
downloaded for this."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from xstilts_core.data import sampling
from xstilts_core.data.source import SPLITS, Source, source_of
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


def _are_small(paths: Sequence[Any]) -> bool:
    return bool(paths) and sum(path.stat().st_size for path in paths) <= _LARGEST_FILE_BYTES


def _is_small(source: Source, name: str, split: str, code: str) -> bool:
    """Return whether local files of this split are small enough to be read for an estimate."""
    with suppress(UsageError):  # no files of this split are known
        return source.at_hand and _are_small(source.split_files(name, split, code))
    return False


@lru_cache(maxsize=512)
def size(source: Source, name: str, split: str, code: str = "en") -> int:
    """Return the examples of a split in one language: exact for the embedded suite and for small
    files, otherwise those of the public release. If a release does not state the size of
    development or test, use the other's; 0 if neither is stated."""
    if parts := task(name).parts:
        return sum(size(source, part, split, code) for part in parts)
    if source.name == "mini":
        return suite.SIZES.get(name, {}).get(split, 0)
    if _is_small(source, name, split, code):
        return len(source.load(name, split, code))
    sizes = task(name).sizes
    return sizes.get(split) or sizes.get({"test": "dev", "dev": "test"}.get(split, ""), 0)


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

    learners = []
    for name in spec.trains:
        rows: Any = {
            part: range(size(source_of(spec), part, "train")) for part in sampling.parts(name)
        }
        streams: list[Any] = [
            SimpleNamespace(name=part, size=len(examples), encoded=examples)
            for part, examples in sampling.capped(name, rows, spec.examples_of(name), 0).items()
        ]
        head: Any = None
        learners.append(Learner(task(name), head, streams, []))
    planned = plan(spec, learners)
    return planned.steps, planned.evaluations


def _tuned(spec: Tuning) -> Work:
    """Return the work of phases 2 and 3: training, evaluations on development data, and the final
    scores (all development data in phase 2, all targets in phase 3)."""
    source, (steps, evaluations) = source_of(spec), _steps(spec)
    development = [
        sum(
            size(source, part, "dev")
            for part in sampling.parts(name)[-1 if task(name).staged else 0 :]
        )
        or spec.dev_examples
        for name in spec.trains
    ]
    judged = development[-1:] if spec.sequence else development
    scored = evaluations * sum(min(rows, spec.dev_examples) for rows in judged)
    languages = 0
    if isinstance(spec, IntermediateSpec):
        scored += sum(development)
    else:
        for name in spec.targets:
            split = test_split(source, name)
            codes = scored_languages(source, name, split, spec.languages)
            # The first language's size counts for every language.
            rows = size(source, name, split, codes[0]) if codes else 0
            scored += len(codes) * min(rows, spec.test_examples or rows)
            scored += _pool_size(source, name)
            languages += len(codes)
    return Work(steps, steps * spec.batch_size, scored, languages)


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
    source = source_of(spec)
    split = test_split(source, spec.task)
    times = {split: 1}
    if split == "test" and (
        source.languages(spec.task, "dev") if source.at_hand else "dev" in task(spec.task).sizes
    ):
        times["dev"] = 1 + (task(spec.task).metric == "f1")
    scored, languages = 0, 0
    for data_split, count in times.items():
        codes = scored_languages(source, spec.task, data_split, spec.languages)
        if codes:
            rows = size(source, spec.task, data_split, codes[0])
            # A file's examples are sentences of either side; a table's rows are pairs of them.
            if not _is_small(source, spec.task, data_split, codes[0]):
                distractors = suite.RETRIEVAL[spec.task] if spec.embedded and rows else 0
                rows = 2 * (rows + distractors)
            scored += count * len(codes) * rows
        languages = languages or len(codes)
    return Work(scored=scored, languages=languages)


def _probed(spec: ProbingSpec) -> Work:
    """Return the work of a probing run: embed English training and development data once, and test
    data in every language."""
    source, scored, languages = source_of(spec), 0, 0
    for name in spec.probes:
        codes = source.evaluated(name, "test", spec.languages)
        train, dev, test = (size(source, name, split) for split in SPLITS)
        scored += train + dev + len(codes) * test
        languages += len(codes)
    return Work(scored=scored, languages=languages)


def work(spec: Spec) -> Work:
    """Return the work of the run of `spec`.

    A control without an encoder only reads and counts, and the speed of the hub is unknown; both
    are charged for their start-up only.
    """
    match spec:
        case PretrainSpec():
            return Work(spec.steps, spec.steps * spec.batch_tokens, spec.documents)
        case IntermediateSpec() | TargetSpec():
            return _tuned(spec)
        case RetrievalSpec():
            return _retrieved(spec)
        case ProbingSpec():
            return _probed(spec)
        case ControlSpec():
            codes = (
                scored_languages(source_of(spec), name, "test", spec.languages)
                for name in spec.targets
            )
            return Work(languages=sum(map(len, codes)))
    return Work()
