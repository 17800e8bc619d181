"""Embed figures in a page as pictures that fit the screen and have alternative texts."""

import base64
from io import BytesIO

from matplotlib.figure import Figure

from xstilts_core.explore.text import plain
from xstilts_core.report.figures.style import COLUMN, FULL, look

# On a phone a narrow figure keeps its text readable; elsewhere a full-width figure is shown
# slightly larger than in print.
DOTS = {COLUMN: 200, FULL: 150}


def width(narrow: bool) -> float:
    """Return the width in inches of a figure on a narrow or wide page."""
    return COLUMN if narrow else FULL


def picture(figure: Figure, alt: str) -> str:
    """Return an <img> element that contains the figure. alt: a description of the figure."""
    buffer = BytesIO()
    with look():
        dots = DOTS[COLUMN if figure.get_figwidth() <= COLUMN else FULL]
        figure.savefig(buffer, format="png", dpi=dots, facecolor="white")
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img class="xs-figure" alt="{plain(alt)}" src="data:image/png;base64,{content}">'
