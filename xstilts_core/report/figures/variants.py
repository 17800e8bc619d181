"""Draw differences between recipes and their variants, with intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.report.figures.cells import signed
from xstilts_core.report.figures.style import (
    BLUE,
    FAINT,
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


def difference_plot(table: pd.DataFrame, width: float = FULL, source: str = "") -> Figure:
    """Draw differences, from `differences`: a panel per question, a row per pair of recipes.

    The dot is the mean of all targets, with its 95 % interval and its number; the gray marks are
    the targets. Blue: the interval lies above 0; orange: below; no bar: one seed. source: the runs
    used.
    """
    known = table.dropna(subset=["difference"])
    if known.empty:
        return message("no finished pair of recipes to compare yet", width)
    questions = list(dict.fromkeys(known["question"]))
    groups = [known[known["question"] == question] for question in questions]
    heights = [len(rows[["recipe", "beside"]].drop_duplicates()) for rows in groups]
    wide = check_width(width) > 5
    with look():
        figure = PrintFigure(
            figsize=(width, (0.2 if wide else 0.27) * sum(heights) + 0.28 * len(groups) + 0.75),
            layout="constrained",
        )
        panels = figure.subplots(
            len(groups),
            1,
            sharex=True,
            squeeze=False,
            height_ratios=[height + 0.4 for height in heights],
        )[:, 0]
        for axes, question, rows in zip(panels, questions, groups, strict=True):
            _draw_pairs(axes, rows, wide)
            axes.set_title(question, loc="left", pad=2, fontsize=7.5 if wide else 6)
        panels[-1].set_xlabel(
            "difference in zero-shot score, points" if wide else "points", fontsize=7 if wide else 6
        )
        targets = known.loc[known["task"] != AVERAGE, "task"].nunique()
        note = (
            f"Dot: mean of {targets} targets, {spread(known, 'bar')}. Gray: single targets. "
            "Numbers: differences.csv."
        )
        say(figure, f"{note} {source}")
    return figure


def _draw_pairs(axes: Axes, rows: pd.DataFrame, wide: bool) -> None:
    """Draw one panel of `difference_plot`."""
    names = list(dict.fromkeys(zip(rows["recipe"], rows["beside"], strict=True)))
    for row in rows.itertuples():
        y = names.index((row.recipe, row.beside))
        if row.task != AVERAGE:
            axes.plot(
                [row.difference], [y], marker="|", color=FAINT, markersize=5, linestyle="", zorder=1
            )
            continue
        color = BLUE if row.low > 0 else ORANGE if row.high < 0 else INK
        if np.isfinite(row.low):
            axes.plot([row.low, row.high], [y, y], color=color, linewidth=1.1, zorder=2)
        axes.plot([row.difference], [y], marker="o", color=color, markersize=3.5, zorder=3)
        axes.annotate(
            signed(row.difference),
            (1.01, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=6.5,
            color=color,
            annotation_clip=False,
        )
    axes.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_yticks(
        range(len(names)),
        [f"{recipe}{' ' if wide else chr(10)}\N{MINUS SIGN} {beside}" for recipe, beside in names],
        fontsize=6 if wide else 5,
    )
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
