"""Show a form built from a spec's schema: it checks while one types, estimates the run, and starts
it only at the press of a button."""

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
    """Return a field's control (a dropdown, a checkbox or a text box) with its help text below."""
    wide = ipywidgets.Layout(width="min(100%, 26em)")
    if field.choices:
        box = controls.dropdown(
            field.name,
            [choice for choice in field.choices if choice],
            field.default,
            "(none)" if "" in field.choices else "",
        )
    elif field.kind == "boolean":
        box = ipywidgets.Checkbox(
            value=bool(field.default), description=field.name, indent=False, layout=wide
        )
    else:
        box = ipywidgets.Text(
            value=written(field.default), description=field.name, style=controls.LABEL, layout=wide
        )
        box.continuous_update = False
    box.tooltip = field.help
    help_text = f"{field.help} ({field.legal})" if field.legal else field.help
    note = ipywidgets.HTML(
        f'<div class="xs-help">{plain(help_text)}</div>',
        layout=ipywidgets.Layout(width="min(100%, 26em)"),
    )
    return ipywidgets.VBox(children=(box, note), layout=ipywidgets.Layout(width="min(100%, 27em)"))


@places()
def checked(phase: str, typed: Mapping[str, Any]) -> str:
    """Return HTML with the output folder and equivalent commands; raise UsageError for a wrong
    value."""
    spec = spec_of(phase, typed)
    folder = spec.folder.relative_to(home()) if spec.folder.is_relative_to(home()) else spec.folder
    state = state_of(spec).state
    commands = "".join(
        f"<pre>{plain(command(phase, typed))}</pre>"
        for command in (xstilts_command, papermill_command)
    )
    return (
        f"<p>It writes to {name(folder)} (now: {plain(state)}). "
        f"Equivalent commands for a terminal:</p>{commands}"
    )


def told(found: Estimate) -> str:
    """Format an estimate as HTML."""
    if found.cost is None:
        return f'<p class="xs-error">no estimate: {plain(found.error)}</p>'
    memory = f", {amount(found.answer.memory)} of memory" if found.answer else ""
    return (
        f"<p>About {spent(found.cost.seconds)} and {amount(found.cost.size)} on disk{memory}, "
        f"by {plain(found.cost.source)}.</p>"
    )


@places()
def estimated(phase: str, typed: Mapping[str, Any]) -> Estimate:
    """Estimate what the run would take on this machine."""
    return estimate(spec_of(phase, typed), THREADS, bool(visible_gpus()))


def progress(run: Started) -> str:
    """Return HTML with the state and last log lines of a run started from the form."""
    state = results.state(run.spec)
    reason = f": {plain(state.reason)}" if state.reason else ""
    state_text = "at work" if run.going else f"{plain(state.state)}{reason}"
    return (
        f"<p><b>{name(run.spec.folder.relative_to(run.spec.root))}</b> {state_text}</p>"
        f"<pre>{plain(run.tail())}</pre>"
    )


class Form:
    """The controls of the form and their values. A run can start only after it has been estimated.

    The form is the same for every study: a run that it starts belongs to the study typed in it.
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
        """Return the widget that holds the whole form."""
        more = ipywidgets.Accordion(
            children=(self.rest,), titles=("all other settings",), selected_index=None
        )
        buttons = controls.row(self.ask, self.go, self.end)
        return controls.column(
            controls.row(self.phase), self.main, more, self.page, buttons, self.cost, self.live
        )

    @property
    def typed(self) -> dict[str, Any]:
        """Return the values of the controls by field."""
        return {key: part.value for key, part in self.parts.items()}

    def fill(self) -> None:
        """Show the fields of the chosen phase with their defaults."""
        boxes = [(field, control(field)) for field in fields(self.phase.value)]
        self.parts = {field.name: box.children[0] for field, box in boxes}
        self.main.children = tuple(box for field, box in boxes if field.first)
        self.rest.children = tuple(box for field, box in boxes if not field.first)
        controls.on_change(self.look, *self.parts.values())
        self.look()

    def look(self) -> None:
        """Check what is typed, and disable the start until it is estimated."""
        self.go.disabled, self.cost.html, self.page.html = True, "", ""
        self.page.show(lambda: checked(self.phase.value, self.typed))

    def foresee(self) -> None:
        """Estimate the run, and enable the start if that succeeds."""
        self.go.disabled = True
        self.cost.html = (
            '<p class="xs-note">Looking at finished runs; without any, measuring takes about ten '
            "seconds ...</p>"
        )
        self.cost.show(self.foreseen)

    def foreseen(self) -> str:
        """Return the estimate as HTML and enable the start."""
        check(spec_of(self.phase.value, self.typed))
        estimate_html = told(estimated(self.phase.value, self.typed))
        self.go.disabled = False
        return estimate_html

    def begin(self) -> None:
        """Start the run and follow it."""
        try:
            self.runs.append(start(self.phase.value, self.typed, THREADS))
        except UsageError as error:
            self.cost.html = problem(error)
            return
        self.go.disabled, self.end.disabled, self.live.every = True, False, SECONDS
        self.tick()

    def tick(self) -> None:
        """Show the state of the last run; stop the clock when it has ended."""
        self.live.show(lambda: progress(self.runs[-1]) if self.runs else "")
        if not self.runs or not self.runs[-1].going:
            self.live.every, self.end.disabled = 0.0, True

    def stop(self) -> None:
        """Stop the last run."""
        self.runs[-1].stop()
        self.tick()


_WRAPPED = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="100%")
