"""Figures of numbered cells. A color never speaks alone: each cell also has its number or word, and
hatching where nothing is."""

from collections.abc import Collection, Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xstilts_core.analysis.gains import AVERAGE, settled
from xstilts_core.languages import LANGUAGES
from xstilts_core.phases.learnt import MARK, marked
from xstilts_core.report.figures.style import (
    FULL,
    INK,
    NOTHING,
    PrintFigure,
    check_width,
    diverging,
    look,
    message,
    on_top,
    say,
    several,
)

GAP = 0.12
MINUS = "\N{MINUS SIGN}"
_MOST_DECIMALS = 4
FIRST = ("pretrain", "intermediate")
_STATUS = {
    "done": ("#cfe8f3", ""),
    "running": ("#fff3c4", "...."),
    "stale": ("#f6d8b8", "\\\\\\\\"),
    "missing": ("#f0f0f0", "////"),
    "failed": ("#f2b9ac", "xxxx"),
}


def signed(value: float, digits: int = 1) -> str:
    """The value with its sign, as +4.2, with a true minus sign; zero has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def whole(value: float) -> str:
    """The value in whole points, with a true minus sign."""
    return f"{round(value)}".replace("-", MINUS)


def decimals(value: float, low: float, high: float) -> int:
    """Decimals in which an interval is told: none where whole points contradict nothing, else one,
    or as many as keep 0 outside.

    Whole points contradict where an end would be 0 that is not, or the value, told in one decimal,
    would lie outside.
    """
    sure = low > 0 or high < 0
    for digits in range(_MOST_DECIMALS):
        ends = round(low, digits), round(high, digits)
        if (digits == 0 and 0 not in ends and ends[0] <= round(value, 1) <= ends[1]) or (
            digits > 0 and not (sure and 0 in ends)
        ):
            return digits
    return _MOST_DECIMALS


def interval(value: float, low: float, high: float) -> str:
    """The interval of a value in points, as 1 to 7, or −0.3 to 2.1 (`decimals`)."""
    digits = decimals(value, low, high)
    return " to ".join(
        f"{end:.{digits}f}".replace("-", MINUS) if round(end, digits) else f"{0:.{digits}f}"
        for end in (low, high)
    )


def told(value: float, low: float, high: float, digits: int = 1) -> str:
    """The value with its sign in so many decimals; in more where its interval excludes 0 and it
    would be 0."""
    sure = low > 0 or high < 0
    return signed(
        value, max(1, decimals(value, low, high)) if sure and round(value, digits) == 0 else digits
    )


def _luminance(color: Sequence[float]) -> float:
    """Relative luminance of an RGB color, 0 to 1 (WCAG 2)."""
    red, green, blue = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Sequence[float], second: Sequence[float]) -> float:
    """Contrast of two RGB colors, 1 to 21 (WCAG 2, where small text needs 4.5)."""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def ink_on(color: Sequence[float]) -> str:
    """Black or white, whichever has more contrast on the RGB color: at least 4.58. With INK for
    black it would be less than 4.5 on some."""
    return max(("black", "white"), key=lambda ink: contrast(to_rgb(ink), color))


def box(axes: Axes, x: float, y: float, color: Sequence[float] | str, hatch: str = "") -> None:
    """A cell of 1 x 1 with a thin white border; hatching in gray."""
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=color, edgecolor="white", linewidth=0.8))
    if hatch:
        axes.add_patch(
            Rectangle((x, y), 1, 1, fill=False, hatch=hatch, edgecolor="#c8c8c8", linewidth=0)
        )


def scale(values: pd.Series) -> float:
    """The gain, in points, at which the color saturates: the 90th percentile of all, at least 3, a
    round number."""
    kept = values.abs().dropna()
    return float(np.ceil(max(3.0, np.percentile(kept, 90)))) if len(kept) else 3.0


def heat_map(
    table: pd.DataFrame,
    baseline: pd.DataFrame | None = None,
    width: float = FULL,
    source: str = "",
    unlearnt: Collection[str] = (),
) -> Figure:
    """Gains by recipe (rows) and target (columns), from `gain_table`; `baseline` adds the row of
    the baseline's scores on top.

    Bold with a border where the 95 % interval excludes 0; the interval itself (`interval`) below
    each number where the cells are wide enough (full width); else gains in whole points (`told`).
    Colors are centered at 0. Hatched: missing. source: whose runs. unlearnt: recipes to mark.
    """
    if table["gain"].notna().sum() == 0:
        return message("no finished target runs to compare yet", width)
    recipes, tasks = (
        list(dict.fromkeys(table["recipe"])),
        [name for name in dict.fromkeys(table["task"]) if name != AVERAGE],
    )
    columns = [*tasks, AVERAGE]
    wide = check_width(width) > 5 and len(columns) <= 11
    limit = scale(table["gain"])
    with look():
        figure = PrintFigure(
            figsize=(width, (0.3 if wide else 0.18) * len(recipes) + (1.05 if wide else 1.2)),
            layout="constrained",
        )
        axes = figure.add_subplot()
        colors, norm = diverging(), mpl.colors.Normalize(-limit, limit)
        at = {
            name: position + (GAP if name == AVERAGE else 0)
            for position, name in enumerate(columns)
        }
        for _, row in table.iterrows():
            _draw_gain(
                axes,
                at[row["task"]],
                recipes.index(row["recipe"]),
                row,
                colors(norm(row["gain"])),
                wide,
            )
        top = [] if baseline is None else [_draw_baseline(axes, at, baseline, wide)]
        axes.set(xlim=(0, at[AVERAGE] + 1), ylim=(len(recipes), 2 * min(top, default=0)))
        _name_columns(axes, [at[name] + 0.5 for name in columns], columns, wide)
        names = ["none (score, %)" if wide else "none (%)"] if top else []
        rows = [marked(name, unlearnt) for name in recipes]
        axes.set_yticks(
            [*top, *(np.arange(len(recipes)) + 0.5)], [*names, *rows], fontsize=7 if wide else 6
        )
        color_bar(
            figure,
            axes,
            colors,
            norm,
            "zero-shot gain over none, points",
            float(table["gain"].abs().max()) > limit,
        )
        say(figure, f"{note(table, wide)} {_dagger_note(recipes, unlearnt)}{source}")
    return figure


def _dagger_note(recipes: Sequence[str], unlearnt: Collection[str]) -> str:
    """What the dagger means, where one of the recipes has it."""
    return (
        f"{MARK}: did not learn in phase 2 (English development data). "
        if set(recipes) & set(unlearnt)
        else ""
    )


def _name_columns(axes: Axes, positions: Sequence[float], names: Sequence[str], wide: bool) -> None:
    """Names above the columns, slanted where columns are narrow."""
    # Ten names, and "intermediate" among them, fit side by side only when a little smaller.
    turned = (
        {"rotation": 0, "ha": "center", "fontsize": 7 if len(names) < 10 else 6.3}
        if wide
        else {"rotation": 50, "ha": "left", "rotation_mode": "anchor", "fontsize": 6}
    )
    axes.set_xticks(positions, names, **turned)
    on_top(axes)


def _draw_baseline(
    axes: Axes, at: Mapping[str, float], baseline: pd.DataFrame, wide: bool
) -> float:
    """The row of the baseline's scores above the cells, a line below it; returns the row's
    middle."""
    middle = -(0.42 if wide else 0.6)
    for name, x in at.items():
        value = baseline[name].iloc[0] if name in baseline else float("nan")
        text = "\N{EN DASH}" if pd.isna(value) else f"{value:.1f}" if wide else whole(value)
        axes.text(x + 0.5, middle, text, ha="center", va="center", fontsize=6.5 if wide else 5.5)
    axes.plot([0, max(at.values()) + 1], [-GAP / 2] * 2, color=INK, linewidth=0.6)
    return middle


def _draw_gain(
    axes: Axes, x: float, y: int, row: pd.Series, color: Sequence[float], wide: bool
) -> None:
    """One cell of `heat_map`."""
    if pd.isna(row["gain"]):
        box(axes, x, y, NOTHING, "////")
        return
    box(axes, x, y, color)
    ink, sure = ink_on(color), row["low"] > 0 or row["high"] < 0
    below = wide and pd.notna(row["low"])
    estimate = row["gain"], row["low"], row["high"]
    text = told(*estimate, 1 if wide else 0)
    look_of = {"ha": "center", "va": "center", "color": ink}
    # What is longer than usual is smaller, and keeps within its box.
    size = 7 if wide else min(5.5, 22 / len(text))
    axes.text(
        x + 0.5,
        y + (0.36 if below else 0.52),
        text,
        fontsize=size,
        fontweight="bold" if sure else "normal",
        **look_of,
    )
    if below:
        ends = interval(*estimate)
        axes.text(x + 0.5, y + 0.75, ends, fontsize=min(5, 56 / len(ends)), **look_of)
    if sure:
        axes.add_patch(
            Rectangle((x + 0.05, y + 0.07), 0.9, 0.86, fill=False, edgecolor=ink, linewidth=0.6)
        )


def note(table: pd.DataFrame, wide: bool) -> str:
    """What the means are of, what the marks mean and what the intervals cover."""
    filled = table.dropna(subset=["gain"])
    parts = [
        f"Mean over languages and {several(filled['seeds'])}"
        + ("." if wide else ", in whole points.")
    ]
    covers = {name for name in filled.dropna(subset=["low"])["resampled"] if name}
    over = f" over {covers.pop()}" if len(covers) == 1 else ""
    sure = f"Boxed, bold: the 95 % interval{over} excludes 0."
    parts.append(sure if filled["low"].notna().any() else "No intervals: one seed.")
    if wide and filled["low"].notna().any():
        parts.append("Below: that interval.")
    if len(filled) < len(table):
        parts.append("Hatched: missing.")
    return " ".join(parts)


def color_bar(
    figure: Figure,
    axes: Axes,
    colors: Colormap,
    norm: mpl.colors.Normalize,
    label: str,
    clipped: bool,
) -> None:
    """A flat color scale below the cells; arrows at its ends where values go beyond it."""
    mappable = mpl.cm.ScalarMappable(norm, colors)
    bar = figure.colorbar(
        mappable,
        ax=axes,
        orientation="horizontal",
        fraction=0.05,
        pad=0.02,
        aspect=40,
        shrink=0.6,
        extend="both" if clipped else "neither",
    )
    bar.set_label(label, labelpad=1)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=1.5, pad=1)


def baseline_scores(table: pd.DataFrame, width: float = FULL, source: str = "") -> Figure:
    """The baseline's scores in percent: a row per language, a column per target, from
    `baseline_by_language`. Blank: not in the task.

    English first, then languages by their mean score, so that the drop from English can be read
    downwards. source: whose runs.
    """
    if table.empty:
        return message("no finished baseline runs yet", width)
    values = table.pivot(index="language", columns="task", values="value").reindex(
        columns=list(dict.fromkeys(table["task"]))
    )
    centered = values - values.mean()
    order = settled(centered.mean(axis=1)).sort_values(ascending=False, kind="stable").index
    order = [*[code for code in order if code == "en"], *[code for code in order if code != "en"]]
    wide = check_width(width) > 5
    size = 6.5 if wide else 5
    with look():
        figure = PrintFigure(
            figsize=(width, 0.19 * len(order) + (0.5 if wide else 0.8)), layout="constrained"
        )
        axes = figure.add_subplot()
        colors, norm = mpl.colormaps["Blues"], mpl.colors.Normalize(0, 130)
        for y, code in enumerate(order):
            for x, value in enumerate(values.loc[code]):
                if np.isfinite(value):
                    box(axes, x, y, colors(norm(value)))
                    axes.text(
                        x + 0.5,
                        y + 0.53,
                        f"{value:.1f}",
                        ha="center",
                        va="center",
                        fontsize=size,
                        color=ink_on(colors(norm(value))),
                    )
        axes.set(xlim=(0, len(values.columns)), ylim=(len(order), 0))
        _name_columns(axes, np.arange(len(values.columns)) + 0.5, list(values.columns), wide)
        names = [
            f"{LANGUAGES[code].name} ({code})" if wide and code in LANGUAGES else code
            for code in order
        ]
        axes.set_yticks(np.arange(len(order)) + 0.5, names)
        say(
            figure,
            f"Score in percent (each task's primary metric), mean over {several(table['seeds'])}, without an interval. {source}",
        )
    return figure


def status_grid(grid: pd.DataFrame, width: float = FULL, unlearnt: Collection[str] = ()) -> Figure:
    """Where the runs stand, from `run_grid`: a row per recipe, a column per stage. Each cell says
    it in words; color and hatching repeat the worst state. Blank: the grid has no such run.
    unlearnt: recipes to mark."""
    if grid.empty:
        return message("the grid has no runs", width)
    recipes, stages = list(dict.fromkeys(grid["recipe"])), list(dict.fromkeys(grid["stage"]))
    stages.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    wide = check_width(width) > 5
    with look():
        figure = PrintFigure(
            figsize=(width, (0.3 if wide else 0.45) * len(recipes) + 0.35), layout="constrained"
        )
        axes = figure.add_subplot()
        for _, row in grid.iterrows():
            x, y = stages.index(row["stage"]), recipes.index(row["recipe"])
            present = [name for name in _STATUS if row[name]]
            color, hatch = _STATUS[present[-1]]
            box(axes, x, y, color, hatch)
            words = "\n".join(f"{row[name]} {name}" for name in present)
            backing = {"boxstyle": "square,pad=0.15", "facecolor": color, "edgecolor": "none"}
            size = 5.5 if len(present) < 3 else 4.5
            turned = {"rotation": 0 if wide else 90, "linespacing": 1.05}
            axes.text(
                x + 0.5,
                y + 0.52,
                words,
                ha="center",
                va="center",
                fontsize=size,
                bbox=backing if hatch else None,
                **turned,
            )
        axes.set(xlim=(0, len(stages)), ylim=(len(recipes), 0))
        axes.set_yticks(np.arange(len(recipes)) + 0.5, [marked(name, unlearnt) for name in recipes])
        _name_columns(axes, np.arange(len(stages)) + 0.5, stages, wide)
        if told := _dagger_note(recipes, unlearnt):
            say(figure, told)
    return figure
