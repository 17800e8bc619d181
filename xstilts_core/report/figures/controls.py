"""Draw the baseline's scores beside those of its controls."""

from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xstilts_core.analysis.controls import strongest
from xstilts_core.report.figures.cells import signed
from xstilts_core.report.figures.style import (
    BLUE,
    FULL,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    PrintFigure,
    check_width,
    legend_above,
    look,
    message,
    say,
    several,
)
from xstilts_core.study.spec import BASELINE

# Shape and color both encode the kind, so that a grayscale print loses nothing.
MARKS = MappingProxyType(
    {
        "": ("o", INK, INK),
        "random_init": ("s", BLUE, "white"),
        "hypothesis_only": ("^", GREEN, "white"),
        "majority": ("|", INK, INK),
        "overlap": ("x", ORANGE, ORANGE),
        "names_masked": ("D", GRAY, GRAY),
    }
)
PANELS = MappingProxyType({"zero_shot": "zero-shot mean", "english": "English"})
_SPREAD = 0.16


def control_scores(table: pd.DataFrame, width: float = FULL, source: str = "") -> Figure:
    """Draw the scores in percent of the baseline (dot) and each control by target
    (`control_table`).

    The left panel shows the zero-shot mean, the right panel English. The line runs from the highest
    floor among the controls to the baseline's zero-shot score, and the number gives its length in
    points. Both are solid and bold if the 95 % interval of that margin lies above 0. source: the
    runs used.
    """
    if table.empty:
        return message("no finished controls yet", width)
    tasks, wide = list(dict.fromkeys(table["task"])), check_width(width) > 5
    with look():
        figure = PrintFigure(
            figsize=(width, 0.24 * len(tasks) + (1.1 if wide else 1.6)), layout="constrained"
        )
        panels = figure.subplots(1, 2, sharex=True, sharey=True, width_ratios=(3, 2))
        for axes, (column, title) in zip(panels, PANELS.items(), strict=True):
            _draw_scores(axes, table, tasks, column)
            axes.set_title(title, pad=3)
        _draw_margins(panels[0], table, tasks, wide)
        panels[0].set_yticks(range(len(tasks)), tasks)
        panels[0].set_xticks((0, 50, 100) if not wide else range(0, 101, 20))
        panels[0].set(ylim=(len(tasks) - 0.5, -0.5), xlim=(-4, 104))
        names = table.drop_duplicates("recipe")
        handles = [
            mark(control, name)
            for name, control in zip(names["recipe"], names["control"], strict=True)
        ]
        scale = "score in percent (each task's primary metric); " if wide else "score in percent;\n"
        legend_above(
            figure, handles, f"{scale}numbers: points above the strongest control", 6 if wide else 3
        )
        interval_note = (
            "bold, solid line: its 95 % interval lies above 0"
            if table["low"].notna().any()
            else "no intervals: one seed"
        )
        count = several(table.loc[table["recipe"] == BASELINE, "seeds"])
        say(
            figure,
            f"Mean over languages and {count}; {interval_note}. n = {len(tasks)} targets. "
            f"Numbers: controls.csv. {source}",
        )
    return figure


def _draw_margins(axes: Axes, table: pd.DataFrame, tasks: list[str], wide: bool) -> None:
    """Draw a line from the highest floor to the baseline, and its length in points at the panel's
    edge, bold if the interval of that margin lies above 0."""
    for row in strongest(table).itertuples():
        y, significant = tasks.index(row.task), row.low > 0
        style = "-" if significant else (0, (1, 1.5))
        axes.plot(
            [row.zero_shot, row.zero_shot + row.above],
            [y, y],
            color=INK,
            linewidth=0.7,
            linestyle=style,
            zorder=1,
        )
        text = signed(row.above, 1 if wide else 0)
        axes.text(
            105,
            y,
            text,
            ha="left",
            va="center",
            fontsize=6.5 if wide else 5.5,
            fontweight="bold" if significant else "normal",
        )


def mark(control: str, label: str) -> Line2D:
    shape, color, face = MARKS[control]
    size = 5 if control == "" else 7 if shape == "|" else 4
    return Line2D(
        [],
        [],
        linestyle="",
        marker=shape,
        color=color,
        markerfacecolor=face,
        markersize=size,
        markeredgewidth=0.9,
        label=label,
    )


def _draw_scores(axes: Axes, table: pd.DataFrame, tasks: list[str], column: str) -> None:
    """Draw one panel. Controls have different offsets from the row's middle, so that none hides
    another."""
    controls = [name for name in dict.fromkeys(table["recipe"]) if name != BASELINE]
    offsets = dict(
        zip(
            controls,
            np.linspace(-_SPREAD, _SPREAD, len(controls)) if len(controls) > 1 else [0.0],
            strict=True,
        )
    )
    for row in table.itertuples():
        value = getattr(row, column)
        if np.isfinite(value):
            marker = mark(row.control, "")
            marker.set_data([value], [tasks.index(row.task) + offsets.get(row.recipe, 0.0)])
            # The thin mark is drawn over the dot, which would otherwise hide it.
            marker.set_zorder({"": 4, "majority": 5}.get(row.control, 3))
            marker.set_clip_on(False)
            axes.add_line(marker)
    axes.grid(axis="x", color="#e4e4e4")
    axes.tick_params(axis="y", length=0)
    for y in np.arange(len(tasks) - 1) + 0.5:
        axes.axhline(y, color="#efefef", linewidth=0.4, zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
