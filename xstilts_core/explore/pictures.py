"""Figures as pictures in a page: they keep within the screen, and say in words what they show."""

import base64
from io import BytesIO

from matplotlib.figure import Figure

from xstilts_core.explore.text import plain
from xstilts_core.report.figures.style import COLUMN, FULL, look

# On a phone a narrow figure keeps its letters readable; elsewhere one of a page's width is shown a
# little larger than printed.
DOTS = {COLUMN: 200, FULL: 150}


def width(narrow: bool) -> float:
    """Inches of a figure on a narrow or wide page."""
    return COLUMN if narrow else FULL


def picture(figure: Figure, alt: str) -> str:
    """An <img> with the figure in it. alt: what it shows, in words."""
    made = BytesIO()
    with look():
        dots = DOTS[COLUMN if figure.get_figwidth() <= COLUMN else FULL]
        figure.savefig(made, format="png", dpi=dots, facecolor="white")
    content = base64.b64encode(made.getvalue()).decode("ascii")
    return f'<img class="xs-figure" alt="{plain(alt)}" src="data:image/png;base64,{content}">'
