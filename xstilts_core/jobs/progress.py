"""Show the live progress of a grid, read from its folders: bars on a terminal, plain lines
elsewhere."""

import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xstilts_core import results
from xstilts_core.files import disk
from xstilts_core.jobs import cluster
from xstilts_core.study import Study
from xstilts_core.study.identity import DataRoots
from xstilts_core.study.spec import SPECS, DataSpec, PretrainSpec, Spec

POLL_SECONDS = 0.5
_LINE_SECONDS = 15.0
_NAMES_SHOWN = 6
_GONE = "its process was killed before its first cell (out of memory?)"


def clock(seconds: float) -> str:
    """Format seconds as 0:42, 12:05 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@dataclass
class Watch:
    """The states of a study's runs over time.

    jobs: number of parallel runs, for the remaining time. cost: seconds of a core that the last
    look took.
    """

    study: Study
    jobs: int
    console: Console
    queue: cluster.Queue | None = None
    begun: float = field(default_factory=time.time)
    states: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    cost: float = 0.0

    def name(self, spec: Spec) -> str:
        """Return the run's folder below outputs/<study>, by which users identify it."""
        return str(spec.folder.relative_to(self.study.root))

    def look(self) -> list[str]:
        """Read the folders; return the runs that finished or failed since the last look."""
        news, started, below = [], time.process_time(), DataRoots()
        queued = self.queue.look() if self.queue else {}
        for spec in self.study.specs:
            name = self.name(spec)
            before = self.states.get(name)
            if before == "done":
                continue
            run = cluster.seen(results.state(spec, below), queued)
            state = (
                "missing"
                if run.state == "stale" or (run.state == "failed" and not self.was_begun(spec))
                else run.state
            )
            if state == "running":
                self.since.setdefault(name, time.time())
            if state in ("done", "failed") and before is not None and before != state:
                news.append(name)
                if name in self.since:
                    self.took[name] = time.time() - self.since.pop(name)
            self.states[name], self.reasons[name] = state, run.reason
        self.cost = time.process_time() - started
        return news

    def was_begun(self, spec: Spec) -> bool:
        """Return whether a run began in this folder since this grid began, according to the date of
        the lock. If not, its failure is from an earlier grid."""
        path = spec.folder / results.LOCK
        return path.is_file() and path.stat().st_mtime >= self.begun

    def count(self, phase: str = "") -> Counter[str]:
        return Counter(state for name, state in self.states.items() if name.startswith(phase))

    def seconds_left(self) -> float | None:
        """Estimate the remaining time: the remaining runs at the median time of their phase's
        finished runs, divided among the jobs.

        A phase without finished runs uses the median of the others, except for phase 1 and the
        data, which say nothing about them. Return None if there are no others.
        """
        remaining = 0.0
        for phase in SPECS:
            waiting = [
                name
                for name, state in self.states.items()
                if name.startswith(phase) and state in ("missing", "running")
            ]
            times = [seconds for name, seconds in self.took.items() if name.startswith(phase)]
            times = times or [
                seconds
                for name, seconds in self.took.items()
                if not name.startswith((DataSpec.phase, PretrainSpec.phase))
            ]
            if waiting and not times:
                return None
            for name in waiting:
                remaining += max(
                    0.0,
                    median(times) - (time.time() - self.since[name] if name in self.since else 0.0),
                )
        return remaining / self.jobs

    def line(self) -> str:
        """Summarize the whole grid in one line."""
        count = self.count()
        seconds = self.seconds_left()
        parts = [
            f"{count['done']} of {len(self.states)} runs done",
            f"{count['running']} running",
            f"{count['failed']} failed",
        ]
        parts.append(f"{clock(time.time() - self.begun)} elapsed")
        if count["missing"] or count["running"]:
            parts.append("time left unknown" if seconds is None else f"about {clock(seconds)} left")
        return ", ".join(parts)

    def picture(self) -> Group:
        """Render a bar per phase, the current runs and the remaining time."""
        table = Table.grid(padding=(0, 2))
        for phase in SPECS:
            count = self.count(phase)
            total = sum(count.values())
            if total:
                bar = ProgressBar(total=total, completed=count["done"] + count["failed"], width=32)
                failed = Text(f"{count['failed']} failed" if count["failed"] else "", style="red")
                table.add_row(
                    phase,
                    bar,
                    f"{count['done']}/{total} done",
                    f"{count['running']} running",
                    failed,
                )
        running = [
            f"{name} ({clock(time.time() - self.since[name])})"
            for name, state in self.states.items()
            if state == "running"
        ]
        more = f" and {len(running) - _NAMES_SHOWN} more" if len(running) > _NAMES_SHOWN else ""
        return Group(
            table,
            Text(self.line()),
            Text(
                "now: " + ", ".join(running[:_NAMES_SHOWN]) + more if running else "", style="dim"
            ),
        )

    def follow(self, process: "subprocess.Popen[bytes]") -> None:
        """Show progress until the process ends."""
        self.look()
        if self.console.is_terminal:
            with Live(self.picture(), console=self.console, refresh_per_second=4) as live:
                while process.poll() is None:
                    self.rest()
                    self.look()
                    live.update(self.picture())
            return
        last_print = 0.0
        while process.poll() is None:
            for name in self.look():
                self.say(name)
                last_print = time.time()
            if time.time() - last_print > _LINE_SECONDS:
                print(self.line(), flush=True)
                last_print = time.time()
            self.rest()
        for name in self.look():
            self.say(name)

    def rest(self) -> None:
        """Wait until the next look, longer if there are many folders: watching costs at most a
        twentieth of a core."""
        time.sleep(max(POLL_SECONDS, 20 * self.cost))

    def say(self, name: str) -> None:
        seconds = f" in {clock(self.took[name])}" if name in self.took else ""
        print(f"{self.states[name]:<6} {name}{seconds} ({self.line()})", flush=True)

    def failures(self) -> dict[str, str]:
        """After the grid, return the runs that failed or were killed, with the reasons. Runs that
        could not start because of them are not included."""
        full = disk.full_sentence(self.study.root, 0) if disk.is_exhausted(self.study.root) else ""
        failures = {}
        for spec in self.study.specs:
            name = self.name(spec)
            if self.states[name] != "done" and self.was_begun(spec):
                # On a full disk, not even the reason can be saved.
                reason_saved = (spec.folder / results.FAILURE).is_file()
                failures[name] = (self.reasons[name] if reason_saved or not full else full) or _GONE
        return failures
