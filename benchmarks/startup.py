"""Measure the start-up cost of a notebook: the time from the start of its runner to its exit, minus
the seconds of its work.

Included: the interpreter, the package's imports, papermill, the kernel, torch or pandas, saving the
page and ending the kernel. Excluded: the time of repeating the same cells with everything imported
(`benchmarks.repeat`): loading the encoder, a training step on eight rows and a few predictions; for
a report, its tables and figures. Each notebook is timed alone (`xstilts notebook`) and beside a
grid's kernel server (`xstilts run`); the goals apply to a grid.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchmarks.measure import Measure
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home
from xstilts_core.jobs.kernel import environment
from xstilts_core.jobs.kernel_server import serving
from xstilts_core.results import NOTEBOOK

PART = "startup"
STUDY = """title: What does a notebook cost beside its work?
source: files
encoder: mini
seeds: [1]
recipes:
  none:
targets: [xnli]
languages: [en]
train: {epochs: 1, evaluations: 1, batch_size: 8, accumulation: 1, max_length: 64}
reports: [30_transfer]
"""
TEXTS = [f"Anna reads {number} books today.\tAnna reads.\tentailment\n" for number in range(8)]
# The three files of that study, with eight rows each. Generating the embedded suite's data would
# take most of the time.
FILES = {
    "mnli/glue/MNLI/train.tsv": ["sentence1\tsentence2\tgold_label\n", *TEXTS],
    "mnli/glue/MNLI/dev_matched.tsv": ["sentence1\tsentence2\tgold_label\n", *TEXTS],
    "xnli/xtreme/test-en.tsv": TEXTS,
}
GOALS = {
    "target/mnli/from-none/seed1": ("run notebook", 5.0),
    "report/30_transfer": ("report notebook", 1.5),
}
ALONE, SERVED = "alone", "in a grid"
SHOWN = 0.1


@dataclass(slots=True)
class Seconds:
    """A notebook's figures, one per round: wall, CPU (of all its processes; alone only), work, and
    wall seconds by stage."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)

    def text(self) -> str:
        """Summarize the time by stage, in chronological order."""
        means = {name: statistics.median(values) for name, values in self.stages.items()}
        parts = ", ".join(
            f"{value:.1f} s {name}" for name, value in means.items() if value >= SHOWN
        )
        cpu = f" ({statistics.median(self.cpu):.1f} s CPU)" if self.cpu else ""
        return (
            f"{statistics.median(self.wall):.1f} s{cpu}, "
            f"of which {statistics.median(self.work):.1f} s are work: {parts}"
        )


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def stages(copy: Path, began: float, ended: float) -> dict[str, float]:
    """Return the wall seconds of each stage of an executed notebook, from the times that papermill
    stores in it. began, ended: times of its runner."""
    page = json.loads(copy.read_text(encoding="utf-8"))
    cells = [cell for cell in page["cells"] if cell["cell_type"] == "code"]
    times = [cell["metadata"]["papermill"] for cell in cells]
    start = moment(page["metadata"]["papermill"]["start_time"])
    wall = {
        "before papermill": start - began,
        "starting the kernel": moment(times[0]["start_time"]) - start,
    }
    for number, (cell, timing) in enumerate(zip(cells, times, strict=True), start=1):
        wall[f"cell {number} ({''.join(cell['source']).splitlines()[0][:32]})"] = timing["duration"]
    return {**wall, "ending the kernel, saving": ended - moment(times[-1]["end_time"])}


def call(arguments: list[str], variables: dict[str, str] | None = None) -> str:
    """Run Python from the project's folder and return its output. If it fails, raise UsageError
    with its error output."""
    completed = subprocess.run(
        [sys.executable, *arguments],
        cwd=home(),
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
    )
    if completed.returncode:
        raise UsageError(
            f"python {' '.join(arguments)} exited with {completed.returncode}: "
            f"{completed.stderr.strip()[-2000:]}"
        )
    return completed.stdout


def time_notebook(study: Path, folder: str, found: Seconds) -> None:
    """Run one notebook of the study and add its figures."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.time()
    call(
        [
            "-m",
            "xstilts_core.jobs.runner",
            str(study),
            folder,
            "--outputs",
            str(study.parent),
            "--data-root",
            str(study.parent),
        ]
    )
    ended = time.time()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found.wall.append(ended - began)
    found.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    for name, value in stages(study.parent / study.stem / folder / NOTEBOOK, began, ended).items():
        found.stages.setdefault(name, []).append(value)


def one_round(study: Path, figures: dict[tuple[str, str], Seconds]) -> None:
    """Time both notebooks alone, then both beside a server, then their work."""
    for way in (ALONE, SERVED):
        with serving(environment(1)) if way == SERVED else nullcontext():
            if way == SERVED:  # the server's own imports count once per grid
                time_notebook(study, next(iter(GOALS)), Seconds())
            for folder in GOALS:
                time_notebook(study, folder, figures[way, folder])
    for folder in GOALS:
        work = float(
            call(
                ["-m", "benchmarks.repeat", str(study.parent / study.stem / folder / NOTEBOOK)],
                environment(1),
            )
        )
        for way in (ALONE, SERVED):
            figures[way, folder].work.append(work)


def prepare(place: Path) -> Path:
    """Write the study and its files; return the study's path."""
    for name, rows in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("".join(rows), encoding="utf-8")
    study = place / "startup.yaml"
    study.write_text(STUDY, encoding="utf-8")
    return study


def run(rounds: int) -> list[Measure]:
    """Return the start-up times of a run notebook and a report notebook, alone and in a grid."""
    figures = {(way, folder): Seconds() for way in (ALONE, SERVED) for folder in GOALS}
    with tempfile.TemporaryDirectory() as folder_name:
        study = prepare(Path(folder_name))
        for _ in range(rounds):
            one_round(study, figures)
    measures = []
    for (way, folder), seconds in figures.items():
        if way == SERVED:
            # A served kernel is the server's child, so its CPU seconds are not this process's.
            seconds.cpu.clear()
        name, goal = GOALS[folder]
        startup = tuple(wall - work for wall, work in zip(seconds.wall, seconds.work, strict=True))
        medians = {
            stage: round(statistics.median(values), 3) for stage, values in seconds.stages.items()
        }
        details = {
            "wall": seconds.wall,
            "cpu": seconds.cpu,
            "work": seconds.work,
            "stages": medians,
            "text": seconds.text(),
        }
        measures.append(
            Measure(
                PART,
                f"{name}, {way}",
                "its work alone",
                "s",
                startup,
                goal if way == SERVED else None,
                details,
            )
        )
    return measures
