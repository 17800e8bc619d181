"""Forecast hours, memory and disk of a study's remaining runs, from earlier runs or else a short
trial."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs import aside
from xstilts_core.jobs.estimate.earlier import (
    Cost,
    by_earlier,
    finished,
    kind,
    on_device,
    report_seconds,
)
from xstilts_core.jobs.estimate.memory import Shape, shape_of
from xstilts_core.jobs.estimate.trial import Speed, measure
from xstilts_core.jobs.estimate.work import Work, work
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, IntermediateSpec, Spec

# Runner, papermill, a ready kernel and saving.
START_SECONDS = 2.0
# Kernels of a cluster's jobs import torch themselves.
_IMPORT_SECONDS = 5.0
# Once per grid: Snakemake, the first kernel's imports, the table of scores and the page.
GRID_SECONDS = 10.0
# Notebook, log and result; a file of predictions; one prediction.
_RUN_BYTES, _FILE_BYTES, _PREDICTION_BYTES = 25_000, 1_000, 10
# A checkpoint of an unfinished training: weights, two moments of AdamW, the best weights so far.
_CHECKPOINT_COPIES = 4
SHARED = "shared"
# The state of a finished run that is repeated because a run that it starts from is.
AFTER = "after"
READY = ("done", SHARED)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast for `xstilts run`. costs: by folder, for each remaining run; none if the
    encoder is unknown. errors: why times are unknown.

    wall: seconds with `jobs` parallel runs, reports included; reports: seconds of the reports.
    shape: size of the largest run; None if unknown or nothing is left to do.
    """

    study: Study
    jobs: int
    states: dict[Path, str]
    costs: dict[Path, Cost]
    errors: tuple[str, ...]
    wall: float
    reports: float
    shape: Shape | None

    @property
    def todo(self) -> list[Spec]:
        return [spec for spec in self.study.specs if self.states[spec.folder] not in READY]

    @property
    def size(self) -> float:
        """Return the bytes on disk at the end, including checkpoints of unfinished trainings."""
        unfinished = sum(bool(getattr(spec, "checkpoint_every", 0)) for spec in self.todo)
        weights = 4 * self.shape.parameters if self.shape else 0
        copies = _CHECKPOINT_COPIES * min(self.jobs, unfinished)
        return sum(cost.size for cost in self.costs.values()) + copies * weights


def _by_trial(
    spec: Spec, planned: Work, speed: Speed | None, shape: Shape | None, local: bool
) -> Cost:
    """Return the cost of a run from a trial of its kind; without one its time is unknown (NaN)."""
    size = _RUN_BYTES + _FILE_BYTES * planned.languages
    if spec.phase not in ("pretrain", "intermediate"):
        size += _PREDICTION_BYTES * planned.scored
    elif shape:
        half = getattr(spec, "weights", "float32") == "float16"
        size += shape.file_bytes // (2 if half else 1)
    if speed is None:
        return Cost(nan, size, "")
    start = START_SECONDS + (0.0 if local else _IMPORT_SECONDS)
    return Cost(start + speed.seconds(planned), size, "a trial")


def estimate(
    specs: Sequence[Spec], threads: int, gpu: bool, local: bool = True
) -> tuple[dict[Path, Cost], tuple[str, ...], Shape | None]:
    """Return the costs of these runs of one study by folder, why times are unknown, and the shape
    of the encoder.

    Runs without comparable earlier ones are tried, one of each kind, in a temporary folder; nothing
    else is written, and nothing is downloaded.
    """
    if not specs:
        return {}, (), None
    plans = {spec.folder: work(spec) for spec in specs}
    gpu = gpu and any(spec.device != "cpu" for spec in specs)
    past = on_device(finished(specs[0].root.parent), threads, gpu)
    costs = {
        spec.folder: cost
        for spec in specs
        if (cost := by_earlier(spec, plans[spec.folder].units, past))
    }
    try:
        shape = shape_of(specs, gpu)
    except UsageError as error:
        return costs, (str(error),), None
    unknown = [spec for spec in specs if spec.folder not in costs]
    speeds: dict[tuple[str, ...], Speed | str] = {
        kind(spec): Speed() for spec in unknown if not plans[spec.folder].units
    }
    tried = {kind(spec): spec for spec in unknown if kind(spec) not in speeds}
    # A model of phase 1 that is tried first is there for the phases after it.
    kinds = sorted(tried, key=lambda name: list(SPECS).index(name[0]))
    speeds |= dict(zip(kinds, measure([tried[name] for name in kinds], threads), strict=True))
    for spec in unknown:
        speed = speeds[kind(spec)]
        measured = None if isinstance(speed, str) else speed
        costs[spec.folder] = _by_trial(spec, plans[spec.folder], measured, shape, local)
    errors = [speed for speed in speeds.values() if isinstance(speed, str)]
    return costs, tuple(dict.fromkeys(errors)), shape


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
    """Forecast the remaining runs of a study, without writing to its outputs or downloading.

    threads: number per run. gpu: whether runs will have a GPU. local: on this machine, not on a
    cluster. shared: folders of the runs that will be taken over from other studies, in negligible
    time.
    """
    plan = aside.plan(study)
    states = {
        state.spec.folder: SHARED if state.spec.folder in shared else state.state
        for state in results.states(study.specs)
    }
    states |= {folder: AFTER for folder in plan.after if folder not in shared}
    states |= dict.fromkeys(plan.back, "done")
    todo = [spec for spec in study.specs if states[spec.folder] not in READY]
    costs, errors, shape = estimate(todo, threads, gpu, local)
    reports, wall = report_seconds(study.root.parent) if todo else 0.0, nan
    if len(costs) == len(todo) and not any(isnan(cost.seconds) for cost in costs.values()):
        ordered = [spec for phase in SPECS for spec in todo if spec.phase == phase]
        overhead = GRID_SECONDS + reports * -(-len(study.reports) // jobs) if todo else 0.0
        wall = wall_seconds(ordered, costs, jobs) + overhead
    return Forecast(
        study=study,
        jobs=jobs,
        states=states,
        costs=costs,
        errors=errors,
        wall=wall,
        reports=reports * len(study.reports),
        shape=shape,
    )


def translations(specs: Sequence[Spec]) -> str:
    """Return which translation models the runs use, and for which languages; "" for none."""
    codes: dict[str, dict[str, None]] = {}
    for spec in specs:
        if isinstance(spec, IntermediateSpec) and spec.translator:
            for code in spec.translated:
                codes.setdefault(spec.translator_for(code), {})[code] = None
    return "; ".join(f"into {', '.join(names)} by {model}" for model, names in codes.items())
