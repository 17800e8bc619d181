"""Draw figures of numbered cells: gains, scores, correlations, the state of a grid. Color is never
the only cue: each cell also has its number or word, and missing cells are hatched."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from xstilts_core.analysis.scores import AVERAGE, settled
from xstilts_core.languages import LANGUAGES
from xstilts_core.phases.learnt import marked
from xstilts_core.report.figures.style import (
    INK,
    NOTHING,
    PALE,
    NothingToDraw,
    PrintFigure,
    diverging,
    ink_on,
    printed,
)
from xstilts_core.study.spec import BASELINE
from xstilts_core.wording.numbers import coefficient, ends, signed, told, typeset

_DASH = "\N{EN DASH}"
_FIRST_STAGES = ("pretrain", "intermediate")
_STATES = MappingProxyType(
    {
        "done": ("#cfe8f3", ""),
        "running": ("#fff3c4", "...."),
        "stale": ("#f6d8b8", "\\\\\\\\"),
        "missing": ("#f0f0f0", "////"),
        "failed": ("#f2b9ac", "xxxx"),
    }
)
LEVEL = 0.05
SIGNS = MappingProxyType(
    {"spearman": "Spearman's ρ", "pearson": "Pearson's r", "kendall": "Kendall's τ"}
)
_NO_LABELS: Mapping[str, str] = MappingProxyType({})
# In a larger table, insignificant numbers would hide the significant ones.
_MOST_NUMBERED_CELLS = 150


def scale(values: pd.Series) -> float:
    """Return the gain, in points, at which the color saturates: the 90th percentile of the absolute
    gains, rounded up to a whole number, at least 3."""
    magnitudes = values.abs().dropna()
    return float(np.ceil(max(3.0, np.percentile(magnitudes, 90)))) if len(magnitudes) else 3.0


def _draw_cells(
    axes: Axes,
    values: pd.DataFrame,
    texts: pd.DataFrame | Callable[[float], str],
    size: float,
    colors: Colormap,
    limits: tuple[float, float] = (0, 1),
    bar: str = "",
) -> list[tuple[Text, int, int]]:
    """Draw a colored cell with its text for each number in `values`, and no cell for NaN.

    texts: for each cell, or a function of its number. limits: numbers of the first and the last
    color. bar: label of a color scale below the cells. Return each text with its row and column.
    """
    values = values.astype(float)
    before, norm = len(axes.texts), Normalize(*limits)
    beyond = (values.abs() > limits[1] + 1e-9).any(axis=None)
    sns.heatmap(
        values,
        annot=texts if isinstance(texts, pd.DataFrame) else values.map(texts),
        fmt="",
        annot_kws={"fontsize": size},
        cmap=colors,
        vmin=limits[0],
        vmax=limits[1],
        linewidths=0.8,
        linecolor="white",
        cbar=bool(bar),
        cbar_kws={
            "label": bar,
            "orientation": "horizontal",
            "fraction": 0.05,
            "pad": 0.02,
            "aspect": 40,
            "shrink": 0.6,
            "extend": "both" if beyond else "neither",
        },
        ax=axes,
    )
    cells = []
    for text in axes.texts[before:]:
        column, row = (int(place) for place in text.get_position())
        text.set_color(ink_on(colors(norm(values.iloc[row, column]))))
        text.set_in_layout(False)
        cells.append((text, row, column))
    return cells


def _hatch(axes: Axes, cells: pd.DataFrame, hatch: str = "////", color: str = NOTHING) -> None:
    """Hatch the cells that are true, with white borders."""
    style = {"facecolor": color, "edgecolor": "#c8c8c8", "hatch": hatch, "linewidth": 0}
    for row, column in np.argwhere(cells.to_numpy(bool)):
        axes.add_patch(Rectangle((column + 0.015, row + 0.03), 0.97, 0.94, **style))


def _name_cells(axes: Axes, columns: Sequence[str], rows: Sequence[str], turn: int = -1) -> None:
    """Write the names of the columns above the cells and those of the rows on the left, without
    ticks or frame.

    turn: degrees by which column names are turned; by default, they are slanted in a narrow figure.
    """
    wide = axes.figure.wide
    size, column_size, style = (6 if wide else 5.5,) * 2 + ({"rotation": turn, "ha": "center"},)
    if turn < 0 and wide:
        # Ten names, one of them "intermediate", fit side by side only in a slightly smaller font.
        size, column_size, style = 7, 7 if len(columns) < 10 else 6.3, {"rotation": 0}
    elif turn < 0:
        style = {"rotation": 50, "ha": "left", "rotation_mode": "anchor"}
        size = column_size = 6
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=column_size, **style)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, rotation=0, fontsize=size)
    axes.set(xlabel="", ylabel="", xlim=(0, len(columns)), ylim=(len(rows), 0))
    axes.tick_params(length=0, pad=2)


@printed
def heat_map(
    figure: PrintFigure,
    table: pd.DataFrame,
    baseline: pd.DataFrame | None = None,
    unlearnt: Collection[str] = (),
) -> dict[str, Any]:
    """Draw gains by recipe (rows) and target (columns), from `gain_table`. `baseline` adds a first
    row with the baseline's scores.

    Cells are bold with a border if the 95 % interval excludes 0. At full width, if the cells are
    wide enough, the interval is printed below each number (`ends`); otherwise gains are in
    whole points (`told`). Colors are centered at 0. Missing cells are hatched. unlearnt: recipes to
    mark.
    """
    if table["gain"].notna().sum() == 0:
        raise NothingToDraw("no finished target runs to compare yet")
    estimates = {
        (row.recipe, row.task): (row.gain, row.low, row.high) for row in table.itertuples()
    }
    recipes = list(dict.fromkeys(table["recipe"]))
    columns = sorted(dict.fromkeys(table["task"]), key=lambda name: name == AVERAGE)
    wide = figure.wide and len(columns) <= 11
    gains = table.pivot(index="recipe", columns="task", values="gain").loc[recipes, columns]
    texts = pd.DataFrame(
        [[told(*estimates[row, name], 1 if wide else 0) for name in columns] for row in recipes],
        index=recipes,
        columns=columns,
    )
    names = [marked(name, unlearnt) for name in recipes]
    if baseline is not None:
        # The baseline gains nothing over itself: its row is white, with its scores as texts.
        scores = baseline.reindex(columns=columns).iloc[0]
        gains = pd.concat([pd.DataFrame(0.0, [BASELINE], columns), gains])
        texts.loc[BASELINE] = [
            _DASH if pd.isna(score) else f"{score:.1f}" if wide else typeset(score)
            for score in scores
        ]
        texts = texts.loc[gains.index]
        names = [f"{BASELINE} (score, %)" if wide else f"{BASELINE} (%)", *names]
    figure.set_figheight((0.3 if wide else 0.18) * len(names) + (0.95 if wide else 1.4))
    axes, limit = figure.add_subplot(), scale(table["gain"])
    bar = f"zero-shot gain over {BASELINE}, points"
    for text, row, column in _draw_cells(
        axes, gains, texts, 7 if wide else 5.5, diverging(), (-limit, limit), bar
    ):
        if baseline is None or row > 0:
            _mark_estimate(axes, text, estimates[gains.index[row], columns[column]], wide)
    _hatch(axes, gains.isna())
    _name_cells(axes, columns, names)
    axes.axvline(len(columns) - 1, color="white", linewidth=3)
    if baseline is not None:
        axes.axhline(1, color=INK, linewidth=0.6)
    return {"table": table, "unlearnt": unlearnt, "wide": wide}


def _mark_estimate(
    axes: Axes, text: Text, estimate: tuple[float, float, float], wide: bool
) -> None:
    """Write the interval below a gain in a wide cell; box the cell and make its number bold if the
    interval excludes 0."""
    (x, y), (_, low, high), ink = text.get_position(), estimate, text.get_color()
    if not wide:
        # Longer text gets a smaller font so that it stays within its cell.
        text.set_fontsize(min(5.5, 22 / len(text.get_text())))
    elif np.isfinite(low):
        text.set_y(y - 0.14)
        interval = ends(*estimate)
        style = {
            "ha": "center",
            "va": "center",
            "color": ink,
            "fontsize": min(5, 56 / len(interval)),
        }
        axes.text(x, y + 0.25, interval, **style)
    if low > 0 or high < 0:
        text.set_fontweight("bold")
        axes.add_patch(
            Rectangle((x - 0.45, y - 0.43), 0.9, 0.86, fill=False, edgecolor=ink, linewidth=0.6)
        )


@printed
def baseline_scores(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw the baseline's scores in percent, from `baseline_by_language`: a row per language, a
    column per target. Blank: the task does not have the language.

    English comes first, then languages by mean score, so that the drop from English reads
    downwards.
    """
    if table.empty:
        raise NothingToDraw("no finished baseline runs yet")
    values = table.pivot(index="language", columns="task", values="value").reindex(
        columns=list(dict.fromkeys(table["task"]))
    )
    centered = settled((values - values.mean()).mean(axis=1))
    order = centered.sort_values(ascending=False, kind="stable").index
    values = values.loc[sorted(order, key=lambda code: code != "en")]
    figure.set_figheight(0.19 * len(values) + (0.5 if figure.wide else 0.8))
    axes = figure.add_subplot()
    size = 6.5 if figure.wide else 5
    _draw_cells(axes, values, "{:.1f}".format, size, colormaps["Blues"], (0, 130))
    names = [
        f"{LANGUAGES[code].name} ({code})" if figure.wide and code in LANGUAGES else code
        for code in values.index
    ]
    _name_cells(axes, list(values), names)
    return {"table": table}


@printed
def status_grid(
    figure: PrintFigure, grid: pd.DataFrame, unlearnt: Collection[str] = ()
) -> dict[str, Any]:
    """Draw the state of the runs, from `run_grid`: a row per recipe, a column per stage.

    Each cell gives the counts in words; color and hatching show the worst state. Blank: the grid
    has no such run. unlearnt: recipes to mark.
    """
    if grid.empty:
        raise NothingToDraw("the grid has no runs")
    recipes, stages = list(dict.fromkeys(grid["recipe"])), list(dict.fromkeys(grid["stage"]))
    stages.sort(key=lambda name: _FIRST_STAGES.index(name) if name in _FIRST_STAGES else 2)
    counts = grid.set_index(["recipe", "stage"])[list(_STATES)]
    worst, words = (
        counts.apply(describe, axis=1).unstack().reindex(recipes, columns=stages)
        for describe in (
            lambda row: np.flatnonzero(row)[-1],
            lambda row: "\n".join(f"{row[name]} {name}" for name in _STATES if row[name]),
        )
    )
    figure.set_figheight((0.3 if figure.wide else 0.45) * len(recipes) + 0.55)
    axes = figure.add_subplot()
    colors = ListedColormap([color for color, _ in _STATES.values()])
    for text, row, column in _draw_cells(axes, worst, words, 5.5, colors, (0, len(_STATES))):
        text.set(rotation=0 if figure.wide else 90, linespacing=1.05, color=INK)
        text.set_fontsize(5.5 if text.get_text().count("\n") < 2 else 4.5)
        color, hatch = list(_STATES.values())[int(worst.iloc[row, column])]
        if hatch:
            text.set_bbox({"boxstyle": "square,pad=0.15", "facecolor": color, "edgecolor": "none"})
    for index, (color, hatch) in enumerate(_STATES.values()):
        if hatch:
            _hatch(axes, worst == index, hatch, color)
    names = [marked(name, unlearnt) for name in recipes]
    _name_cells(axes, stages, names)
    return {"table": grid, "unlearnt": unlearnt}


@printed
def correlation_map(
    figure: PrintFigure, table: pd.DataFrame, labels: Mapping[str, str] = _NO_LABELS
) -> dict[str, Any]:
    """Draw one cell per pair of tasks, from a table of correlations by one method (columns x y
    method estimate p_holm n).

    Colored with a number: p below 0.05 after Holm's correction over the whole table. Gray: not
    distinguishable from 0 (in small tables the number is printed too). Hatched: too few rows. At
    full width x is down and y across, with a gap before the tasks that occur only as y; at column
    width the axes are swapped.
    """
    if table["estimate"].notna().sum() == 0:
        raise NothingToDraw("no pair of tasks with enough finished runs yet")
    x_tasks = list(dict.fromkeys(table["x"]))
    y_tasks = sorted(
        dict.fromkeys(table["y"]), key=lambda y: x_tasks.index(y) if y in x_tasks else len(x_tasks)
    )
    down, across = (x_tasks, y_tasks) if figure.wide else (y_tasks, x_tasks)
    cells = table.pivot(index="x", columns="y", values=["estimate", "p_holm", "n"])
    estimates, p_values, counts = (
        (cells[name] if figure.wide else cells[name].T).reindex(down, columns=across)
        for name in ("estimate", "p_holm", "n")
    )
    height = 0.165 if figure.wide else 0.15
    figure.set_figheight(height * len(down) + (1.5 if figure.wide else 1.35))
    axes = figure.add_subplot()
    method = SIGNS.get(table["method"].iloc[0], table["method"].iloc[0])
    weak = estimates.where(~(p_values < LEVEL))
    # The gray layer comes first: its numbers are left out of a large table.
    for text, _, _ in _draw_cells(axes, weak, coefficient, 4.8, ListedColormap([NOTHING])):
        if len(table) <= _MOST_NUMBERED_CELLS:
            text.set_color(PALE)
        else:
            text.remove()
    significant = estimates.where(p_values < LEVEL)
    _draw_cells(axes, significant, coefficient, 4.8, diverging(), (-1, 1), method)
    _hatch(axes, estimates.isna() & counts.notna())
    names = [[labels.get(name, name) for name in side] for side in (across, down)]
    _name_cells(axes, *names, turn=90)
    gap = axes.axvline if figure.wide else axes.axhline
    gap(sum(name in x_tasks for name in y_tasks), color="white", linewidth=4)
    return {"table": table, "method": method}


@printed
def transfer_map(
    figure: PrintFigure, table: pd.DataFrame, labels: Mapping[str, str] = _NO_LABELS
) -> dict[str, Any]:
    """Draw the mean over runs minus the baseline's mean, in points, from `transfer`. Hatched:
    missing.

    Tasks are down (targets, their average, probing tasks), recipes across; the last column is the
    baseline's own score. There is no interval because it is not known which runs belong together.
    """
    if table["gain"].notna().sum() == 0:
        raise NothingToDraw("no recipe and baseline on the same task yet")
    recipes, tasks = list(dict.fromkeys(table["recipe"])), list(dict.fromkeys(table["task"]))
    gains = table.pivot(index="task", columns="recipe", values="gain").loc[tasks, recipes]
    texts = gains.map(signed if figure.wide else typeset, na_action="ignore")
    scores = table.drop_duplicates("task").set_index("task")["baseline"]
    texts["baseline, %"] = [_DASH if pd.isna(value) else f"{value:.1f}" for value in scores]
    figure.set_figheight(0.15 * len(tasks) + (1.35 if figure.wide else 1.5))
    axes, limit = figure.add_subplot(), scale(table["gain"])
    _draw_cells(
        axes,
        gains.assign(**{"baseline, %": 0.0}),
        texts,
        5.8 if figure.wide else 4.8,
        diverging(),
        (-limit, limit),
        "points over the baseline's mean",
    )
    _hatch(axes, gains.isna())
    names = [[labels.get(name, name) for name in side] for side in (texts, tasks)]
    _name_cells(axes, *names, turn=90)
    axes.axvline(len(recipes), color="white", linewidth=4)
    probing = set(table.loc[table["kind"] == "probing", "task"])
    for index, name in enumerate(tasks):
        if name == AVERAGE or (name in probing and tasks[index - 1] not in probing):
            axes.axhline(index, color="white", linewidth=3)
    return {"table": table}
