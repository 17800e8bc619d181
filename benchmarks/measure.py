"""What a benchmark gives: a figure per round and a goal; how it is shown, kept and judged; and the
machine it was made on."""

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
    """The two sides did not do the same work: no timing of theirs counts."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: `values`, one per round, in `unit` ("x": how many times the peer's speed; "s":
    wall seconds; "MB": memory), and its goal.

    No values: this machine cannot do it, as a CPU without bfloat16. The median counts: at least
    `goal` for ratios, at most `goal` for seconds and memory; without one it is only shown. details:
    what else was seen, for the JSON file.
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
        """The row of the table, in the order of COLUMNS."""
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
        """As JSON."""
        found = (
            (self.median, min(self.values), max(self.values)) if self.values else (None, None, None)
        )
        spread = {
            **dict(zip(("median", "lowest", "highest"), found, strict=True)),
            "passed": self.passed,
        }
        return {**asdict(self), **spread}


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on one core: caches stay warm, and no migration is charged to one of the
    sides."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def load_average() -> list[float]:
    """Of the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def processor() -> str:
    """The CPU's model name."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def machine() -> dict[str, Any]:
    """Where and with what the figures are made."""
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
    """The table for a terminal, and under it what it was made on."""
    rows = [COLUMNS, *(measure.cells() for measure in measures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [*table, "", *foot(measures, facts)]


def foot(measures: Sequence[Measure], facts: dict[str, Any]) -> list[str]:
    """Machine, versions, load, and where the seconds of a start-up go."""
    where = facts["machine"]
    changed = ", changed" if where["dirty"] else ""
    stages = [
        f"{measure.name}: {measure.details['text']}"
        for measure in measures
        if "text" in measure.details
    ]
    return [
        *stages,
        f"{where['processor']}, {where['cores']} cores; load average {facts['load_before']} before, {facts['load_after']} after",
        ", ".join(f"{name} {number}" for name, number in where["versions"].items())
        + f"; commit {where['commit'][:10]}{changed}",
    ]


def write(path: Path, measures: Sequence[Measure], facts: dict[str, Any]) -> None:
    """All of it as JSON: the facts, and under `measures` every figure with its rounds."""
    write_text(
        path,
        json.dumps({**facts, "measures": [measure.content() for measure in measures]}, indent=1)
        + "\n",
    )


def quote(page: Path, measures: Sequence[Measure], facts: dict[str, Any]) -> None:
    """Put the table in a Markdown page, between its two marks. ValueError where it has none."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(measure.cells() for measure in measures)]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    notes = "".join(f"\n{line}\n" for line in foot(measures, facts))
    write_text(page, f"{before}{BEGIN}{table}{notes}{END}{after}")
