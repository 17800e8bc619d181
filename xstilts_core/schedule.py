"""The schedule of a training: its length, its learning rate at every step, and what each step
learns from (tasks mixed or in turn, possibly with masked language modelling)."""

import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from torch import nn

from xstilts_core.examples import Example, TranslationCount
from xstilts_core.streams import Stream, mixture
from xstilts_core.study.spec import IntermediateSpec, Tuning
from xstilts_core.tasks import Task


@dataclass(frozen=True, slots=True)
class Schedule:
    """The length and hyperparameters of a training; see TuneSpec for the fields. evaluations: 0
    never evaluates and keeps the last weights.

    stages: steps of each stage if data sets are trained on one after the other; empty: one stage of
    all steps. Every stage warms up and decays over its own steps and begins with a new optimizer,
    like a separate training from the weights of the stage before (XTREME-R,
    scripts/train_xcopa.sh). Evaluations are in the last stage.
    """

    steps: int
    learning_rate: float
    warmup: float
    weight_decay: float
    clip: float
    seed: int
    evaluations: int = 0
    patience: int = 30
    betas: tuple[float, float] = (0.9, 0.999)
    stages: tuple[int, ...] = ()

    @property
    def stage_starts(self) -> list[int]:
        """Return the number of steps before each stage."""
        return [0, *accumulate(self.stages[:-1])]

    def stage(self, step: int) -> int:
        """Return the stage that `step` (from 0) belongs to."""
        return bisect_right(self.stage_starts, step) - 1

    def rate(self, step: int) -> float:
        """Return the share of the peak rate at `step`, at most 1.
        In every stage it rises linearly during warm-up and then falls linearly to zero."""
        stage = self.stage(step)
        steps, done = (self.stages or (self.steps,))[stage], step - self.stage_starts[stage]
        rise = self.warmup * steps
        # A warm-up shorter than a step, or ending within one, must not pass the peak.
        return (
            min(1.0, (done + 1) / max(1.0, rise))
            if done < rise
            else max(0.0, (steps - done) / max(1.0, steps - rise))
        )

    def evaluation_steps(self) -> set[int]:
        """Return the steps after which development data are scored: evenly spaced in the last
        stage, the last one at its end."""
        begin = self.stage_starts[-1]
        return {
            begin + round((self.steps - begin) * (k + 1) / self.evaluations)
            for k in range(self.evaluations)
        }


@dataclass(frozen=True, slots=True)
class Learner:
    """A training task: its head, its training rows (one stream per part) and its English
    development examples.

    counts: what became of the English examples in other languages.
    """

    task: Task
    head: nn.Module
    streams: list[Stream]
    development: list[Example]
    counts: tuple[TranslationCount, ...] = ()


def cap(spec: Tuning, learners: Sequence[Learner]) -> int:
    """Return the cap on the examples that count of a task.
    A single task or a sequence has none: ANLI+ draws its parts by their sizes."""
    if isinstance(spec, IntermediateSpec) and len(learners) > 1 and not spec.sequence:
        return spec.cap
    return sys.maxsize


def _task_shares(spec: Tuning, learners: Sequence[Learner]) -> np.ndarray:
    """Return the probability of each task in the mixture."""
    if not isinstance(spec, IntermediateSpec) or len(learners) == 1:
        return np.ones(1)
    if spec.probabilities:
        return np.array([spec.probabilities[learner.task.name] for learner in learners])
    if spec.sampling == "uniform":
        return np.full(len(learners), 1 / len(learners))
    return mixture(
        [sum(stream.size for stream in learner.streams) for learner in learners],
        spec.cap,
        spec.temperature,
    )


def stages(spec: Tuning, learners: Sequence[Learner]) -> list[list[Stream]]:
    """Return the streams of each stage if tasks, or the parts of one, are trained on one after the
    other; [] if there is only one stage."""
    if not spec.sequence and not learners[0].task.staged:
        return []
    parts: list[list[Stream]] = []
    for learner in learners:
        staged = learner.task.staged
        parts += [[stream] for stream in learner.streams] if staged else [learner.streams]
    return parts


def shares(spec: Tuning, learners: Sequence[Learner]) -> np.ndarray:
    """Return the probability of each stream, [streams], or [stages, streams] if there are stages.
    The last one belongs to the texts, if any.

    A task's probability is divided among its parts in proportion to size. Each batch of the tasks
    comes with `mlm` batches of text.
    """
    streams = [stream for learner in learners for stream in learner.streams]
    if parts := stages(spec, learners):
        rows = [
            [stream.size if any(stream is other for other in part) else 0 for stream in streams]
            for part in parts
        ]
        probabilities = np.array([np.array(row) / sum(row) for row in rows])
    else:
        sizes = [[stream.size for stream in learner.streams] for learner in learners]
        probabilities = np.concatenate(
            [
                weight * np.array(part) / sum(part)
                for weight, part in zip(_task_shares(spec, learners), sizes, strict=True)
            ]
        )
    if not spec.mlm:
        return probabilities
    texts = np.full((*probabilities.shape[:-1], 1), spec.mlm / (1 + spec.mlm))
    return np.concatenate([probabilities / (1 + spec.mlm), texts], axis=-1)


def _task_steps(spec: Tuning, learners: Sequence[Learner]) -> list[int]:
    """Return the steps on the tasks alone, of each stage if there are stages: ~ sum over tasks of
    epochs * min(rows, cap) / batch_size, as the paper's code counts them."""

    def passes(streams: Sequence[Stream]) -> int:
        return spec.passes(sum(len(stream.encoded) for stream in streams))

    def count(streams: Sequence[Stream]) -> int:
        batches = (-(-len(stream.encoded) // spec.batch_size) for stream in streams)
        return passes(streams) * sum(batches)

    if parts := stages(spec, learners):
        return [count(part) for part in parts]
    most = -(-cap(spec, learners) // spec.batch_size)
    return [
        sum(min(passes(learner.streams) * most, count(learner.streams)) for learner in learners)
    ]


def plan(spec: Tuning, learners: Sequence[Learner]) -> Schedule:
    """Return the schedule. Each task keeps its own number of steps, whatever is drawn besides it;
    `mlm` adds that multiple of it for the texts."""
    counts = [round(count * (1 + spec.mlm)) for count in _task_steps(spec, learners)]
    return Schedule(
        steps=sum(counts),
        learning_rate=spec.learning_rate,
        warmup=spec.warmup,
        weight_decay=spec.weight_decay,
        clip=spec.clip,
        seed=spec.seed,
        evaluations=spec.evaluations_in(counts[-1]),
        patience=spec.patience,
        stages=tuple(counts) if len(counts) > 1 else (),
    )
