"""Draw curves and clouds of points: training logs, gains by size, own scores, and what the explorer
shows, two variables and an encoder's space of sentences."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
import seaborn.objects as so
from matplotlib.axes import Axes

from xstilts_core.analysis.abilities import OWN
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.report.figures.cells import SIGNS
from xstilts_core.report.figures.style import (
    BLUE,
    FAINT,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    PALETTE,
    NothingToDraw,
    PrintFigure,
    draw_objects,
    gain_limits,
    legend_above,
    legend_mark,
    panels,
    printed,
)
from xstilts_core.study.spec import BASELINE
from xstilts_core.wording.numbers import coefficient

# Series differ in color, mark and line; mark and line still differ in a print without color.
_SERIES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", "-."), (INK, "D", ":"))
# An eleventh group repeats a color of the palette, but with another mark.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h")
# Share of a logarithmic axis that a number of four digits takes up in the narrowest panel.
_LABEL_WIDTH = 0.21
_NO_LABELS: Mapping[str, str] = MappingProxyType({})
_MOST_NAMED_POINTS = 40


@printed
def training_curves(figure: PrintFigure, log: pd.DataFrame) -> dict[str, Any]:
    """Draw training loss by step from `training_log`, a panel per stage and a line per run. Dark:
    the baseline; light and dashed: other recipes."""
    lines = log.dropna(subset=["step", "loss"])
    if lines.empty:
        raise NothingToDraw("no training logs yet")
    first, other = "baseline or phase 1", "other recipes"
    lines = lines.assign(kind=np.where(lines["recipe"].isin([BASELINE, ""]), first, other))
    stages = list(dict.fromkeys(lines["stage"]))
    counts = lines.groupby("stage")["run"].nunique()
    names = [f"{name} ({counts[name]} run{'' if counts[name] == 1 else 's'})" for name in stages]
    across = 4 if figure.wide else 2
    figure.set_figheight(1.25 * -(-len(stages) // across) + 0.55)
    grid = panels(figure, names, across)
    for axes, stage in zip(grid, stages, strict=True):
        sns.lineplot(
            lines[lines["stage"] == stage],
            x="step",
            y="loss",
            hue="kind",
            style="kind",
            size="kind",
            hue_order=[first, other],
            style_order=[first, other],
            palette={first: INK, other: BLUE},
            sizes={first: 1.0, other: 0.6},
            units="run",
            estimator=None,
            legend="full" if axes is grid[0] else False,
            ax=axes,
        )
        axes.grid(axis="y")
        # A loss that hardly changes would lie on the upper edge.
        axes.set(ylim=(0, 1.05 * axes.dataLim.ymax), xlabel="", ylabel="")
        axes.locator_params(nbins=4)
    _lift_legend(grid[0], across=2)
    figure.supylabel("training loss, by step", fontsize=7)
    return {}


@printed
def size_curves(
    figure: PrintFigure, points: pd.DataFrame, lines: pd.DataFrame, across: str
) -> dict[str, Any]:
    """Draw gains by size (logarithmic) with 95 % intervals and the fitted line with its band: a
    panel per target, their average first.

    points: from `point_table`. lines: from `curves`. across: what the size measures. With one seed
    there is no interval, and the note says so.
    """
    gains = points.dropna(subset=["gain"])
    if gains.empty:
        raise NothingToDraw("no gains at any size yet")
    tasks = sorted(dict.fromkeys(gains["task"]), key=lambda name: name != AVERAGE)
    looks = dict(zip(dict.fromkeys(gains["series"]), cycle(_SERIES), strict=False))
    per_row = 3 if figure.wide else 2
    figure.set_figheight((1.6 if figure.wide else 1.35) * -(-len(tasks) // per_row) + 0.8)
    bottom, top = gain_limits(gains["gain"], gains[["gain", "low", "high"]], gains["gain"])
    for axes, task in zip(panels(figure, tasks, per_row, sharey=True), tasks, strict=True):
        _draw_curves(axes, gains[gains["task"] == task], lines[lines["task"] == task], looks)
        axes.set_ylim(bottom, top)
    figure.supylabel("gain, points", fontsize=6.5)
    if len(looks) > 1:
        handles = [
            legend_mark(name, mark, color, color, line)
            for name, (color, mark, line) in looks.items()
        ]
        legend_above(figure, handles, across=4 if figure.wide else 2, handlelength=2)
    clipped = (gains["low"] < bottom).any() or (gains["high"] > top).any()
    return {"table": gains, "across": across, "clipped": clipped}


def _draw_curves(
    axes: Axes, points: pd.DataFrame, lines: pd.DataFrame, looks: Mapping[str, Sequence[Any]]
) -> None:
    """Draw the curves of one target. Marks of several series at one size are side by side.

    looks: the color, mark and line of each series.
    """
    parts = zip(*looks.values(), strict=True)
    scales = [dict(zip(looks, part, strict=True)) for part in parts]
    middle = (len(looks) - 1) / 2
    shift = {name: 2 ** (0.12 * (index - middle)) for index, name in enumerate(looks)}
    marked = points.assign(size=points["size"] * points["series"].map(shift))
    # The columns of an empty table are not numeric.
    fits = lines.astype(dict.fromkeys(("size", "gain", "low", "high"), float))
    plot = so.Plot().scale(**dict(zip(("color", "marker", "linestyle"), scales, strict=True)))
    shared = {"x": "size", "y": "gain", "color": "series", "legend": False}
    if len(fits):
        plot = plot.add(so.Line(linewidth=0.9), data=fits, linestyle="series", **shared)
    for table, mark in ((fits, so.Band(alpha=0.13)), (marked, so.Range(linewidth=0.8))):
        if table["low"].notna().any():
            plot = plot.add(mark, data=table, ymin="low", ymax="high", **shared)
    dot = so.Dot(pointsize=3.2, edgewidth=0.3, edgecolor=INK, artist_kws={"zorder": 3})
    axes.axhline(0, color=INK, linewidth=0.6)
    draw_objects(axes, plot.add(dot, data=marked, marker="series", **shared))
    axes.set_xscale("log", base=2)
    axes.tick_params(labelsize=6, length=1.5, pad=1, labelbottom=True)
    sizes = sorted(set(points["size"]))
    axes.set_xticks(sizes, _spaced(sizes), fontsize=6 if len(sizes) < 6 else 5.5)
    axes.minorticks_off()


def _spaced(sizes: list[float]) -> list[str]:
    """Return the sizes as labels, empty where they would run into the next larger one
    (_LABEL_WIDTH)."""
    labels, last = [], float("inf")
    for size in reversed(sizes):
        fits = last == float("inf") or math.log(last / size) >= _LABEL_WIDTH * math.log(
            sizes[-1] / sizes[0]
        )
        labels.append(f"{size:.0f}" if fits else "")
        last = size if fits else last
    return labels[::-1]


@printed
def own_scores(
    figure: PrintFigure,
    frame: pd.DataFrame,
    table: pd.DataFrame,
    labels: Mapping[str, str] = _NO_LABELS,
) -> dict[str, Any]:
    """Draw an intermediate task's own score against the gain, one point per recipe, with a panel
    per target and one for their average.

    frame: from `own_and_gains`. table: correlations of OWN (x) with the gains (y) by one method,
    which are printed above the panels.
    """
    targets = [name for name in frame if name != OWN and len(frame[[OWN, name]].dropna())]
    if not targets:
        raise NothingToDraw("no recipe with a score of its own and a gain yet")
    table = table[table["x"] == OWN]
    correlations = table.set_index("y")
    titles = [f"{labels.get(name, name)}\n{_verdict(correlations, name)}" for name in targets]
    per_row = 6 if figure.wide else 3
    figure.set_figheight(1.05 * -(-len(targets) // per_row) + 0.6)
    for axes, name in zip(panels(figure, titles, per_row, sharex=True), targets, strict=True):
        axes.axhline(0, color=INK, linewidth=0.6)
        style = {"s": 11, "color": BLUE, "edgecolor": INK, "linewidth": 0.4}
        sns.scatterplot(frame, x=OWN, y=name, ax=axes, **style)
        axes.set(xlabel="", ylabel="")
        axes.title.set(fontsize=6, fontweight="normal")
        axes.tick_params(labelsize=5.5, length=1.5, pad=1)
        axes.locator_params(nbins=3)
        axes.margins(0.12)
    figure.supylabel("gain, points", fontsize=6.5)
    method = SIGNS.get(table["method"].iloc[0], table["method"].iloc[0]) if len(table) else ""
    return {"table": table, "method": method, "count": len(frame)}


def _verdict(correlations: pd.DataFrame, name: str) -> str:
    """Return coefficient and p-value, such as '.35, p = .12', or why they are missing."""
    if name not in correlations.index or not np.isfinite(correlations.loc[name, "estimate"]):
        return "too few recipes"
    estimate, p_value = correlations.loc[name, ["estimate", "p_holm"]]
    p_text = "< .01" if p_value < 0.01 else f"= {p_value:.2f}".replace("0.", ".", 1)
    return f"{coefficient(estimate)}, p {p_text}"


def _looks(names: Sequence[str]) -> dict[str, object]:
    """Return seaborn's options for groups that differ in color and in mark or line, so that they
    can be told apart in a print without color."""
    palette = dict(zip(names, sns.color_palette(PALETTE, len(names)), strict=True))
    markers = dict(zip(names, cycle(_MARKERS), strict=False))
    return {"palette": palette, "markers": markers, "hue_order": names, "style_order": names}


@printed
def run_curves(
    figure: PrintFigure, log: pd.DataFrame, runs: Sequence[str], value: str = "loss"
) -> None:
    """Draw one column of `training_log` by step, one line per run. Runs without it are left out."""
    lines = log[log["run"].isin(runs)].dropna(subset=["step", value])
    if lines.empty:
        raise NothingToDraw(f"no {value} in the logs of the chosen runs")
    names = [name for name in runs if (lines["run"] == name).any()]
    figure.set_figheight((2.9 if figure.wide else 2.5) + 0.125 * len(names))
    axes = figure.add_subplot()
    few = lines.groupby("run").size().max() < 30
    sns.lineplot(
        lines,
        x="step",
        y=value,
        hue="run",
        style="run",
        linewidth=1,
        estimator=None,
        ax=axes,
        **_looks(names)
        | ({"markersize": 3.5, "markeredgewidth": 0} if few else {"markers": False}),
    )
    axes.set(xlabel="optimizer step", ylabel=value.replace("_", " "))
    axes.grid()
    _lift_legend(axes, across=1, fontsize=6.5 if figure.wide else 5.5)


def _lift_legend(axes: Axes, across: int, **style: object) -> None:
    """Move the legend that seaborn put into a panel out of it: a point can lie anywhere there."""
    handles = axes.get_legend().legend_handles
    axes.get_legend().remove()
    legend_above(axes.figure, handles, across=across, handlelength=2, **style)


@printed
def scatter(
    figure: PrintFigure,
    table: pd.DataFrame,
    x: str,
    y: str,
    colors: pd.Series | None = None,
    labels: bool = True,
    note: str = "",
) -> dict[str, Any]:
    """Draw two columns of a table, one point per row that has both values. colors: a group for each
    row. labels: write the rows' names beside the points."""
    rows = pd.DataFrame({"x": table[x], "y": table[y]}).dropna()
    if rows.empty:
        raise NothingToDraw("no row has both values")
    grouped = colors is not None
    rows["group"] = colors.reindex(rows.index).fillna("unknown") if grouped else ""
    names = list(dict.fromkeys(rows["group"]))
    figure.set_figheight(3.8 if figure.wide else 3.1)
    axes = figure.add_subplot()
    sns.scatterplot(
        rows,
        x="x",
        y="y",
        hue="group",
        style="group",
        s=20,
        linewidth=0.4,
        edgecolor=INK,
        ax=axes,
        legend="full" if grouped else False,
        **_looks(names),
    )
    if labels and len(rows) <= _MOST_NAMED_POINTS:
        for label, row in rows.iterrows():
            text = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
            place = {"xytext": (3, 3), "textcoords": "offset points"}
            axes.annotate(text, (row["x"], row["y"]), fontsize=5.5, **place)
    axes.set(xlabel=x, ylabel=y)
    axes.margins(0.12)
    axes.grid()
    if grouped:
        _lift_legend(axes, across=6 if figure.wide else 2)
    return {"text": note}


@printed
def sentence_map(
    figure: PrintFigure,
    points: Mapping[str, np.ndarray],
    accuracy: Mapping[str, np.ndarray],
    languages: Sequence[str],
    layer: int,
    axes_names: tuple[str, str],
) -> None:
    """Draw the sentences of all languages in two dimensions, one panel per encoder, and a panel
    with retrieval accuracy by layer.

    points: title -> [languages, sentences, 2]. accuracy: title -> [layers, languages] in percent,
    English first. Thin lines join the translations of a few sentences.
    """
    wide, titles = figure.wide, list(points)
    down, across = (1, len(titles) + 1) if wide else (len(titles) + 1, 1)
    figure.set_figheight(2.7 if wide else 2.3 * down + 0.5)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, title in zip(grid, titles, strict=False):
        _draw_sentences(axes, points[title], languages, legend=axes is grid[0])
        axes.set_title(title, pad=3)
        axes.set_xlabel(axes_names[0], labelpad=1)
        axes.set_ylabel(axes_names[1], labelpad=1)
    _draw_accuracy(grid[-1], accuracy, layer)
    _lift_legend(grid[0], across=10 if wide else 5, loc="outside lower left")
    _lift_legend(grid[-1], across=4 if wide else 1)


def _draw_sentences(axes: Axes, points: np.ndarray, languages: Sequence[str], legend: bool) -> None:
    """Draw a cloud of points, with lines from English to the translations of six sentences."""
    for sentence in range(min(6, points.shape[1])):
        for index in range(1, len(languages)):
            axes.plot(*points[[0, index], sentence].T, color=FAINT, linewidth=0.35, zorder=1)
    codes = np.repeat(languages, points.shape[1])
    rows = pd.DataFrame(points.reshape(-1, 2), columns=["x", "y"]).assign(code=codes)
    style = {
        "s": 7,
        "linewidth": 0,
        "alpha": 0.75,
        "zorder": 2,
        "legend": "full" if legend else False,
    }
    cloud = {"x": "x", "y": "y", "hue": "code", "style": "code"}
    sns.scatterplot(rows, ax=axes, **cloud, **style, **_looks(list(languages)))
    axes.set(xticks=[], yticks=[])


def _draw_accuracy(axes: Axes, accuracy: Mapping[str, np.ndarray], layer: int) -> None:
    """Draw a line per encoder with the mean over the languages other than English, and a vertical
    line at the layer shown in the other panels."""
    means = pd.DataFrame({title: table[:, 1:].mean(axis=1) for title, table in accuracy.items()})
    looks = _looks(list(means))
    sns.lineplot(means, markersize=3.5, markeredgewidth=0, ax=axes, **looks)
    axes.axvline(layer, color=GRAY, linewidth=0.6, linestyle=":")
    axes.set(ylim=(0, 102), xlabel="layer", ylabel="nearest neighbor right, %", xticks=means.index)
    axes.set_title("retrieval from English", pad=3)
    axes.grid()
