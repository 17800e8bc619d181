"""Train again what did not learn: from the same weights, in another order of the data, with a
longer warm-up.

Degenerate runs, known from the first STILTs paper (Phang et al. 2018), hang on the order of the
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
_SHORTEST, LONGEST = 0.05, 0.5
"""Shares of the steps: what a warm-up is doubled from at least, and what it is doubled to at
most."""


def schedule_of(first: Schedule, attempt: int) -> Schedule:
    """The schedule of an attempt (from 0, which is `first`): a seed derived from the first one's,
    twice the warm-up of the one before."""
    if not attempt:
        return first
    seed = int(np.random.SeedSequence([first.seed, 9, attempt]).generate_state(1)[0]) >> 1
    longer = min(LONGEST, max(first.warmup, _SHORTEST) * 2**attempt)
    return replace(first, seed=seed, warmup=max(first.warmup, longer))


def weights(modules: Sequence[nn.Module]) -> list[dict[str, Tensor]]:
    """A copy of the modules' weights that training changes, on the CPU."""
    return [
        {name: value.cpu() for name, value in trained_weights(module).items()} for module in modules
    ]


def begin(
    modules: Sequence[nn.Module],
    streams: Sequence[Stream],
    start: Sequence[dict[str, Tensor]],
    seed: int,
) -> None:
    """Put everything back to where a training begins: the weights, and the generators that masks
    are drawn from."""
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
    same: dict[str, Any],
) -> tuple[Trained, list[dict[str, Any]]]:
    """Train by one schedule after the other until all tasks are learnt, and leave the weights of
    that attempt; where none learnt, those of the highest mean development score, of equals the
    first. Returns how it was trained, and a record of each attempt.

    A killed run goes on in the attempt that it was in, from the attempts' `checkpoint`; `same` is
    what that shares with its training.
    """
    start = weights(modules)
    kept = replace(checkpoint, name=FILE) if checkpoint else None
    state = (kept.read(same) if kept else None) or {"records": [], "best": {}}
    records, earlier = state["records"], sum(record["seconds"] for record in state["records"])
    for number, schedule in list(enumerate(schedules))[len(records) :]:
        begin(modules, streams, start, schedule.seed)
        trained = attempt(schedule)
        found = judge()
        earlier += trained.earlier_seconds
        learnt, score = (
            all(judged.learnt for judged in found),
            float(np.mean([judged.score for judged in found] or [0.0])),
        )
        seen = {
            "best_step": trained.best_step,
            "best_score": trained.best_score,
            "seconds": trained.seconds,
        }
        told = {judged.task: judged.content() for judged in found}
        records.append(
            {
                "seed": schedule.seed,
                "warmup": schedule.warmup,
                **seen,
                "learnt": learnt,
                "tasks": told,
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
        names = listed(judged.task for judged in found if not judged.learnt)
        following = schedules[number + 1]
        print(
            f"attempt {number + 1} did not learn {names}: again with seed {following.seed}, warm-up {following.warmup:g}",
            flush=True,
        )
        if kept and checkpoint:
            kept.write(state, same)
            checkpoint.remove()
    best = state["best"]
    begin(modules, (), best["weights"], 0)
    for module in modules:
        module.eval()
    told = [{**record, "kept": number == best["number"]} for number, record in enumerate(records)]
    return Trained(**{**best["trained"], "earlier_seconds": earlier}), told
