"""Draw gains against a size with the fitted lines, and contrasts as rows of intervals."""

import math
import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xstilts_core.analysis.contrast import SEMANTIC, SYNTACTIC
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.report.figures.panels import finish_panels
from xstilts_core.report.figures.style import (
    BLUE,
    FULL,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    PrintFigure,
    check_width,
    look,
    message,
    say,
    several,
)

# Series differ in color, mark and line; mark and line still differ in a print without color.
STYLES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", "-."), (INK, "D", ":"))
PER_ROW = 3
# Share of a logarithmic axis that a number of four digits takes up in the narrowest panel.
_LABEL_WIDTH = 0.21


def size_curves(
    points: pd.DataFrame, lines: pd.DataFrame, across: str, source: str, width: float = FULL
) -> Figure:
    """Draw gains by size (logarithmic) with 95 % intervals and the fitted line with its band: a
    panel per target, their average first.

    points: from `point_table`. lines: from `curves`. across: what the size measures. source: the
    runs used. With one seed there is no interval, and the note says so.
    """
    gains = points.dropna(subset=["gain"])
    if gains.empty:
        return message("no gains at any size yet", width)
    tasks = sorted(dict.fromkeys(gains["task"]), key=lambda name: name != AVERAGE)
    series = list(dict.fromkeys(gains["series"]))
    wide = check_width(width) > 5
    per_row = min(len(tasks), PER_ROW if wide else 2)
    rows = -(-len(tasks) // per_row)
    with look():
        figure = PrintFigure(
            figsize=(width, (1.6 if wide else 1.35) * rows + 0.8), layout="constrained"
        )
        grid = figure.subplots(rows, per_row, sharey=True, squeeze=False)
        for axes, task in zip(grid.flat, tasks, strict=False):
            draw_panel(axes, gains[gains["task"] == task], lines[lines["task"] == task], series)
            axes.set_title(task, pad=3)
        bottom, top = reach(gains)
        grid.flat[0].set_ylim(bottom, top)
        finish_panels(grid, len(tasks), per_row)
        figure.supylabel("gain, points", fontsize=6.5)
        handles, names = grid.flat[0].get_legend_handles_labels()
        if len(series) > 1:
            figure.legend(
                handles, names, loc="outside upper left", ncols=4 if wide else 2, frameon=False
            )
        has_intervals = gains["low"].notna().any()
        interval_note = (
            "Bars: 95 % intervals; line: least squares in log2, band: its 95 % interval"
            if has_intervals
            else "One seed: no interval"
        )
        interval_note += (
            "; intervals beyond the axis are clipped"
            if (gains["low"] < bottom).any() or (gains["high"] > top).any()
            else ""
        )
        say(
            figure,
            f"Horizontal axis: {across}, logarithmic. {interval_note}. "
            f"n = {len(gains)} gains over the baseline, {several(gains['seeds'])}. {source}",
        )
    return figure


def draw_panel(axes: Axes, points: pd.DataFrame, lines: pd.DataFrame, series: list[str]) -> None:
    """Draw the curves of one target. Marks of several series at one size are side by side."""
    axes.axhline(0, color=GRAY, linewidth=0.6)
    axes.set_xscale("log", base=2)
    for index, name in enumerate(series):
        color, mark, dash = STYLES[index % len(STYLES)]
        # The columns of an empty table are not numeric, hence the conversion.
        marks, fit = (
            points[points["series"] == name],
            lines.loc[lines["series"] == name, ["size", "gain", "low", "high"]].astype(float),
        )
        x = marks["size"] * 2 ** (0.12 * (index - (len(series) - 1) / 2))
        axes.plot(fit["size"], fit["gain"], dash, color=color, linewidth=0.9)
        axes.fill_between(
            fit["size"], fit["low"], fit["high"], color=color, alpha=0.13, linewidth=0
        )
        axes.vlines(x, marks["low"], marks["high"], color=color, linewidth=0.8)
        axes.plot(
            x,
            marks["gain"],
            mark,
            color=color,
            markersize=3.2,
            markeredgecolor=INK,
            markeredgewidth=0.3,
            label=name,
        )
    axes.tick_params(labelsize=6, length=1.5, pad=1)
    sizes = sorted(set(points["size"]))
    axes.set_xticks(sizes, spaced(sizes), fontsize=6 if len(sizes) < 6 else 5.5)
    axes.minorticks_off()


def spaced(sizes: list[float]) -> list[str]:
    """Return the sizes as labels, empty where they would run into the next larger one
    (_LABEL_WIDTH)."""
    labels, last = [], float("inf")
    for size in reversed(sizes):
        fits = last == float("inf") or math.log(last / size) >= _LABEL_WIDTH * math.log(
            sizes[-1] / sizes[0]
        )
        labels.append(f"{size:.0f}" if fits else "")
        last = size if fits else last
    return labels[::-1]


def reach(points: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the gain axis, which covers 0, all gains, and only as much of the
    intervals as does not flatten the gains.

    With two seeds, an interval can be ten times as wide as all gains together.
    """
    low, high = min(points["gain"].min(), 0.0), max(points["gain"].max(), 0.0)
    room = max(high - low, 2.0)
    bottom, top = points["low"].min(), points["high"].max()
    bottom = low if pd.isna(bottom) else max(bottom, low - room)
    top = high if pd.isna(top) else min(top, high + room)
    return min(bottom, low) - 0.06 * room, max(top, high) + 0.06 * room


def contrast_rows(table: pd.DataFrame, source: str, width: float = FULL) -> Figure:
    """Draw a row per contrast, from `contrasts`, with its 95 % interval; the planned contrast comes
    first, in bold. Filled: the interval excludes 0."""
    rows = table.dropna(subset=["points"])
    if rows.empty:
        return message("no contrast yet: a kind of task or of target is missing", width)
    with look():
        figure = PrintFigure(
            figsize=(check_width(width), 0.21 * len(rows) + 0.75), layout="constrained"
        )
        axes = figure.add_subplot()
        axes.axvline(0, color=GRAY, linewidth=0.6)
        for index, row in enumerate(rows.itertuples()):
            significant = row.low > 0 or row.high < 0
            axes.hlines(index, row.low, row.high, color=BLUE, linewidth=1.4 if index == 0 else 0.9)
            axes.plot(
                row.points,
                index,
                "o",
                color=BLUE,
                markersize=4,
                markerfacecolor=BLUE if significant else "white",
                markeredgewidth=0.8,
            )
        names = [name.removeprefix(f"{SYNTACTIC} less {SEMANTIC}, ") for name in rows["contrast"]]
        names = [textwrap.fill(name, 40 if width > 5 else 20) for name in names]
        axes.set_yticks(range(len(rows)), names, fontsize=6 if width > 5 else 5)
        axes.get_yticklabels()[0].set_fontweight("bold")
        axes.set_ylim(len(rows) - 0.5, -0.7)
        axes.set_xlabel(
            f"{SYNTACTIC} less {SEMANTIC}, points" if width > 5 else "points", fontsize=6.5
        )
        interval_note = (
            "95 % intervals; filled: the interval excludes 0"
            if rows["low"].notna().any()
            else "One seed: no interval"
        )
        note = f"Gains of {SYNTACTIC} recipes minus those of {SEMANTIC} ones. {interval_note}."
        say(
            figure,
            f"{note} n = {int(rows['recipes'].max())} recipes, {several(rows['seeds'])}. {source}",
        )
    return figure
