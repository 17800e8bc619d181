"""Show HTML with parts that can be chosen by mouse, touch or keyboard, in JupyterLab and Voila.

The HTML is made in Python (tables, items), which also makes it testable. page.js displays it,
reports what was chosen and whether the page is narrow, and ticks while a view is live. The clock
stops when the page is closed.
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
    """A widget that shows HTML.

    html: the HTML shown. pressed: the key marked as chosen. narrow: whether the page is as narrow
    as a phone. every: seconds between ticks; 0 for none.
    """

    _esm = HERE / "page.js"
    _css = HERE / "page.css"
    html = traitlets.Unicode("").tag(sync=True)
    pressed = traitlets.Unicode("").tag(sync=True)
    narrow = traitlets.Bool(False).tag(sync=True)
    every = traitlets.Float(0.0, min=0.0).tag(sync=True)
    acts = traitlets.List()

    def show(self, make: Callable[[], str]) -> None:
        """Show the HTML that `make` returns, or a one-sentence error; replace what was shown
        before."""
        try:
            self.html = make()
        except Exception as error:  # stale content below new settings would be wrong
            self.html = problem(error)

    def on_choice(self, act: Callable[[str], object]) -> None:
        """Call `act` with the key of each part that is chosen, also if it is chosen again."""
        self.acts = [*self.acts, act]
        self.on_msg(
            lambda _, content, buffers: act(str(content["chosen"])) if chose(content) else None
        )

    def choose(self, key: str) -> None:
        """Act as if the part with this key had been chosen."""
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
    """Yield the pages of a view, in order."""
    if isinstance(view, Page):
        yield view
    for child in getattr(view, "children", ()):
        yield from pages(child)


def problem(error: Exception) -> str:
    """Format an error as HTML: one sentence for a UsageError; for any other error, a note that the
    page is at fault, with a traceback to open."""
    if isinstance(error, UsageError):
        return f'<div class="xs-error" role="alert">{plain(error)}</div>'
    message = f"this cannot be shown, due to a fault of the page: {type(error).__name__}: {error}"
    trace = "".join(format_exception(error))
    return (
        f'<div class="xs-error" role="alert">{plain(message)}<details><summary>trace</summary>'
        f"<pre>{plain(trace)}</pre></details></div>"
    )


def chose(content: Any) -> bool:
    """Return whether a message from the page reports a choice."""
    return isinstance(content, dict) and isinstance(content.get("chosen"), str)
