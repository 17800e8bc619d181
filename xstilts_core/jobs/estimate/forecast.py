"""Hours, memory and disk of what a study has still to do, from earlier runs and, where there are
none, from a short probe."""

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
# Runner, papermill, a ready kernel, saving; on a cluster every kernel imports torch as well.
START_SECONDS = 2.0
# Once a grid: Snakemake, the first kernel's imports, the table of scores, the page.
GRID_SECONDS = 10.0
# Notebook, log and result; a file of predictions; a prediction in it; a tokenizer's entry.
_RUN_BYTES, _FILE_BYTES, _PREDICTION_BYTES, _WORD_BYTES = 25_000, 1_000, 10, 60
_WEIGHT_BYTES = {"float16": 2, "float32": 4}
# A checkpoint of an unfinished training: weights, two moments of AdamW, the best weights so far.
_CHECKPOINT_COPIES = 4
PROBED = "a probe"
SHARED = "shared"
# Done, and to be made again after a run that it starts from.
AFTER = "after"
READY = ("done", SHARED)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `xstilts run` would do. costs: by the folder of each run that is to do. error: why
    nothing could be probed.

    wall: seconds with `jobs` runs at once, reports included; reports: their seconds. translation:
    seconds of it, in the runs' costs; sentences: those to be translated, by (translator, language).
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
        """Bytes on disk at the end, and of the checkpoints of unfinished trainings."""
        open_runs = [spec for spec in self.todo if getattr(spec, "checkpoint_every", 0)]
        weights = 4 * self.answer.parameters if self.answer else 0
        return sum(cost.size for cost in self.costs.values()) + _CHECKPOINT_COPIES * weights * min(
            self.jobs, len(open_runs)
        )


def probe(question: Question, threads: int) -> tuple[Answer | None, str]:
    """Ask a process of its own, as many threads as a run has, never the network. (None, why) where
    it cannot tell."""
    variables = {**os.environ, **environment(threads), "HF_HUB_OFFLINE": "1"}
    call = [sys.executable, "-m", "xstilts_core.jobs.estimate.probe"]
    text = json.dumps(asdict(question))
    try:
        done = subprocess.run(
            call, input=text, capture_output=True, text=True, timeout=_PROBE_SECONDS, env=variables
        )
        content = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return None, f"the probe took more than {_PROBE_SECONDS} seconds"
    except (IndexError, json.JSONDecodeError):
        return (
            None,
            f"the probe failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}",
        )
    return (None, content["error"]) if "error" in content else (Answer.of(content), "")


def seconds(planned: Work, speeds: Mapping[Stage, Speed]) -> float:
    """Seconds of a run's work at these speeds."""
    counts = steps(planned, {stage: speed.rows for stage, speed in speeds.items()})
    total = 0.0
    for piece, count in zip(planned.pieces, counts, strict=True):
        speed = speeds[piece.stage]
        total += speed.once + speed.read * piece.read + speed.scored * piece.scored
        total += count * (speed.batch + speed.step)
    return total


def written(spec: Spec, planned: Work, answer: Answer) -> int:
    """Bytes that a run leaves."""
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
    """Probe the stages of these runs, and the translation of what they train on."""
    devices = [
        spec.device for spec in study.specs if spec.folder in plans and plans[spec.folder].pieces
    ]
    stages = list(dict.fromkeys(piece.stage for plan in plans.values() for piece in plan.pieces))
    first = next((spec for spec in study.specs if spec.phase == "pretrain"), None)
    kept = str(study.root.parent / "translations")
    made = first.model_dump(mode="json") if first else None
    question = Question(
        study.encoder, devices[0] if devices else "cpu", stages, made, list(renderings), kept
    )
    answer, error = probe(question, threads)
    return answer, dict(zip(stages, answer.speeds, strict=True)) if answer else {}, error


def largest(plans: Mapping[Path, Work]) -> dict[Path, Work]:
    """By format, a run with the most tokens in a batch."""
    found: dict[str, tuple[int, Path]] = {}
    for folder, plan in plans.items():
        for piece in plan.pieces:
            form = task(piece.stage.task).format if piece.stage.task in TASKS else piece.stage.task
            found[form] = max(
                found.get(form, (-1, folder)),
                (piece.stage.batch_size * piece.stage.max_length, folder),
            )
    return {folder: plans[folder] for _, folder in found.values()}


def wall_seconds(todo: Sequence[Spec], costs: Mapping[Path, Cost], jobs: int) -> float:
    """When the last run ends if `jobs` go on at once, each as soon as what it starts from is there,
    in the order of the grid."""
    free, ends = [0.0] * jobs, dict.fromkeys(costs, float("inf"))
    left = [(spec.folder, spec.parents) for spec in todo]
    while left:
        free.sort()
        begins = [
            max([free[0], *(ends.get(parent, 0.0) for parent in parents)]) for _, parents in left
        ]
        first = min(range(len(left)), key=begins.__getitem__)
        folder, _ = left.pop(first)
        free[0] = ends[folder] = begins[first] + costs[folder].seconds
    return max(ends.values(), default=0.0)


def forecast(
    study: Study, jobs: int, threads: int, gpu: bool, local: bool, shared: Collection[Path] = ()
) -> Forecast:
    """What is still to do and what it will take. Writes nothing, fetches nothing, starts no
    notebook.

    threads: of each run. gpu: whether runs will have one. local: on this machine, not on a
    cluster's. shared: folders of the runs that will be taken over from other studies, which takes
    no time worth counting.
    """
    states = {
        found.spec.folder: SHARED if found.spec.folder in shared else found.state
        for found in results.states(study.specs)
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
    # Memory is in no log: where nothing else is asked, ask for the largest batches.
    asked = unknown or largest(plans)
    done = [spec for spec in study.specs if states[spec.folder] in READY]
    translated = needed([*done, *todo])
    renderings = (
        list(dict.fromkeys(entry for examples in translated.values() for entry in examples))
        if todo
        else []
    )
    answer, speeds, error = ask(study, asked, renderings, threads) if todo else (None, {}, "")
    if answer:
        costs |= {
            spec.folder: by_probe(spec, plans[spec.folder], answer, speeds, local)
            for spec in todo
            if spec.folder in unknown
        }
    else:
        costs = {folder: cost for folder, cost in costs.items() if folder not in translated}
    translation, sentences = (
        left(done, todo, dict(zip(renderings, answer.rendered, strict=True)))
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
    once = GRID_SECONDS + reports * -(-len(study.reports) // jobs) if todo else 0.0
    wall = wall_seconds(ordered, costs, jobs) + once if complete else float("nan")
    told = {pair: count for pair, count in sentences.items() if count}
    total = reports * len(study.reports)
    return Forecast(
        study, jobs, states, costs, wall, total, answer, error, sum(translation.values()), told
    )
