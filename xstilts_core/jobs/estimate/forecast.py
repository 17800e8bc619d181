"""Forecast hours, memory and disk of a study's remaining runs, from earlier runs or else a short
probe."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from xstilts_core import results
from xstilts_core.jobs import aside
from xstilts_core.jobs.estimate.earlier import Cost, by_earlier, finished, on_device, report_seconds
from xstilts_core.jobs.estimate.question import Answer, Question, Rendering, Speed, Stage
from xstilts_core.jobs.estimate.sentences import left, needed
from xstilts_core.jobs.estimate.work import Work, steps, work
from xstilts_core.jobs.kernel import environment
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, Spec
from xstilts_core.tasks import TASKS, task

_PROBE_SECONDS = 90
# Runner, papermill, a ready kernel and saving; on a cluster every kernel also imports torch.
START_SECONDS = 2.0
# Once per grid: Snakemake, the first kernel's imports, the table of scores and the page.
GRID_SECONDS = 10.0
# Notebook, log and result; a file of predictions; one prediction; one token of a vocabulary.
_RUN_BYTES, _FILE_BYTES, _PREDICTION_BYTES, _WORD_BYTES = 25_000, 1_000, 10, 60
_WEIGHT_BYTES = {"float16": 2, "float32": 4}
# A checkpoint of an unfinished training: weights, two moments of AdamW, the best weights so far.
_CHECKPOINT_COPIES = 4
PROBED = "a probe"
SHARED = "shared"
# The state of a finished run that is repeated because a run that it starts from is.
AFTER = "after"
READY = ("done", SHARED)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast for `xstilts run`. costs: by folder, for each remaining run. error: why no probe
    was possible.

    wall: seconds with `jobs` parallel runs, reports included; reports: seconds of the reports.
    translation: seconds of translation, included in the runs' costs; sentences: number to
    translate, by (translator, language).
    """

    study: Study
    jobs: int
    states: dict[Path, str]
    costs: dict[Path, Cost]
    wall: float
    reports: float
    answer: Answer | None
    error: str
    translation: float = 0.0
    sentences: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def todo(self) -> list[Spec]:
        return [spec for spec in self.study.specs if self.states[spec.folder] not in READY]

    @property
    def size(self) -> int:
        """Return the bytes on disk at the end, including checkpoints of unfinished trainings."""
        open_runs = [spec for spec in self.todo if getattr(spec, "checkpoint_every", 0)]
        weights = 4 * self.answer.parameters if self.answer else 0
        return sum(cost.size for cost in self.costs.values()) + _CHECKPOINT_COPIES * weights * min(
            self.jobs, len(open_runs)
        )


def probe(question: Question, threads: int) -> tuple[Answer | None, str]:
    """Answer the question in a separate process with as many threads as a run and no network.
    Return (None, reason) if that fails."""
    variables = {**os.environ, **environment(threads), "HF_HUB_OFFLINE": "1"}
    call = [sys.executable, "-m", "xstilts_core.jobs.estimate.probe"]
    text = json.dumps(asdict(question))
    try:
        reply = subprocess.run(
            call, input=text, capture_output=True, text=True, timeout=_PROBE_SECONDS, env=variables
        )
        content = json.loads(reply.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return None, f"the probe took more than {_PROBE_SECONDS} seconds"
    except (IndexError, json.JSONDecodeError):
        return (
            None,
            f"the probe failed: {(reply.stderr.strip().splitlines() or ['no output'])[-1]}",
        )
    return (None, content["error"]) if "error" in content else (Answer.of(content), "")


def seconds(planned: Work, speeds: Mapping[Stage, Speed]) -> float:
    """Return the seconds of a run's work at these speeds."""
    counts = steps(planned, {stage: speed.rows for stage, speed in speeds.items()})
    total = 0.0
    for piece, count in zip(planned.pieces, counts, strict=True):
        speed = speeds[piece.stage]
        total += speed.once + speed.read * piece.read + speed.scored * piece.scored
        total += count * (speed.batch + speed.step)
    return total


def written(spec: Spec, planned: Work, answer: Answer) -> int:
    """Return the bytes that a run leaves on disk."""
    size = _RUN_BYTES
    if spec.phase in ("pretrain", "intermediate"):
        weight = _WEIGHT_BYTES[str(getattr(spec, "weights", "float32"))]
        return size + weight * answer.parameters + _WORD_BYTES * answer.vocabulary
    return size + _FILE_BYTES * planned.languages + _PREDICTION_BYTES * planned.scored


def by_probe(
    spec: Spec, planned: Work, answer: Answer, speeds: Mapping[Stage, Speed], local: bool
) -> Cost:
    start = START_SECONDS + (0.0 if local else answer.start)
    return Cost(start + seconds(planned, speeds), written(spec, planned, answer), PROBED)


def ask(
    study: Study, plans: Mapping[Path, Work], renderings: Sequence[Rendering], threads: int
) -> tuple[Answer | None, dict[Stage, Speed], str]:
    """Probe the stages of these runs and the translation of their training data."""
    devices = [
        spec.device for spec in study.specs if spec.folder in plans and plans[spec.folder].pieces
    ]
    stages = list(dict.fromkeys(piece.stage for plan in plans.values() for piece in plan.pieces))
    first = next((spec for spec in study.specs if spec.phase == "pretrain"), None)
    folder = str(study.root.parent / "translations")
    fields = first.model_dump(mode="json") if first else None
    question = Question(
        study.encoder, devices[0] if devices else "cpu", stages, fields, list(renderings), folder
    )
    answer, error = probe(question, threads)
    return answer, dict(zip(stages, answer.speeds, strict=True)) if answer else {}, error


def largest(plans: Mapping[Path, Work]) -> dict[Path, Work]:
    """Return, for each format, a run with the most tokens in a batch."""
    batches: dict[str, tuple[int, Path]] = {}
    for folder, plan in plans.items():
        for piece in plan.pieces:
            kind = task(piece.stage.task).format if piece.stage.task in TASKS else piece.stage.task
            batches[kind] = max(
                batches.get(kind, (-1, folder)),
                (piece.stage.batch_size * piece.stage.max_length, folder),
            )
    return {folder: plans[folder] for _, folder in batches.values()}


def wall_seconds(todo: Sequence[Spec], costs: Mapping[Path, Cost], jobs: int) -> float:
    """Return the time when the last run ends, with `jobs` parallel runs in the order of the grid,
    each starting as soon as the runs that it starts from are done."""
    free, ends = [0.0] * jobs, dict.fromkeys(costs, float("inf"))
    queue = [(spec.folder, spec.parents) for spec in todo]
    while queue:
        free.sort()
        begins = [
            max([free[0], *(ends.get(parent, 0.0) for parent in parents)]) for _, parents in queue
        ]
        first = min(range(len(queue)), key=begins.__getitem__)
        folder, _ = queue.pop(first)
        free[0] = ends[folder] = begins[first] + costs[folder].seconds
    return max(ends.values(), default=0.0)


def forecast(
    study: Study, jobs: int, threads: int, gpu: bool, local: bool, shared: Collection[Path] = ()
) -> Forecast:
    """Forecast the remaining runs of a study. Write nothing, download nothing and start no
    notebook.

    threads: number per run. gpu: whether runs will have a GPU. local: on this machine, not on a
    cluster. shared: folders of the runs that will be taken over from other studies, in negligible
    time.
    """
    states = {
        state.spec.folder: SHARED if state.spec.folder in shared else state.state
        for state in results.states(study.specs)
    }
    plan = aside.plan(study)
    states |= {folder: AFTER for folder in plan.after if folder not in shared} | dict.fromkeys(
        plan.back, "done"
    )
    todo = [spec for spec in study.specs if states[spec.folder] not in READY]
    plans = {spec.folder: work(spec) for spec in todo}
    outputs = study.root.parent
    runs = on_device(
        finished(outputs), threads, gpu and any(spec.device != "cpu" for spec in study.specs)
    )
    costs = {
        spec.folder: cost
        for spec in todo
        if (cost := by_earlier(spec, plans[spec.folder].units, runs))
    }
    unknown = {folder: plan for folder, plan in plans.items() if folder not in costs}
    # No log records memory: without other questions, probe the largest batches for it.
    probed = unknown or largest(plans)
    ready = [spec for spec in study.specs if states[spec.folder] in READY]
    translated = needed([*ready, *todo])
    renderings = (
        list(dict.fromkeys(rendering for examples in translated.values() for rendering in examples))
        if todo
        else []
    )
    answer, speeds, error = ask(study, probed, renderings, threads) if todo else (None, {}, "")
    if answer:
        costs |= {
            spec.folder: by_probe(spec, plans[spec.folder], answer, speeds, local)
            for spec in todo
            if spec.folder in unknown
        }
    else:
        costs = {folder: cost for folder, cost in costs.items() if folder not in translated}
    translation, sentences = (
        left(ready, todo, dict(zip(renderings, answer.rendered, strict=True)))
        if answer
        else ({}, {})
    )
    costs = {
        folder: replace(cost, seconds=cost.seconds + translation.get(folder, 0.0))
        for folder, cost in costs.items()
    }
    complete = len(costs) == len(todo)
    reports = report_seconds(outputs) if todo else 0.0
    ordered = [spec for phase in SPECS for spec in todo if spec.phase == phase]
    overhead = GRID_SECONDS + reports * -(-len(study.reports) // jobs) if todo else 0.0
    wall = wall_seconds(ordered, costs, jobs) + overhead if complete else float("nan")
    counts = {pair: count for pair, count in sentences.items() if count}
    total = reports * len(study.reports)
    return Forecast(
        study, jobs, states, costs, wall, total, answer, error, sum(translation.values()), counts
    )
