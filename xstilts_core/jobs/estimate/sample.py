"""What a probe measures with: a sample of a task's examples, its own or others of its format, and a
clock."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from xstilts_core.data import splits
from xstilts_core.data.readers.ranking import by_sentence
from xstilts_core.jobs.estimate.question import Stage
from xstilts_core.jobs.estimate.work import at_hand, is_small
from xstilts_core.mini import suite
from xstilts_core.tasks import EMBEDDED_TASKS, Task, task

SAMPLE = 64
_SECONDS_A_STAGE = 0.1
_MOST_REPEATS = 12
# Tokens of a training row where the data or the tokenizer is not at hand, by format (all choices
# together; a window of a question).
ASSUMED = {
    "pair": 40.0,
    "choice": 360.0,
    "span": 200.0,
    "tagging": 30.0,
    "retrieval": 30.0,
    "ranking": 200.0,
}
# By format: the task of the embedded suite that stands for one that the suite lacks, and what makes
# its examples such as the format's.
STAND_INS: dict[str, tuple[str, Callable[[list[Any]], list[Any]]]] = {
    "pair": ("mnli", list),
    "choice": ("cosmosqa", list),
    "span": ("squad_v1", list),
    "tagging": ("udpos", list),
    "ranking": ("squad_v1", by_sentence),
}


def now(where: torch.device) -> float:
    """A clock: of this process alone where one thread does the work, so that what else the machine
    does now does not count."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    return (
        time.process_time()
        if where.type == "cpu" and torch.get_num_threads() == 1
        else time.perf_counter()
    )


def timed(call: Callable[[], object], where: torch.device) -> float:
    """Median seconds of a call, after one that does not count."""
    call()
    taken: list[float] = []
    while not taken or (sum(taken) < _SECONDS_A_STAGE and len(taken) < _MOST_REPEATS):
        started = now(where)
        call()
        taken.append(now(where) - started)
    return float(np.median(taken))


def examples(stage: Stage) -> tuple[Task, list[Any], float, bool]:
    """The task, a sample of its training (or only) examples, seconds to make or read one, and
    whether it is the study's own data.

    Data that is not at hand is replaced by the embedded suite's task of the same name, or by one of
    the same format.
    """
    name = splits.parts(stage.task)[0]
    entry = task(name)
    split, code = ("dev", entry.languages[0]) if entry.format == "retrieval" else ("train", "en")
    if stage.source == "files":
        for part in (split, "test"):
            code = (
                next(iter(splits.languages(name, part, "files", stage.data_root)), code)
                if at_hand("files", stage.data_root)
                else code
            )
            if is_small(name, part, stage.data_root, code):
                started = time.process_time()
                found = splits.load(name, part, code, "files", stage.data_root)
                return (
                    task(stage.task),
                    found[:SAMPLE],
                    (time.process_time() - started) / len(found),
                    True,
                )
    if name not in EMBEDDED_TASKS:
        other, convert = STAND_INS[entry.format]
        return (
            replace(task(other), format=entry.format),
            convert(suite.load(other, "train", "en", limit=SAMPLE)),
            0.0,
            False,
        )
    code = next(language for language in entry.languages if language in suite.LANGUAGES)
    # Generated data are kept (mini/kept.py): but for the first run on a machine, to have them costs
    # next to nothing.
    return (
        task(stage.task),
        suite.load(name, split, code, limit=SAMPLE),
        0.0,
        stage.source == "mini",
    )
