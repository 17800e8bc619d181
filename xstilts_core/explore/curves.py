"""Show training curves of any runs side by side, and the progress of a running study."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ipywidgets
import pandas as pd

from xstilts_core import results
from xstilts_core.analysis.runs import log_lines, stage
from xstilts_core.errors import UsageError
from xstilts_core.explore import controls
from xstilts_core.explore.page import Page
from xstilts_core.explore.pictures import picture, width
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.tables import plain_table
from xstilts_core.explore.text import name, plain
from xstilts_core.report import figures
from xstilts_core.results import LOG, LOGGED, RESULT, State
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, Spec

SECONDS = 3.0
_RUNS_SHOWN = 12
VALUES = tuple(column for column in LOGGED if column != "step")
_Stamp = tuple[int, int]


@dataclass
class Logs:
    """The training logs and states of a study's runs; a file is read again only if it has
    changed."""

    study: Study
    logs: dict[str, tuple[_Stamp, pd.DataFrame]] = field(default_factory=dict)
    done: dict[str, tuple[_Stamp, State]] = field(default_factory=dict)

    def run(self, spec: Spec) -> str:
        """Return a run's name, which is its folder relative to outputs/<study>."""
        return str(spec.folder.relative_to(self.study.root))

    def states(self) -> dict[str, State]:
        """Return the current state of every run."""
        states = {}
        for spec in self.study.specs:
            key, stamp = self.run(spec), _stamped(spec.folder / RESULT)
            if stamp is None or self.done.get(key, (None, None))[0] != stamp:
                states[key] = results.state(spec)
                if stamp is not None:
                    self.done[key] = (stamp, states[key])
            else:
                states[key] = self.done[key][1]
        return states

    def logged(self) -> list[str]:
        """Return the runs that have a log, in the order of the grid."""
        return [self.run(spec) for spec in self.study.specs if (spec.folder / LOG).is_file()]

    def lines(self, runs: Sequence[str]) -> pd.DataFrame:
        """Return the `analysis.training_log` of these runs."""
        return pd.concat(
            [self.log(key) for key in runs] or [pd.DataFrame(columns=["run", *LOGGED])],
            ignore_index=True,
        )

    def log(self, run: str) -> pd.DataFrame:
        """Return one run's log as written so far. Raise UsageError if the study has no such run."""
        spec = self.study.spec(run)
        path = spec.folder / LOG
        stamp = _stamped(path)
        if stamp is None:
            return pd.DataFrame(columns=["run", *LOGGED])
        if self.logs.get(run, (None, None))[0] != stamp:
            table = pd.DataFrame(log_lines(path.read_text(encoding="utf-8").splitlines()))
            self.logs[run] = (
                stamp,
                table.reindex(columns=list(dict.fromkeys([*LOGGED, *table.columns]))).assign(
                    run=run, stage=stage(spec)
                ),
            )
        return self.logs[run][1]


def _stamped(path: Path) -> _Stamp | None:
    """Return the file's time of last change and its size, or None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def standing(states: dict[str, State]) -> str:
    """Return HTML with a progress bar per phase, and the runs that are running or have failed."""
    rows = []
    for phase in SPECS:
        counts = Counter(state.state for run, state in states.items() if run.split("/")[0] == phase)
        total = sum(counts.values())
        if total:
            others = [
                f"{number} {state}" for state, number in counts.most_common() if state != "done"
            ]
            text = ", ".join([f"{counts['done']} of {total} done", *others])
            bar = (
                '<span class="xs-bar" aria-hidden="true"><span style="width:'
                f'{100 * counts["done"] / total:.0f}%"></span></span>'
            )
            rows.append(
                f"<tr><th scope='row'>{plain(phase)}</th><td>{bar}</td><td>{plain(text)}</td></tr>"
            )
    active = [run for run, state in states.items() if state.state == "running"]
    failed = [(run, state.reason) for run, state in states.items() if state.state == "failed"]
    running = f"<p>Running: {', '.join(map(name, active[:_RUNS_SHOWN]))}</p>" if active else ""
    failures = (
        f"<h4>failed</h4>{plain_table(failed[:_RUNS_SHOWN], ['run', 'reason'])}" if failed else ""
    )
    return (
        f'<div class="xs-scroll"><table class="xs-plain">{"".join(rows)}</table></div>'
        f"{running}{failures}"
    )


def curves_html(logs: Logs, runs: Sequence[str], value: str, narrow: bool = False) -> str:
    """Return the curves of the chosen runs as HTML."""
    if not runs:
        raise UsageError("choose at least one run")
    figure = figures.run_curves(logs.lines(runs), runs, value, width=width(narrow))
    return picture(figure, f"{value} by training step of {', '.join(runs)}")


def curves_view(reader: Reader) -> ipywidgets.Widget:
    """Return the view of curves and progress, refreshed by a button or by a clock that can be
    stopped."""
    logs = Logs(reader.study)
    known = logs.logged()
    column = controls.dropdown("show", VALUES, VALUES[0])
    phases = controls.dropdown(
        "phase", list(dict.fromkeys(run.split("/")[0] for run in known)), "", "all"
    )
    runs = controls.several("runs", known, known[:2])
    refresh = controls.button("Refresh", "read states and logs again")
    follow = controls.switch("Follow", False, f"refresh every {SECONDS:g} seconds")
    state, page = Page(), Page()

    drawn: list[tuple] = []

    def draw() -> None:
        inputs = (
            runs.value,
            column.value,
            page.narrow,
            [_stamped(reader.study.root / run / LOG) for run in runs.value],
        )
        if drawn != [inputs]:  # do not redraw the same figure at every tick
            drawn[:] = [inputs]
            page.show(lambda: curves_html(logs, runs.value, column.value, page.narrow))

    def look() -> None:
        state.show(lambda: standing(logs.states()))
        offer()
        draw()

    def offer() -> None:
        selected, available = (
            runs.value,
            [run for run in logs.logged() if not phases.value or run.split("/")[0] == phases.value],
        )
        if list(runs.options) != [(run, run) for run in available]:
            runs.options = [(run, run) for run in available]
            runs.value = tuple(run for run in selected if run in available) or tuple(available[:2])

    def clock() -> None:
        state.every = SECONDS if follow.value else 0.0

    refresh.on_click(lambda _: look())
    state.on_tick(look)
    controls.on_change(draw, runs, column)
    controls.on_change(offer, phases)
    controls.on_change(clock, follow)
    page.observe(lambda _: draw(), names="narrow")
    look()
    return controls.column(
        controls.row(refresh, follow), state, controls.row(column, phases, runs), page
    )
