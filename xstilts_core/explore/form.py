"""A form made from a spec's schema: it checks while one types, says what the run will take, and
starts it by a button alone."""

from collections.abc import Mapping
from typing import Any

import ipywidgets

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.explore import controls
from xstilts_core.explore.fields import (
    Field,
    fields,
    papermill_command,
    spec_of,
    written,
    xstilts_command,
)
from xstilts_core.explore.page import Page, problem
from xstilts_core.explore.start import Started, check, places, start, state_of
from xstilts_core.explore.text import name, plain
from xstilts_core.files.paths import home
from xstilts_core.jobs.estimate.notes import amount, spent
from xstilts_core.jobs.estimate.one_run import Estimate, estimate
from xstilts_core.jobs.runner import visible_gpus
from xstilts_core.study.spec import SPECS

USUAL = "target"
SECONDS = 2.0
THREADS = 1


def control(field: Field) -> ipywidgets.Widget:
    """The control of a field: a choice, a switch, a number or text; its help below."""
    wide = ipywidgets.Layout(width="min(100%, 26em)")
    if field.choices:
        part = controls.dropdown(
            field.name,
            [choice for choice in field.choices if choice],
            field.default,
            "(none)" if "" in field.choices else "",
        )
    elif field.kind == "boolean":
        part = ipywidgets.Checkbox(
            value=bool(field.default), description=field.name, indent=False, layout=wide
        )
    else:
        part = ipywidgets.Text(
            value=written(field.default), description=field.name, style=controls.LABEL, layout=wide
        )
        part.continuous_update = False
    part.tooltip = field.help
    words = f"{field.help} ({field.legal})" if field.legal else field.help
    told = ipywidgets.HTML(
        f'<div class="xs-help">{plain(words)}</div>',
        layout=ipywidgets.Layout(width="min(100%, 26em)"),
    )
    return ipywidgets.VBox(children=(part, told), layout=ipywidgets.Layout(width="min(100%, 27em)"))


@places()
def checked(phase: str, typed: Mapping[str, Any]) -> str:
    """Where the run would go and the commands that do the same, as HTML. UsageError where a value
    is wrong."""
    spec = spec_of(phase, typed)
    folder = spec.folder.relative_to(home()) if spec.folder.is_relative_to(home()) else spec.folder
    state = state_of(spec).state
    commands = "".join(
        f"<pre>{plain(command(phase, typed))}</pre>"
        for command in (xstilts_command, papermill_command)
    )
    return f"<p>It writes to {name(folder)} (now: {plain(state)}). The same from a terminal:</p>{commands}"


def told(found: Estimate) -> str:
    """An estimate in words."""
    if found.cost is None:
        return f'<p class="xs-error">no estimate: {plain(found.error)}</p>'
    memory = f", {amount(found.answer.memory)} of memory" if found.answer else ""
    return f"<p>About {spent(found.cost.seconds)} and {amount(found.cost.size)} on disk{memory}, by {plain(found.cost.source)}.</p>"


@places()
def estimated(phase: str, typed: Mapping[str, Any]) -> Estimate:
    """What the run will take here."""
    return estimate(spec_of(phase, typed), THREADS, bool(visible_gpus()))


def progress(run: Started) -> str:
    """Where a started run stands, and what it said."""
    state = results.state(run.spec)
    reason = f": {plain(state.reason)}" if state.reason else ""
    words = "at work" if run.going else f"{plain(state.state)}{reason}"
    return f"<p><b>{name(run.spec.folder.relative_to(run.spec.root))}</b> {words}</p><pre>{plain(run.tail())}</pre>"


class Form:
    """The controls and what they hold. Nothing can be started before what is typed has an estimate.

    It is the same for every study: a run that it starts belongs to the study that is typed.
    """

    def __init__(self) -> None:
        self.phase = controls.dropdown("phase", list(SPECS), USUAL)
        self.main, self.rest = ipywidgets.Box(layout=_WRAPPED), ipywidgets.Box(layout=_WRAPPED)
        self.ask = controls.button("Estimate", "hours, memory and disk")
        self.go = controls.button("Start", "start this run", "primary")
        self.end = controls.button("Stop", "end the run", "warning")
        self.page, self.cost, self.live = Page(), Page(), Page()
        self.parts: dict[str, ipywidgets.Widget] = {}
        self.runs: list[Started] = []
        self.end.disabled = True
        self.ask.on_click(lambda _: self.foresee())
        self.go.on_click(lambda _: self.begin())
        self.end.on_click(lambda _: self.stop())
        self.live.on_tick(self.tick)
        controls.on_change(self.fill, self.phase)
        self.fill()

    @property
    def box(self) -> ipywidgets.Widget:
        """All of it."""
        more = ipywidgets.Accordion(
            children=(self.rest,), titles=("all other settings",), selected_index=None
        )
        buttons = controls.row(self.ask, self.go, self.end)
        return controls.column(
            controls.row(self.phase), self.main, more, self.page, buttons, self.cost, self.live
        )

    @property
    def typed(self) -> dict[str, Any]:
        """The values of the controls by field."""
        return {key: part.value for key, part in self.parts.items()}

    def fill(self) -> None:
        """The fields of the chosen phase, at their defaults."""
        boxes = [(field, control(field)) for field in fields(self.phase.value)]
        self.parts = {field.name: box.children[0] for field, box in boxes}
        self.main.children = tuple(box for field, box in boxes if field.first)
        self.rest.children = tuple(box for field, box in boxes if not field.first)
        controls.on_change(self.look, *self.parts.values())
        self.look()

    def look(self) -> None:
        """Check what is typed, which has no estimate yet."""
        self.go.disabled, self.cost.html, self.page.html = True, "", ""
        self.page.show(lambda: checked(self.phase.value, self.typed))

    def foresee(self) -> None:
        """Estimate the run; then it can be started."""
        self.go.disabled = True
        self.cost.html = '<p class="xs-note">Looking at finished runs; measuring for some ten seconds where there are none ...</p>'
        self.cost.show(self.foreseen)

    def foreseen(self) -> str:
        """The estimate in words, which lets the run be started."""
        check(spec_of(self.phase.value, self.typed))
        found = told(estimated(self.phase.value, self.typed))
        self.go.disabled = False
        return found

    def begin(self) -> None:
        """Start the run, and follow it."""
        try:
            self.runs.append(start(self.phase.value, self.typed, THREADS))
        except UsageError as error:
            self.cost.html = problem(error)
            return
        self.go.disabled, self.end.disabled, self.live.every = True, False, SECONDS
        self.tick()

    def tick(self) -> None:
        """Where the last run stands; the clock stops with it."""
        self.live.show(lambda: progress(self.runs[-1]) if self.runs else "")
        if not self.runs or not self.runs[-1].going:
            self.live.every, self.end.disabled = 0.0, True

    def stop(self) -> None:
        """End the last run."""
        self.runs[-1].stop()
        self.tick()


_WRAPPED = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="100%")
