"""Draw correlations between tasks, transfer from recipes to tasks, and an intermediate task's own
score against the gain it brings."""

from collections.abc import Mapping
from types import MappingProxyType

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.analysis.performance import OWN
from xstilts_core.report.figures.cells import GAP, box, color_bar, ink_on, scale, signed, whole
from xstilts_core.report.figures.panels import finish_panels
from xstilts_core.report.figures.style import (
    BLUE,
    FULL,
    GRAY,
    INK,
    NOTHING,
    PALE,
    PrintFigure,
    check_width,
    diverging,
    look,
    message,
    on_top,
    say,
)

LEVEL = 0.05
SIGNS = MappingProxyType(
    {"spearman": "Spearman's ρ", "pearson": "Pearson's r", "kendall": "Kendall's τ"}
)
_NO_LABELS: Mapping[str, str] = MappingProxyType({})
PER_ROW = 6
# In a larger table, insignificant numbers would hide the significant ones.
_MOST_NUMBERED_CELLS = 150


def short(value: float) -> str:
    """Format a coefficient with two decimals, a true minus sign and no leading zero: .75, −.13,
    1."""
    text = f"{abs(value):.2f}"
    sign = "\N{MINUS SIGN}" if value < 0 and float(text) else ""
    return sign + ("1" if text == "1.00" else text[1:])


def span(counts: pd.Series) -> str:
    """Return the smallest and the largest count as '22 to 30', or '28' if they are equal."""
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"


def intervals(table: pd.DataFrame) -> str:
    """Return a sentence on where these coefficients' intervals are, or why there are none."""
    return (
        "95 % intervals: in the table."
        if table["low"].notna().any()
        else "No intervals: too few seeds or rows."
    )


def correlation_map(
    table: pd.DataFrame, source: str, labels: Mapping[str, str] = _NO_LABELS, width: float = FULL
) -> Figure:
    """Draw one cell per pair of tasks, from a table of correlations by one method (columns x y
    method estimate p_holm n).

    Colored with a number: p below 0.05 after Holm's correction over the whole table. Gray: not
    distinguishable from 0 (in small tables the number is printed too). Hatched: too few rows. At
    full width x is down and y across, with a gap before the tasks that occur only as y; at column
    width the axes are swapped. source: the runs used.
    """
    if table["estimate"].notna().sum() == 0:
        return message("no pair of tasks with enough finished runs yet", width)
    wide = check_width(width) > 5
    x_tasks, y_tasks = list(dict.fromkeys(table["x"])), list(dict.fromkeys(table["y"]))
    y_tasks = [
        *[name for name in x_tasks if name in y_tasks],
        *[name for name in y_tasks if name not in x_tasks],
    ]
    positions = {
        name: index + (GAP * 2 if name not in x_tasks else 0) for index, name in enumerate(y_tasks)
    }
    across, down = (
        (positions, {name: float(index) for index, name in enumerate(x_tasks)})
        if wide
        else (dict(zip(x_tasks, range(99), strict=False)), positions)
    )
    with look():
        height = (0.165 if wide else 0.15) * len(down) + (1.5 if wide else 1.35)
        figure = PrintFigure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        colors, norm = diverging(), mpl.colors.Normalize(-1, 1)
        significant = table[table["p_holm"] < LEVEL]
        for rows, fills in ((table, NOTHING), (significant, colors(norm(significant["estimate"])))):
            squares(
                axes,
                rows["y" if wide else "x"].map(across),
                rows["x" if wide else "y"].map(down),
                fills,
            )
        for row in table[table["estimate"].isna()].itertuples():
            box(
                axes,
                across[row.y if wide else row.x],
                down[row.x if wide else row.y],
                NOTHING,
                "////",
            )
        for row in (
            (table if len(table) <= _MOST_NUMBERED_CELLS else significant)
            .dropna(subset=["estimate"])
            .itertuples()
        ):
            ink = ink_on(colors(norm(row.estimate))) if row.p_holm < LEVEL else PALE
            index = across[row.y if wide else row.x], down[row.x if wide else row.y]
            number(axes, *index, short(row.estimate), 4.8, ink)
        axes.set(xlim=(0, max(across.values()) + 1), ylim=(max(down.values()) + 1, 0))
        _name_both(axes, across, down, labels, 6 if wide else 5.5)
        method = SIGNS.get(table["method"].iloc[0], table["method"].iloc[0])
        color_bar(figure, axes, colors, norm, method, False)
        note = (
            f"{method} over n = {span(table.loc[table['estimate'].notna(), 'n'])} rows "
            "(recipe and run). "
        )
        note += (
            f"Colored: p < {LEVEL} after Holm over the whole table. "
            f"Gray: not distinguishable from 0. {intervals(table)}"
        )
        say(
            figure,
            f"{note}{' Hatched: too few rows.' if table['estimate'].isna().any() else ''} {source}",
        )
    return figure


def squares(axes: Axes, x: pd.Series, y: pd.Series, fills: np.ndarray | str) -> None:
    """Draw cells of 1 x 1 with white borders as one collection; hundreds of patches take
    seconds."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    axes.add_collection(
        PolyCollection(
            np.stack([x, y], axis=1)[:, None] + corners,
            facecolors=fills,
            edgecolors="white",
            linewidths=0.8,
        )
    )


def number(axes: Axes, x: float, y: float, text: str, size: float, ink: str) -> None:
    """Write a number in a cell. The layout ignores it because it lies within its cell."""
    axes.text(
        x + 0.5, y + 0.54, text, ha="center", va="center", fontsize=size, color=ink
    ).set_in_layout(False)


def _name_both(
    axes: Axes,
    across: Mapping[str, float],
    down: Mapping[str, float],
    labels: Mapping[str, str],
    size: float,
) -> None:
    """Write the column names vertically above and the row names on the left."""
    axes.set_xticks(
        [index + 0.5 for index in across.values()],
        [labels.get(name, name) for name in across],
        rotation=90,
        fontsize=size,
    )
    on_top(axes)
    axes.set_yticks(
        [index + 0.5 for index in down.values()],
        [labels.get(name, name) for name in down],
        fontsize=size,
    )


def transfer_map(
    table: pd.DataFrame, source: str, labels: Mapping[str, str] = _NO_LABELS, width: float = FULL
) -> Figure:
    """Draw the mean over runs minus the baseline's mean, in points, from `transfer`. Hatched:
    missing.

    Tasks are down (targets, their average, probing tasks), recipes across; the last column is the
    baseline's own score. There is no interval because it is not known which runs belong together.
    """
    if table["gain"].notna().sum() == 0:
        return message("no recipe and baseline on the same task yet", width)
    wide = check_width(width) > 5
    recipes, tasks = list(dict.fromkeys(table["recipe"])), list(dict.fromkeys(table["task"]))
    probing = set(table.loc[table["kind"] == "probing", "task"])
    down = {
        name: index + GAP * ((name == AVERAGE) + 2 * (name in probing))
        for index, name in enumerate(tasks)
    }
    across = {name: float(index) for index, name in enumerate(recipes)} | {
        "baseline, %": len(recipes) + 2 * GAP
    }
    limit = scale(table["gain"])
    with look():
        figure = PrintFigure(
            figsize=(width, 0.15 * len(tasks) + (1.35 if wide else 1.5)), layout="constrained"
        )
        axes = figure.add_subplot()
        colors, norm = diverging(), mpl.colors.Normalize(-limit, limit)
        known = table[table["gain"].notna()]
        squares(
            axes, known["recipe"].map(across), known["task"].map(down), colors(norm(known["gain"]))
        )
        for row in table[table["gain"].isna()].itertuples():
            box(axes, across[row.recipe], down[row.task], NOTHING, "////")
        for row in known.itertuples():
            text = signed(row.gain) if wide else whole(row.gain)
            number(
                axes,
                across[row.recipe],
                down[row.task],
                text,
                5.8 if wide else 4.8,
                ink_on(colors(norm(row.gain))),
            )
        for name, value in table.drop_duplicates("task").set_index("task")["baseline"].items():
            text = "\N{EN DASH}" if pd.isna(value) else f"{value:.1f}"
            number(axes, across["baseline, %"], down[name], text, 5.8 if wide else 4.8, INK)
        axes.set(xlim=(0, len(recipes) + 1 + 2 * GAP), ylim=(max(down.values()) + 1, 0))
        _name_both(axes, across, down, labels, 6 if wide else 5.5)
        color_bar(
            figure,
            axes,
            colors,
            norm,
            "points over the baseline's mean",
            float(table["gain"].abs().max()) > limit,
        )
        note = (
            f"Mean over n = {span(table.loc[table['gain'].notna(), 'runs'])} runs of a cell minus "
            "the baseline's mean, without an interval."
        )
        say(figure, f"{note}{' Hatched: missing.' if table['gain'].isna().any() else ''} {source}")
    return figure


def own_scores(
    frame: pd.DataFrame,
    table: pd.DataFrame,
    source: str,
    labels: Mapping[str, str] = _NO_LABELS,
    width: float = FULL,
) -> Figure:
    """Draw an intermediate task's own score against the gain, one point per recipe, with a panel
    per target and one for their average.

    frame: from `own_and_gains`. table: correlations of OWN (x) with the gains (y) by one method,
    which are printed above the panels.
    """
    targets = [
        name
        for name in frame.columns
        if name != OWN and (frame[OWN].notna() & frame[name].notna()).any()
    ]
    if not targets:
        return message("no recipe with a score of its own and a gain yet", width)
    table, wide = table[table["x"] == OWN], check_width(width) > 5
    correlations = table.set_index("y")
    per_row = min(len(targets), PER_ROW if wide else 3)
    rows = -(-len(targets) // per_row)
    with look():
        figure = PrintFigure(figsize=(width, 1.05 * rows + 0.6), layout="constrained")
        grid = figure.subplots(rows, per_row, sharex=True, squeeze=False)
        for axes, name in zip(grid.flat, targets, strict=False):
            axes.axhline(0, color=GRAY, linewidth=0.6)
            axes.plot(
                frame[OWN],
                frame[name],
                "o",
                markersize=3,
                markerfacecolor=BLUE,
                markeredgecolor=INK,
                markeredgewidth=0.4,
            )
            axes.set_title(
                f"{labels.get(name, name)}\n{verdict(correlations, name)}",
                fontsize=6,
                pad=2,
                fontweight="normal",
            )
            axes.tick_params(labelsize=5.5, length=1.5, pad=1)
            axes.locator_params(nbins=3)
            axes.margins(0.12)
        finish_panels(grid, len(targets), per_row)
        figure.supylabel("gain, points", fontsize=6.5)
        method = SIGNS.get(table["method"].iloc[0], table["method"].iloc[0]) if len(table) else ""
        note = (
            "Horizontal axis: the intermediate task's own score in percent. "
            f"A point per recipe, mean over its runs; n = {len(frame)}. "
        )
        say(figure, f"{note}{method} and p after Holm over the panels. {intervals(table)} {source}")
    return figure


def verdict(found: pd.DataFrame, name: str) -> str:
    """Return coefficient and p-value, such as '.35, p = .12', or why they are missing."""
    if name not in found.index or not np.isfinite(found.loc[name, "estimate"]):
        return "too few recipes"
    return (
        f"{short(found.loc[name, 'estimate'])}, "
        f"p {'< .01' if found.loc[name, 'p_holm'] < 0.01 else _short_p(found.loc[name, 'p_holm'])}"
    )


def _short_p(value: float) -> str:
    return f"= {value:.2f}".replace("0.", ".", 1)
