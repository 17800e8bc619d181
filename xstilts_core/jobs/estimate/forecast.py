"""Forecast hours, memory and disk of a study's remaining runs: from finished runs, the best source,
or else from short trials."""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files import disk
from xstilts_core.jobs import aside
from xstilts_core.jobs.estimate.memory import Shape, shape_of
from xstilts_core.jobs.estimate.trial import Speed, measure
from xstilts_core.jobs.estimate.work import Work, work
from xstilts_core.jobs.machine import cores, visible_gpus
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, DataSpec, IntermediateSpec, Spec
from xstilts_core.wording.text import page

# Runner, papermill, a ready kernel and saving.
START_SECONDS = 2.0
# Kernels of a cluster's jobs import torch themselves.
_IMPORT_SECONDS = 5.0
# A report notebook, its usual time at about a hundred runs.
_REPORT_SECONDS = 8.0
# Once per grid: Snakemake, the first kernel's imports, the table of scores and the page.
GRID_SECONDS = 10.0
# Runs whose numbers of examples differ by more than this factor are not compared, because the start
# has too large or too small a share in the time of one of them.
_MOST_APART = 4.0
# Notebook, log and result; a file of predictions; one prediction.
_RUN_BYTES, _FILE_BYTES, _PREDICTION_BYTES = 25_000, 1_000, 10
# A checkpoint of an unfinished training: weights, two moments of AdamW, the best weights so far.
_CHECKPOINT_COPIES = 4
SHARED = "shared"
# The state of a finished run that is repeated because a run that it starts from is.
AFTER = "after"


# ---- finished runs


class _Past(NamedTuple):
    """A finished run. seconds: time of its work; size: bytes of its folder."""

    spec: Spec
    device: str
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a run: seconds on one device, bytes on disk, and the source of these numbers."""

    seconds: float
    size: float
    source: str


def kind(spec: Spec) -> tuple[str, ...]:
    """Return the kind of a run; runs of one kind differ only in seed, recipe and sizes. Runs with
    adapters are a separate kind, because a step on adapters takes a different time than one on all
    weights."""
    control = str(getattr(spec, "control", "")) if spec.phase == "control" else ""
    lora = getattr(spec, "lora", 0)
    return (spec.phase, f"lora {lora}" if lora else control, *spec.uses)


def _remembered(path: Path) -> _Past | None:
    """Return the run behind a result.json, or None if it cannot be compared: it comes from another
    version or another machine, or may include time for translations, which only the first run that
    needs them makes."""
    try:
        result = results.read(path)
        spec = SPECS[result.phase].of(result.spec, str(path))
        if getattr(spec, "translators", ()) or results.REFERENCE in result.provenance:
            return None
        facts = result.provenance
        return _Past(spec, facts["device"], float(facts["seconds"]), disk.size(path.parent))
    except (UsageError, KeyError, ValueError, OSError):
        return None


def finished(outputs: Path) -> list[_Past]:
    """Return the finished runs below the outputs folder, of all studies."""
    runs = map(_remembered, sorted(outputs.glob(f"*/*/**/{results.RESULT}")))
    return [run for run in runs if run]


def on_device(runs: Sequence[_Past], threads: int, gpu: bool) -> list[_Past]:
    """Select the runs on a device like that of the next runs: a GPU, or a CPU with this many
    threads."""
    if gpu:
        return [run for run in runs if not run.device.startswith("cpu")]
    return [run for run in runs if run.device == f"cpu, {threads} threads"]


def by_earlier(spec: Spec, units: float, runs: Sequence[_Past]) -> Cost | None:
    """Return the median cost of runs of this kind, scaled by the examples seen, or None if there
    are none. The study's own runs take precedence.

    Runs of other studies count only if they have the same encoder, and not at all if each study
    trains its own encoder.
    """
    encoder = getattr(spec, "encoder", "")
    comparable = [
        (run, ratio)
        for run in runs
        if kind(run.spec) == kind(spec) and getattr(run.spec, "encoder", "") == encoder
        if 1 / _MOST_APART <= (ratio := (units or 1) / (work(run.spec).units or 1)) <= _MOST_APART
    ]
    similar, source = (
        [pair for pair in comparable if pair[0].spec.study == spec.study],
        "this study's",
    )
    if not similar and encoder not in ("", "pretrained"):
        similar, source = comparable, "other studies'"
    if not similar:
        return None
    return Cost(
        seconds=START_SECONDS + median(run.seconds * ratio for run, ratio in similar),
        size=int(median(run.size for run, _ in similar)),
        source=f"{source} runs",
    )


# ---- the forecast


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast for `xstilts run`. todo: the remaining runs. costs: by folder, for each of them;
    none if the encoder is unknown. errors: why times are unknown.

    wall: seconds with `jobs` parallel runs, reports included. shape: size of the largest run; None
    if unknown or nothing is left to do.
    """

    study: Study
    jobs: int
    states: dict[Path, str]
    todo: list[Spec]
    costs: dict[Path, Cost]
    errors: tuple[str, ...]
    wall: float
    shape: Shape | None

    @property
    def size(self) -> float:
        """Return the bytes on disk at the end, including checkpoints of unfinished trainings."""
        unfinished = sum(bool(getattr(spec, "checkpoint_every", 0)) for spec in self.todo)
        weights = 4 * self.shape.parameters if self.shape else 0
        copies = _CHECKPOINT_COPIES * min(self.jobs, unfinished)
        return sum(cost.size for cost in self.costs.values()) + copies * weights


def _by_trial(
    spec: Spec, planned: Work, speed: Speed | str, shape: Shape | None, start: float, share: float
) -> Cost:
    """Return the cost of a run from a trial of its kind; without one its time is unknown (NaN).
    share: of a core or GPU, that each of the parallel runs gets."""
    size = _RUN_BYTES + _FILE_BYTES * planned.languages
    if spec.phase not in ("pretrain", "intermediate"):
        size += _PREDICTION_BYTES * planned.scored
    elif shape:
        half = getattr(spec, "weights", "float32") == "float16"
        size += shape.file_bytes // (2 if half else 1)
    if isinstance(speed, str):
        return Cost(nan, size, "")
    return Cost(start + speed.seconds(planned) / share, size, "a trial")


def _estimate(
    specs: Sequence[Spec], threads: int, gpu: bool, local: bool, share: float
) -> tuple[dict[Path, Cost], tuple[str, ...], Shape | None]:
    """Return the costs of these runs of one study (in the order of the phases) by folder, why times
    are unknown, and the shape of the encoder. share: of a core, that each parallel run gets.

    Runs without comparable earlier ones are tried, one of each kind, in a temporary folder; nothing
    else is written, and nothing is downloaded.
    """
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
    tried: dict[tuple[str, ...], Spec] = {}
    for spec in unknown:  # phase 1 first: its model is there for the phases after it
        if plans[spec.folder].units:
            tried.setdefault(kind(spec), spec)
    speeds = dict(zip(tried, measure(list(tried.values()), threads), strict=True))
    start = START_SECONDS + (0.0 if local else _IMPORT_SECONDS)
    for spec in unknown:
        speed = speeds.get(kind(spec), Speed())
        costs[spec.folder] = _by_trial(spec, plans[spec.folder], speed, shape, start, share)
    errors = [speed for speed in speeds.values() if isinstance(speed, str)]
    return costs, tuple(dict.fromkeys(errors)), shape


def run_seconds(specs: Sequence[Spec], threads: int = 0) -> list[float]:
    """Forecast the seconds of each of these runs (in the order of the phases) with so many threads
    (0: one per core), each on a core or GPU of its own; NaN where they are unknown."""
    gpu = bool(visible_gpus())
    costs, _, _ = _estimate(specs, threads or cores(), gpu, local=True, share=1.0)
    return [costs[spec.folder].seconds if spec.folder in costs else nan for spec in specs]


def wall_seconds(todo: Sequence[Spec], costs: Mapping[Path, Cost], jobs: int) -> float:
    """Return the time when the last of these runs ends, parents first, with `jobs` parallel runs:
    that of the longest chain of runs that start from each other, or of all runs together."""
    ends: dict[Path, float] = {}
    for spec in todo:
        begins = max((ends.get(parent, 0.0) for parent in spec.parents), default=0.0)
        ends[spec.folder] = begins + costs[spec.folder].seconds
    return max([sum(cost.seconds for cost in costs.values()) / jobs, *ends.values()])


def forecast(
    study: Study,
    jobs: int,
    threads: int,
    gpu: bool,
    local: bool,
    shared: Collection[Path] = (),
    cores: int = 0,
) -> Forecast:
    """Forecast the remaining runs of a study, without writing to its outputs or downloading.

    threads: number per run. gpu: whether runs will have a GPU. local: on this machine, not on a
    cluster. shared: folders of the runs that will be taken over from other studies, in negligible
    time. cores: those of this machine, which parallel runs on a CPU share; 0: enough for all.
    """
    plan = aside.plan(study)
    states = {state.spec.folder: state.state for state in results.states(study.specs)}
    states |= dict.fromkeys(plan.after, AFTER) | dict.fromkeys(shared, SHARED)
    states |= dict.fromkeys(plan.back, "done")
    todo = [
        spec
        for phase in SPECS
        for spec in study.specs
        if spec.phase == phase and states[spec.folder] not in ("done", SHARED)
    ]
    share = min(1.0, cores / (jobs * threads)) if cores and local and not gpu else 1.0
    costs, errors, shape = _estimate(todo, threads, gpu, local, share) if todo else ({}, (), None)
    wall = nan if todo else 0.0
    if todo and len(costs) == len(todo) and not any(isnan(cost.seconds) for cost in costs.values()):
        reports = _REPORT_SECONDS * -(-len(study.reports) // jobs)
        wall = wall_seconds(todo, costs, jobs) + GRID_SECONDS + reports
    return Forecast(
        study=study,
        jobs=jobs,
        states=states,
        todo=todo,
        costs=costs,
        errors=errors,
        wall=wall,
        shape=shape,
    )


# ---- in words


def amount(value: float) -> str:
    """Format bytes in MB or GB; "?" if they are unknown."""
    if isnan(value):
        return "?"
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"


def show(prediction: Forecast, console: Console) -> None:
    """Print a forecast: a table of the phases, and notes on what the table does not show."""
    todo, root = prediction.todo, prediction.study.root
    phases = []
    translated: dict[str, dict[str, None]] = defaultdict(dict)
    costs = {spec.folder: prediction.costs.get(spec.folder, Cost(nan, nan, "")) for spec in todo}
    for phase, runs in Counter(spec.phase for spec in prediction.study.specs).items():
        of_phase = [costs[spec.folder] for spec in todo if spec.phase == phase]
        phases.append(
            {
                "name": phase,
                "runs": runs,
                "todo": len(of_phase),
                "seconds": sum(cost.seconds for cost in of_phase),
                "size": sum(cost.size for cost in of_phase),
                "sources": Counter(cost.source for cost in of_phase if cost.source),
            }
        )
    for spec in todo:
        if isinstance(spec, IntermediateSpec) and spec.translator:
            for code in spec.translated:
                translated[spec.translator_for(code)][code] = None
    text = page(
        "forecast.md.j2",
        name=prediction.study.name,
        count=Counter(prediction.states.values()),
        todo=len(todo),
        phases=phases,
        errors=prediction.errors,
        unknown=sum(isnan(cost.seconds) for cost in costs.values()),
        wall=prediction.wall,
        total=sum(cost.seconds for cost in costs.values())
        + _REPORT_SECONDS * len(prediction.study.reports),
        jobs=prediction.jobs,
        shape=(shape := prediction.shape),
        together=min(prediction.jobs, len(todo)) * shape.memory if shape else 0,
        installed=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        translated=translated.items(),
        fetches=any(isinstance(spec, DataSpec) for spec in todo),
        size=prediction.size,
        root=root,
        free=shutil.disk_usage(next(path for path in (root, *root.parents) if path.exists())).free,
        amount=amount,
    )
    console.print(text, highlight=False, soft_wrap=True)
