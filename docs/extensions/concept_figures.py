"""Draw figures of the concepts, in the style of the package's own figures: the phases, zero-shot
evaluation and a gain."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from xstilts_core.languages import language
from xstilts_core.report import figures
from xstilts_core.report.figures.style import BLUE, FAINT, INK, ORANGE, look
from xstilts_core.study import Study
from xstilts_core.tasks import EMBEDDED_LANGUAGES

TRAINED, UNSEEN = "#cfe8f3", "#f6d8b8"
ALONG = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
# Illustrative scores of three seeds with and without an intermediate task, without a unit.
BASELINE, PREPARED = (0.30, 0.42, 0.24), (0.52, 0.50, 0.55)


def write(study: Study, folder: Path) -> None:
    """Write phases.svg, zero_shot.svg and gain.svg."""
    folder.mkdir(parents=True)
    for name, figure in (
        ("phases", figures.phases(study)),
        ("zero_shot", zero_shot()),
        ("gain", gain()),
    ):
        # Text becomes outlines, so that the picture does not depend on the reader's fonts.
        with look(), mpl.rc_context({"svg.fonttype": "path"}):
            figure.savefig(folder / f"{name}.svg", facecolor="white", metadata={"Date": None})


def canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(figures.FULL, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return figure, axes


def box(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], words: str, fill: str
) -> None:
    style = "round,pad=0,rounding_size=0.012"
    axes.add_patch(
        FancyBboxPatch(
            corner,
            *size,
            boxstyle=style,
            facecolor=fill,
            edgecolor=INK,
            linewidth=0.6,
            mutation_aspect=2,
        )
    )
    axes.text(
        corner[0] + size[0] / 2,
        corner[1] + size[1] / 2,
        words,
        ha="center",
        va="center",
        fontsize=7,
        linespacing=1.3,
    )


def zero_shot() -> Figure:
    """Draw training in English alone and scoring in every language of the embedded suite with the
    same weights."""
    with look():
        figure, axes = canvas(1.9)
        box(axes, (0.01, 0.36), (0.22, 0.3), "English training data\nof the target task", TRAINED)
        box(axes, (0.33, 0.36), (0.22, 0.3), "encoder and head\nweights as trained", TRAINED)
        axes.annotate("", (0.33, 0.51), (0.23, 0.51), arrowprops=ALONG)
        axes.text(0.28, 0.55, "train", ha="center", fontsize=6.5)
        step = 1 / len(EMBEDDED_LANGUAGES)
        for position, code in enumerate(EMBEDDED_LANGUAGES):
            y = 1 - (position + 0.5) * step
            status = "trained on" if code == "en" else "not trained on"
            record = language(code)
            box(
                axes,
                (0.67, y - 0.4 * step),
                (0.32, 0.8 * step),
                f"{record.name}, {record.script}: {status}",
                TRAINED if code == "en" else UNSEEN,
            )
            axes.annotate(
                "", (0.67, y), (0.55, 0.51), arrowprops={**ALONG, "color": FAINT, "linewidth": 0.6}
            )
        axes.text(0.6, 0.02, "score", ha="center", fontsize=6.5)
    return figure


def gain() -> Figure:
    """Draw pairs of runs of the same seed, with and without an intermediate task, their
    differences, and the mean of these."""
    with look():
        figure, axes = canvas(1.8)
        axes.plot([0.06, 0.06], [0.12, 0.86], color=INK, linewidth=0.8)
        axes.text(0.03, 0.49, "zero-shot score", rotation=90, ha="center", va="center", fontsize=7)
        differences = [after - before for before, after in zip(BASELINE, PREPARED, strict=True)]
        for position, (before, after) in enumerate(zip(BASELINE, PREPARED, strict=True)):
            x = 0.14 + 0.14 * position
            axes.annotate(
                "", (x, after), (x, before), arrowprops={**ALONG, "shrinkA": 3, "shrinkB": 3}
            )
            axes.plot(x, before, "o", color=BLUE, markersize=5)
            axes.plot(x, after, "s", color=ORANGE, markersize=5)
            axes.text(x, 0.1, f"seed {position + 1}", ha="center", fontsize=6.5)
        axes.plot(0.1, 0.93, "s", color=ORANGE, markersize=5)
        axes.text(0.115, 0.93, "with an intermediate task", va="center", fontsize=6.5)
        axes.plot(0.34, 0.93, "o", color=BLUE, markersize=5)
        axes.text(0.355, 0.93, "baseline: without", va="center", fontsize=6.5)
        draw_mean(axes, differences)
    return figure


def draw_mean(axes: Axes, differences: list[float]) -> None:
    """Draw the differences of the pairs beside a line of no difference, and their mean with an
    interval."""
    zero, mean = 0.3, sum(differences) / len(differences)
    axes.plot([0.6, 0.98], [zero, zero], color=FAINT, linewidth=0.8, linestyle="--")
    axes.text(0.98, zero - 0.08, "no gain", ha="right", fontsize=6.5, color=INK)
    for position, value in enumerate(differences):
        x = 0.64 + 0.05 * position
        axes.annotate("", (x, zero + value), (x, zero), arrowprops=ALONG)
    axes.plot([0.82, 0.82], [zero - 0.1, zero + mean + 0.3], color=INK, linewidth=1.2)
    axes.plot(0.82, zero + mean, "D", color=INK, markersize=5)
    axes.text(0.84, zero + mean, "gain: their mean,", va="bottom", fontsize=6.5)
    axes.text(0.84, zero + mean, "with its interval", va="top", fontsize=6.5)
    axes.text(0.69, 0.1, "differences", ha="center", fontsize=6.5)
