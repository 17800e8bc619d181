"""Record, judge and show the figures of benchmarks: one per round, a goal, and the machine they
were measured on."""

import json
import math
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xstilts_core.results import git, versions, write_text

PACKAGES = (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "papermill",
    "numpy",
    "seqeval",
    "faiss-cpu",
)
AT_MOST = ("s", "MB")
COLUMNS = ("part", "what", "against", "median", "lowest", "highest", "goal", "")
BEGIN, END = "<!-- begin: python -m benchmarks --page -->\n", "<!-- end -->"


class Unequal(RuntimeError):
    """An error for two sides that did not do the same work, so that their timings do not count."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: `values`, one per round, in `unit` ("x": multiple of the peer's speed; "s": wall
    seconds; "MB": memory), and its goal.

    No values: the machine does not support the case, such as a CPU without bfloat16. The median
    counts: at least `goal` for ratios, at most `goal` for seconds and memory; without a goal it is
    only shown. details: further observations for the JSON file.
    """

    part: str
    name: str
    peer: str
    unit: str
    values: tuple[float, ...]
    goal: float | None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values else math.nan

    @property
    def passed(self) -> bool:
        if self.goal is None or not self.values:
            return True
        return self.median <= self.goal if self.unit in AT_MOST else self.median >= self.goal

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table, in the order of COLUMNS."""
        if not self.values:
            return (self.part, self.name, self.peer, "not here", "", "", "", "")
        numbers = (
            f"{value:.2f}{self.unit}" for value in (self.median, min(self.values), max(self.values))
        )
        sign = "<=" if self.unit in AT_MOST else ">="
        verdict = (
            ("", "")
            if self.goal is None
            else (f"{sign} {self.goal:g}{self.unit}", "pass" if self.passed else "MISSED")
        )
        return (self.part, self.name, self.peer, *numbers, *verdict)

    def content(self) -> dict[str, Any]:
        """Return the content for JSON."""
        summary = (
            (self.median, min(self.values), max(self.values)) if self.values else (None, None, None)
        )
        spread = {
            **dict(zip(("median", "lowest", "highest"), summary, strict=True)),
            "passed": self.passed,
        }
        return {**asdict(self), **spread}


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on one core: caches stay warm, and neither side pays for a migration."""
    affinity = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(affinity)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, affinity)


def load_average() -> list[float]:
    """Return the load averages of the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def processor() -> str:
    """Return the CPU's model name."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def machine() -> dict[str, Any]:
    """Return the machine, versions and commit that the figures are measured with."""
    commit = {
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
    }
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "versions": versions(PACKAGES),
        **commit,
    }


def lines(measures: Sequence[Measure], facts: dict[str, Any]) -> list[str]:
    """Return the table for a terminal, followed by the conditions of the measurement."""
    rows = [COLUMNS, *(measure.cells() for measure in measures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [*table, "", *foot(measures, facts)]


def foot(measures: Sequence[Measure], facts: dict[str, Any]) -> list[str]:
    """Return lines on machine, versions, load, and the seconds of each stage of a start-up."""
    machine_facts = facts["machine"]
    suffix = ", changed" if machine_facts["dirty"] else ""
    stages = [
        f"{measure.name}: {measure.details['text']}"
        for measure in measures
        if "text" in measure.details
    ]
    return [
        *stages,
        f"{machine_facts['processor']}, {machine_facts['cores']} cores; "
        f"load average {facts['load_before']} before, {facts['load_after']} after",
        ", ".join(f"{name} {number}" for name, number in machine_facts["versions"].items())
        + f"; commit {machine_facts['commit'][:10]}{suffix}",
    ]


def write(path: Path, measures: Sequence[Measure], facts: dict[str, Any]) -> None:
    """Write JSON: the facts, and under `measures` every figure with its rounds."""
    write_text(
        path,
        json.dumps({**facts, "measures": [measure.content() for measure in measures]}, indent=1)
        + "\n",
    )


def quote(page: Path, measures: Sequence[Measure], facts: dict[str, Any]) -> None:
    """Write the table into a Markdown page, between its two marks. Raise ValueError if it has
    none."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(measure.cells() for measure in measures)]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    notes = "".join(f"\n{line}\n" for line in foot(measures, facts))
    write_text(page, f"{before}{BEGIN}{table}{notes}{END}{after}")
