"""Draw figures of numbered cells. Color is never the only cue: each cell also has its number or
word, and missing cells are hatched."""

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
    """Format the value with its sign, such as +4.2, using a true minus sign; zero has no sign."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def whole(value: float) -> str:
    """Format the value in whole points, with a true minus sign."""
    return f"{round(value)}".replace("-", MINUS)


def decimals(value: float, low: float, high: float) -> int:
    """Return the number of decimals with which to print an interval.

    It is 0 if whole points mislead nobody, else 1, or as many as are needed to keep 0 outside.
    Whole points mislead if an end rounds to 0, or if the value with one decimal lies outside.
    """
    significant = low > 0 or high < 0
    for digits in range(_MOST_DECIMALS):
        ends = round(low, digits), round(high, digits)
        if (digits == 0 and 0 not in ends and ends[0] <= round(value, 1) <= ends[1]) or (
            digits > 0 and not (significant and 0 in ends)
        ):
            return digits
    return _MOST_DECIMALS


def interval(value: float, low: float, high: float) -> str:
    """Format an interval in points, such as "1 to 7" or "−0.3 to 2.1" (see `decimals`)."""
    digits = decimals(value, low, high)
    return " to ".join(
        f"{end:.{digits}f}".replace("-", MINUS) if round(end, digits) else f"{0:.{digits}f}"
        for end in (low, high)
    )


def told(value: float, low: float, high: float, digits: int = 1) -> str:
    """Format the value with its sign and `digits` decimals; with more if its interval excludes 0
    but the value would round to 0."""
    significant = low > 0 or high < 0
    return signed(
        value,
        max(1, decimals(value, low, high)) if significant and round(value, digits) == 0 else digits,
    )


def _luminance(color: Sequence[float]) -> float:
    """Return the relative luminance of an RGB color, from 0 to 1 (WCAG 2)."""
    red, green, blue = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the contrast of two RGB colors, from 1 to 21 (WCAG 2 requires 4.5 for small text)."""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def ink_on(color: Sequence[float]) -> str:
    """Return "black" or "white", whichever has more contrast on the RGB color: at least 4.58. INK
    instead of black would give less than 4.5 on some colors."""
    return max(("black", "white"), key=lambda ink: contrast(to_rgb(ink), color))


def box(axes: Axes, x: float, y: float, color: Sequence[float] | str, hatch: str = "") -> None:
    """Draw a cell of 1 x 1 with a thin white border and, if given, gray hatching."""
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=color, edgecolor="white", linewidth=0.8))
    if hatch:
        axes.add_patch(
            Rectangle((x, y), 1, 1, fill=False, hatch=hatch, edgecolor="#c8c8c8", linewidth=0)
        )


def scale(values: pd.Series) -> float:
    """Return the gain, in points, at which the color saturates: the 90th percentile of the absolute
    gains, rounded up to a whole number, at least 3."""
    magnitudes = values.abs().dropna()
    return float(np.ceil(max(3.0, np.percentile(magnitudes, 90)))) if len(magnitudes) else 3.0


def heat_map(
    table: pd.DataFrame,
    baseline: pd.DataFrame | None = None,
    width: float = FULL,
    source: str = "",
    unlearnt: Collection[str] = (),
) -> Figure:
    """Draw gains by recipe (rows) and target (columns), from `gain_table`. `baseline` adds a first
    row with the baseline's scores.

    Cells are bold with a border if the 95 % interval excludes 0. At full width, if the cells are
    wide enough, the interval is printed below each number (`interval`); otherwise gains are in
    whole points (`told`). Colors are centered at 0. Missing cells are hatched. source: the runs
    used. unlearnt: recipes to mark.
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
        positions = {
            name: position + (GAP if name == AVERAGE else 0)
            for position, name in enumerate(columns)
        }
        for _, row in table.iterrows():
            _draw_gain(
                axes,
                positions[row["task"]],
                recipes.index(row["recipe"]),
                row,
                colors(norm(row["gain"])),
                wide,
            )
        top = [] if baseline is None else [_draw_baseline(axes, positions, baseline, wide)]
        axes.set(xlim=(0, positions[AVERAGE] + 1), ylim=(len(recipes), 2 * min(top, default=0)))
        _name_columns(axes, [positions[name] + 0.5 for name in columns], columns, wide)
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
    """Explain the dagger if one of the recipes has it; otherwise return ""."""
    return (
        f"{MARK}: did not learn in phase 2 (English development data). "
        if set(recipes) & set(unlearnt)
        else ""
    )


def _name_columns(axes: Axes, positions: Sequence[float], names: Sequence[str], wide: bool) -> None:
    """Write the names above the columns, slanted if the columns are narrow."""
    # Ten names, one of them "intermediate", fit side by side only in a slightly smaller font.
    text_style = (
        {"rotation": 0, "ha": "center", "fontsize": 7 if len(names) < 10 else 6.3}
        if wide
        else {"rotation": 50, "ha": "left", "rotation_mode": "anchor", "fontsize": 6}
    )
    axes.set_xticks(positions, names, **text_style)
    on_top(axes)


def _draw_baseline(
    axes: Axes, at: Mapping[str, float], baseline: pd.DataFrame, wide: bool
) -> float:
    """Draw the baseline's scores above the cells, over a line; return the row's middle."""
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
    """Draw one cell of `heat_map`."""
    if pd.isna(row["gain"]):
        box(axes, x, y, NOTHING, "////")
        return
    box(axes, x, y, color)
    ink, significant = ink_on(color), row["low"] > 0 or row["high"] < 0
    show_interval = wide and pd.notna(row["low"])
    estimate = row["gain"], row["low"], row["high"]
    text = told(*estimate, 1 if wide else 0)
    text_style = {"ha": "center", "va": "center", "color": ink}
    # Longer text gets a smaller font so that it stays within its cell.
    size = 7 if wide else min(5.5, 22 / len(text))
    axes.text(
        x + 0.5,
        y + (0.36 if show_interval else 0.52),
        text,
        fontsize=size,
        fontweight="bold" if significant else "normal",
        **text_style,
    )
    if show_interval:
        ends = interval(*estimate)
        axes.text(x + 0.5, y + 0.75, ends, fontsize=min(5, 56 / len(ends)), **text_style)
    if significant:
        axes.add_patch(
            Rectangle((x + 0.05, y + 0.07), 0.9, 0.86, fill=False, edgecolor=ink, linewidth=0.6)
        )


def note(table: pd.DataFrame, wide: bool) -> str:
    """Describe what was averaged, what the marks mean and what the intervals cover."""
    filled = table.dropna(subset=["gain"])
    sentences = [
        f"Mean over languages and {several(filled['seeds'])}"
        + ("." if wide else ", in whole points.")
    ]
    resampled_units = {name for name in filled.dropna(subset=["low"])["resampled"] if name}
    over = f" over {resampled_units.pop()}" if len(resampled_units) == 1 else ""
    mark_sentence = f"Boxed, bold: the 95 % interval{over} excludes 0."
    sentences.append(mark_sentence if filled["low"].notna().any() else "No intervals: one seed.")
    if wide and filled["low"].notna().any():
        sentences.append("Below: that interval.")
    if len(filled) < len(table):
        sentences.append("Hatched: missing.")
    return " ".join(sentences)


def color_bar(
    figure: Figure,
    axes: Axes,
    colors: Colormap,
    norm: mpl.colors.Normalize,
    label: str,
    clipped: bool,
) -> None:
    """Draw a flat color scale below the cells, with arrows at its ends if values are clipped."""
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
    """Draw the baseline's scores in percent, from `baseline_by_language`: a row per language, a
    column per target. Blank: the task does not have the language.

    English comes first, then languages by mean score, so that the drop from English reads
    downwards. source: the runs used.
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
            f"Score in percent (each task's primary metric), mean over {several(table['seeds'])}, "
            f"without an interval. {source}",
        )
    return figure


def status_grid(grid: pd.DataFrame, width: float = FULL, unlearnt: Collection[str] = ()) -> Figure:
    """Draw the state of the runs, from `run_grid`: a row per recipe, a column per stage.

    Each cell gives the counts in words; color and hatching show the worst state. Blank: the grid
    has no such run. unlearnt: recipes to mark.
    """
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
            states = [name for name in _STATUS if row[name]]
            color, hatch = _STATUS[states[-1]]
            box(axes, x, y, color, hatch)
            counts = "\n".join(f"{row[name]} {name}" for name in states)
            backing = {"boxstyle": "square,pad=0.15", "facecolor": color, "edgecolor": "none"}
            size = 5.5 if len(states) < 3 else 4.5
            text_style = {"rotation": 0 if wide else 90, "linespacing": 1.05}
            axes.text(
                x + 0.5,
                y + 0.52,
                counts,
                ha="center",
                va="center",
                fontsize=size,
                bbox=backing if hatch else None,
                **text_style,
            )
        axes.set(xlim=(0, len(stages)), ylim=(len(recipes), 0))
        axes.set_yticks(np.arange(len(recipes)) + 0.5, [marked(name, unlearnt) for name in recipes])
        _name_columns(axes, np.arange(len(stages)) + 0.5, stages, wide)
        if dagger_note := _dagger_note(recipes, unlearnt):
            say(figure, dagger_note)
    return figure
