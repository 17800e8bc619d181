"""Sample a task's examples for a probe, its own or others of its format, and time function
calls."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from xstilts_core.data import sampling
from xstilts_core.data.readers.ranking import by_sentence
from xstilts_core.data.source import source_of
from xstilts_core.jobs.estimate.question import Stage
from xstilts_core.jobs.estimate.work import is_small
from xstilts_core.mini import suite
from xstilts_core.tasks import EMBEDDED_TASKS, Task, task

SAMPLE = 64
_SECONDS_A_STAGE = 0.1
_MOST_REPEATS = 12
# Tokens per training row by format, used if the data or the tokenizer is not on this machine. All
# choices count together; a question counts by window.
ASSUMED = {
    "pair": 40.0,
    "choice": 360.0,
    "span": 200.0,
    "tagging": 30.0,
    "retrieval": 30.0,
    "ranking": 200.0,
}
# By format: the task of the embedded suite that represents tasks missing in it, and the function
# that converts its examples to the format.
STAND_INS: dict[str, tuple[str, Callable[[list[Any]], list[Any]]]] = {
    "pair": ("mnli", list),
    "choice": ("cosmosqa", list),
    "span": ("squad_v1", list),
    "tagging": ("udpos", list),
    "ranking": ("squad_v1", by_sentence),
}


def now(where: torch.device) -> float:
    """Return the time: CPU time of this process if it computes with one thread, so that other load
    on the machine does not count, and wall time otherwise."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    return (
        time.process_time()
        if where.type == "cpu" and torch.get_num_threads() == 1
        else time.perf_counter()
    )


def timed(call: Callable[[], object], where: torch.device) -> float:
    """Return the median seconds of a call, after one call for warming up."""
    call()
    durations: list[float] = []
    while not durations or (sum(durations) < _SECONDS_A_STAGE and len(durations) < _MOST_REPEATS):
        started = now(where)
        call()
        durations.append(now(where) - started)
    return float(np.median(durations))


def examples(stage: Stage) -> tuple[Task, list[Any], float, bool]:
    """Return the task, a sample of its training (or only) examples, seconds to create or read one,
    and whether they are the study's own data.

    Data that is not on this machine is replaced by the embedded suite's task of the same name, or
    by one of the same format.
    """
    name = sampling.parts(stage.task)[0]
    first = task(name)
    split, code = ("dev", first.languages[0]) if first.format == "retrieval" else ("train", "en")
    source = source_of(stage)
    for part in (split, "test"):
        code = next(iter(source.languages(name, part)), code) if source.at_hand else code
        if is_small(source, name, part, code):
            started = time.process_time()
            loaded = source.load(name, part, code)
            seconds = (time.process_time() - started) / len(loaded)
            return task(stage.task), loaded[:SAMPLE], seconds, True
    if name not in EMBEDDED_TASKS:
        stand_in, convert = STAND_INS[first.format]
        return (
            replace(task(stand_in), format=first.format),
            convert(suite.load(stand_in, "train", "en", limit=SAMPLE)),
            0.0,
            False,
        )
    code = next(language for language in first.languages if language in suite.LANGUAGES)
    # Generated data are stored (mini/disk_cache.py), so loading them costs almost nothing after the
    # first run on a machine.
    return (
        task(stage.task),
        suite.load(name, split, code, limit=SAMPLE),
        0.0,
        stage.embedded,
    )
