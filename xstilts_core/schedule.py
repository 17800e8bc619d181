"""How long a training is, its learning rate at every step, and what each step learns from: tasks
mixed or in turn, and masked language modelling among them."""

import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import nn

from xstilts_core import model
from xstilts_core.examples import Example
from xstilts_core.streams import Stream, mixture
from xstilts_core.study import precision as chosen
from xstilts_core.study.spec import EncoderSpec, IntermediateSpec, PretrainSpec, Spec, TuneSpec
from xstilts_core.tasks import Task
from xstilts_core.translation.translated import Count


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how: see TuneSpec for the fields. evaluations: 0 never evaluates and keeps the
    last weights.

    stages: steps of each stage, where data sets are trained on one after the other; empty: one
    stage of all steps. Every stage warms up and decays over its own steps and begins with a new
    optimizer, as a training of its own from the weights of the one before (XTREME-R,
    scripts/train_xcopa.sh). Evaluations are in the last.
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
    bfloat16: bool = False
    layer: int = -1
    stages: tuple[int, ...] = ()

    @property
    def begins(self) -> list[int]:
        """Steps done before each stage."""
        return [0, *accumulate(self.stages[:-1])]

    def stage(self, step: int) -> int:
        """The stage that `step` (from 0) belongs to."""
        return bisect_right(self.begins, step) - 1

    def rate(self, step: int) -> float:
        """Share of the peak rate at `step`, at most 1: rises linearly during warm-up, falls
        linearly to zero after it, in every stage."""
        stage = self.stage(step)
        steps, done = (self.stages or (self.steps,))[stage], step - self.begins[stage]
        rise = self.warmup * steps
        # A warm-up of less than one step, or with a part of one left over, ends at the peak and not
        # above it.
        return (
            min(1.0, (done + 1) / max(1.0, rise))
            if done < rise
            else max(0.0, (steps - done) / max(1.0, steps - rise))
        )

    def marks(self) -> set[int]:
        """Steps after which development data are scored: evenly spaced in the last stage, the last
        one at its end."""
        begin = self.begins[-1]
        return {
            begin + round((self.steps - begin) * (k + 1) / self.evaluations)
            for k in range(self.evaluations)
        }


@dataclass(frozen=True, slots=True)
class Learner:
    """A training task: its head, its training rows (a stream per part), the English development
    examples.

    counts: what became of the English examples in other languages.
    """

    task: Task
    head: nn.Module
    streams: list[Stream]
    development: list[Example]
    counts: tuple[Count, ...] = ()


def in_bfloat16(precision: str, where: torch.device, width: int | None) -> bool:
    """Whether a network of this hidden size computes in bfloat16 there. auto: where the device does
    so natively; older GPUs emulate it, and slowly. On a CPU it has to be wide enough to gain from
    it."""
    if precision != "auto":
        return precision == "bfloat16"
    return (
        torch.cuda.is_bf16_supported(including_emulation=False)
        if where.type == "cuda"
        else chosen.on_cpu(width)
    )


def uses_bfloat16(spec: EncoderSpec) -> bool:
    """Whether the run computes in bfloat16."""
    return in_bfloat16(spec.precision, model.device(spec.device), chosen.width(spec))


def precision(spec: Spec) -> str:
    """What the run's network computes in, its heads and losses apart, which are float32; "" for a
    run without one."""
    if not isinstance(spec, EncoderSpec | PretrainSpec):
        return ""
    return "bfloat16" if isinstance(spec, EncoderSpec) and uses_bfloat16(spec) else "float32"


def _mlm_batches(spec: TuneSpec) -> float:
    """Batches of masked language modelling to one of the tasks."""
    return spec.mlm if isinstance(spec, IntermediateSpec) else 0.0


def cap(spec: TuneSpec, found: Sequence[Learner]) -> int:
    """Examples of a task that count. A task on its own, or in a sequence, has none to cap: ANLI+
    draws its parts by their sizes."""
    return (
        spec.cap
        if isinstance(spec, IntermediateSpec) and len(found) > 1 and not spec.sequence
        else sys.maxsize
    )


def _task_shares(spec: TuneSpec, found: Sequence[Learner]) -> np.ndarray:
    """Probability of each task in the mixture."""
    if not isinstance(spec, IntermediateSpec) or len(found) == 1:
        return np.ones(1)
    if spec.probabilities:
        return np.array([spec.probabilities[entry.task.name] for entry in found])
    if spec.sampling == "uniform":
        return np.full(len(found), 1 / len(found))
    return mixture(
        [sum(stream.size for stream in entry.streams) for entry in found],
        spec.cap,
        spec.temperature,
    )


def stages(spec: TuneSpec, found: Sequence[Learner]) -> list[list[Stream]]:
    """The streams of each stage where tasks, or the parts of one, are trained on one after the
    other; empty: all in one."""
    if not (isinstance(spec, IntermediateSpec) and spec.sequence) and not found[0].task.staged:
        return []
    return [
        part
        for entry in found
        for part in (
            [[stream] for stream in entry.streams] if entry.task.staged else [entry.streams]
        )
    ]


def shares(spec: TuneSpec, found: Sequence[Learner]) -> np.ndarray:
    """Probability of each stream, [streams] or, in stages, [stages, streams]; that of the texts, if
    there are any, comes last.

    A task's probability is divided in proportion to size among its parts. `mlm` batches of text
    come to one of the tasks.
    """
    streams = [stream for entry in found for stream in entry.streams]
    if parts := stages(spec, found):
        rows = [
            [stream.size if any(stream is other for other in part) else 0 for stream in streams]
            for part in parts
        ]
        drawn = np.array([np.array(row) / sum(row) for row in rows])
    else:
        sizes = [[stream.size for stream in entry.streams] for entry in found]
        drawn = np.concatenate(
            [
                weight * np.array(part) / sum(part)
                for weight, part in zip(_task_shares(spec, found), sizes, strict=True)
            ]
        )
    if not (ratio := _mlm_batches(spec)):
        return drawn
    texts = np.full((*drawn.shape[:-1], 1), ratio / (1 + ratio))
    return np.concatenate([drawn / (1 + ratio), texts], axis=-1)


def _task_steps(spec: TuneSpec, found: Sequence[Learner]) -> list[int]:
    """Steps on the tasks alone: ~ sum over tasks of epochs * min(rows, cap) / batch_size, as the
    paper's code counts them.

    In stages: of each.
    """

    def passes(streams: Sequence[Stream]) -> int:
        return spec.passes(sum(len(stream.encoded) for stream in streams))

    def count(streams: Sequence[Stream]) -> int:
        return passes(streams) * sum(
            -(-len(stream.encoded) // spec.batch_size) for stream in streams
        )

    if parts := stages(spec, found):
        return [count(part) for part in parts]
    most = -(-cap(spec, found) // spec.batch_size)
    return [sum(min(passes(entry.streams) * most, count(entry.streams)) for entry in found)]


def plan(spec: TuneSpec, found: Sequence[Learner]) -> Schedule:
    """The schedule: every task has its own steps, whatever is drawn beside it; `mlm` adds as many
    for the texts."""
    counts = [round(count * (1 + _mlm_batches(spec))) for count in _task_steps(spec, found)]
    return Schedule(
        sum(counts),
        spec.learning_rate,
        spec.warmup,
        spec.weight_decay,
        spec.clip,
        spec.seed,
        spec.evaluations_in(counts[-1]),
        spec.patience,
        bfloat16=uses_bfloat16(spec),
        layer=spec.layer,
        stages=tuple(counts) if len(counts) > 1 else (),
    )
