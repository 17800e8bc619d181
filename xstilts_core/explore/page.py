"""A piece of a page whose parts can be chosen by mouse, finger or keyboard, in JupyterLab and Voila
alike.

The HTML is made in Python (tables, items), which also makes it testable; page.js shows it, tells
what was chosen and whether the page is narrow, and ticks while a view is live: the clock stands
still when the page is closed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import format_exception
from typing import Any

import anywidget
import ipywidgets
import traitlets

from xstilts_core.errors import UsageError
from xstilts_core.explore.text import plain

HERE = Path(__file__).parent


class Page(anywidget.AnyWidget):
    """html: what is shown. pressed: the key that is marked as chosen. narrow: a phone's width.
    every: seconds between ticks; 0: none."""

    _esm = HERE / "page.js"
    _css = HERE / "page.css"
    html = traitlets.Unicode("").tag(sync=True)
    pressed = traitlets.Unicode("").tag(sync=True)
    narrow = traitlets.Bool(False).tag(sync=True)
    every = traitlets.Float(0.0, min=0.0).tag(sync=True)
    acts = traitlets.List()

    def show(self, make: Callable[[], str]) -> None:
        """Show the HTML that `make` gives, or in one sentence why there is none. Nothing is left of
        what was shown before."""
        try:
            self.html = make()
        except Exception as error:  # an old page under new controls would be a wrong answer
            self.html = problem(error)

    def on_choice(self, act: Callable[[str], object]) -> None:
        """Call `act` with the key of each part that is chosen, again where it is chosen again."""
        self.acts = [*self.acts, act]
        self.on_msg(
            lambda _, content, buffers: act(str(content["chosen"])) if chose(content) else None
        )

    def choose(self, key: str) -> None:
        """Do what the choice of this part does."""
        for act in self.acts:
            act(key)

    def on_tick(self, act: Callable[[], object]) -> None:
        """Call `act` at each tick."""
        self.on_msg(
            lambda _, content, buffers: (
                act() if isinstance(content, dict) and content.get("tick") else None
            )
        )


def pages(view: ipywidgets.Widget) -> Iterator[Page]:
    """The pages of a view, in their order."""
    if isinstance(view, Page):
        yield view
    for child in getattr(view, "children", ()):
        yield from pages(child)


def problem(error: Exception) -> str:
    """A mistake in one sentence; what is no mistake of the user is said to be the page's, with its
    trace to open."""
    if isinstance(error, UsageError):
        return f'<div class="xs-error" role="alert">{plain(error)}</div>'
    words = f"this cannot be shown, which is a fault of the page: {type(error).__name__}: {error}"
    trace = "".join(format_exception(error))
    return f'<div class="xs-error" role="alert">{plain(words)}<details><summary>trace</summary><pre>{plain(trace)}</pre></details></div>'


def chose(content: Any) -> bool:
    """Whether a message of the page says what was chosen."""
    return isinstance(content, dict) and isinstance(content.get("chosen"), str)
