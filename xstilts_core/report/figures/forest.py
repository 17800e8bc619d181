"""Draw estimates with their intervals, one per row: differences, gains by group and language,
contrasts, claims, controls. Filled: the interval excludes 0."""

import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Patch

from xstilts_core.analysis.claims import CONTRADICTED, NOT_MEASURED, SUPPORTED, UNDECIDED
from xstilts_core.analysis.contrast import SEMANTIC, SYNTACTIC
from xstilts_core.analysis.controls import strongest
from xstilts_core.analysis.domains import LESS_GENERAL, LESS_OTHER, OWN
from xstilts_core.analysis.groups import ALL, GROUPS, LANGUAGE
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.languages import LANGUAGES
from xstilts_core.report.figures.style import (
    BLUE,
    FAINT,
    GRAY,
    GREEN,
    INK,
    ORANGE,
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
from xstilts_core.wording.numbers import MINUS, signed, typeset

NEUTRAL = "#555555"
_BAND = "#e8e8e8"
# Shape and color both encode the verdict and the control, so that a grayscale print loses nothing.
_VERDICTS = MappingProxyType(
    {SUPPORTED: ("o", BLUE, BLUE), CONTRADICTED: ("X", ORANGE, ORANGE), UNDECIDED: ("o", INK, "w")}
)
_PUBLISHED = ("D", GREEN, "white")
_CONTROLS = MappingProxyType(
    {
        "": ("o", INK, INK),
        "random_init": ("s", BLUE, "white"),
        "hypothesis_only": ("^", GREEN, "white"),
        "majority": ("|", INK, INK),
        "overlap": ("x", ORANGE, ORANGE),
        "names_masked": ("D", GRAY, GRAY),
    }
)
_SCORE_PANELS = MappingProxyType({"zero_shot": "zero-shot mean", "english": "English"})
_SPREAD = 0.16
_DOMAIN_PANELS = {LESS_GENERAL: "less general tasks", LESS_OTHER: "less another domain's"}
_FACTORS: Mapping[str, str] = MappingProxyType(
    {
        "script": "script",
        "family": "family",
        "word_order": "word order",
        "resource_level": "resources in CC-100",
        LANGUAGE: "language",
    }
)
_MOST_CODES = 4
_FILLS = MappingProxyType({"high": NEUTRAL, "mid": "#d0d0d0", "low": "white"})
_SCRIPTS = {"Latin": "o", "Cyrillic": "s", "Devanagari": "^", "Han": "D", "Arabic": "v"}
_OTHER_SCRIPT = "P"


def draw_estimates(
    axes: Axes, rows: pd.DataFrame, labels: Sequence[str] = (), size: float = 3.6
) -> None:
    """Draw a mark at each `value` in the row `y` with a line from `low` to `high`, if known, over
    a line at 0. Rows are counted from the top and have labels.

    Optional columns: color, face (of the mark's inside), marker, pointsize. By default, marks are
    dots: blue above 0, orange below 0, and hollow if the interval contains 0.
    """
    signs = np.select([rows["low"] > 0, rows["high"] < 0], [BLUE, ORANGE], NEUTRAL)
    defaults = {"color": signs, "marker": "o", "pointsize": size}
    rows = rows.assign(**{name: values for name, values in defaults.items() if name not in rows})
    if "face" not in rows:
        rows = rows.assign(face=rows["color"].where(signs != NEUTRAL, "white"))
    rows = rows.assign(marker=[MarkerStyle(shape) for shape in rows["marker"]])
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
    looks = {name: name for name in ("marker", "pointsize")} | {"color": "face"}
    plot = so.Plot(rows.reset_index(drop=True), x="value", y="y")
    if rows["low"].notna().any():
        # Without an interval seaborn has no range to draw.
        line = so.Range(linewidth=1.1, artist_kws={"zorder": 2})
        ends = {"xmin": "low", "xmax": "high", "color": "color"}
        plot = plot.add(line, orient="y", legend=False, **ends)
    dot = so.Dot(edgewidth=0.8, stroke=0.9, artist_kws={"zorder": 3, "clip_on": False})
    plot = plot.add(dot, legend=False, edgecolor="color", **looks)
    draw_objects(axes, plot.scale(color=None, edgecolor=None, marker=None, pointsize=None))
    if len(labels):
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    sns.despine(ax=axes, left=True)


def _forest(figure: PrintFigure, table: pd.DataFrame, title: str) -> dict[str, Any]:
    """Draw a panel per `panel` and a row per (`group`, `row`), in the order of the table, with
    columns value low high seeds. Rows without a value are left empty.

    title: the quantity, without its unit.
    """
    known = table.dropna(subset=["value"])
    if known.empty:
        raise NothingToDraw("nothing to compare yet")
    names = list(dict.fromkeys(known["panel"]))
    rows = list(dict.fromkeys(zip(known["group"], known["row"], strict=True)))
    groups = [group for group, _ in rows]
    labels = [
        f"{group}: {row}" if group and groups.index(group) == index else row
        for index, (group, row) in enumerate(rows)
    ]
    places = [rows.index(key) for key in zip(known["group"], known["row"], strict=True)]
    known = known.assign(y=places)
    wrapped = any("\n" in label for label in labels)
    height = 0.22 if wrapped and not figure.wide else 0.15
    figure.set_figheight(height * len(rows) + (0.9 if figure.wide else 1.15))
    sharing = {"sharex": True, "sharey": True}
    for axes, name in zip(panels(figure, names, len(names), **sharing), names, strict=True):
        draw_estimates(axes, known[known["panel"] == name], labels)
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(axis="y", labelsize=5.5 if wrapped else 7)
        if not figure.wide and len(names) > 1:
            axes.set_title(textwrap.fill(name, 12), pad=3, fontsize=6)
        for y in range(1, len(rows)):
            if groups[y] != groups[y - 1]:
                axes.axhline(y - 0.5, color="#bdbdbd", linewidth=0.4, zorder=0)
    title = f"{title}, points" if figure.wide else textwrap.fill(f"{title}, points", 50)
    figure.suptitle(title, x=0.01, ha="left", fontsize=8 if figure.wide else 6.5)
    return {"rows": known}


@printed
def forest(figure: PrintFigure, table: pd.DataFrame, title: str) -> dict[str, Any]:
    """Draw differences of any kind with their intervals, for a question of one's own; `_forest` has
    the columns."""
    return _forest(figure, table, title)


@printed
def contrast_rows(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw a row per contrast, from `contrasts`, with its 95 % interval; the planned contrast comes
    first, in bold."""
    rows = table.dropna(subset=["points"])
    if rows.empty:
        raise NothingToDraw("no contrast yet: a kind of task or of target is missing")
    names = [name.removeprefix(f"{SYNTACTIC} less {SEMANTIC}, ") for name in rows["contrast"]]
    rows = rows.assign(
        group="",
        row=[textwrap.fill(name, 40 if figure.wide else 20) for name in names],
        panel="",
        value=rows["points"],
    )
    values = _forest(figure, rows, f"gain of {SYNTACTIC} less {SEMANTIC} recipes")
    figure.axes[0].get_yticklabels()[0].set_fontweight("bold")
    return values


@printed
def data_effects_figure(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw differences from English data, from `data_effects`: a row per intermediate task and
    condition, a panel per target and one for their mean. At column width only the mean is drawn."""
    columns = {"difference": "value", "difference_low": "low", "difference_high": "high"}
    effects = table[table["recipe"].isin(table.loc[table["difference"].notna(), "recipe"])]
    effects = effects.drop(columns=["low", "high"]).rename(
        columns=columns | {"intermediate": "group", "condition": "row", "task": "panel"}
    )
    if not figure.wide:
        effects = effects[effects["panel"] == AVERAGE]
    title = "zero-shot difference from English intermediate data"
    return _forest(figure, effects, title)


@printed
def data_relations_figure(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw differences from English data, from `data_relations`, with panels for the data's own
    language, other languages and English.

    A row is an intermediate task and a language of the data, from high to low resources.
    """
    relations = table.sort_values("intermediate", kind="stable").rename(
        columns={"difference": "value", "intermediate": "group", "relation": "panel"}
    )
    rows = [
        f"{LANGUAGES[code].name} ({level})"
        for code, level in zip(relations["language"], relations["level"], strict=True)
    ]
    title = "difference from English intermediate data, by the language scored"
    return _forest(figure, relations.assign(row=rows), title)


@printed
def domain_differences(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw in-domain against general intermediate tasks, from `domain_contrasts`: a row per mean
    and target, by the targets' domain, with the planned contrast first.

    The panels compare with general tasks and with another domain's tasks; at column width only the
    first is drawn.
    """
    rows = table if figure.wide else table[table["comparison"] == LESS_GENERAL]
    # A group's mean comes before its targets.
    order = list(dict.fromkeys(rows["group"]))
    rows = rows.sort_values("group", key=lambda groups: groups.map(order.index), kind="stable")
    rows = rows.assign(
        row=rows["task"].replace(AVERAGE, "mean"),
        panel=rows["comparison"].map(_DOMAIN_PANELS),
        value=rows["difference"],
    )
    planned = rows[(rows["group"] == OWN) & (rows["comparison"] == LESS_GENERAL)]
    title = "gain of a special domain's recipes"
    return _forest(figure, rows, title) | {"planned": planned}


def _stack(
    figure: PrintFigure, means: pd.DataFrame, singles: pd.DataFrame, size: float
) -> list[Axes]:
    """Draw a panel per `panel` below each other, with a row per `row` for the means, and the single
    values that they average as gray dots below their lines. Return the panels."""
    names = list(dict.fromkeys(means["panel"]))
    labels = {name: list(dict.fromkeys(means.loc[means["panel"] == name, "row"])) for name in names}
    heights = [len(rows) + 0.4 for rows in labels.values()]
    stack = figure.subplots(len(names), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, name in zip(stack, names, strict=True):
        rows, dots = (table[table["panel"] == name] for table in (means, singles))
        place = {row: index for index, row in enumerate(labels[name])}
        axes.plot(
            dots["value"],
            dots["row"].map(place).to_numpy() + 0.3,
            "o",
            color=GRAY,
            markersize=2.2,
            alpha=0.7,
            markeredgewidth=0,
            zorder=2,
        )
        draw_estimates(axes, rows.assign(y=rows["row"].map(place)), labels[name])
        axes.set_title(name, loc="left", pad=2, fontsize=size)
        axes.tick_params(axis="x", length=0)
    return list(stack)


@printed
def difference_plot(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw differences, from `differences`: a panel per question, a row per pair of recipes.

    The dot is the mean of all targets, with its 95 % interval and its number; the gray dots are
    the targets. Blue: the interval lies above 0; orange: below; no bar: one seed.
    """
    known = table.dropna(subset=["difference"])
    if AVERAGE not in set(known["task"]):  # in no language of some target, perhaps
        raise NothingToDraw("no finished pair of recipes to compare yet")
    joint = f" {MINUS} " if figure.wide else f"\n{MINUS} "
    rows = known.assign(
        panel=known["question"],
        row=known["recipe"] + joint + known["beside"],
        value=known["difference"],
    )
    means, singles = rows[rows["task"] == AVERAGE], rows[rows["task"] != AVERAGE]
    count = len(means[["panel", "row"]].drop_duplicates())
    height = (0.2 if figure.wide else 0.27) * count + 0.28 * rows["panel"].nunique() + 0.75
    figure.set_figheight(height)
    stack = _stack(figure, means, singles, 7.5 if figure.wide else 6)
    for axes, (_, of_panel) in zip(stack, means.groupby("panel", sort=False), strict=True):
        axes.tick_params(axis="y", labelsize=6 if figure.wide else 5)
        labels = [label.get_text() for label in axes.get_yticklabels()]
        for row in of_panel.itertuples():
            axes.annotate(
                signed(row.value),
                (1.01, labels.index(row.row)),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=6.5,
                fontweight="bold" if row.low > 0 or row.high < 0 else "normal",
                annotation_clip=False,
            )
    stack[-1].set_xlabel("difference in zero-shot score, points" if figure.wide else "points")
    return {"rows": known, "targets": singles["task"].nunique()}


@printed
def group_gains(
    figure: PrintFigure, table: pd.DataFrame, factors: Sequence[str] = (*GROUPS, LANGUAGE)
) -> dict[str, Any]:
    """Draw zero-shot gains in points by level, a panel per factor, from `analysis.group_gains`.

    The diamonds are the mean of all recipes on the targets that they share: colored if its 95 %
    interval excludes 0. The gray points are the single recipes. Levels are sorted by the mean.
    """
    rows = table[table["factor"].isin(factors)]
    if rows.empty:
        raise NothingToDraw("no gains by language yet")
    rows = rows.assign(
        panel=rows["factor"].map(_FACTORS),
        row=[_level_label(row, figure.wide) for row in rows.itertuples()],
        value=rows["gain"],
        marker="D",
        place=rows["factor"].map(list(factors).index),
    ).sort_values(["place", "value"], ascending=[True, False], kind="stable")
    means, singles = rows[rows["recipe"] == ALL], rows[rows["recipe"] != ALL]
    # A level that no mean covers has a row without a diamond.
    alone = singles[~singles["level"].isin(means["level"])].drop_duplicates(["panel", "row"])
    means = pd.concat([means, alone.assign(value=np.nan, low=np.nan, high=np.nan)])
    means = means.sort_values("place", kind="stable")
    known = means.dropna(subset=["value"])
    count, names = len(means), means["panel"].nunique()
    figure.set_figheight(0.15 * count + 0.24 * names + (0.85 if figure.wide else 1.25))
    stack = _stack(figure, means, singles, 7)
    ends = ["gain", "low", "high"]
    shown = means[ends] if len(known) else 0.0
    stack[0].set_xlim(gain_limits(rows["gain"], rows["gain"], shown))
    stack[-1].set_xlabel(f"zero-shot gain over {BASELINE}, points")
    kinds = [
        (NEUTRAL, "white", "all recipes", ~((known["low"] > 0) | (known["high"] < 0))),
        (BLUE, BLUE, "all recipes, above 0", known["low"] > 0),
        (ORANGE, ORANGE, "all recipes, below 0", known["high"] < 0),
    ]
    handles = [legend_mark(name, "D", *look, "-") for *look, name, some in kinds if some.any()]
    if len(singles):
        handles.append(legend_mark("single recipes", ".", GRAY, GRAY))
    legend_above(figure, handles, across=4 if figure.wide else 2)
    return {"means": known}


def _level_label(row: tuple, wide: bool) -> str:
    """Return a level's label: 'Latin (de, es, id)', 'Latin (12 languages)' or a language's name;
    shorter at column width."""
    if row.factor == LANGUAGE:
        return f"{LANGUAGES[row.level].name} ({row.level})" if wide else row.level
    codes = row.languages.split()
    if not wide:
        return f"{row.level} ({len(codes)})"
    few = len(codes) <= _MOST_CODES
    return f"{row.level} ({', '.join(codes) if few else f'{len(codes)} languages'})"


@printed
def language_panels(figure: PrintFigure, table: pd.DataFrame, task: str) -> dict[str, Any]:
    """Draw one target's gains by language (rows), one panel per recipe, from `by_language`.

    The marker's shape is the script. It is filled for high-resource, gray for mid-resource and
    white for low-resource languages. Bars are 95 % intervals; there are none with one seed. Blue:
    the interval lies above 0; orange: below. A gain beyond the axis is a number at its edge.
    """
    rows = table[table["task"] == task]
    if rows.empty:
        raise NothingToDraw(f"no gains on {task} yet")
    recipes = list(dict.fromkeys(rows["recipe"]))
    facts = rows.drop_duplicates("language").set_index("language")["resource_level"]
    levels = list(_FILLS)
    languages = sorted(
        facts.index,
        key=lambda code: (code != "en", [*levels, facts[code]].index(facts[code]), code),
    )
    color = np.select([rows["low"] > 0, rows["high"] < 0], [BLUE, ORANGE], NEUTRAL)
    rows = rows.assign(
        y=rows["language"].map(languages.index),
        value=rows["gain"],
        color=color,
        face=rows["resource_level"]
        .map(_FILLS)
        .fillna("white")
        .where(rows["resource_level"] != "high", color),
        marker=rows["script"].map(_SCRIPTS).fillna(_OTHER_SCRIPT),
    )
    across = min(5 if figure.wide else 2, len(recipes))
    height = 0.125 * len(languages) + 0.36
    figure.set_figheight(-(-len(recipes) // across) * height + (0.9 if figure.wide else 1.5))
    low, high = gain_limits(rows["gain"], rows[["gain", "low", "high"]])
    for axes, name in zip(
        panels(figure, recipes, across, sharex=True, sharey=True), recipes, strict=True
    ):
        gains = rows[rows["recipe"] == name]
        inside = gains["value"].between(low, high)
        bars = gains.assign(low=gains["low"].clip(low), high=gains["high"].clip(upper=high))
        draw_estimates(axes, bars[inside], languages, 3.4)
        for row in gains[~inside].itertuples():
            text = f"\N{LEFTWARDS ARROW} {typeset(row.value)}"
            x, align = low, "left"
            if row.value > high:
                text, x, align = f"{typeset(row.value)} \N{RIGHTWARDS ARROW}", high, "right"
            axes.text(x, row.y, text, ha=align, va="center", fontsize=5.5, color=row.color)
        if "en" in languages and len(languages) > 1:
            axes.axhline(0.5, color=GRAY, linewidth=0.4, linestyle=(0, (2, 2)))
        axes.set_xlim(low, high)
    title = f"{task}: gain over {BASELINE} in points"
    legend_above(figure, _language_legend(rows), title, 8 if figure.wide else 3)
    clipped = (rows["low"] < low).any() or (rows["high"] > high).any()
    return {"rows": rows, "clipped": clipped}


def _language_legend(rows: pd.DataFrame) -> list[Line2D]:
    """Return legend entries for the scripts and resource levels that occur, and the two colors."""
    shapes, levels = set(rows["marker"]), set(rows["resource_level"])
    handles = [
        legend_mark(name, shape, NEUTRAL, NEUTRAL)
        for name, shape in {**_SCRIPTS, "other": _OTHER_SCRIPT}.items()
        if shape in shapes
    ]
    if len(levels) > 1:
        handles += [
            legend_mark(f"{name} resources", "o", NEUTRAL, face)
            for name, face in _FILLS.items()
            if name in levels
        ]
    signs = ((BLUE, "above 0"), (ORANGE, "below 0"))
    colors = set(rows["color"])
    return handles + [
        legend_mark(name, "", sign, sign, "-") for sign, name in signs if sign in colors
    ]


@printed
def claim_verdicts(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw estimates in points with 95 % intervals, one row per claim, from `claim_table`. The
    paper's number is drawn beside the estimate if it is known.

    The gray bar covers differences too small to be distinguished from 0 (80 % power). A claim on
    several differences shows their mean but is decided on each of them: the numbers on the right
    count how many lie above and below 0.
    """
    measured = table[table["verdict"] != NOT_MEASURED]
    if measured.empty:
        raise NothingToDraw("no claim can be tested on the finished runs yet")
    texts = [
        textwrap.fill(f"{row.claim} ({row.scope})" if row.scope else row.claim, width)
        for width in [58 if figure.wide else 34]
        for row in table.itertuples()
    ]
    heights = np.array([max(text.count("\n") + 1, 1.4) for text in texts])
    middles = pd.Series(np.cumsum(heights) - heights / 2, table.index)
    numbers = table[["estimate", "low", "high", "published"]].to_numpy(float)
    limit = float(1.12 * max(1.0, np.nanmax(np.abs(numbers))))
    size = 6 if figure.wide else 4.8
    figure.set_figheight((0.105 if figure.wide else 0.09) * heights.sum() + 1.0)
    axes = figure.add_subplot()
    reach = measured["detectable"].clip(upper=limit)
    axes.barh(middles[measured.index], 2 * reach, 0.9, -reach, color=_BAND, zorder=0)
    looks = pd.DataFrame(measured["verdict"].map(_VERDICTS).to_list(), index=measured.index)
    estimates = measured.assign(
        y=middles,
        value=measured["estimate"],
        marker=looks[0],
        color=looks[1],
        face=looks[2],
        pointsize=4.0,
    )
    shape, color, face = _PUBLISHED
    published = estimates.assign(value=measured["published"], low=np.nan, high=np.nan)
    published = published.assign(marker=shape, color=color, face=face, pointsize=3.6)
    draw_estimates(axes, pd.concat([estimates, published.dropna(subset=["value"])]))
    for row in table.assign(y=middles).itertuples():
        _write_claim(axes, row, limit, size, figure.wide)
    axes.set(xlim=(-limit, limit), ylim=(heights.sum() + 0.2, -0.2))
    axes.set_yticks(middles, texts, fontsize=size, linespacing=1.0)
    axes.set_xlabel("points (a mean gain, or a difference of two)" if figure.wide else "points")
    verdicts = set(table["verdict"])
    handles = [legend_mark(name, *look) for name, look in _VERDICTS.items() if name in verdicts]
    if len(published.dropna(subset=["value"])):
        handles.append(legend_mark("number reported in the paper", *_PUBLISHED))
    if table["detectable"].notna().any():
        handles.append(Patch(color=_BAND, label="too small to detect"))
    legend_above(figure, handles, across=5 if figure.wide else 2)
    return {"table": table}


def _write_claim(axes: Axes, row: tuple, limit: float, size: float, wide: bool) -> None:
    """Write why a claim was not measured, or how many of its differences lie above and below 0."""
    if row.verdict == NOT_MEASURED:
        text = textwrap.fill(f"not measured: {row.reason}", 60) if wide else NOT_MEASURED
        backing = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        style = {"ha": "center", "color": FAINT, "style": "italic", "bbox": backing}
        axes.text(0, row.y, text, va="center", fontsize=0.85 * size, linespacing=1.0, **style)
    elif (count := row.above + row.below + row.open + row.missing) > 1:
        words = f"{row.above}+ {row.below}{MINUS} of {count}"
        axes.text(limit, row.y, words, ha="right", va="center", fontsize=0.9 * size)


@printed
def control_scores(figure: PrintFigure, table: pd.DataFrame) -> dict[str, Any]:
    """Draw the scores in percent of the baseline (dot) and each control by target
    (`control_table`).

    The left panel shows the zero-shot mean, the right panel English. The line runs from the highest
    floor among the controls to the baseline's zero-shot score, and the number gives its length in
    points. Both are solid and bold if the 95 % interval of that margin lies above 0.
    """
    if table.empty:
        raise NothingToDraw("no finished controls yet")
    tasks = list(dict.fromkeys(table["task"]))
    names = [name for name in dict.fromkeys(table["recipe"]) if name != BASELINE]
    # Controls have different offsets from the row's middle, so that none hides another.
    offsets = np.linspace(-_SPREAD, _SPREAD, len(names)) if len(names) > 1 else [0.0]
    offset = {BASELINE: 0.0, **dict(zip(names, offsets, strict=True))}
    looks = pd.DataFrame(table["control"].map(_CONTROLS).to_list(), index=table.index)
    rows = table.assign(
        y=table["task"].map(tasks.index) + table["recipe"].map(offset),
        low=np.nan,
        high=np.nan,
        marker=looks[0],
        color=looks[1],
        face=looks[2],
        pointsize=looks[0].map({"|": 7.0}).fillna(4.0).mask(table["control"] == "", 5.0),
    )
    figure.set_figheight(0.24 * len(tasks) + (1.1 if figure.wide else 1.6))
    grid = figure.subplots(1, 2, sharex=True, sharey=True, width_ratios=(3, 2))
    for axes, (column, title) in zip(grid, _SCORE_PANELS.items(), strict=True):
        draw_estimates(axes, rows.assign(value=rows[column]).dropna(subset=["value"]), tasks)
        axes.set_title(title, pad=3)
        for y in np.arange(len(tasks) - 1) + 0.5:
            axes.axhline(y, color="#efefef", linewidth=0.4, zorder=0)
    for row in strongest(table).itertuples():
        y, significant = tasks.index(row.task), row.low > 0
        line = {"color": INK, "linewidth": 0.7, "zorder": 1}
        style = "-" if significant else (0, (1, 1.5))
        grid[0].plot([row.zero_shot, row.zero_shot + row.above], [y, y], linestyle=style, **line)
        grid[0].text(
            105,
            y,
            signed(row.above, 1 if figure.wide else 0),
            va="center",
            fontsize=6.5 if figure.wide else 5.5,
            fontweight="bold" if significant else "normal",
        )
    grid[0].set_xticks(range(0, 101, 20) if figure.wide else (0, 50, 100))
    grid[0].set_xlim(-4, 104)
    kinds = table.drop_duplicates("recipe")
    handles = [
        legend_mark(name, *_CONTROLS[control])
        for name, control in zip(kinds["recipe"], kinds["control"], strict=True)
    ]
    unit = (
        "score in percent (each task's primary metric); " if figure.wide else "score in percent;\n"
    )
    title = f"{unit}numbers: points above the strongest control"
    legend_above(figure, handles, title, 6 if figure.wide else 3)
    return {"table": table, "baseline": BASELINE, "targets": len(tasks)}
