"""Draw interactive figures: curves of chosen runs, two variables, an encoder's sentence space."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xstilts_core.report.figures.style import (
    FAINT,
    FULL,
    GRAY,
    INK,
    PrintFigure,
    check_width,
    look,
    message,
    say,
)

# Okabe and Ito (2008) without yellow, which is hard to see on white paper. Marks and line styles
# differ too, for more groups than colors and for prints without color.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h")
LINES = ("-", "--", ":", "-.")
LABELLED = 40
# Inches around the axes. Margins are fixed because the figures must redraw at once when a control
# changes, and computing a layout takes longer than drawing.
_LEFT, RIGHT, TOP, LINE, MARGIN = 0.5, 0.1, 0.1, 0.125, 0.03


def written(text: object) -> str:
    """Escape dollar signs so that matplotlib does not read a name as a formula."""
    return str(text).replace("$", r"\$")


def color(place: int) -> str:
    return COLORS[place % len(COLORS)]


def mark(place: int) -> str:
    # Groups beyond the eighth reuse the colors, but with other marks.
    return MARKS[(place + place // len(COLORS)) % len(MARKS)]


def run_curves(
    log: pd.DataFrame, runs: Sequence[str], value: str = "loss", width: float = FULL
) -> Figure:
    """Draw one column of `training_log` by step, one line per run. Runs without it are left out."""
    lines = log[log["run"].isin(runs)].dropna(subset=["step", value])
    if lines.empty:
        return message(f"no {value} in the logs of the chosen runs", width)
    wide = check_width(width) > 5
    names = [name for name in runs if (lines["run"] == name).any()]
    with look():
        bottom = 0.45 + LINE * len(names)
        figure, axes = _figure(width, 2.5 if wide else 2.1, bottom)
        for index, name in enumerate(names):
            rows = lines[lines["run"] == name]
            style = {"color": color(index), "linestyle": LINES[(index // len(COLORS)) % len(LINES)]}
            markers = {"marker": mark(index), "markersize": 3} if len(rows) < 30 else {}
            axes.plot(
                rows["step"], rows[value], label=written(name), linewidth=1, **style, **markers
            )
        axes.set(xlabel="optimizer step", ylabel=value.replace("_", " "))
        finish(axes)
        make_room(axes)
        figure.legend(
            loc="lower left",
            ncols=1,
            frameon=False,
            fontsize=6.5 if wide else 5.5,
            borderpad=0,
            labelspacing=0.25,
        )
    return figure


def _figure(width: float, height: float, below: float, right: float = RIGHT) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes of this height. `below` and `right` are the inches kept
    free below the axes and to their right."""
    full_height = height + below + TOP
    figure = PrintFigure(figsize=(width, full_height))
    box = (_LEFT / width, below / full_height, 1 - (_LEFT + right) / width, height / full_height)
    return figure, figure.add_axes(box)


def make_room(axes: Axes) -> None:
    """Move the left side of the axes so that y's label and numbers fit, however wide they are.

    Call it last, because it measures what has been drawn.
    """
    figure, box = axes.get_figure(root=True), axes.get_position()
    overhang = MARGIN - axes.yaxis.get_tightbbox().x0 / figure.dpi
    if overhang > 0:
        shift = overhang / figure.get_figwidth()
        axes.set_position((box.x0 + shift, box.y0, box.width - shift, box.height))


def finish(axes: Axes) -> None:
    axes.grid(color="#e8e8e8")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def scatter(
    table: pd.DataFrame,
    x: str,
    y: str,
    colors: pd.Series | None = None,
    labels: bool = True,
    note: str = "",
    width: float = FULL,
) -> Figure:
    """Draw two columns of a table, one point per row that has both values. colors: a group for each
    row. labels: write the rows' names beside the points."""
    rows = table[[x, y]].dropna() if x != y else table[[x]].dropna().assign(**{y: table[x]})
    if rows.empty:
        return message("no row has both values", width)
    groups = (
        colors.reindex(rows.index).fillna("unknown").astype(str)
        if colors is not None
        else pd.Series("", index=rows.index)
    )
    wide, names = check_width(width) > 5, list(dict.fromkeys(groups))
    legend_lines = 0 if wide or colors is None else -(-len(names) // 2)
    with look():
        figure, axes = _figure(
            width,
            3.1 if wide else 2.4,
            0.6 + LINE * (legend_lines + (not wide)),
            1.25 if wide and colors is not None else RIGHT,
        )
        for place, name in enumerate(names):
            points = rows[groups == name]
            style = {"color": color(place), "marker": mark(place), "label": written(name)}
            axes.scatter(points[x], points[y], s=16, linewidths=0.4, edgecolors=INK, **style)
        if labels and len(rows) <= LABELLED:
            for label, row in rows.iterrows():
                text = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
                axes.annotate(
                    written(text),
                    (row[x], row[y]),
                    (3, 3),
                    textcoords="offset points",
                    fontsize=5.5,
                    color=INK,
                )
        axes.set(xlabel=written(x), ylabel=written(y))
        axes.margins(0.12)
        finish(axes)
        make_room(axes)
        if colors is not None:
            place = (
                {"loc": "upper right"}
                if wide
                else {"loc": "lower left", "bbox_to_anchor": (0, 0.3 / figure.get_figheight())}
            )
            figure.legend(
                frameon=False,
                ncols=1 if wide else 2,
                borderpad=0.2,
                labelspacing=0.25,
                columnspacing=1,
                **place,
            )
        say(figure, note)
    return figure


def sentence_map(
    points: Mapping[str, np.ndarray],
    accuracy: Mapping[str, np.ndarray],
    languages: Sequence[str],
    layer: int,
    axes_names: tuple[str, str],
    width: float = FULL,
) -> Figure:
    """Draw the sentences of all languages in two dimensions, one panel per encoder, and a panel
    with retrieval accuracy by layer.

    points: title -> [languages, sentences, 2]. accuracy: title -> [layers, languages] in percent,
    English first. Thin lines join the translations of a few sentences.
    """
    wide, titles = check_width(width) > 5, list(points)
    down, across = (1, len(titles) + 1) if wide else (len(titles) + 1, 1)
    with look():
        bottom = 0.45 + LINE * (len(titles) if wide else len(titles) + -(-len(languages) // 5))
        full_height = bottom + (2.0 if wide else 2.3 * down - 0.2)
        figure = PrintFigure(figsize=(width, full_height))
        grid = figure.subplots(down, across, squeeze=False).ravel()
        margins = (
            {"left": 0.04, "right": 0.99, "wspace": 0.3}
            if wide
            else {"left": 0.17, "right": 0.97, "hspace": 0.3}
        )
        figure.subplots_adjust(top=1 - 0.2 / full_height, bottom=bottom / full_height, **margins)
        for axes, title in zip(grid, titles, strict=False):
            _draw_sentences(axes, points[title], languages)
            axes.set_title(written(title), pad=3)
            axes.set_xlabel(axes_names[0], labelpad=1)
            axes.set_ylabel(axes_names[1], labelpad=1)
        _draw_accuracy(grid[-1], accuracy, layer)
        handles, names = grid[0].get_legend_handles_labels()
        style = {"frameon": False, "borderpad": 0.2, "labelspacing": 0.25}
        corner = (0, 0 if wide else (0.03 + LINE * len(titles)) / full_height)
        columns = {"ncols": 10 if wide else 5, "handletextpad": 0.1, "columnspacing": 0.9}
        figure.legend(handles, names, loc="lower left", bbox_to_anchor=corner, **columns, **style)
        # The legend is outside the panel because points can lie anywhere in it.
        figure.legend(
            *grid[-1].get_legend_handles_labels(),
            loc="lower right" if wide else "lower left",
            **style,
        )
    return figure


def _draw_sentences(axes: Axes, points: np.ndarray, languages: Sequence[str]) -> None:
    for sentence in range(min(6, points.shape[1])):
        for index in range(1, len(languages)):
            axes.plot(*points[[0, index], sentence].T, color=FAINT, linewidth=0.35, zorder=1)
    for index, code in enumerate(languages):
        style = {"color": color(index), "marker": mark(index), "label": code}
        axes.scatter(*points[index].T, s=5, linewidths=0, alpha=0.75, zorder=2, **style)
    axes.set(xticks=[], yticks=[])
    finish(axes)


def _draw_accuracy(axes: Axes, accuracy: Mapping[str, np.ndarray], layer: int) -> None:
    """Draw a line per encoder with the mean over the languages other than English, and a vertical
    line at the layer shown in the other panels."""
    for index, (title, table) in enumerate(accuracy.items()):
        means = table[:, 1:].mean(axis=1)
        style = {
            "color": color(index),
            "linestyle": LINES[index % len(LINES)],
            "marker": mark(index),
        }
        axes.plot(range(len(means)), means, markersize=3, label=written(title), **style)
    axes.axvline(layer, color=GRAY, linewidth=0.6, linestyle=":")
    axes.set(ylim=(0, 102), xlabel="layer", ylabel="nearest neighbor right, %")
    axes.set_xticks(range(len(next(iter(accuracy.values())))))
    axes.set_title("retrieval from English", pad=3)
    finish(axes)
