"""Draw published claims beside the study's own estimates, one row per claim."""

import textwrap
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from xstilts_core.analysis.verdicts import CONTRADICTED, NOT_MEASURED, SUPPORTED, UNDECIDED
from xstilts_core.report.figures.style import (
    BLUE,
    FAINT,
    FULL,
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

# Shape and color both encode the verdict, so that a grayscale print loses nothing.
MARKS = MappingProxyType(
    {
        SUPPORTED: ("o", BLUE, BLUE),
        CONTRADICTED: ("X", ORANGE, ORANGE),
        UNDECIDED: ("o", INK, "white"),
    }
)
_BAND = "#e8e8e8"
PAPER = "D"


def claim_verdicts(table: pd.DataFrame, source: str, width: float = FULL) -> Figure:
    """Draw estimates in points with 95 % intervals, one row per claim, from `claim_table`. The
    paper's number is drawn beside the estimate if it is known.

    The gray bar covers differences too small to be distinguished from 0 (80 % power). A claim on
    several differences shows their mean but is decided on each of them: the numbers on the right
    count how many lie above and below 0. source: the runs used.
    """
    if (table["verdict"] != NOT_MEASURED).sum() == 0:
        return message("no claim can be tested on the finished runs yet", width)
    wide = check_width(width) > 5
    claims = [
        f"{claim.claim} ({claim.scope})" if claim.scope else claim.claim
        for claim in table.itertuples()
    ]
    texts = [textwrap.fill(text, 58 if wide else 34) for text in claims]
    heights = np.array([max(text.count("\n") + 1, 1.4) for text in texts])
    middles = np.concatenate([[0], np.cumsum(heights[:-1])]) + heights / 2
    limit = reach(table)
    with look():
        size = 6 if wide else 4.8
        figure = PrintFigure(
            figsize=(width, (0.105 if wide else 0.09) * heights.sum() + 1.0), layout="constrained"
        )
        axes = figure.add_subplot()
        axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
        for row, y in zip(table.itertuples(), middles, strict=True):
            _draw_claim(axes, row, y, limit, size, wide)
        axes.set(xlim=(-limit, limit), ylim=(heights.sum() + 0.2, -0.2))
        axes.set_yticks(middles, texts, fontsize=size, linespacing=1.0)
        axes.tick_params(axis="y", length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.set_xlabel("points (a mean gain, or a difference of two)" if wide else "points")
        handles = legend(table)
        figure.legend(
            handles=handles,
            loc="outside upper left",
            ncols=len(handles) if wide else 2,
            frameon=False,
            handletextpad=0.4,
        )
        seeds = several(table.loc[table["seeds"] > 0, "seeds"])
        interval_note = (
            "lines: 95 % intervals over seeds and test items"
            if table["low"].notna().any()
            else "no intervals: one seed"
        )
        count_note = "On the right: differences above (+) and below (\N{MINUS SIGN}) 0"
        say(
            figure,
            f"Mean zero-shot gains over {seeds}; {interval_note}. {count_note}. "
            f"Numbers: claims.csv, each difference: claim_parts.csv. {source}",
        )
    return figure


def reach(table: pd.DataFrame) -> float:
    """Return half the width of the axis, to cover estimates, intervals and published numbers."""
    extents = np.abs(table[["estimate", "low", "high", "published"]].to_numpy(float))
    return float(1.12 * max(1.0, np.nanmax(extents)))


def _draw_claim(axes: Axes, row: tuple, y: float, limit: float, size: float, wide: bool) -> None:
    """Draw one row: the range that cannot be distinguished from 0, the interval, the estimate, the
    paper's number and, for several differences, the counts."""
    if row.verdict == NOT_MEASURED:
        text = textwrap.fill(f"not measured: {row.reason}", 60) if wide else NOT_MEASURED
        backing = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        axes.text(
            0,
            y,
            text,
            ha="center",
            va="center",
            fontsize=0.85 * size,
            color=FAINT,
            style="italic",
            linespacing=1.0,
            bbox=backing,
        )
        return
    if np.isfinite(row.detectable):
        axes.barh(
            y,
            2 * min(row.detectable, limit),
            0.9,
            -min(row.detectable, limit),
            color=_BAND,
            zorder=0,
        )
    shape, color, face = MARKS[row.verdict]
    if np.isfinite(row.low):
        axes.plot(
            [row.low, row.high], [y, y], color=color, linewidth=1.1, solid_capstyle="butt", zorder=2
        )
    axes.plot(
        row.estimate,
        y,
        shape,
        color=color,
        markerfacecolor=face,
        markersize=4,
        markeredgewidth=0.8,
        zorder=3,
    )
    if np.isfinite(row.published):
        axes.plot(
            row.published,
            y,
            PAPER,
            color=GREEN,
            markerfacecolor="none",
            markersize=3.6,
            markeredgewidth=0.9,
            zorder=3,
        )
    count = row.above + row.below + row.open + row.missing
    if count > 1:
        words = f"{row.above}+ {row.below}\N{MINUS SIGN} of {count}"
        axes.text(limit, y, words, ha="right", va="center", fontsize=0.9 * size, color=color)


def legend(table: pd.DataFrame) -> list[Line2D | Patch]:
    """Return legend handles for the verdicts that occur, the paper's number and the gray bar."""

    def mark(shape: str, color: str, face: str, label: str) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            marker=shape,
            color=color,
            markerfacecolor=face,
            markersize=4,
            label=label,
        )

    verdicts = set(table["verdict"])
    handles: list[Line2D | Patch] = [mark(*MARKS[name], name) for name in MARKS if name in verdicts]
    if table.loc[table["verdict"] != NOT_MEASURED, "published"].notna().any():
        handles.append(mark(PAPER, GREEN, "none", "number reported in the paper"))
    return (
        [*handles, Patch(color=_BAND, label="too small to detect")]
        if table["detectable"].notna().any()
        else handles
    )
