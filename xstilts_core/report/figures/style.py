"""Define the look of every figure: widths of a paper's page, one sans-serif family, colors that
color-blind readers can distinguish. `printed` makes a figure of a function that draws."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn.objects as so
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike
from PIL import Image
from seaborn.utils import relative_luminance

from xstilts_core.errors import UsageError
from xstilts_core.wording.text import note

# Inches: column width and text width of the ACL style files.
COLUMN = 3.03
FULL = 6.3
DOTS = 300
INK = "#1a1a1a"
FAINT = "#8a8a8a"
# For numbers that should not stand out: contrast 4.7 to 1 on NOTHING.
PALE = "#6b6b6b"
NOTHING = "#f0f0f0"
# Okabe and Ito (2008): distinguishable with any color vision.
BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#999999"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#000000", GRAY)
# Black and white have the same contrast on a color of this relative luminance.
_MIDDLE_LUMINANCE = (1.05 * 0.05) ** 0.5 - 0.05

SETTINGS = mpl.rc_params_from_file(
    Path(__file__).with_name("print.mplstyle"), use_default_template=False
)


def ink_on(color: Sequence[float]) -> str:
    """Return "black" or "white", whichever has more contrast on the RGB color: at least 4.58 by
    WCAG 2, which requires 4.5 for small text. INK instead of black would give less on some."""
    return "black" if relative_luminance(color) > _MIDDLE_LUMINANCE else "white"


@contextmanager
def look() -> Iterator[None]:
    """Draw and save with this look inside the context; figures outside it keep theirs."""
    with mpl.rc_context(dict(SETTINGS)):
        yield


def diverging() -> Colormap:
    """Return a colormap: purple for losses, white for 0, orange-brown for gains (ColorBrewer's
    PuOr, safe for color-blind readers).

    The outermost eighth on each side is left out, so that cells stay light enough for dark numbers
    in a black-and-white print.
    """
    return LinearSegmentedColormap.from_list(
        "gains", mpl.colormaps["PuOr_r"](np.linspace(0.125, 0.875, 64))
    )


class PrintFigure(Figure):
    """A figure that notebooks show without pyplot, whose global state keeps every figure alive.

    printed: its PNG file at print size, if it was saved. A notebook then shows a smaller copy of
    that file, because drawing takes much longer.
    """

    printed: Path | None = None

    @property
    def wide(self) -> bool:
        """Whether the figure is as wide as the text, not a column."""
        return bool(self.get_figwidth() > 5)

    def _repr_png_(self) -> bytes:
        """Return the PNG picture that IPython's display() and the explorer show."""
        picture = BytesIO()
        # On a phone a narrow figure keeps its text readable.
        dots = 160 if self.wide else 200
        if self.printed and self.printed.is_file():
            with Image.open(self.printed) as image:
                image.thumbnail(np.array(image.size) * dots / DOTS)
                image.convert("RGB").save(picture, "png")
            return picture.getvalue()
        with look():
            self.savefig(picture, format="png", dpi=dots, facecolor="white")
        return picture.getvalue()


class NothingToDraw(Exception):
    """Raised by a drawing function with the reason why there is no picture."""


def printed(draw: Callable[..., Mapping[str, Any] | None]) -> Callable[..., PrintFigure]:
    """Decorate a function that draws its data on a figure and returns the values for the note below
    it (`wording.text.note`), or None for no note.

    The decorated function takes the data, `width` in inches and `source`, a sentence on the runs
    used, which ends the note. It returns the figure: if `draw` raises NothingToDraw, one with the
    reason alone. Raise UsageError if the width is not between 1 and 20 inches.
    """

    @wraps(draw)
    def figure_of(
        *data: object, width: float = FULL, source: str = "", **options: object
    ) -> PrintFigure:
        if not 1 <= width <= 20:
            raise UsageError(
                f"width {width!r} is not between 1 and 20 inches: COLUMN is {COLUMN}, FULL is "
                f"{FULL}"
            )
        with look():
            figure = PrintFigure(figsize=(width, 1), layout="constrained")
            # seaborn draws a figure to find out whether its labels overlap.
            FigureCanvasAgg(figure)
            try:
                values = draw(figure, *data, **options)
            except NothingToDraw as reason:
                figure = PrintFigure(figsize=(width, 0.6))
                words = textwrap.fill(str(reason), int(14 * width))
                style = {"ha": "center", "va": "center", "color": FAINT, "style": "italic"}
                figure.text(0.5, 0.5, words, **style)
            else:
                if values is not None:
                    say(figure, f"{note(draw.__name__, **values)} {source}".strip())
        return figure

    return figure_of


def say(figure: Figure, words: str) -> None:
    """Write the note below a figure, wrapped to the figure's width."""
    width = figure.get_size_inches()[0]
    figure.supxlabel(
        textwrap.fill(words, int(20.5 * width)), fontsize=6 if width > 5 else 5.5, x=0.01, ha="left"
    )


def legend_mark(label: str, marker: str, color: str, face: str, line: str = "") -> Line2D:
    """Return a legend entry with a mark, such as an estimate's."""
    style = {"markerfacecolor": face, "markersize": 4, "markeredgewidth": 0.9}
    return Line2D([], [], linestyle=line, marker=marker, color=color, label=label, **style)


def legend_above(
    figure: PrintFigure,
    handles: Sequence[Artist],
    title: str = "",
    across: int = 8,
    **style: Any,
) -> None:
    """Draw a legend of up to `across` entries per row above the panels, below the figure's title.
    At the bottom, it would cover the note."""
    defaults: dict[str, Any] = {
        "loc": "outside upper left",
        "title_fontsize": 8 if figure.wide else 6.5,
        "alignment": "left",
        "handlelength": 1,
        "handletextpad": 0.4,
        "columnspacing": 1.2 if across > 3 else 0.6,
    }
    columns = min(len(handles), across)
    figure.legend(handles=handles, ncols=columns, title=title, **defaults | style)


def gain_limits(gains: ArrayLike, drawn: ArrayLike, shown: ArrayLike = 0.0) -> tuple[float, float]:
    """Return the ends of the gain axis: the outer fences of Tukey's box plot of the gains (3
    interquartile ranges beyond the quartiles), or the ends of all that is drawn if nearer. 0 and
    the values `shown` are always inside.

    Otherwise one very bad recipe, such as random weights, or an interval over two seeds, which can
    be ten times as wide as all gains together, would flatten everything else.
    """
    gains, drawn, shown = (np.asarray(values, float) for values in (gains, drawn, shown))
    first, third = np.nanpercentile(gains, [25, 75])
    reach = 3 * max(third - first, 1.0)
    low = np.nanmin([0.0, max(np.nanmin(drawn), first - reach), np.nanmin(shown)])
    high = np.nanmax([0.0, min(np.nanmax(drawn), third + reach), np.nanmax(shown)])
    margin = 0.06 * (high - low) + 0.2
    return low - margin, high + margin


def draw_objects(axes: Axes, plot: so.Plot) -> None:
    """Draw a seaborn plot on a panel, which keeps its title and its own look."""
    title = axes.get_title()
    plot.label(x="", y="").theme(dict(SETTINGS)).on(axes).plot()
    axes.set_title(title, pad=3)
    axes.label_outer()


def panels(figure: PrintFigure, names: Sequence[str], across: int, **sharing: object) -> list[Axes]:
    """Return a panel with a title for each name, up to `across` side by side. The last panel of
    every column has tick labels."""
    across = min(across, len(names))
    grid = figure.subplots(-(-len(names) // across), across, squeeze=False, **sharing)
    for index, axes in enumerate(grid.flat):
        if index >= len(names):
            axes.set_visible(False)
        else:
            axes.set_title(names[index], pad=3)
            axes.tick_params(axis="x", labelbottom=index + across >= len(names) or not sharing)
    return list(grid.flat)[: len(names)]
