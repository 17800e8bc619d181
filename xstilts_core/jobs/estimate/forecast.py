"""Forecast hours, memory and disk of a study's remaining runs: from finished runs, the best source,
or else from short trials."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files import disk
from xstilts_core.jobs import aside
from xstilts_core.jobs.estimate.memory import Shape, shape_of
from xstilts_core.jobs.estimate.trial import Speed, measure
from xstilts_core.jobs.estimate.work import Work, work
from xstilts_core.jobs.grid import cores
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, DataSpec, IntermediateSpec, Spec

# Runner, papermill, a ready kernel and saving.
START_SECONDS = 2.0
# Kernels of a cluster's jobs import torch themselves.
_IMPORT_SECONDS = 5.0
# Time of the process that runs a notebook, before and after the notebook.
_RUNNER_SECONDS = 1.0
# A report notebook, if none has been made yet: its usual time at about a hundred runs.
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


@dataclass(frozen=True, slots=True)
class _Past:
    """A finished run. kind: its phase and tasks; seconds: time of its work; start: remaining time
    of its notebook; size: bytes of its folder."""

    study: str
    kind: tuple[str, ...]
    encoder: str
    device: str
    seconds: float
    start: float
    units: float
    size: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a run: seconds on one device, bytes on disk, and the source of these numbers."""

    seconds: float
    size: int
    source: str


def kind(spec: Spec) -> tuple[str, ...]:
    """Return the kind of a run; runs of one kind differ only in seed, recipe and sizes. Runs with
    adapters are a separate kind, because a step on adapters takes a different time than one on all
    weights."""
    control = str(getattr(spec, "control", "")) if spec.phase == "control" else ""
    lora = getattr(spec, "lora", 0)
    return (spec.phase, f"lora {lora}" if lora else control, *spec.uses)


def _notebook_seconds(folder: Path) -> float:
    """Return the wall time of the executed notebook in seconds, the kernel's start included; 0 if
    it is not recorded."""
    try:
        content = json.loads((folder / results.NOTEBOOK).read_text(encoding="utf-8"))
        return float(content["metadata"]["papermill"]["duration"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _remembered(path: Path) -> _Past | None:
    """Return the run behind a result.json, or None if it cannot be compared: it comes from another
    version or another machine, or may include time for translations, which only the first run that
    needs them makes."""
    try:
        result = results.read(path)
        spec = SPECS[result.phase].of(result.spec, str(path))
        if getattr(spec, "translators", ()) or results.REFERENCE in result.provenance:
            return None
        seconds = float(result.provenance["seconds"])
        return _Past(
            study=spec.study,
            kind=kind(spec),
            encoder=str(result.spec.get("encoder", "")),
            device=str(result.provenance["device"]),
            seconds=seconds,
            start=_RUNNER_SECONDS + max(0.0, _notebook_seconds(path.parent) - seconds),
            units=work(spec).units,
            size=disk.size(path.parent),
        )
    except (UsageError, KeyError, ValueError, OSError):
        return None


def finished(outputs: Path, threads: int, gpu: bool) -> list[_Past]:
    """Return the finished runs below the outputs folder, of all studies, on a device like that of
    the next runs: a GPU, or a CPU with this many threads."""
    paths = (
        path
        for path in sorted(outputs.glob(f"*/*/**/{results.RESULT}"))
        if path.relative_to(outputs).parts[1] != "report"
    )
    return [
        past
        for past in map(_remembered, paths)
        if past
        and (not past.device.startswith("cpu") if gpu else past.device == f"cpu, {threads} threads")
    ]


def by_earlier(spec: Spec, units: float, runs: Sequence[_Past]) -> Cost | None:
    """Return the median cost of runs of this kind, scaled by the examples seen, or None if there
    are none. The study's own runs take precedence.

    Runs of other studies count only if they have the same encoder, and not at all if each study
    trains its own encoder.
    """
    encoder = str(getattr(spec, "encoder", ""))
    comparable = [
        (past, ratio)
        for past in runs
        if past.kind == kind(spec) and past.encoder == encoder
        if 1 / _MOST_APART <= (ratio := units / past.units if past.units else 1.0) <= _MOST_APART
    ]
    similar = [(past, ratio) for past, ratio in comparable if past.study == spec.study]
    source = "this study's runs"
    if not similar and encoder not in ("", "pretrained"):
        similar, source = comparable, "other studies' runs"
    if not similar:
        return None
    seconds = median(past.seconds * ratio for past, ratio in similar)
    start = median(past.start for past, _ in similar)
    return Cost(seconds + start, int(median(past.size for past, _ in similar)), source)


# ---- the forecast


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast for `xstilts run`. todo: the remaining runs. costs: by folder, for each of them;
    none if the encoder is unknown. errors: why times are unknown.

    wall: seconds with `jobs` parallel runs, reports included; reports: seconds of the reports.
    shape: size of the largest run; None if unknown or nothing is left to do.
    """

    study: Study
    jobs: int
    states: dict[Path, str]
    todo: list[Spec]
    costs: dict[Path, Cost]
    errors: tuple[str, ...]
    wall: float
    reports: float
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
    specs: Sequence[Spec], jobs: int, threads: int, gpu: bool, local: bool
) -> tuple[dict[Path, Cost], tuple[str, ...], Shape | None]:
    """Return the costs of these runs of one study by folder, why times are unknown, and the shape
    of the encoder.

    Runs without comparable earlier ones are tried, one of each kind, in a temporary folder; nothing
    else is written, and nothing is downloaded.
    """
    plans = {spec.folder: work(spec) for spec in specs}
    gpu = gpu and any(spec.device != "cpu" for spec in specs)
    past = finished(specs[0].root.parent, threads, gpu)
    costs = {
        spec.folder: cost
        for spec in specs
        if (cost := by_earlier(spec, plans[spec.folder].units, past))
    }
    try:
        shape = shape_of(specs, gpu)
    except UsageError as error:
        return costs, (str(error),), None
    # A model of phase 1 that is tried first is there for the phases after it.
    unknown = [
        spec for phase in SPECS for spec in specs if spec.phase == phase if spec.folder not in costs
    ]
    tried = {kind(spec): spec for spec in reversed(unknown) if plans[spec.folder].units}
    tried = dict(reversed(tried.items()))
    speeds = dict(zip(tried, measure(list(tried.values()), threads), strict=True))
    start = START_SECONDS + (0.0 if local else _IMPORT_SECONDS)
    share = min(1.0, cores() / (jobs * threads)) if local and not gpu else 1.0
    for spec in unknown:
        speed = speeds.get(kind(spec), Speed())
        costs[spec.folder] = _by_trial(spec, plans[spec.folder], speed, shape, start, share)
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
    states = {state.spec.folder: state.state for state in results.states(study.specs)}
    states |= dict.fromkeys(plan.after, AFTER) | dict.fromkeys(shared, SHARED)
    states |= dict.fromkeys(plan.back, "done")
    todo = [
        spec
        for phase in SPECS
        for spec in study.specs
        if spec.phase == phase and states[spec.folder] not in ("done", SHARED)
    ]
    costs, errors, shape = _estimate(todo, jobs, threads, gpu, local) if todo else ({}, (), None)
    wall, reports = nan if todo else 0.0, 0.0
    if todo:
        pages = study.root.parent.glob(f"*/report/*/{results.NOTEBOOK}")
        durations = filter(None, (_notebook_seconds(page.parent) for page in pages))
        reports = _RUNNER_SECONDS + median(list(durations) or [_REPORT_SECONDS])
        if len(costs) == len(todo) and not any(isnan(cost.seconds) for cost in costs.values()):
            overhead = GRID_SECONDS + reports * -(-len(study.reports) // jobs)
            wall = wall_seconds(todo, costs, jobs) + overhead
    return Forecast(
        study=study,
        jobs=jobs,
        states=states,
        todo=todo,
        costs=costs,
        errors=errors,
        wall=wall,
        reports=reports * len(study.reports),
        shape=shape,
    )


# ---- in words


def spent(value: float) -> str:
    """Format seconds in a suitable unit."""
    for limit, unit, size in ((90, "s", 1), (90 * 60, "min", 60), (100 * 3600, "h", 3600)):
        if value < limit:
            return f"{value / size:.{0 if value / size >= 10 or unit == 's' else 1}f} {unit}"
    return f"{value / 86400:,.0f} days"


def amount(value: float) -> str:
    """Format bytes in MB or GB."""
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"


def _table(prediction: Forecast) -> Table:
    """Return a table with a row per phase: runs, remaining runs, time on one device, disk, and the
    source of the estimate."""
    phases = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("phase", "runs", "to do", "time on one device", "disk", "estimated by"):
        phases.add_column(name, justify="left" if name in ("phase", "estimated by") else "right")
    runs = Counter(spec.phase for spec in prediction.study.specs)
    for phase in (name for name in SPECS if runs[name]):
        todo = [spec for spec in prediction.todo if spec.phase == phase]
        costs = [prediction.costs.get(spec.folder, Cost(nan, 0, "")) for spec in todo]
        sources = Counter(cost.source for cost in costs if cost.source)
        seconds, size = sum(cost.seconds for cost in costs), sum(cost.size for cost in costs)
        phases.add_row(
            phase,
            str(runs[phase]),
            str(len(todo)),
            "?" if isnan(seconds) else spent(seconds),
            amount(size) if all(cost.size for cost in costs) else "?",
            ", ".join(f"{source} ({count})" for source, count in sources.items()),
        )
    return phases


def _notes(prediction: Forecast) -> list[str]:
    """Return the lines below the table: totals, memory, disk and what is not counted."""
    lines = []
    todo, costs = prediction.todo, prediction.costs.values()
    if prediction.errors:
        unknown = len(todo) - sum(not isnan(cost.seconds) for cost in costs)
        lines.append(f"no estimate for {unknown} runs: {prediction.errors[0]}")
    if not isnan(prediction.wall):
        total = sum(cost.seconds for cost in costs) + prediction.reports
        lines.append(
            f"about {spent(prediction.wall)} with {prediction.jobs} parallel runs "
            f"({spent(total)} on one device, reports included)"
        )
    if shape := prediction.shape:
        together = min(prediction.jobs, len(todo)) * shape.memory
        memory = f"{shape.device} memory" if shape.gpu else "memory"
        lines.append(
            f"device: {shape.device} per run; {memory}: "
            f"{amount(shape.memory)} per run, {amount(together)} in parallel"
        )
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if not shape.gpu and together > installed:
            lines.append(
                f"that is more than this machine's {amount(installed)} of memory: "
                "use a smaller --jobs, or another machine"
            )
        lines.append(f"encoder: {shape.parameters:,} parameters, by {shape.origin}")
    codes: dict[str, dict[str, None]] = {}
    for spec in todo:
        if isinstance(spec, IntermediateSpec) and spec.translator:
            for code in spec.translated:
                codes.setdefault(spec.translator_for(code), {})[code] = None
    if codes:
        models = (f"into {', '.join(languages)} by {model}" for model, languages in codes.items())
        lines.append(f"not counted: the time of translation {'; '.join(models)}")
    if any(isinstance(spec, DataSpec) for spec in todo):
        lines.append(
            "not counted: downloads from the hub, their time and their space in the cache (HF_HOME)"
        )
    root = prediction.study.root
    free = shutil.disk_usage(next(path for path in (root, *root.parents) if path.exists())).free
    warning = "" if prediction.size < free else ": not enough"
    lines.append(f"disk: {amount(prediction.size)} more in {root}, {amount(free)} free{warning}")
    return lines


def show(prediction: Forecast, console: Console) -> None:
    """Print a forecast: a table of the phases, and notes on what the table does not show."""
    count = Counter(prediction.states.values())
    outcomes = {
        "stale": "of them stale (made with other settings)",
        AFTER: "of them again because the runs they start from are repeated",
        "running": "running now",
        SHARED: "taken over from other studies",
    }
    said = "".join(f", {count[state]} {text}" for state, text in outcomes.items() if count[state])
    console.print(
        f"{prediction.study.name}: {len(prediction.states)} runs: {count['done']} done, "
        f"{len(prediction.todo)} to do{said}",
        highlight=False,
    )
    if prediction.todo:
        console.print(_table(prediction), highlight=False)
        for line in _notes(prediction):
            console.print(line, highlight=False, soft_wrap=True)
