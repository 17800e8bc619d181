"""A forecast as a person reads it: a table of the phases, and what the table does not say."""

import os
import shutil
from collections import Counter

from rich.console import Console
from rich.table import Table

from xstilts_core.jobs.estimate.forecast import AFTER, READY, SHARED, Forecast
from xstilts_core.study.spec import SPECS, DataSpec


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
    """A row per phase: runs, those to do, time of one device, disk, and where the figures are
    from."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("phase", "runs", "to do", "time of one device", "disk", "estimated by"):
        shown.add_column(name, justify="left" if name in ("phase", "estimated by") else "right")
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
        shown.add_row(phase, str(len(specs)), str(len(todo)), time, size, sources)
    return shown


def notes(found: Forecast) -> list[str]:
    """What the table does not say: totals, memory, disk, what was assumed."""
    lines = (
        [f"no estimate for {len(found.todo) - len(found.costs)} runs: {found.error}"]
        if found.error
        else []
    )
    if found.wall == found.wall:
        total = sum(cost.seconds for cost in found.costs.values()) + found.reports
        lines.append(
            f"about {spent(found.wall)} with {found.jobs} at once ({spent(total)} of one device, reports included)"
        )
    answer = found.answer
    if answer is not None:
        at_once = min(found.jobs, len(found.todo))
        place = f"{answer.device} memory" if answer.gpu else "memory"
        lines.append(
            f"device: {answer.device} a run; {place}: {amount(answer.memory)} a run, {amount(at_once * answer.memory)} at once"
        )
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if not answer.gpu and at_once * answer.memory > there:
            lines.append(
                f"that is more than this machine's {amount(there)} of memory: give a smaller --jobs, or another machine"
            )
        lines.append(f"encoder: {answer.parameters:,} parameters, by {answer.shape}")
        if answer.assumed:
            tokens = ", ".join(f"{name} {count:.0f}" for name, count in answer.assumed.items())
            lines.append(
                f"assumed, as data or tokenizer are not on this machine: tokens of a training row: {tokens}"
            )
    lines += translations(found)
    if any(isinstance(spec, DataSpec) for spec in found.todo):
        lines.append(
            "not counted: what is fetched from the hub, its time and its place in the cache (HF_HOME)"
        )
    nearest = next(
        folder for folder in (found.study.root, *found.study.root.parents) if folder.exists()
    )
    free = shutil.disk_usage(nearest).free
    enough = "" if found.size < free else ": not enough"
    lines.append(
        f"disk: {amount(found.size)} more in {found.study.root}, {amount(free)} free{enough}"
    )
    return lines


def translations(found: Forecast) -> list[str]:
    """What is to be translated, by which models, and what could not be measured."""
    lines = []
    if found.sentences:
        named = ", ".join(
            f"{count:,.0f} into {code} by {name}" for (name, code), count in found.sentences.items()
        )
        lines.append(
            f"translation: {spent(found.translation)} of the above, each sentence once: about {named}"
        )
    errors = (
        dict.fromkeys(cost.error for cost in found.answer.rendered if cost.error)
        if found.answer
        else {}
    )
    return [*lines, *(f"not counted: the time of translation: {error}" for error in errors)]


def show(found: Forecast, console: Console) -> None:
    """Print it."""
    count = Counter(found.states.values())
    stale = f", {count['stale']} of them stale (made with other settings)" if count["stale"] else ""
    stale += (
        f", {count[AFTER]} of them again after those that they start from" if count[AFTER] else ""
    )
    busy = f", {count['running']} running now" if count["running"] else ""
    busy += f", {count[SHARED]} taken over from other studies" if count[SHARED] else ""
    console.print(
        f"{found.study.name}: {len(found.states)} runs: {count['done']} done, {len(found.todo)} to do{stale}{busy}",
        highlight=False,
    )
    if found.todo:
        console.print(table(found), highlight=False)
        for line in notes(found):
            console.print(line, highlight=False, soft_wrap=True)
