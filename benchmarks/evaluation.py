"""Compare evaluation with Trainer.predict in CPU seconds: the same rows, weights and order of
outputs."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.measure import Measure, Unequal
from benchmarks.peer import DYNAMIC, trainer
from benchmarks.workload import (
    NANO,
    PAIRS,
    REAL,
    SMALL,
    WINDOWS,
    Kind,
    Size,
    our_model,
    peer_model,
    peer_rows,
)
from xstilts_core.evaluate import predict
from xstilts_core.formats import FORMATS
from xstilts_core.formats.tokens import Encoded
from xstilts_core.model import in_bfloat16
from xstilts_core.tasks import task

PART = "evaluate"
PEER = f"{DYNAMIC}, predict"
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Case:
    """The rows to predict, their number per round, and the goal as a multiple of the peer's
    speed."""

    name: str
    kind: Kind
    size: Size
    rows: int
    goal: float
    auto: bool = False


CASES = (
    Case(f"pairs, {SMALL.name}", PAIRS, SMALL, 400, 1.6),
    Case(f"pairs, {NANO.name}", PAIRS, NANO, 1200, 1.6),
    Case(f"question windows, {NANO.name}", WINDOWS, NANO, 300, 1.6),
    Case(f"pairs, {REAL.name}", PAIRS, REAL, 160, 3.0, auto=True),
    Case(f"question windows, {REAL.name}", WINDOWS, REAL, 48, 3.0, auto=True),
)


def ours(
    case: Case, encoded: Encoded, seed: int, bfloat16: bool = False
) -> tuple[np.ndarray, float]:
    """Return outputs [rows or tokens, k] and the CPU seconds to compute them."""
    encoder, head = our_model(case.kind, case.size, 0.0, seed)
    form = FORMATS[task(case.kind.task).format]
    started = time.process_time()
    encoder = replace(encoder, bfloat16=bfloat16)
    return predict(encoder, head, form, encoded), time.process_time() - started


def theirs(case: Case, encoded: Encoded, seed: int) -> tuple[np.ndarray, float]:
    """Return the same from Trainer.predict with its default batch size of 8. Padding is removed
    from the outputs afterwards."""
    rows = peer_rows(encoded, np.arange(len(encoded)), {})
    with tempfile.TemporaryDirectory() as folder:
        peer = trainer(DYNAMIC, peer_model(case.kind, case.size, 0.0, seed, exact=False), folder)
        started = time.process_time()
        outputs = peer.predict(rows).predictions
        seconds = time.process_time() - started
    if not isinstance(outputs, tuple):
        return outputs, seconds
    valid = np.arange(outputs[0].shape[1])[None] < encoded.lengths[:, None]
    return np.stack([logits[valid] for logits in outputs], 1), seconds


def check(case: Case, seed: int = 1) -> float:
    """Check that both sides give the same outputs, and return the largest difference relative to
    the largest output. Raise Unequal beyond TOLERANCE."""
    encoded = case.kind.draw(case.rows, np.random.default_rng(seed))
    outputs, expected = ours(case, encoded, seed)[0], theirs(case, encoded, seed)[0]
    if outputs.shape != expected.shape:
        raise Unequal(
            f"evaluation, {case.name}: outputs of shape {outputs.shape} and {expected.shape} "
            "for the same rows"
        )
    difference = float(np.abs(outputs - expected).max() / np.abs(expected).max())
    if not difference <= TOLERANCE:
        raise Unequal(
            f"evaluation, {case.name}: outputs differ by {difference:.1e} of the largest, "
            f"more than rounding (at most {TOLERANCE:g})"
        )
    return difference


def measure(case: Case, rounds: int) -> Measure:
    """Measure the speed ratio; the sides take turns in every round."""
    bfloat16 = case.auto and in_bfloat16("auto", torch.device("cpu"), case.size.width)
    if case.auto and not bfloat16:
        return Measure(PART, case.name, PEER, "x", (), case.goal)
    difference = check(case)
    seconds: dict[str, list[float]] = {"ours": [], PEER: []}
    speeds: dict[str, list[float]] = {"ours": [], PEER: []}
    for seed in range(1, rounds + 1):
        encoded = case.kind.draw(case.rows, np.random.default_rng([seed, 1]))
        for name, elapsed in (
            ("ours", ours(case, encoded, seed, bfloat16)[1]),
            (PEER, theirs(case, encoded, seed)[1]),
        ):
            seconds[name].append(elapsed)
            speeds[name].append(len(encoded.ids) / elapsed)
    median_speeds = {name: round(statistics.median(values)) for name, values in speeds.items()}
    details = {
        "tokens_per_cpu_second": median_speeds,
        "largest_output_difference": difference,
        "rows": case.rows,
    }
    ratios = tuple(b / a for a, b in zip(seconds["ours"], seconds[PEER], strict=True))
    return Measure(PART, case.name, PEER, "x", ratios, case.goal, details)


def run(rounds: int, cases: Sequence[Case] = CASES) -> list[Measure]:
    """Measure all cases."""
    torch.set_num_threads(1)
    return [measure(case, rounds) for case in cases]
