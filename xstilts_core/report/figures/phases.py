"""Draw the three phases an encoder goes through, with what a study runs in each."""

from collections import Counter

from matplotlib.axes import Axes
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
    single = sum(len(recipe.intermediate) == 1 for recipe in study.recipes.values())
    several = sum(len(recipe.intermediate) > 1 for recipe in study.recipes.values())
    recipes = f"{single} with one task" + (f", {several} with several" if several else "")
    encoder = (
        "a new one for each seed" if study.pretrain else study.encoder.rstrip("/").split("/")[-1]
    )
    boxes = (
        (
            "1  Pretraining",
            f"multilingual masked\nlanguage modeling\nencoder: {encoder}",
            counted(counts["pretrain"], "run") if counts["pretrain"] else "not run here",
        ),
        (
            "2  Intermediate training",
            f"in English\nrecipes: {recipes}",
            counted(counts["intermediate"], "run"),
        ),
        (
            "3  Target training, in English",
            f"zero-shot evaluation on\n{len(study.targets)} targets; retrieval\nwithout training",
            f"{counted(counts['target'], 'run')}, {counts['retrieval']} for retrieval",
        ),
    )
    figure.set_layout_engine(None)
    figure.set_figheight(1.35 if wide else 2.9)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for index, (words, fill) in enumerate(zip(boxes, _FILLS, strict=True)):
        corner, size = (
            ((0.01 + 0.345 * index, 0.16), (0.29, 0.8))
            if wide
            else ((0.12, 0.72 - 0.345 * index), (0.86, 0.26))
        )
        _draw_box(axes, corner, size, words, fill)
    _draw_arrows(axes, wide)


def _draw_box(
    axes: Axes,
    corner: tuple[float, float],
    size: tuple[float, float],
    words: tuple[str, str, str],
    fill: str,
) -> None:
    """Draw one phase: its name, what is done in it, and its number of runs."""
    style = "round,pad=0,rounding_size=0.015"
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
    x, (y, height) = corner[0] + size[0] / 2, (corner[1], size[1])
    looks = (
        (0.85, {"size": 7, "weight": "bold"}),
        (0.47, {"size": 6.5}),
        (0.1, {"style": "italic"}),
    )
    for text, (share, look) in zip(words, looks, strict=True):
        place = {"ha": "center", "va": "center"}
        axes.text(x, y + share * height, text, **{"size": 6, "linespacing": 1.2} | place | look)


def _draw_arrows(axes: Axes, wide: bool) -> None:
    """Draw the arrows from phase to phase, and the baseline's path around the second phase."""
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    bypass_arrow = arrow | {"color": FAINT}
    middles = (
        [(0.155, 0.56), (0.5, 0.56), (0.845, 0.56)]
        if wide
        else [(0.55, 0.85), (0.55, 0.505), (0.55, 0.16)]
    )
    for index in (0, 1):
        (x, y), (next_x, next_y) = middles[index], middles[index + 1]
        start, end = (
            ((x + 0.145, y), (next_x - 0.145, y)) if wide else ((x, y - 0.13), (x, next_y + 0.13))
        )
        axes.annotate("", end, start, arrowprops=arrow)
    path = (
        [(0.155, 0.16), (0.155, 0.05), (0.845, 0.05), (0.845, 0.155)]
        if wide
        else [(0.12, 0.85), (0.05, 0.85), (0.05, 0.16), (0.12, 0.16)]
    )
    axes.plot(*zip(*path[:-1], strict=True), color=FAINT, linewidth=0.8)
    axes.annotate("", path[-1], path[-2], arrowprops=bypass_arrow)
    x, y = (0.5, 0.05) if wide else (0.05, 0.505)
    text_style = {
        "ha": "center",
        "va": "center",
        "fontsize": 6.5,
        "color": FAINT,
        "backgroundcolor": "white",
        "rotation": 0 if wide else 90,
    }
    axes.text(x, y, f"the baseline ({BASELINE})", **text_style)
