"""Show HTML with parts that can be chosen by mouse, touch or keyboard, in JupyterLab and Voila.

The HTML is made in Python (markup.py), which also makes it testable. page.js displays it, reports
what was chosen and whether the page is narrow, and ticks while a view is live. The clock stops when
the page is closed.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from traceback import format_exception
from typing import Any

import anywidget
import traitlets
from markupsafe import Markup

from xstilts_core.errors import UsageError
from xstilts_core.explore.markup import render
from xstilts_core.explore.text import plain
from xstilts_core.report.figures.style import COLUMN, FULL, PrintFigure

_HERE = Path(__file__).parent


class Page(anywidget.AnyWidget):
    """A widget that shows HTML.

    choose: called with the key of each part that is chosen, also if it is chosen again. tick:
    called at each tick. html: the HTML shown. pressed: the key marked as chosen. narrow: whether
    the page is as narrow as a phone. every: seconds between ticks; 0 for none.
    """

    _esm = _HERE / "page.js"
    _css = _HERE / "page.css"
    html = traitlets.Unicode("").tag(sync=True)
    pressed = traitlets.Unicode("").tag(sync=True)
    narrow = traitlets.Bool(False).tag(sync=True)
    every = traitlets.Float(0.0, min=0.0).tag(sync=True)

    def __init__(
        self,
        choose: Callable[[str], object] = lambda key: None,
        tick: Callable[[], object] = lambda: None,
        **traits: Any,
    ) -> None:
        super().__init__(**traits)
        self.choose, self.tick = choose, tick
        self.on_msg(lambda _, content, buffers: self._receive(content))

    def _receive(self, content: object) -> None:
        """Act on a message from page.js."""
        match content:
            case {"chosen": str(key)}:
                self.choose(key)
            case {"tick": True}:
                self.tick()

    @property
    def width(self) -> float:
        """Return the width in inches of a figure on this page."""
        return COLUMN if self.narrow else FULL

    def show(self, make: Callable[[], str]) -> None:
        """Show the HTML that `make` returns, or a one-sentence error; replace what was shown
        before."""
        try:
            self.html = make()
        except Exception as error:  # stale content below new settings would be wrong
            self.html = problem(error)


def problem(error: Exception) -> Markup:
    """Format an error as HTML: one sentence for a UsageError; for any other error, a note that the
    page is at fault, with a traceback to open."""
    if isinstance(error, UsageError):
        return render("problem.html", message=error, trace="")
    message = f"this cannot be shown, due to a fault of the page: {type(error).__name__}: {error}"
    return render("problem.html", message=message, trace="".join(format_exception(error)))


def picture(figure: PrintFigure, alt: str) -> Markup:
    """Return an <img> element that contains the figure. alt: a description of the figure."""
    content = base64.b64encode(figure._repr_png_()).decode("ascii")
    source = f"data:image/png;base64,{content}"
    return Markup(f'<img class="xs-figure" alt="{plain(alt)}" src="{source}">')
