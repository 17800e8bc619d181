"""Draw small multiples: one panel per recipe or stage, on shared axes for easy comparison."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xstilts_core.report.figures.cells import whole
from xstilts_core.report.figures.style import (
    BLUE,
    FULL,
    GRAY,
    INK,
    ORANGE,
    PrintFigure,
    check_width,
    legend_above,
    look,
    message,
    say,
    spread,
)
from xstilts_core.study.spec import BASELINE

NEUTRAL = "#555555"
_FILLS = {"high": NEUTRAL, "mid": "#d0d0d0", "low": "white"}
_MARKERS = {"Latin": "o", "Cyrillic": "s", "Devanagari": "^", "Han": "D", "Arabic": "v"}
OTHER = "P"
PER_ROW = 5


def _script_name(script: str) -> str:
    return script if script in _MARKERS else "other"


def panels_by_target(
    table: pd.DataFrame, width: float = FULL, source: str = ""
) -> dict[str, Figure]:
    """Return one `language_panels` figure per target, from `by_language`; {} for an empty table."""
    return {
        name: language_panels(rows, name, width, source)
        for name, rows in table.groupby("task", sort=False)
    }


def _language_order(table: pd.DataFrame) -> list[str]:
    """Return the languages: English first, then by resource level, then by code."""
    facts = table.drop_duplicates("language")
    rank = {level: position for position, level in enumerate(_FILLS)}
    keys = {
        row.language: (row.language != "en", rank.get(row.resource_level, len(rank)), row.language)
        for row in facts.itertuples()
    }
    return sorted(keys, key=keys.__getitem__)


def language_panels(
    table: pd.DataFrame, task: str, width: float = FULL, source: str = ""
) -> Figure:
    """Draw one target's gains by language (rows), one panel per recipe, from `by_language`.

    The marker's shape is the script. It is filled for high-resource, gray for mid-resource and
    white for low-resource languages. Bars are 95 % intervals; there are none with one seed. Blue:
    the interval lies above 0; orange: below. source: the runs used.
    """
    rows = table[table["task"] == task]
    if rows.empty:
        return message(f"no gains on {task} yet", width)
    recipes, languages = list(dict.fromkeys(rows["recipe"])), _language_order(rows)
    across = min(PER_ROW, len(recipes)) if check_width(width) > 5 else min(2, len(recipes))
    down = int(np.ceil(len(recipes) / across))
    with look():
        figure = PrintFigure(
            figsize=(width, down * (0.125 * len(languages) + 0.36) + (0.9 if width > 5 else 1.5)),
            layout="constrained",
        )
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        reach = fences(rows)
        for axes, name in zip(grid.flat, recipes, strict=False):
            _draw_languages(axes, rows[rows["recipe"] == name], languages, reach)
            axes.set_title(name, pad=3)
        finish_panels(grid, len(recipes), across)
        legend_above(
            figure, legend(rows), f"{task}: gain over {BASELINE} in points", 8 if width > 5 else 3
        )
        fewest, most = int(rows["n"].min()), int(rows["n"].max())
        item_note = (
            f"n = {fewest if fewest == most else f'{fewest} to {most}'} test items per language"
        )
        clip_note = (
            " Intervals beyond the axis are clipped."
            if (rows["low"] < reach[0]).any() or (rows["high"] > reach[1]).any()
            else ""
        )
        say(
            figure,
            f"Mark: mean over seeds; {spread(rows, 'bar')}.{clip_note} {item_note}. "
            f"Numbers: gains_by_language.csv. {source}",
        )
    return figure


def fences(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the gain axis: the outer fences of Tukey's box plot (3 interquartile
    ranges beyond the quartiles), or the ends of the data if nearer. 0 is always inside.

    Otherwise one very bad recipe, such as random weights, would flatten all other panels.
    """
    first, third = np.percentile(rows["gain"], [25, 75])
    reach = 3 * max(third - first, 1.0)
    low, high = np.nanmin(rows[["gain", "low"]]), np.nanmax(rows[["gain", "high"]])
    low, high = min(0.0, max(low, first - reach)), max(0.0, min(high, third + reach))
    margin = 0.06 * (high - low) + 0.2
    return low - margin, high + margin


def _draw_languages(
    axes: Axes, rows: pd.DataFrame, languages: Sequence[str], reach: tuple[float, float]
) -> None:
    """Draw one panel: a marker and its interval per language, with a line below English. A gain
    beyond `reach` is written as a number at the edge."""
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
    for row in rows.itertuples():
        y = languages.index(row.language)
        color = BLUE if row.low > 0 else ORANGE if row.high < 0 else NEUTRAL
        if not reach[0] <= row.gain <= reach[1]:
            below = row.gain < reach[0]
            text = (
                f"\N{LEFTWARDS ARROW} {whole(row.gain)}"
                if below
                else f"{whole(row.gain)} \N{RIGHTWARDS ARROW}"
            )
            axes.text(
                reach[0 if below else 1],
                y,
                text,
                ha="left" if below else "right",
                va="center",
                fontsize=5.5,
                color=color,
            )
            continue
        if np.isfinite(row.low):
            axes.plot(
                [row.low, row.high],
                [y, y],
                color=color,
                linewidth=1.1,
                solid_capstyle="butt",
                zorder=2,
            )
        face = color if row.resource_level == "high" else _FILLS.get(row.resource_level, "white")
        shape = _MARKERS.get(row.script, OTHER)
        axes.plot(
            row.gain,
            y,
            shape,
            color=color,
            markerfacecolor=face,
            markersize=3.4,
            markeredgewidth=0.8,
            zorder=3,
        )
    if "en" in languages and len(languages) > 1:
        axes.axhline(0.5, color=GRAY, linewidth=0.4, linestyle=(0, (2, 2)))
    axes.set(xlim=reach, ylim=(len(languages) - 0.4, -0.6))
    axes.set_yticks(range(len(languages)), languages)
    axes.grid(axis="x", color="#e4e4e4")
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def finish_panels(grid: np.ndarray, used: int, across: int) -> None:
    """Hide the unused panels, and put tick labels below the last panel of every column."""
    for position, axes in enumerate(grid.flat):
        if position >= used:
            axes.set_visible(False)
        elif position + across >= used:
            axes.tick_params(axis="x", labelbottom=True)


def legend(rows: pd.DataFrame) -> list[Line2D]:
    """Return legend handles for the scripts and resource levels that occur, and the two colors."""

    def mark(shape: str, face: str, label: str) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            marker=shape,
            color=NEUTRAL,
            markerfacecolor=face,
            markersize=4,
            label=label,
        )

    scripts = {_script_name(script) for script in rows["script"]}
    handles = [
        mark(shape, NEUTRAL, name)
        for name, shape in {**_MARKERS, "other": OTHER}.items()
        if name in scripts
    ]
    levels = set(rows["resource_level"])
    if len(levels) > 1:
        handles += [
            mark("o", face, f"{name} resources") for name, face in _FILLS.items() if name in levels
        ]
    colors = ((BLUE, rows["low"] > 0, "above 0"), (ORANGE, rows["high"] < 0, "below 0"))
    return handles + [
        Line2D([], [], color=color, linewidth=1.4, label=label)
        for color, outside_zero, label in colors
        if outside_zero.any()
    ]


def training_curves(log: pd.DataFrame, width: float = FULL) -> Figure:
    """Draw training loss by step from `training_log`, a panel per stage and a line per run. Dark:
    the baseline; light: other recipes."""
    lines = log.dropna(subset=["step", "loss"])
    if lines.empty:
        return message("no training logs yet", width)
    stages = list(dict.fromkeys(lines["stage"]))
    across = min(4, len(stages)) if check_width(width) > 5 else min(2, len(stages))
    down = int(np.ceil(len(stages) / across))
    with look():
        figure = PrintFigure(figsize=(width, 1.25 * down + 0.35), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False)
        for axes, stage in zip(grid.flat, stages, strict=False):
            for _, run in lines[lines["stage"] == stage].groupby("run", sort=False):
                color, linewidth, alpha = (
                    (INK, 1, 1) if run["recipe"].iloc[0] in (BASELINE, "") else (BLUE, 0.6, 0.45)
                )
                axes.plot(run["step"], run["loss"], color=color, linewidth=linewidth, alpha=alpha)
            count = lines[lines["stage"] == stage]["run"].nunique()
            axes.set_title(f"{stage} ({count} run{'' if count == 1 else 's'})", pad=3)
            axes.grid(axis="y", color="#e4e4e4")
            axes.set_ylim(bottom=0)
            axes.locator_params(nbins=4)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        finish_panels(grid, len(stages), across)
        handles = [
            Line2D([], [], color=INK, label="baseline or phase 1"),
            Line2D([], [], color=BLUE, alpha=0.6, label="other recipes"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
        figure.supylabel("training loss, by step", fontsize=7)
    return figure
