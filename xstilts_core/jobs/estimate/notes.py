"""Present a forecast: a table of the phases, and notes on what the table does not show."""

import os
import shutil
from collections import Counter

from rich.console import Console
from rich.table import Table

from xstilts_core.jobs.estimate.forecast import AFTER, READY, SHARED, Forecast
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
        )
        time = spent(sum(cost.seconds for cost in costs)) if len(costs) == len(todo) else "?"
        size = amount(sum(cost.size for cost in costs)) if len(costs) == len(todo) else "?"
        phases.add_row(phase, str(len(specs)), str(len(todo)), time, size, sources)
    return phases


def notes(found: Forecast) -> list[str]:
    """Return the lines below the table: totals, memory, disk and assumptions."""
    lines = (
        [f"no estimate for {len(found.todo) - len(found.costs)} runs: {found.error}"]
        if found.error
        else []
    )
    if found.wall == found.wall:
        total = sum(cost.seconds for cost in found.costs.values()) + found.reports
        lines.append(
            f"about {spent(found.wall)} with {found.jobs} parallel runs "
            f"({spent(total)} on one device, reports included)"
        )
    answer = found.answer
    if answer is not None:
        parallel = min(found.jobs, len(found.todo))
        memory_kind = f"{answer.device} memory" if answer.gpu else "memory"
        lines.append(
            f"device: {answer.device} per run; {memory_kind}: {amount(answer.memory)} per run, "
            f"{amount(parallel * answer.memory)} in parallel"
        )
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if not answer.gpu and parallel * answer.memory > installed:
            lines.append(
                f"that is more than this machine's {amount(installed)} of memory: "
                "use a smaller --jobs, or another machine"
            )
        lines.append(f"encoder: {answer.parameters:,} parameters, by {answer.shape}")
        if answer.assumed:
            tokens = ", ".join(f"{name} {count:.0f}" for name, count in answer.assumed.items())
            lines.append(
                "assumed tokens per training row, because data or tokenizer are not on this "
                f"machine: {tokens}"
            )
    lines += translations(found)
    if any(isinstance(spec, DataSpec) for spec in found.todo):
        lines.append(
            "not counted: downloads from the hub, their time and their space in the cache (HF_HOME)"
        )
    existing_folder = next(
        folder for folder in (found.study.root, *found.study.root.parents) if folder.exists()
    )
    free = shutil.disk_usage(existing_folder).free
    warning = "" if found.size < free else ": not enough"
    lines.append(
        f"disk: {amount(found.size)} more in {found.study.root}, {amount(free)} free{warning}"
    )
    return lines


def translations(found: Forecast) -> list[str]:
    """Return lines on the number of sentences to translate by model, and on models that could not
    be measured."""
    lines = []
    if found.sentences:
        counts = ", ".join(
            f"{count:,.0f} into {code} by {name}" for (name, code), count in found.sentences.items()
        )
        lines.append(
            f"translation: {spent(found.translation)} of the time above, each sentence once: "
            f"about {counts}"
        )
    errors = (
        dict.fromkeys(cost.error for cost in found.answer.rendered if cost.error)
        if found.answer
        else {}
    )
    return [*lines, *(f"not counted: the time of translation: {error}" for error in errors)]


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
