"""Draw gains by groups of languages: a point per recipe, and their mean with its interval."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xstilts_core.analysis.groups import ALL, GROUPS, LANGUAGE
from xstilts_core.languages import LANGUAGES
from xstilts_core.report.figures.panels import fences
from xstilts_core.report.figures.style import (
    BLUE,
    FULL,
    GRAY,
    INK,
    ORANGE,
    PrintFigure,
    check_width,
    look,
    message,
    say,
    several,
)
from xstilts_core.study.spec import BASELINE

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "script": "script",
        "family": "family",
        "word_order": "word order",
        "resource_level": "resources in CC-100",
        LANGUAGE: "language",
    }
)
FEW = 4
# The recipes' points are drawn below the line of their mean, not on it.
ASIDE = 0.27


def group_gains(
    table: pd.DataFrame,
    source: str,
    factors: Sequence[str] = (*GROUPS, LANGUAGE),
    width: float = FULL,
) -> Figure:
    """Draw zero-shot gains in points by level, a panel per factor, from `analysis.group_gains`.

    The diamonds are the mean of all recipes on the targets that they share: black, or colored if
    its 95 % interval excludes 0. The gray points are the single recipes. source: the runs used.
    """
    rows = table[table["factor"].isin(factors)]
    if rows.empty:
        return message("no gains by language yet", width)
    wide = check_width(width) > 5
    names = [name for name in factors if name in set(rows["factor"])]
    counts = [rows.loc[rows["factor"] == name, "level"].nunique() for name in names]
    limits = reach(rows)
    with look():
        figure = PrintFigure(
            figsize=(width, 0.15 * sum(counts) + 0.24 * len(names) + (0.85 if wide else 1.25)),
            layout="constrained",
        )
        panels = figure.subplots(
            len(names),
            1,
            sharex=True,
            squeeze=False,
            height_ratios=[count + 0.4 for count in counts],
        )[:, 0]
        for axes, name in zip(panels, names, strict=True):
            _draw_factor(axes, rows[rows["factor"] == name], name, wide)
            axes.set_xlim(limits)
            axes.tick_params(axis="x", length=0, labelbottom=axes is panels[-1])
        panels[-1].set_xlabel(f"zero-shot gain over {BASELINE}, points")
        handles = legend(rows)
        figure.legend(
            handles=handles,
            loc="outside upper left",
            ncols=len(handles) if wide else 2,
            frameon=False,
            handletextpad=0.4,
        )
        say(figure, note(rows, source))
    return figure


def reach(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the gain axis, to cover the means' intervals and all but outlying
    recipes."""
    ends = np.array(fences(rows.assign(low=rows["gain"], high=rows["gain"])))
    means = rows.loc[rows["recipe"] == ALL, ["gain", "low", "high"]].to_numpy(float)
    if np.isfinite(means).any():
        margin = 0.03 * float(np.nanmax(means) - np.nanmin(means))
        ends = np.array(
            [min(ends[0], np.nanmin(means) - margin), max(ends[1], np.nanmax(means) + margin)]
        )
    return float(ends[0]), float(ends[1])


def _draw_factor(axes: Axes, rows: pd.DataFrame, factor: str, wide: bool) -> None:
    """Draw one panel, with its levels sorted by the mean gain of all recipes, largest first."""
    means = rows[rows["recipe"] == ALL].sort_values("gain", ascending=False, kind="stable")
    levels = [
        *means["level"],
        *[name for name in dict.fromkeys(rows["level"]) if name not in set(means["level"])],
    ]
    rank = {name: index for index, name in enumerate(levels)}
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
    recipes = rows[rows["recipe"] != ALL]
    axes.plot(
        recipes["gain"],
        recipes["level"].map(rank) + ASIDE,
        "o",
        color=GRAY,
        markersize=2.2,
        alpha=0.7,
        markeredgewidth=0,
        zorder=2,
    )
    for row in means.itertuples():
        color = _color_of(row.low, row.high)
        if np.isfinite(row.low):
            axes.plot(
                [row.low, row.high],
                [rank[row.level]] * 2,
                color=color,
                linewidth=1.2,
                solid_capstyle="butt",
                zorder=3,
            )
        axes.plot(row.gain, rank[row.level], "D", color=color, markersize=3.4, zorder=4)
    codes = rows.drop_duplicates("level").set_index("level")["languages"]
    axes.set_yticks(
        range(len(levels)), [label(name, factor, codes[name].split(), wide) for name in levels]
    )
    axes.set_ylim(len(levels) - 0.5, -0.5)
    axes.set_title(TITLES[factor], loc="left", pad=2, fontsize=7)
    axes.grid(axis="x", color="#e4e4e4")
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _color_of(low: float, high: float) -> str:
    return BLUE if low > 0 else ORANGE if high < 0 else INK


def label(level: str, factor: str, codes: Sequence[str], wide: bool) -> str:
    """Return a level's label: 'Latin (de, es, id)', 'Latin (12 languages)' or a language's name;
    shorter at column width."""
    if factor == LANGUAGE:
        return f"{LANGUAGES[level].name} ({level})" if wide else level
    if not wide:
        return f"{level} ({len(codes)})"
    return f"{level} ({', '.join(codes) if len(codes) <= FEW else f'{len(codes)} languages'})"


def note(rows: pd.DataFrame, source: str) -> str:
    """Describe what was averaged, what the intervals cover and where the numbers are."""
    means = rows[rows["recipe"] == ALL]
    sentences = []
    if len(means):
        fewest, most = int(means["targets"].min()), int(means["targets"].max())
        targets = f"{most}" if fewest == most else f"{fewest} to {most}"
        sentences.append(
            f"Mean over languages, then targets ({targets}), over {several(means['seeds'])}."
        )
        units = sorted(set(means.dropna(subset=["low"])["resampled"]))
        sentences.append(
            f"Lines: 95 % intervals over {' or '.join(units)}."
            if units
            else "No intervals: one seed."
        )
    return " ".join(
        [
            *sentences,
            "Levels differ in their targets: language_groups.csv has differences within targets.",
            source,
        ]
    )


def legend(rows: pd.DataFrame) -> list[Line2D]:
    """Return legend handles for the mean, the colors that occur and the recipes."""
    means = rows[rows["recipe"] == ALL]
    kinds = [
        (INK, "all recipes", means["low"].isna() | ((means["low"] <= 0) & (means["high"] >= 0))),
        (BLUE, "all recipes, above 0", means["low"] > 0),
        (ORANGE, "all recipes, below 0", means["high"] < 0),
    ]
    handles = [
        Line2D([], [], color=color, marker="D", markersize=3.4, label=label)
        for color, label, rows_of_kind in kinds
        if rows_of_kind.any()
    ]
    if (rows["recipe"] != ALL).any():
        handles.append(
            Line2D(
                [], [], linestyle="", marker="o", markersize=2.6, color=GRAY, label="single recipes"
            )
        )
    return handles
