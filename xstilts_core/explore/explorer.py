"""The choice of a study, and the views that follow it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import ipywidgets
from traitlets import TraitError

from xstilts_core.errors import UsageError
from xstilts_core.explore import controls
from xstilts_core.explore.form import Form
from xstilts_core.explore.page import Page, pages, problem
from xstilts_core.explore.reader import Reader, first_shown, studies
from xstilts_core.explore.text import name
from xstilts_core.jobs.kept_runs import ready
from xstilts_core.study import Study

_View = Callable[[Reader], ipywidgets.Widget]


class Explorer:
    """Shows views of one study at a time. study: a name in params/ or a YAML file; "": the one
    whose results changed last.

    UsageError where that study does not exist; where none has results yet, the views say so.
    """

    def __init__(self, study: str = "", outputs: str = "outputs", data_root: str = "") -> None:
        self.outputs, self.data_root = outputs, data_root
        known = studies(outputs)
        first = study or first_shown(known, outputs)
        self.shown: list[tuple[ipywidgets.VBox, _View]] = []
        self.runs: Form | None = None
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
        """A reader of the study as it is now. Results are read only: a study of local files may
        name any folder as their root."""
        return Reader(ready(Study.load(study, self.outputs, self.data_root or ".")))

    def change(self, keep: bool = False) -> None:
        """Read the chosen study, and make every view anew. keep: with its controls and opened cells
        as they stand."""
        try:
            self.reader = self.read(self.choice.value)
        except UsageError as error:
            self.title.html = problem(error)
            return
        self.tell()
        for box, view in self.shown:
            before = box.children
            self.fill(box, view)
            if keep:
                carry(before, box.children)

    def tell(self) -> None:
        study = self.reader.study
        kept = (
            f" ({study.reference}: runs that were made elsewhere, without texts and models)"
            if study.reference
            else ""
        )
        self.title.html = f"<p><b>{name(study.name)}</b>: {name(study.title)}{name(kept)}</p>"

    def studies(self) -> ipywidgets.Widget:
        """The choice of the study, for all views."""
        return controls.column(controls.row(self.choice, self.again), self.title)

    def show(self, view: _View) -> ipywidgets.Widget:
        """A view of the study; it follows the choice."""
        box = controls.column()
        self.shown.append((box, view))
        self.fill(box, view)
        return box

    def form(self) -> ipywidgets.Widget:
        """The form that starts a run: one for all studies, so that neither what is typed nor a run
        at work is lost with another choice."""
        if self.runs is None:
            self.runs = Form()
        return self.runs.box

    def fill(self, box: ipywidgets.VBox, view: _View) -> None:
        """Make a view, or say in one sentence why there is none: the others are there all the
        same."""
        try:
            box.children = (view(self.reader),)
        except Exception as error:
            page = Page()
            page.html = problem(error)
            box.children = (page,)


def carry(before: Sequence[ipywidgets.Widget], after: Sequence[ipywidgets.Widget]) -> None:
    """Set controls and opened cells as they were in a view of the same kind, as far as there still
    are such values."""
    fresh = {part.description: part for view in after for part in controls.settings(view)}
    for part in (part for view in before for part in controls.settings(view)):
        if part.description in fresh and fresh[part.description].value != part.value:
            with suppress(TraitError):
                fresh[part.description].value = part.value
    olds, news = ([page for view in views for page in pages(view)] for views in (before, after))
    for old, new in zip(olds, news, strict=False):
        if old.pressed not in ("", new.pressed):
            new.choose(old.pressed)
