"""Draw the three phases an encoder goes through, with what a study runs in each."""

from collections import Counter
from itertools import pairwise

import numpy as np
from matplotlib.patches import FancyBboxPatch

from xstilts_core.report.figures.style import FAINT, INK, PrintFigure, printed
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.wording.numbers import counted

_FILLS = ("#cfe8f3", "#f6d8b8", "#cfe8d8")


@printed
def phases(figure: PrintFigure, study: Study) -> None:
    """Draw three boxes with their numbers of runs: pretraining, English intermediate training, and
    English target training with zero-shot evaluation."""
    wide = figure.wide
    counts = Counter(spec.phase for spec in study.specs)
    sizes = [len(recipe.intermediate) for recipe in study.recipes.values()]
    several = sum(size > 1 for size in sizes)
    recipes = f"{sizes.count(1)} with one task" + (f",\n{several} with several" if several else "")
    encoder = (
        "a new one for each seed" if study.pretrain else study.encoder.rstrip("/").split("/")[-1]
    )
    texts = {
        "1  Pretraining": (
            f"multilingual masked\nlanguage modeling\nencoder: {encoder}",
            counted(counts["pretrain"], "run") if counts["pretrain"] else "not run here",
        ),
        "2  Intermediate training": (
            f"in English\nrecipes: {recipes}",
            counted(counts["intermediate"], "run"),
        ),
        "3  Target training, in English": (
            f"zero-shot evaluation on\n{len(study.targets)} targets; retrieval\nwithout training",
            f"{counted(counts['target'], 'run')}, {counts['retrieval']} for retrieval",
        ),
    }
    figure.set_layout_engine(None)
    figure.set_figheight(1.35 if wide else 2.9)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    steps = 0.345 * np.arange(3)
    corners = [(0.01 + step, 0.16) if wide else (0.12, 0.72 - step) for step in steps]
    width, height = (0.29, 0.8) if wide else (0.86, 0.26)
    middle = {"ha": "center", "va": "center", "linespacing": 1.2}
    shape = {"boxstyle": "round,pad=0,rounding_size=0.015", "mutation_aspect": 2}
    for (x, y), (title, (words, runs)), fill in zip(corners, texts.items(), _FILLS, strict=True):
        style = {"facecolor": fill, "edgecolor": INK, "linewidth": 0.6}
        axes.add_patch(FancyBboxPatch((x, y), width, height, **shape, **style))
        x += width / 2
        axes.text(x, y + 0.85 * height, title, size=7, weight="bold", **middle)
        axes.text(x, y + 0.47 * height, words, size=6.5, **middle)
        axes.text(x, y + 0.1 * height, runs, size=6, style="italic", **middle)
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    for (x, y), (next_x, next_y) in pairwise(corners):
        start, end = (x + width, y + height / 2), (next_x, y + height / 2)
        if not wide:
            start, end = (x + width / 2, y), (x + width / 2, next_y + height)
        axes.annotate("", end, start, arrowprops=arrow)
    # The baseline's path around the second phase.
    start, *_, end = [(x + width / 2, y) if wide else (x, y + height / 2) for x, y in corners]
    path = {"color": FAINT, "connectionstyle": f"bar,fraction={0.034 if wide else 0.106}"}
    axes.annotate("", end, start, arrowprops=arrow | path)
    place, turn = ((0.5, 0.05), 0) if wide else ((0.05, 0.505), 90)
    style = {"fontsize": 6.5, "color": FAINT, "backgroundcolor": "white", "rotation": turn}
    axes.text(*place, f"the baseline ({BASELINE})", **middle, **style)
