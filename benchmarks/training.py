"""Compare training with the Trainer in CPU seconds: the same examples in every step, the same
initial weights, one thread."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import Measure, Unequal
from benchmarks.peer import DYNAMIC, HALF, PADDED, trainer
from benchmarks.workload import (
    NANO,
    PAIRS,
    REAL,
    SMALL,
    TAGS,
    WINDOWS,
    Kind,
    Size,
    our_model,
    peer_model,
    peer_rows,
)
from xstilts_core.formats import FORMATS, Batch, select
from xstilts_core.formats.tokens import Encoded
from xstilts_core.model import in_bfloat16
from xstilts_core.streams import Stream
from xstilts_core.tasks import task
from xstilts_core.train import Schedule, train

PART = "train"
RATE, WEIGHT_DECAY, CLIP, DROPOUT = 5e-4, 0.01, 1.0, 0.1
CHECKED, TOLERANCE = 10, 1e-4
WARM = 2
ALL, NO_ATTENTION = "all dropout", "ours without attention dropout"


@dataclass(frozen=True, slots=True)
class Case:
    """The model and rows to train, the number of steps per round, and the goal for each peer as a
    multiple of its speed; None: only shown.

    auto: ours in the precision of `auto`, if that is bfloat16. attention: our dropout of attention;
    the Trainer keeps its defaults.
    """

    name: str
    kind: Kind
    size: Size
    batch: int
    steps: int
    goals: dict[str, float | None]
    auto: bool = False
    attention: float = DROPOUT


CASES = (
    Case(f"pairs, {SMALL.name}, batch 32", PAIRS, SMALL, 32, 16, {DYNAMIC: 2.0, PADDED: 2.7}),
    Case(f"pairs, {NANO.name}, batch 32", PAIRS, NANO, 32, 40, {DYNAMIC: 1.7}),
    Case(f"pairs, {NANO.name}, batch 8", PAIRS, NANO, 8, 100, {DYNAMIC: 1.25}),
    Case(f"question windows, {NANO.name}, batch 32", WINDOWS, NANO, 32, 12, {DYNAMIC: 1.9}),
    *(
        Case(
            f"{kind_name}, {REAL.name}, batch {batch}, {said}",
            kind,
            REAL,
            batch,
            8,
            goals,
            True,
            attention,
        )
        for kind_name, kind, batch, said, attention, goals in (
            ("pairs", PAIRS, 32, NO_ATTENTION, 0.0, {DYNAMIC: 7.5, HALF: 2.8}),
            ("pairs", PAIRS, 32, ALL, DROPOUT, {DYNAMIC: 6.5, HALF: 2.8}),
            ("question windows", WINDOWS, 16, NO_ATTENTION, 0.0, {DYNAMIC: 6.5, HALF: 2.4}),
            ("question windows", WINDOWS, 16, ALL, DROPOUT, {DYNAMIC: 5.5, HALF: 2.4}),
            ("tags", TAGS, 32, ALL, DROPOUT, {DYNAMIC: None, HALF: None}),
        )
    ),
)


@dataclass(slots=True)
class Trace:
    """The record of one side: process time at the start of every step, losses, and (ours) the rows
    of every batch."""

    marks: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)

    def watch(self, encoder: nn.Module) -> None:
        encoder.register_forward_pre_hook(
            lambda module, inputs: self.marks.append(time.process_time())
        )

    @property
    def seconds(self) -> float:
        """The time from the start of one step to the start of another: whole cycles, including the
        work of a step outside the model."""
        return self.marks[-1] - self.marks[WARM]


def ours(case: Case, encoded: Encoded, dropout: float, seed: int, bfloat16: bool = False) -> Trace:
    """Train with xstilts_core.train.train in one pass over `encoded`."""
    encoder, head = our_model(case.kind, case.size, dropout, seed, min(case.attention, dropout))
    data_format, trace = FORMATS[task(case.kind.task).format], Trace()
    terms: list[int] = []

    def loss(head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        value = data_format.loss(head, hidden, batch)
        terms[-1] += batch.terms
        trace.losses[-1] += (value.item() - trace.losses[-1]) * batch.terms / terms[-1]
        return value

    def recording_select(encoded: Encoded, rows: np.ndarray) -> Encoded:
        trace.marks.append(time.process_time())
        trace.rows.append(rows)
        trace.losses.append(0.0)
        terms.append(0)
        return select(encoded, rows)

    stream = Stream("benchmark", head, loss, encoded, len(encoded), case.batch, recording_select)
    train(
        replace(encoder, bfloat16=bfloat16),
        [stream],
        np.array([1.0]),
        Schedule(case.steps, RATE, 0.0, WEIGHT_DECAY, CLIP, seed),
    )
    return trace


def theirs(
    peer: str,
    case: Case,
    encoded: Encoded,
    order: np.ndarray,
    dropout: float,
    seed: int,
    exact: bool = False,
) -> Trace:
    """Train with Trainer.train on the same rows, in the order of our batches."""
    model, trace = peer_model(case.kind, case.size, dropout, seed, exact), Trace()
    trace.watch(model.roberta)
    model.register_forward_hook(
        lambda module, inputs, output: trace.losses.append(output["loss"].item())
    )
    rows = peer_rows(encoded, order, case.kind.labels)
    with tempfile.TemporaryDirectory() as folder:
        trainer(
            peer,
            model,
            folder,
            rows,
            per_device_train_batch_size=case.batch,
            max_steps=case.steps,
            learning_rate=RATE,
            weight_decay=WEIGHT_DECAY,
            max_grad_norm=CLIP,
            seed=seed,
        ).train()
    return trace


def counted(case: Case, side: str, trace: Trace) -> None:
    """Raise Unequal if a side did not take the steps of the case."""
    if len(trace.losses) != case.steps or len(trace.marks) != case.steps:
        raise Unequal(
            f"training, {case.name}: {side} took {len(trace.losses)} steps, not {case.steps}"
        )


def check(case: Case, seed: int = 1) -> float:
    """Check that the first losses of all sides agree without dropout, and return the largest
    relative difference. Raise Unequal beyond TOLERANCE."""
    encoded = case.kind.draw(case.steps * case.batch, np.random.default_rng(seed))
    trace = ours(case, encoded, 0.0, seed)
    counted(case, "ours", trace)
    largest = 0.0
    for peer in (peer for peer in case.goals if peer != HALF):
        expected = theirs(peer, case, encoded, np.concatenate(trace.rows), 0.0, seed, exact=True)
        counted(case, peer, expected)
        left, right = np.array(trace.losses[:CHECKED]), np.array(expected.losses[:CHECKED])
        largest = max(largest, float((np.abs(left - right) / np.abs(right)).max()))
        if not largest <= TOLERANCE:
            raise Unequal(
                f"training, {case.name}, {peer}: "
                f"losses {left.tolist()} and {right.tolist()} for the same batches"
            )
    return largest


def measure(case: Case, rounds: int) -> list[Measure]:
    """Measure the ratios to every peer. The sides take turns in every round, with the settings of a
    real run."""
    bfloat16 = case.auto and in_bfloat16("auto", torch.device("cpu"), case.size.width)
    if case.auto and not bfloat16:
        return [Measure(PART, case.name, peer, "x", (), goal) for peer, goal in case.goals.items()]
    difference = check(case)
    seconds: dict[str, list[float]] = {"ours": [], **{peer: [] for peer in case.goals}}
    speeds: dict[str, list[float]] = {name: [] for name in seconds}
    for seed in range(1, rounds + 1):
        encoded = case.kind.draw(case.steps * case.batch, np.random.default_rng([seed, 1]))
        trace = ours(case, encoded, DROPOUT, seed, bfloat16)
        tokens = int(sum(encoded.lengths[rows].sum() for rows in trace.rows[WARM:-1]))
        order = np.concatenate(trace.rows)
        traces = {
            "ours": trace,
            **{peer: theirs(peer, case, encoded, order, DROPOUT, seed) for peer in case.goals},
        }
        for name, side_trace in traces.items():
            seconds[name].append(side_trace.seconds)
            speeds[name].append(tokens / side_trace.seconds)
    median_speeds = {name: round(statistics.median(values)) for name, values in speeds.items()}
    details = {
        "tokens_per_cpu_second": median_speeds,
        "largest_relative_loss_difference": difference,
        "steps": case.steps - WARM - 1,
    }
    return [
        Measure(
            PART,
            case.name,
            peer,
            "x",
            tuple(b / a for a, b in zip(seconds["ours"], seconds[peer], strict=True)),
            goal,
            details,
        )
        for peer, goal in case.goals.items()
    ]


def run(rounds: int, cases: Sequence[Case] = CASES) -> list[Measure]:
    """Measure all cases."""
    torch.set_num_threads(1)
    return [result for case in cases for result in measure(case, rounds)]
