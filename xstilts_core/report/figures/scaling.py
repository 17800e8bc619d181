"""Gains against a size, with the fitted lines; and contrasts as a row of intervals."""

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

# Series are told apart by color, mark and line: two of these survive a print without color.
STYLES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", "-."), (INK, "D", ":"))
PER_ROW = 3
# Of a logarithmic axis: what a number of four digits takes in the narrowest panel.
_ROOM = 0.21


def size_curves(
    points: pd.DataFrame, lines: pd.DataFrame, across: str, source: str, width: float = FULL
) -> Figure:
    """A panel per target, their average first: gains by size (logarithmic) with 95 % intervals, and
    the fitted line with its band.

    points: of `point_table`; lines: of `curves`; across: what the size is; source: whose runs. With
    one seed: no interval, which is said.
    """
    kept = points.dropna(subset=["gain"])
    if kept.empty:
        return message("no gains at any size yet", width)
    tasks = sorted(dict.fromkeys(kept["task"]), key=lambda name: name != AVERAGE)
    series = list(dict.fromkeys(kept["series"]))
    wide = check_width(width) > 5
    per_row = min(len(tasks), PER_ROW if wide else 2)
    rows = -(-len(tasks) // per_row)
    with look():
        figure = PrintFigure(
            figsize=(width, (1.6 if wide else 1.35) * rows + 0.8), layout="constrained"
        )
        grid = figure.subplots(rows, per_row, sharey=True, squeeze=False)
        for axes, task in zip(grid.flat, tasks, strict=False):
            draw_panel(axes, kept[kept["task"] == task], lines[lines["task"] == task], series)
            axes.set_title(task, pad=3)
        bottom, top = reach(kept)
        grid.flat[0].set_ylim(bottom, top)
        finish_panels(grid, len(tasks), per_row)
        figure.supylabel("gain, points", fontsize=6.5)
        handles, names = grid.flat[0].get_legend_handles_labels()
        if len(series) > 1:
            figure.legend(
                handles, names, loc="outside upper left", ncols=4 if wide else 2, frameon=False
            )
        some = kept["low"].notna().any()
        shown = (
            "Bars: 95 % intervals; line: least squares in log2, band: its 95 % interval"
            if some
            else "One seed: no interval"
        )
        shown += (
            "; what is wider than the axis is cut"
            if (kept["low"] < bottom).any() or (kept["high"] > top).any()
            else ""
        )
        say(
            figure,
            f"Across: {across}, logarithmic. {shown}. n = {len(kept)} gains over the baseline, {several(kept['seeds'])}. {source}",
        )
    return figure


def draw_panel(axes: Axes, points: pd.DataFrame, lines: pd.DataFrame, series: list[str]) -> None:
    """The curves of one target. Marks of several series at one size stand beside each other."""
    axes.axhline(0, color=GRAY, linewidth=0.6)
    axes.set_xscale("log", base=2)
    for place, name in enumerate(series):
        color, mark, dash = STYLES[place % len(STYLES)]
        # A table without rows has columns of no number.
        found, line = (
            points[points["series"] == name],
            lines.loc[lines["series"] == name, ["size", "gain", "low", "high"]].astype(float),
        )
        x = found["size"] * 2 ** (0.12 * (place - (len(series) - 1) / 2))
        axes.plot(line["size"], line["gain"], dash, color=color, linewidth=0.9)
        axes.fill_between(
            line["size"], line["low"], line["high"], color=color, alpha=0.13, linewidth=0
        )
        axes.vlines(x, found["low"], found["high"], color=color, linewidth=0.8)
        axes.plot(
            x,
            found["gain"],
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
    """The sizes in words, from the largest down; none where it would run into the next: see
    ROOM."""
    words, taken = [], float("inf")
    for size in reversed(sizes):
        free = taken == float("inf") or math.log(taken / size) >= _ROOM * math.log(
            sizes[-1] / sizes[0]
        )
        words.append(f"{size:.0f}" if free else "")
        taken = size if free else taken
    return words[::-1]


def reach(points: pd.DataFrame) -> tuple[float, float]:
    """Ends of the gain axis: all gains and 0, and of the intervals so much that they do not flatten
    them.

    With two seeds an interval can be ten times as wide as all gains together.
    """
    low, high = min(points["gain"].min(), 0.0), max(points["gain"].max(), 0.0)
    room = max(high - low, 2.0)
    bottom, top = points["low"].min(), points["high"].max()
    bottom = low if pd.isna(bottom) else max(bottom, low - room)
    top = high if pd.isna(top) else min(top, high + room)
    return min(bottom, low) - 0.06 * room, max(top, high) + 0.06 * room


def contrast_rows(table: pd.DataFrame, source: str, width: float = FULL) -> Figure:
    """A row per contrast from `contrasts`, with its 95 % interval; the planned one first, in bold.
    Filled: the interval excludes 0."""
    kept = table.dropna(subset=["points"])
    if kept.empty:
        return message("no contrast yet: a kind of task or of target is missing", width)
    with look():
        figure = PrintFigure(
            figsize=(check_width(width), 0.21 * len(kept) + 0.75), layout="constrained"
        )
        axes = figure.add_subplot()
        axes.axvline(0, color=GRAY, linewidth=0.6)
        for place, row in enumerate(kept.itertuples()):
            sure = row.low > 0 or row.high < 0
            axes.hlines(place, row.low, row.high, color=BLUE, linewidth=1.4 if place == 0 else 0.9)
            axes.plot(
                row.points,
                place,
                "o",
                color=BLUE,
                markersize=4,
                markerfacecolor=BLUE if sure else "white",
                markeredgewidth=0.8,
            )
        names = [name.removeprefix(f"{SYNTACTIC} less {SEMANTIC}, ") for name in kept["contrast"]]
        names = [textwrap.fill(name, 40 if width > 5 else 20) for name in names]
        axes.set_yticks(range(len(kept)), names, fontsize=6 if width > 5 else 5)
        axes.get_yticklabels()[0].set_fontweight("bold")
        axes.set_ylim(len(kept) - 0.5, -0.7)
        axes.set_xlabel(
            f"{SYNTACTIC} less {SEMANTIC}, points" if width > 5 else "points", fontsize=6.5
        )
        shown = (
            "95 % intervals; filled: 0 is outside"
            if kept["low"].notna().any()
            else "One seed: no interval"
        )
        words = f"Gains of {SYNTACTIC} recipes less those of {SEMANTIC} ones. {shown}."
        say(
            figure,
            f"{words} n = {int(kept['recipes'].max())} recipes, {several(kept['seeds'])}. {source}",
        )
    return figure
