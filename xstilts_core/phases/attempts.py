"""Training again of what was not learnt: same weights, another data order, a longer warm-up.

Degenerate runs, known from the first STILTs paper (Phang et al. 2018), depend on the order of the
data and on the first steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from xstilts_core.checkpoint import Checkpoint
from xstilts_core.phases.learnt import Judgement, listed
from xstilts_core.schedule import Schedule
from xstilts_core.streams import Stream
from xstilts_core.train import Trained, trained_weights

FILE = "attempts.pt"
# Warm-ups as shares of the steps: the least that is doubled, and the most that results.
_SHORTEST, LONGEST = 0.05, 0.5


def schedule_of(first: Schedule, attempt: int) -> Schedule:
    """Return the schedule of an attempt (from 0, which is `first`): a seed derived from the first
    one's, and twice the previous warm-up."""
    if not attempt:
        return first
    seed = int(np.random.SeedSequence([first.seed, 9, attempt]).generate_state(1)[0]) >> 1
    longer = min(LONGEST, max(first.warmup, _SHORTEST) * 2**attempt)
    return replace(first, seed=seed, warmup=max(first.warmup, longer))


def weights(modules: Sequence[nn.Module]) -> list[dict[str, Tensor]]:
    """Return a copy, on the CPU, of the modules' weights that training changes."""
    return [
        {name: value.cpu() for name, value in trained_weights(module).items()} for module in modules
    ]


def begin(
    modules: Sequence[nn.Module],
    streams: Sequence[Stream],
    start: Sequence[dict[str, Tensor]],
    seed: int,
) -> None:
    """Restore a training's start: the weights, and the generators that masks are drawn from."""
    for module, state in zip(modules, start, strict=True):
        module.load_state_dict(state, strict=False)
    for stream in streams:
        if stream.draws:
            stream.draws.bit_generator.state = np.random.default_rng([seed, 6]).bit_generator.state


def until_learnt(
    modules: Sequence[nn.Module],
    streams: Sequence[Stream],
    schedules: Sequence[Schedule],
    attempt: Callable[[Schedule], Trained],
    judge: Callable[[], list[Judgement]],
    checkpoint: Checkpoint | None,
    training_identity: dict[str, Any],
) -> tuple[Trained, list[dict[str, Any]]]:
    """Train by one schedule after the other until all tasks are learnt, and leave the weights of
    that attempt. If none learns, leave those of the highest mean development score (the first of
    equals). Return how it was trained, and a record of each attempt.

    A killed run resumes in its last attempt, from the attempts' `checkpoint`.
    training_identity: what that shares with its training.
    """
    start = weights(modules)
    store = replace(checkpoint, name=FILE) if checkpoint else None
    state = (store.read(training_identity) if store else None) or {"records": [], "best": {}}
    records = state["records"]
    earlier_seconds = sum(record["seconds"] for record in records)
    for number, schedule in list(enumerate(schedules))[len(records) :]:
        begin(modules, streams, start, schedule.seed)
        trained = attempt(schedule)
        judgements = judge()
        earlier_seconds += trained.earlier_seconds
        learnt = all(judgement.learnt for judgement in judgements)
        score = float(np.mean([judgement.score for judgement in judgements] or [0.0]))
        records.append(
            {
                "seed": schedule.seed,
                "warmup": schedule.warmup,
                "best_step": trained.best_step,
                "best_score": trained.best_score,
                "seconds": trained.seconds,
                "learnt": learnt,
                "tasks": {judgement.task: judgement.content() for judgement in judgements},
            }
        )
        if learnt or not state["best"] or score > state["best"]["score"]:
            state["best"] = {
                "number": number,
                "score": score,
                "trained": asdict(trained),
                "weights": weights(modules),
            }
        if learnt or number + 1 == len(schedules):
            break
        names = listed(judgement.task for judgement in judgements if not judgement.learnt)
        print(
            f"attempt {number + 1} did not learn {names}: again with seed "
            f"{schedules[number + 1].seed}, warm-up {schedules[number + 1].warmup:g}",
            flush=True,
        )
        if store:
            store.write(state, training_identity)
            checkpoint.remove()
    best = state["best"]
    begin(modules, (), best["weights"], 0)
    for module in modules:
        module.eval()
    report = [{**record, "kept": number == best["number"]} for number, record in enumerate(records)]
    return Trained(**{**best["trained"], "earlier_seconds": earlier_seconds}), report
