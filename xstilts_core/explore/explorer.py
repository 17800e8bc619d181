"""Choose a study, and show views that follow the choice."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import ipywidgets
from markupsafe import Markup
from traitlets import TraitError

from xstilts_core.errors import UsageError
from xstilts_core.explore import controls
from xstilts_core.explore.page import Page, problem
from xstilts_core.explore.reader import Reader, first_shown, studies
from xstilts_core.explore.text import name
from xstilts_core.jobs.kept_runs import ready
from xstilts_core.study import Study

_View = Callable[[Reader], ipywidgets.Widget]


class Explorer:
    """An interactive explorer that shows views of one study at a time.

    study: a name in params/ or a YAML file; "" selects the study whose results changed last.
    UsageError is raised if that study does not exist; if it has no results yet, the views say so.
    """

    def __init__(self, study: str = "", outputs: str = "outputs", data_root: str = "") -> None:
        self.outputs, self.data_root = outputs, data_root
        known = studies(outputs)
        first = study or first_shown(known, outputs)
        self.shown: list[tuple[ipywidgets.VBox, _View]] = []
        self.title = Page()
        self._read(first)
        self.choice = controls.dropdown("study", dict.fromkeys([first, *known]), first)
        self.again = controls.button(
            "Read again",
            "read the results again: runs may have finished since",
            lambda: self.change(keep=True),
        )
        controls.on_change(self.change, self.choice)

    def _read(self, study: str) -> None:
        """Read the study as it is now. Because only results are read, a study of local files may
        have any folder as its data root."""
        self.reader = Reader(ready(Study.load(study, self.outputs, self.data_root or ".")))
        loaded = self.reader.study
        origin = (
            f" ({loaded.reference}: runs from another machine, without texts and models)"
            if loaded.reference
            else ""
        )
        self.title.html = Markup(
            f"<p><b>{name(loaded.name)}</b>: {name(loaded.title)}{name(origin)}</p>"
        )

    def change(self, keep: bool = False) -> None:
        """Read the chosen study and rebuild every view. keep: preserve controls and opened
        cells."""
        try:
            self._read(self.choice.value)
        except UsageError as error:
            self.title.html = problem(error)
            return
        for box, view in self.shown:
            old_children = box.children
            self._fill(box, view)
            if keep:
                _carry(old_children, box.children)

    def studies(self) -> ipywidgets.Widget:
        """Return the control that chooses the study for all views."""
        return controls.column(controls.row(self.choice, self.again), self.title)

    def show(self, view: _View) -> ipywidgets.Widget:
        """Return a view of the study that follows the choice."""
        box = controls.column()
        self.shown.append((box, view))
        self._fill(box, view)
        return box

    def _fill(self, box: ipywidgets.VBox, view: _View) -> None:
        """Build a view, or show a one-sentence error in its place so that the others still work."""
        try:
            box.children = (view(self.reader),)
        except Exception as error:
            box.children = (Page(html=problem(error)),)


def _carry(before: Sequence[ipywidgets.Widget], after: Sequence[ipywidgets.Widget]) -> None:
    """Restore controls and opened cells from a view of the same kind, if their values still
    exist."""
    old_widgets, new_widgets = [list(controls.descendants(parts)) for parts in (before, after)]
    targets = _settings(new_widgets)
    for label, control in _settings(old_widgets).items():
        if label in targets and targets[label].value != control.value:
            with suppress(TraitError):
                targets[label].value = control.value
    old_pages, new_pages = (
        [widget for widget in widgets if isinstance(widget, Page)]
        for widgets in (old_widgets, new_widgets)
    )
    for old, new in zip(old_pages, new_pages, strict=False):
        if old.pressed not in ("", new.pressed):
            new.choose(old.pressed)


def _settings(widgets: Sequence[ipywidgets.Widget]) -> dict[str, ipywidgets.Widget]:
    """Return the controls that hold a value by their labels."""
    return {
        widget.description: widget
        for widget in widgets
        if getattr(widget, "description", "") and hasattr(widget, "value")
    }
