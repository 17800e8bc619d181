"""Hours, memory and disk of what a study has still to do, from earlier runs and, where there are none, from a short probe."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from xstilts_core import results
from xstilts_core.estimate.earlier import Cost, by_earlier, finished, on_device, report_seconds
from xstilts_core.estimate.question import Answer, Question, Speed, Stage
from xstilts_core.estimate.work import Work, steps, work
from xstilts_core.kernel import environment
from xstilts_core.spec import SPECS, DataSpec, Spec
from xstilts_core.study import Study
from xstilts_core.tasks import TASKS, task

PROBE_SECONDS = 90
# Runner, papermill, a ready kernel, saving; on a cluster every kernel imports torch as well.
START_SECONDS = 2.0
# Once a grid: Snakemake, the first kernel's imports, the table of scores, the page.
GRID_SECONDS = 10.0
# Notebook, log and result; a file of predictions; a prediction in it; a tokenizer's entry.
RUN_BYTES, FILE_BYTES, PREDICTION_BYTES, WORD_BYTES = 25_000, 1_000, 10, 60
WEIGHT_BYTES = {"float16": 2, "float32": 4}
# A checkpoint of an unfinished training: weights, two moments of AdamW, the best weights so far.
CHECKPOINT_COPIES = 4
PROBED = "a probe"
SHARED = "shared"
READY = ("done", SHARED)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `xstilts run` would do. costs: by the folder of each run that is to do. error: why nothing could be probed.

    wall: seconds with `jobs` runs at once, reports included; reports: their seconds.
    """

    study: Study
    jobs: int
    states: dict[Path, str]
    costs: dict[Path, Cost]
    wall: float
    reports: float
    answer: Answer | None
    error: str

    @property
    def todo(self) -> list[Spec]:
        return [spec for spec in self.study.specs if self.states[spec.folder] not in READY]

    @property
    def size(self) -> int:
        """Bytes on disk at the end, and of the checkpoints of unfinished trainings."""
        open_runs = [spec for spec in self.todo if getattr(spec, "checkpoint_every", 0)]
        weights = 4 * self.answer.parameters if self.answer else 0
        return sum(cost.size for cost in self.costs.values()) + CHECKPOINT_COPIES * weights * min(self.jobs, len(open_runs))


def probe(question: Question, threads: int) -> tuple[Answer | None, str]:
    """Ask a process of its own, as many threads as a run has, never the network. (None, why) where it cannot tell."""
    variables = {**os.environ, **environment(threads), "HF_HUB_OFFLINE": "1"}
    call = [sys.executable, "-m", "xstilts_core.estimate.probe"]
    text = json.dumps(asdict(question))
    try:
        done = subprocess.run(call, input=text, capture_output=True, text=True, timeout=PROBE_SECONDS, env=variables)
        content = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return None, f"the probe took more than {PROBE_SECONDS} seconds"
    except (IndexError, json.JSONDecodeError):
        return None, f"the probe failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}"
    return (None, content["error"]) if "error" in content else (Answer.of(content), "")


def seconds(planned: Work, speeds: Mapping[Stage, Speed]) -> float:
    """Seconds of a run's work at these speeds."""
    counts = steps(planned, {stage: speed.rows for stage, speed in speeds.items()})
    total = 0.0
    for piece, count in zip(planned.pieces, counts, strict=True):
        speed = speeds[piece.stage]
        total += speed.once + speed.read * piece.read + speed.scored * piece.scored
        total += count * (planned.accumulation * speed.micro + speed.step)
    return total


def written(spec: Spec, planned: Work, answer: Answer) -> int:
    """Bytes that a run leaves."""
    size = RUN_BYTES
    if spec.phase in ("pretrain", "intermediate"):
        weight = WEIGHT_BYTES[str(getattr(spec, "weights", "float32"))]
        return size + weight * answer.parameters + WORD_BYTES * answer.vocabulary
    return size + FILE_BYTES * planned.languages + PREDICTION_BYTES * planned.scored


def by_probe(spec: Spec, planned: Work, answer: Answer, speeds: Mapping[Stage, Speed], local: bool) -> Cost:
    start = START_SECONDS + (0.0 if local else answer.start)
    return Cost(start + seconds(planned, speeds), written(spec, planned, answer), PROBED)


def ask(study: Study, plans: Mapping[Path, Work], threads: int) -> tuple[Answer | None, dict[Stage, Speed], str]:
    """Probe the stages of these runs."""
    devices = [spec.device for spec in study.specs if spec.folder in plans and plans[spec.folder].pieces]
    stages = list(dict.fromkeys(piece.stage for plan in plans.values() for piece in plan.pieces))
    first = next((spec for spec in study.specs if spec.phase == "pretrain"), None)
    question = Question(study.encoder, devices[0] if devices else "cpu", stages, first.model_dump(mode="json") if first else None)
    answer, error = probe(question, threads)
    return answer, dict(zip(stages, answer.speeds, strict=True)) if answer else {}, error


def largest(plans: Mapping[Path, Work]) -> dict[Path, Work]:
    """By format, a run with the most tokens in a batch."""
    found: dict[str, tuple[int, Path]] = {}
    for folder, plan in plans.items():
        for piece in plan.pieces:
            form = task(piece.stage.task).format if piece.stage.task in TASKS else piece.stage.task
            found[form] = max(found.get(form, (-1, folder)), (piece.stage.batch_size * piece.stage.max_length, folder))
    return {folder: plans[folder] for _, folder in found.values()}


def wall_seconds(todo: Sequence[Spec], costs: Mapping[Path, Cost], jobs: int) -> float:
    """When the last run ends if `jobs` go on at once, each as soon as what it starts from is there, in the order of the grid."""
    free, ends = [0.0] * jobs, dict.fromkeys(costs, float("inf"))
    left = [(spec.folder, spec.parents) for spec in todo]
    while left:
        free.sort()
        begins = [max([free[0], *(ends.get(parent, 0.0) for parent in parents)]) for _, parents in left]
        first = min(range(len(left)), key=begins.__getitem__)
        folder, _ = left.pop(first)
        free[0] = ends[folder] = begins[first] + costs[folder].seconds
    return max(ends.values(), default=0.0)


def forecast(study: Study, jobs: int, threads: int, gpu: bool, local: bool, shared: Collection[Path] = ()) -> Forecast:
    """What is still to do and what it will take. Writes nothing, fetches nothing, starts no notebook.

    threads: of each run. gpu: whether runs will have one. local: on this machine, not on a cluster's. shared: folders of the runs that
    will be taken over from other studies, which takes no time worth counting.
    """
    states = {spec.folder: SHARED if spec.folder in shared else results.state(spec).state for spec in study.specs}
    todo = [spec for spec in study.specs if states[spec.folder] not in READY]
    plans = {spec.folder: work(spec) for spec in todo}
    outputs = study.root.parent
    runs = on_device(finished(outputs), threads, gpu and any(spec.device != "cpu" for spec in study.specs))
    costs = {spec.folder: cost for spec in todo if (cost := by_earlier(spec, plans[spec.folder].units, runs))}
    unknown = {folder: plan for folder, plan in plans.items() if folder not in costs}
    # Memory is in no log: where nothing else is asked, ask for the largest batches.
    asked = unknown or largest(plans)
    answer, speeds, error = ask(study, asked, threads) if todo else (None, {}, "")
    if answer:
        costs |= {spec.folder: by_probe(spec, plans[spec.folder], answer, speeds, local) for spec in todo if spec.folder in unknown}
    complete = len(costs) == len(todo)
    reports = report_seconds(outputs) if todo else 0.0
    ordered = [spec for phase in SPECS for spec in todo if spec.phase == phase]
    once = GRID_SECONDS + reports * -(-len(study.reports) // jobs) if todo else 0.0
    wall = wall_seconds(ordered, costs, jobs) + once if complete else float("nan")
    return Forecast(study, jobs, states, costs, wall, reports * len(study.reports), answer, error)


def spent(value: float) -> str:
    """Seconds in the unit that a person would choose."""
    for most, unit, size in ((90, "s", 1), (90 * 60, "min", 60), (100 * 3600, "h", 3600)):
        if value < most:
            return f"{value / size:.{0 if value / size >= 10 or unit == 's' else 1}f} {unit}"
    return f"{value / 86400:,.0f} days"


def amount(value: float) -> str:
    """Bytes in MB or GB."""
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"


def table(found: Forecast) -> Table:
    """A row per phase: runs, those to do, time of one device, disk, and where the figures are from."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("phase", "runs", "to do", "time of one device", "disk", "estimated by"):
        shown.add_column(name, justify="left" if name in ("phase", "estimated by") else "right")
    for phase in SPECS:
        specs = [spec for spec in found.study.specs if spec.phase == phase]
        todo = [spec for spec in specs if found.states[spec.folder] not in READY]
        costs = [found.costs[spec.folder] for spec in todo if spec.folder in found.costs]
        if not specs:
            continue
        sources = ", ".join(f"{source} ({count})" for source, count in Counter(cost.source for cost in costs).items())
        time = spent(sum(cost.seconds for cost in costs)) if len(costs) == len(todo) else "?"
        size = amount(sum(cost.size for cost in costs)) if len(costs) == len(todo) else "?"
        shown.add_row(phase, str(len(specs)), str(len(todo)), time, size, sources)
    return shown


def notes(found: Forecast) -> list[str]:
    """What the table does not say: totals, memory, disk, what was assumed."""
    lines = [f"no estimate for {len(found.todo) - len(found.costs)} runs: {found.error}"] if found.error else []
    if found.wall == found.wall:
        total = sum(cost.seconds for cost in found.costs.values()) + found.reports
        lines.append(f"about {spent(found.wall)} with {found.jobs} at once ({spent(total)} of one device, reports included)")
    answer = found.answer
    if answer is not None:
        at_once = min(found.jobs, len(found.todo))
        place = f"{answer.device} memory" if answer.gpu else "memory"
        lines.append(f"device: {answer.device} a run; {place}: {amount(answer.memory)} a run, {amount(at_once * answer.memory)} at once")
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if not answer.gpu and at_once * answer.memory > there:
            lines.append(f"that is more than this machine's {amount(there)} of memory: give a smaller --jobs, or another machine")
        lines.append(f"encoder: {answer.parameters:,} parameters, by {answer.shape}")
        if answer.assumed:
            tokens = ", ".join(f"{name} {count:.0f}" for name, count in answer.assumed.items())
            lines.append(f"assumed, as data or tokenizer are not on this machine: tokens of a training row: {tokens}")
    if any(isinstance(spec, DataSpec) for spec in found.todo):
        lines.append("not counted: what is fetched from the hub, its time and its place in the cache (HF_HOME)")
    nearest = next(folder for folder in (found.study.root, *found.study.root.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    enough = "" if found.size < free else ": not enough"
    lines.append(f"disk: {amount(found.size)} more in {found.study.root}, {amount(free)} free{enough}")
    return lines


def show(found: Forecast, console: Console) -> None:
    """Print it."""
    count = Counter(found.states.values())
    stale = f", {count['stale']} of them stale (made with other settings)" if count["stale"] else ""
    busy = f", {count['running']} running now" if count["running"] else ""
    busy += f", {count[SHARED]} taken over from other studies" if count[SHARED] else ""
    console.print(
        f"{found.study.name}: {len(found.states)} runs: {count['done']} done, {len(found.todo)} to do{stale}{busy}", highlight=False
    )
    if found.todo:
        console.print(table(found), highlight=False)
        for line in notes(found):
            console.print(line, highlight=False, soft_wrap=True)
