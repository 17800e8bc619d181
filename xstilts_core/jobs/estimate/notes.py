"""Present a forecast: a table of the phases, and notes on what the table does not show."""

import os
import shutil
from collections import Counter
from math import isnan

from rich.console import Console
from rich.table import Table

from xstilts_core.jobs.estimate.forecast import AFTER, READY, SHARED, Forecast, translations
from xstilts_core.study.spec import SPECS, DataSpec


def spent(value: float) -> str:
    """Format seconds in a suitable unit."""
    for limit, unit, size in ((90, "s", 1), (90 * 60, "min", 60), (100 * 3600, "h", 3600)):
        if value < limit:
            return f"{value / size:.{0 if value / size >= 10 or unit == 's' else 1}f} {unit}"
    return f"{value / 86400:,.0f} days"


def amount(value: float) -> str:
    """Format bytes in MB or GB."""
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"


def table(found: Forecast) -> Table:
    """Return a table with a row per phase: runs, remaining runs, time on one device, disk, and the
    source of the estimate."""
    phases = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("phase", "runs", "to do", "time on one device", "disk", "estimated by"):
        phases.add_column(name, justify="left" if name in ("phase", "estimated by") else "right")
    for phase in SPECS:
        specs = [spec for spec in found.study.specs if spec.phase == phase]
        todo = [spec for spec in specs if found.states[spec.folder] not in READY]
        costs = [found.costs[spec.folder] for spec in todo if spec.folder in found.costs]
        if not specs:
            continue
        sources = ", ".join(
            f"{source} ({count})"
            for source, count in Counter(cost.source for cost in costs).items()
            if source
        )
        seconds, complete = sum(cost.seconds for cost in costs), len(costs) == len(todo)
        time = spent(seconds) if complete and not isnan(seconds) else "?"
        size = amount(sum(cost.size for cost in costs)) if complete else "?"
        phases.add_row(phase, str(len(specs)), str(len(todo)), time, size, sources)
    return phases


def notes(found: Forecast) -> list[str]:
    """Return the lines below the table: totals, memory, disk and what is not counted."""
    lines = []
    if found.errors:
        known = sum(not isnan(cost.seconds) for cost in found.costs.values())
        lines.append(f"no estimate for {len(found.todo) - known} runs: {found.errors[0]}")
    if not isnan(found.wall):
        total = sum(cost.seconds for cost in found.costs.values()) + found.reports
        lines.append(
            f"about {spent(found.wall)} with {found.jobs} parallel runs "
            f"({spent(total)} on one device, reports included)"
        )
    if shape := found.shape:
        parallel = min(found.jobs, len(found.todo))
        kind = f"{shape.device} memory" if shape.gpu else "memory"
        lines.append(
            f"device: {shape.device} per run; {kind}: "
            f"{amount(shape.memory)} per run, {amount(parallel * shape.memory)} in parallel"
        )
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if not shape.gpu and parallel * shape.memory > installed:
            lines.append(
                f"that is more than this machine's {amount(installed)} of memory: "
                "use a smaller --jobs, or another machine"
            )
        lines.append(f"encoder: {shape.parameters:,} parameters, by {shape.origin}")
    if translated := translations(found.todo):
        lines.append(f"not counted: the time of translation {translated}")
    if any(isinstance(spec, DataSpec) for spec in found.todo):
        lines.append(
            "not counted: downloads from the hub, their time and their space in the cache (HF_HOME)"
        )
    existing = next(path for path in (found.study.root, *found.study.root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    warning = "" if found.size < free else ": not enough"
    return [
        *lines,
        f"disk: {amount(found.size)} more in {found.study.root}, {amount(free)} free{warning}",
    ]


def show(found: Forecast, console: Console) -> None:
    """Print a forecast."""
    count = Counter(found.states.values())
    stale = f", {count['stale']} of them stale (made with other settings)" if count["stale"] else ""
    stale += (
        f", {count[AFTER]} of them again because the runs they start from are repeated"
        if count[AFTER]
        else ""
    )
    busy = f", {count['running']} running now" if count["running"] else ""
    busy += f", {count[SHARED]} taken over from other studies" if count[SHARED] else ""
    console.print(
        f"{found.study.name}: {len(found.states)} runs: {count['done']} done, "
        f"{len(found.todo)} to do{stale}{busy}",
        highlight=False,
    )
    if found.todo:
        console.print(table(found), highlight=False)
        for line in notes(found):
            console.print(line, highlight=False, soft_wrap=True)
