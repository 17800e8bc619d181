"""Figures that answer to controls: curves of chosen runs, any two variables, sentences in an
encoder's space."""

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

# Okabe and Ito (2008) without yellow, which white paper swallows; with marks and lines of other
# kinds, for more groups and no color.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h")
LINES = ("-", "--", ":", "-.")
LABELLED = 40
# Inches around the axes. They answer to a control within the blink of an eye: a layout that is
# worked out takes longer than the drawing.
_LEFT, RIGHT, TOP, LINE, MARGIN = 0.5, 0.1, 0.1, 0.125, 0.03


def written(text: object) -> str:
    """A name as a figure writes it: a dollar sign is no formula."""
    return str(text).replace("$", r"\$")


def color(place: int) -> str:
    return COLORS[place % len(COLORS)]


def mark(place: int) -> str:
    # The eighth and ninth group share colors with the first two, and not their marks.
    return MARKS[(place + place // len(COLORS)) % len(MARKS)]


def run_curves(
    log: pd.DataFrame, runs: Sequence[str], value: str = "loss", width: float = FULL
) -> Figure:
    """One column of `training_log` by step, a line per run. Runs without it are left out."""
    lines = log[log["run"].isin(runs)].dropna(subset=["step", value])
    if lines.empty:
        return message(f"no {value} in the logs of the chosen runs", width)
    wide = check_width(width) > 5
    shown = [name for name in runs if (lines["run"] == name).any()]
    with look():
        below = 0.45 + LINE * len(shown)
        figure, axes = _framed(width, 2.5 if wide else 2.1, below)
        for place, name in enumerate(shown):
            rows = lines[lines["run"] == name]
            style = {"color": color(place), "linestyle": LINES[(place // len(COLORS)) % len(LINES)]}
            few = {"marker": mark(place), "markersize": 3} if len(rows) < 30 else {}
            axes.plot(rows["step"], rows[value], label=written(name), linewidth=1, **style, **few)
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


def _framed(width: float, height: float, below: float, right: float = RIGHT) -> tuple[Figure, Axes]:
    """A figure with one pair of axes of this height; inches below it and right of it stay free."""
    whole = height + below + TOP
    figure = PrintFigure(figsize=(width, whole))
    box = (_LEFT / width, below / whole, 1 - (_LEFT + right) / width, height / whole)
    return figure, figure.add_axes(box)


def make_room(axes: Axes) -> None:
    """Move the left side of the axes so that the numbers and the name of y stand within the figure,
    however wide the numbers are.

    To be called last: it measures what is drawn.
    """
    figure, place = axes.get_figure(root=True), axes.get_position()
    beyond = MARGIN - axes.yaxis.get_tightbbox().x0 / figure.dpi
    if beyond > 0:
        share = beyond / figure.get_figwidth()
        axes.set_position((place.x0 + share, place.y0, place.width - share, place.height))


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
    """Two columns of a table, a point per row that has both; colors: a group per row; labels: the
    rows' names beside the points."""
    rows = table[[x, y]].dropna() if x != y else table[[x]].dropna().assign(**{y: table[x]})
    if rows.empty:
        return message("no row has both values", width)
    groups = (
        colors.reindex(rows.index).fillna("unknown").astype(str)
        if colors is not None
        else pd.Series("", index=rows.index)
    )
    wide, names = check_width(width) > 5, list(dict.fromkeys(groups))
    lines = 0 if wide or colors is None else -(-len(names) // 2)
    with look():
        figure, axes = _framed(
            width,
            3.1 if wide else 2.4,
            0.6 + LINE * (lines + (not wide)),
            1.25 if wide and colors is not None else RIGHT,
        )
        for place, name in enumerate(names):
            part = rows[groups == name]
            style = {"color": color(place), "marker": mark(place), "label": written(name)}
            axes.scatter(part[x], part[y], s=16, linewidths=0.4, edgecolors=INK, **style)
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
    """Two encoders side by side: sentences of all languages in two dimensions, and retrieval
    accuracy by layer beside them.

    points: title -> [languages, sentences, 2]; accuracy: title -> [layers, languages] percent,
    English first. Thin lines join the translations of a few sentences.
    """
    wide, titles = check_width(width) > 5, list(points)
    down, across = (1, len(titles) + 1) if wide else (len(titles) + 1, 1)
    with look():
        below = 0.45 + LINE * (len(titles) if wide else len(titles) + -(-len(languages) // 5))
        whole = below + (2.0 if wide else 2.3 * down - 0.2)
        figure = PrintFigure(figsize=(width, whole))
        grid = figure.subplots(down, across, squeeze=False).ravel()
        sides = (
            {"left": 0.04, "right": 0.99, "wspace": 0.3}
            if wide
            else {"left": 0.17, "right": 0.97, "hspace": 0.3}
        )
        figure.subplots_adjust(top=1 - 0.2 / whole, bottom=below / whole, **sides)
        for axes, title in zip(grid, titles, strict=False):
            _draw_sentences(axes, points[title], languages)
            axes.set_title(written(title), pad=3)
            axes.set_xlabel(axes_names[0], labelpad=1)
            axes.set_ylabel(axes_names[1], labelpad=1)
        _draw_accuracy(grid[-1], accuracy, layer)
        handles, names = grid[0].get_legend_handles_labels()
        shape = {"frameon": False, "borderpad": 0.2, "labelspacing": 0.25}
        corner = (0, 0 if wide else (0.03 + LINE * len(titles)) / whole)
        few = {"ncols": 10 if wide else 5, "handletextpad": 0.1, "columnspacing": 0.9}
        figure.legend(handles, names, loc="lower left", bbox_to_anchor=corner, **few, **shape)
        # Outside of the panel: any place in it can have points.
        figure.legend(
            *grid[-1].get_legend_handles_labels(),
            loc="lower right" if wide else "lower left",
            **shape,
        )
    return figure


def _draw_sentences(axes: Axes, points: np.ndarray, languages: Sequence[str]) -> None:
    for sentence in range(min(6, points.shape[1])):
        for place in range(1, len(languages)):
            axes.plot(*points[[0, place], sentence].T, color=FAINT, linewidth=0.35, zorder=1)
    for place, code in enumerate(languages):
        style = {"color": color(place), "marker": mark(place), "label": code}
        axes.scatter(*points[place].T, s=5, linewidths=0, alpha=0.75, zorder=2, **style)
    axes.set(xticks=[], yticks=[])
    finish(axes)


def _draw_accuracy(axes: Axes, accuracy: Mapping[str, np.ndarray], layer: int) -> None:
    """A line per encoder, the mean over the languages but English; a rule at the layer that the
    points are of."""
    for place, (title, table) in enumerate(accuracy.items()):
        means = table[:, 1:].mean(axis=1)
        style = {
            "color": color(place),
            "linestyle": LINES[place % len(LINES)],
            "marker": mark(place),
        }
        axes.plot(range(len(means)), means, markersize=3, label=written(title), **style)
    axes.axvline(layer, color=GRAY, linewidth=0.6, linestyle=":")
    axes.set(ylim=(0, 102), xlabel="layer", ylabel="nearest neighbor right, %")
    axes.set_xticks(range(len(next(iter(accuracy.values())))))
    axes.set_title("retrieval from English", pad=3)
    finish(axes)
