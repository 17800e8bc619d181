"""Draw differences with their intervals, one per row, in panels that share their rows."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xstilts_core.report.figures.style import (
    BLUE,
    FULL,
    INK,
    ORANGE,
    PrintFigure,
    check_width,
    look,
    message,
    say,
    spread,
)

NEUTRAL = "#555555"


def forest(table: pd.DataFrame, title: str, width: float = FULL, source: str = "") -> Figure:
    """Draw a panel per `panel` and a row per (`group`, `row`): the dot is `value`, the bar goes
    from `low` to `high`. Blue: above 0; orange: below 0.

    table: columns group row panel value low high seeds, in the order to draw. Rows without a value
    are left empty; rows without an interval have no bar. title: the quantity, without its unit.
    source: the runs used, and which table contains them.
    """
    known = table.dropna(subset=["value"])
    if known.empty:
        return message("nothing to compare yet", width)
    panels = list(dict.fromkeys(known["panel"]))
    rows = list(dict.fromkeys(zip(known["group"], known["row"], strict=True)))
    wide = check_width(width) > 5
    with look():
        figure = PrintFigure(
            figsize=(width, 0.15 * len(rows) + (0.75 if wide else 0.95)), layout="constrained"
        )
        grid = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for axes, name in zip(grid, panels, strict=True):
            draw_panel(axes, known[known["panel"] == name], rows)
            axes.set_title(name, pad=3)
        _label_rows(grid[0], rows)
        figure.suptitle(f"{title}, points", x=0.01, ha="left", fontsize=8 if wide else 6.5)
        say(
            figure,
            f"Dot: the mean; {spread(known, 'bar')}; blue: above 0, orange: below 0. "
            f"n = {len(known)} differences. {source}",
        )
    return figure


def draw_panel(axes: Axes, table: pd.DataFrame, rows: Sequence[tuple[str, str]]) -> None:
    """Draw one panel: a dot and a bar for each row that has a value in it."""
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
    for row in table.itertuples():
        y = rows.index((row.group, row.row))
        color = BLUE if row.low > 0 else ORANGE if row.high < 0 else NEUTRAL
        if np.isfinite(row.low):
            axes.plot(
                [row.low, row.high],
                [y, y],
                color=color,
                linewidth=1.1,
                solid_capstyle="butt",
                zorder=2,
            )
        axes.plot(row.value, y, "o", color=color, markersize=3.2, zorder=3)
    for y in range(1, len(rows)):
        if rows[y][0] != rows[y - 1][0]:
            axes.axhline(y - 0.5, color="#bdbdbd", linewidth=0.4, zorder=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", color="#e4e4e4")
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _label_rows(axes: Axes, rows: Sequence[tuple[str, str]]) -> None:
    """Label each row with its name; the first row of a group also has the group's name."""
    first_rows = {group: index for index, (group, _) in reversed(list(enumerate(rows)))}
    names = [
        f"{group}: {row}" if first_rows[group] == index else row
        for index, (group, row) in enumerate(rows)
    ]
    axes.set_yticks(range(len(rows)), names)
