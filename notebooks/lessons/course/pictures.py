"""Small figures and tables for lessons in the suite's style: dot plots, curves and texts."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from xstilts_core.errors import UsageError
from xstilts_core.languages import LANGUAGES
from xstilts_core.report.figures.style import (
    BLUE,
    FULL,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    PrintFigure,
    look,
    say,
)

# Each series has a color and a shape, and can be told apart without color. The last two are black
# and gray.
_SERIES = (
    (BLUE, "o", "-"),
    (ORANGE, "s", "--"),
    (GREEN, "^", "-."),
    (INK, "D", ":"),
    (GRAY, "v", (0, (5, 1))),
)


def many(found: Sequence[object]) -> None:
    """Raise UsageError for more series than there are colors and shapes."""
    if len(found) > len(_SERIES):
        raise UsageError(f"{len(found)} series in one figure: at most {len(_SERIES)} can be told apart; leave some out")


def named(label: object) -> str:
    """Return a language's name for its code, and any other label as text."""
    return LANGUAGES[label].name if isinstance(label, str) and label in LANGUAGES else str(label)


def dots(table: pd.DataFrame, label: str, note: str = "", reference: float | None = None) -> Figure:
    """Plot each row of the table (a language, a task) as a line of dots, one per column. label: x
    axis label. reference: position of a vertical line, such as chance."""
    many(table.columns)
    with look():
        figure = PrintFigure(figsize=(FULL, 0.8 + 0.22 * len(table)), layout="constrained")
        axes = figure.subplots()
        for (color, shape, _), column in zip(_SERIES, table.columns, strict=False):
            axes.plot(
                table[column],
                range(len(table)),
                shape,
                color=color,
                markersize=5,
                label=named(column),
                linestyle="none",
            )
        axes.set_yticks(range(len(table)), [named(row) for row in table.index])
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.grid(axis="y")
        axes.set_xlabel(label)
        if reference is not None:
            axes.axvline(reference, color=GRAY, linewidth=0.9, zorder=0)
        if len(table.columns) > 1:
            figure.legend(loc="outside upper left", ncols=len(table.columns), frameon=False)
        if note:
            say(figure, note)
    return figure


def lines(table: pd.DataFrame, across: str, up: str, note: str = "", reference: float | None = None) -> Figure:
    """Plot a curve per column over the table's index. across, up: labels of the x and y axes.
    reference: position of a horizontal line."""
    many(table.columns)
    with look():
        figure = PrintFigure(figsize=(FULL, 2.4), layout="constrained")
        axes = figure.subplots()
        for (color, shape, stroke), column in zip(_SERIES, table.columns, strict=False):
            values = table[column].dropna()
            axes.plot(
                values.index,
                values,
                marker=shape,
                markersize=3,
                linestyle=stroke,
                color=color,
                label=named(column),
            )
        if reference is not None:
            axes.axhline(reference, color=GRAY, linewidth=0.9, zorder=0)
        axes.grid(axis="y")
        axes.set(xlabel=across, ylabel=up)
        figure.legend(loc="outside upper left", ncols=len(table.columns), frameon=False)
        if note:
            say(figure, note)
    return figure


def texts(table: pd.DataFrame) -> Styler:
    """Return a left-aligned table of full texts, with markup such as <unk> escaped."""
    header_styles = [{"selector": "th.col_heading", "props": "text-align: left"}]
    return table.style.format(escape="html", precision=1).set_properties(**{"text-align": "left"}).set_table_styles(header_styles)
