"""Show the live progress of a grid, read from its folders: bars on a terminal, plain lines
elsewhere."""

import subprocess
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xstilts_core import results
from xstilts_core.files import disk
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
    """The states of a study's runs over time, by the runs' folders below outputs/<study>.

    jobs: number of parallel runs, for the remaining time. cost: seconds of a core that the last
    look took.
    """

    study: Study
    jobs: int
    console: Console
    begun: float = field(default_factory=time.time)
    states: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    cost: float = 0.0

    def look(self) -> list[str]:
        """Read the folders; return the runs that finished or failed since the last look."""
        news, started, below = [], time.process_time(), DataRoots()
        for spec in self.study.specs:
            name = str(spec.folder.relative_to(self.study.root))
            before = self.states.get(name)
            if before == "done":
                continue
            state = results.state(spec, below).state
            if state == "stale" or (state == "failed" and not self.was_begun(spec)):
                state = "missing"
            if state == "running":
                self.since.setdefault(name, time.time())
            if state in ("done", "failed") and before not in (None, state):
                news.append(name)
                if name in self.since:
                    self.took[name] = time.time() - self.since.pop(name)
            self.states[name] = state
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
        now, remaining = time.time(), 0.0
        for name, state in self.states.items():
            if state not in ("missing", "running"):
                continue
            phase = name.partition("/")[0]
            times = [took for other, took in self.took.items() if other.startswith(phase)] or [
                took
                for other, took in self.took.items()
                if not other.startswith((DataSpec.phase, PretrainSpec.phase))
            ]
            if not times:
                return None
            remaining += max(0.0, median(times) - now + self.since.get(name, now))
        return remaining / self.jobs

    def line(self) -> str:
        """Summarize the whole grid in one line."""
        count, seconds = self.count(), self.seconds_left()
        line = (
            f"{count['done']} of {len(self.states)} runs done, {count['running']} running, "
            f"{count['failed']} failed, {clock(time.time() - self.begun)} elapsed"
        )
        if not count["missing"] and not count["running"]:
            return line
        return f"{line}, " + (
            "time left unknown" if seconds is None else f"about {clock(seconds)} left"
        )

    def picture(self) -> Group:
        """Render a bar per phase, the current runs and the remaining time."""
        table = Table.grid(padding=(0, 2))
        for phase in SPECS:
            count = self.count(phase)
            if total := count.total():
                table.add_row(
                    phase,
                    ProgressBar(total=total, completed=count["done"] + count["failed"], width=32),
                    f"{count['done']}/{total} done",
                    f"{count['running']} running",
                    Text(f"{count['failed']} failed" if count["failed"] else "", style="red"),
                )
        running = [
            f"{name} ({clock(time.time() - self.since[name])})"
            for name, state in self.states.items()
            if state == "running"
        ]
        more = f" and {len(running) - _NAMES_SHOWN} more" if len(running) > _NAMES_SHOWN else ""
        now = "now: " + ", ".join(running[:_NAMES_SHOWN]) + more if running else ""
        return Group(table, Text(self.line()), Text(now, style="dim"))

    def follow(self, process: "subprocess.Popen[bytes]") -> None:
        """Show progress until the process ends."""
        self.look()
        last_print, ended = 0.0, False
        bars = Live(self.picture(), console=self.console, refresh_per_second=4)
        with bars if self.console.is_terminal else nullcontext() as live:
            while not ended:
                ended = process.poll() is not None
                lines = [self._ended(name) for name in self.look()]
                if not lines and not ended and time.time() - last_print > _LINE_SECONDS:
                    lines = [self.line()]
                if live:
                    live.update(self.picture())
                elif lines:
                    print(*lines, sep="\n", flush=True)
                    last_print = time.time()
                # With many folders, watching costs at most a twentieth of a core.
                time.sleep(0.0 if ended else max(POLL_SECONDS, 20 * self.cost))

    def _ended(self, name: str) -> str:
        """Return the line on a run that finished or failed."""
        seconds = f" in {clock(self.took[name])}" if name in self.took else ""
        return f"{self.states[name]:<6} {name}{seconds} ({self.line()})"

    def failures(self) -> dict[str, str]:
        """After the grid, return the runs that failed or were killed, with the reasons. Runs that
        could not start because of them are not included."""
        full = disk.full_sentence(self.study.root, 0) if disk.is_exhausted(self.study.root) else ""
        reasons = {}
        for spec, name in zip(self.study.specs, self.states, strict=True):
            if self.states[name] != "done" and self.was_begun(spec):
                # On a full disk, not even the reason can be saved.
                saved = (spec.folder / results.FAILURE).is_file()
                reasons[name] = (
                    full if full and not saved else results.state(spec).reason
                ) or _GONE
        return reasons
