"""Show training curves of any runs side by side, and the progress of a running study."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import ipywidgets
import pandas as pd
from markupsafe import Markup

from xstilts_core import results
from xstilts_core.analysis.study_runs import log_lines, stage
from xstilts_core.errors import UsageError
from xstilts_core.explore import controls
from xstilts_core.explore.markup import render
from xstilts_core.explore.page import Page, picture
from xstilts_core.explore.reader import Reader
from xstilts_core.report.figures.curves import run_curves
from xstilts_core.report.figures.style import FULL
from xstilts_core.results import LOG, LOGGED, RESULT, State
from xstilts_core.study import Study
from xstilts_core.study.spec import SPECS, Spec

_SECONDS = 3.0
_RUNS_SHOWN = 12
_VALUES = tuple(column for column in LOGGED if column != "step")
_Stamp = tuple[int, int]


class Logs:
    """The training logs and states of a study's runs; a file is read again only if it has
    changed."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._done: dict[str, tuple[_Stamp, State]] = {}

    def run(self, spec: Spec) -> str:
        """Return a run's name, which is its folder relative to outputs/<study>."""
        return str(spec.folder.relative_to(self.study.root))

    def states(self) -> dict[str, State]:
        """Return the current state of every run."""
        states = {}
        for spec in self.study.specs:
            key, stamp = self.run(spec), _stamp(spec.folder / RESULT)
            known = self._done.get(key)
            states[key] = known[1] if known and known[0] == stamp else results.state(spec)
            if stamp:
                self._done[key] = stamp, states[key]
        return states

    def logged(self) -> list[str]:
        """Return the runs that have a log, in the order of the grid."""
        return [self.run(spec) for spec in self.study.specs if (spec.folder / LOG).is_file()]

    def log(self, run: str) -> pd.DataFrame:
        """Return one run's rows of `analysis.training_log` as written so far. Raise UsageError if
        the study has no such run."""
        spec = self.study.spec(run)
        path = spec.folder / LOG
        return _log(path, _stamp(path), run, stage(spec))


@lru_cache(maxsize=256)
def _log(path: Path, stamp: _Stamp | None, run: str, stage: str) -> pd.DataFrame:
    """Read the log of a run as it was at that time; None: it does not exist."""
    lines = path.read_text(encoding="utf-8").splitlines() if stamp else []
    table = pd.DataFrame(log_lines(lines))
    columns = dict.fromkeys([*LOGGED, *table.columns])
    return table.reindex(columns=list(columns)).assign(run=run, stage=stage)


def _stamp(path: Path) -> _Stamp | None:
    """Return the file's time of last change and its size, or None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def standing(states: dict[str, State]) -> Markup:
    """Return HTML with a progress bar per phase, and the runs that are running or have failed."""
    phases = {
        phase: Counter(state.state for run, state in states.items() if run.split("/")[0] == phase)
        for phase in SPECS
    }
    running = [run for run, state in states.items() if state.state == "running"]
    failed = [(run, state.reason) for run, state in states.items() if state.state == "failed"]
    return render(
        "standing.html", phases=phases, running=running[:_RUNS_SHOWN], failed=failed[:_RUNS_SHOWN]
    )


def curves_html(logs: Logs, runs: Sequence[str], value: str, width: float = FULL) -> Markup:
    """Return the curves of the chosen runs as HTML."""
    if not runs:
        raise UsageError("choose at least one run")
    lines = pd.concat([logs.log(run) for run in runs], ignore_index=True)
    figure = run_curves(lines, runs, value, width=width)
    return picture(figure, f"{value} by training step of {', '.join(runs)}")


def curves_view(reader: Reader) -> ipywidgets.Widget:
    """Return the view of curves and progress, refreshed by a button or by a clock that can be
    stopped."""
    logs = Logs(reader.study)
    drawn: list[tuple] = []

    def draw() -> None:
        stamps = [_stamp(reader.study.root / run / LOG) for run in runs.value]
        inputs = runs.value, column.value, page.width, stamps
        if drawn != [inputs]:  # do not redraw the same figure at every tick
            drawn[:] = [inputs]
            page.show(lambda: curves_html(logs, runs.value, column.value, page.width))

    def look() -> None:
        state.show(lambda: standing(logs.states()))
        offer()
        draw()

    def offer() -> None:
        available = [run for run in logs.logged() if phases.value in ("", run.split("/")[0])]
        options, selected = [(run, run) for run in available], runs.value
        if list(runs.options) != options:
            runs.options = options
            runs.value = tuple(run for run in selected if run in available) or tuple(available[:2])

    def clock() -> None:
        state.every = _SECONDS if follow.value else 0.0

    known = logs.logged()
    refresh = controls.button("Refresh", "read states and logs again", look)
    follow = controls.switch("Follow", False, f"refresh every {_SECONDS:g} seconds")
    column = controls.dropdown("show", _VALUES)
    phases = controls.dropdown(
        "phase", dict.fromkeys(run.split("/")[0] for run in known), "", "all"
    )
    runs = controls.several("runs", known, known[:2])
    state, page = Page(tick=look), Page()
    controls.on_change(draw, runs, column, page)
    controls.on_change(offer, phases)
    controls.on_change(clock, follow)
    look()
    return controls.column(
        controls.row(refresh, follow), state, controls.row(column, phases, runs), page
    )
