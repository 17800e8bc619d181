"""Choose a study, and show views that follow the choice."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import ipywidgets
from traitlets import TraitError

from xstilts_core.errors import UsageError
from xstilts_core.explore import controls
from xstilts_core.explore.page import Page, pages, problem
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
        self.reader = self.read(first)
        self.choice = controls.dropdown("study", list(dict.fromkeys([first, *known])), first)
        self.again = controls.button(
            "Read again", "read the results again: runs may have finished since"
        )
        self.title = Page()
        self.choice.observe(lambda _: self.change(), names="value")
        self.again.on_click(lambda _: self.change(keep=True))
        self.tell()

    def read(self, study: str) -> Reader:
        """Return a reader of the study as it is now. Because only results are read, a study of
        local files may have any folder as its data root."""
        return Reader(ready(Study.load(study, self.outputs, self.data_root or ".")))

    def change(self, keep: bool = False) -> None:
        """Read the chosen study and rebuild every view. keep: preserve controls and opened
        cells."""
        try:
            self.reader = self.read(self.choice.value)
        except UsageError as error:
            self.title.html = problem(error)
            return
        self.tell()
        for box, view in self.shown:
            old_children = box.children
            self.fill(box, view)
            if keep:
                carry(old_children, box.children)

    def tell(self) -> None:
        study = self.reader.study
        origin = (
            f" ({study.reference}: runs from another machine, without texts and models)"
            if study.reference
            else ""
        )
        self.title.html = f"<p><b>{name(study.name)}</b>: {name(study.title)}{name(origin)}</p>"

    def studies(self) -> ipywidgets.Widget:
        """Return the control that chooses the study for all views."""
        return controls.column(controls.row(self.choice, self.again), self.title)

    def show(self, view: _View) -> ipywidgets.Widget:
        """Return a view of the study that follows the choice."""
        box = controls.column()
        self.shown.append((box, view))
        self.fill(box, view)
        return box

    def fill(self, box: ipywidgets.VBox, view: _View) -> None:
        """Build a view, or show a one-sentence error in its place so that the others still work."""
        try:
            box.children = (view(self.reader),)
        except Exception as error:
            page = Page()
            page.html = problem(error)
            box.children = (page,)


def carry(before: Sequence[ipywidgets.Widget], after: Sequence[ipywidgets.Widget]) -> None:
    """Restore controls and opened cells from a view of the same kind, if their values still
    exist."""
    targets = {
        control.description: control for view in after for control in controls.settings(view)
    }
    for control in (control for view in before for control in controls.settings(view)):
        if control.description in targets and targets[control.description].value != control.value:
            with suppress(TraitError):
                targets[control.description].value = control.value
    old_pages, new_pages = (
        [page for view in views for page in pages(view)] for views in (before, after)
    )
    for old, new in zip(old_pages, new_pages, strict=False):
        if old.pressed not in ("", new.pressed):
            new.choose(old.pressed)
