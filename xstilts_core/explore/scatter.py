"""Explore correlations of any two variables of a study (of recipes, of single runs, of languages),
with the statistics of `analysis.correlations`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import ipywidgets
import numpy as np
import pandas as pd
from markupsafe import Markup

from xstilts_core import analysis
from xstilts_core.analysis.abilities import by_run, labels, own_and_gains, performance
from xstilts_core.analysis.association import METHODS
from xstilts_core.analysis.scores import AVERAGE
from xstilts_core.errors import UsageError, unknown
from xstilts_core.explore import controls
from xstilts_core.explore.index import EVERY, FACTS, Choice, fact
from xstilts_core.explore.markup import plain_table
from xstilts_core.explore.page import Page, picture
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.text import note, visible
from xstilts_core.languages import LANGUAGES
from xstilts_core.report.figures import curves
from xstilts_core.report.figures.cells import SIGNS
from xstilts_core.report.figures.style import FULL
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TASKS
from xstilts_core.wording.numbers import counted

_CORPUS_SIZE = "log10 GiB in CC-100"
NO_COLOR = "nothing"


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one kind of unit, a row per unit. values: a numeric column per variable.
    groups: a column per grouping that can color the points. caution: a note on what n counts."""

    values: pd.DataFrame
    groups: pd.DataFrame
    caution: str


def _kind(study: Study, name: str) -> str:
    """Return the kind of a recipe's intermediate tasks, such as semantic, or "several"."""
    recipe = study.recipes.get(name)
    tasks = recipe.intermediate if recipe else [name]
    kinds = {TASKS[task].kind for task in tasks if task in TASKS}
    return kinds.pop() if len(kinds) == 1 else "several" if kinds else "unknown"


def _recipe_variables(reader: Reader) -> Variables:
    """Return a row per recipe: its own score and its gains, as means over runs."""
    table = own_and_gains(performance(reader.study))
    kinds = [_kind(reader.study, recipe) for recipe in table.index]
    groups = pd.DataFrame({"kind of task": kinds}, index=table.index)
    return Variables(table, groups, "A point per recipe, mean over its runs.")


def _run_variables(reader: Reader) -> Variables:
    """Return a row per recipe and run with gains over the baseline's run of the same seed; for
    published scores, the scores themselves."""
    study = reader.study
    table = by_run(performance(study), paired=not study.published)
    groups = table.index.to_frame()[["recipe", "run"]].astype(str)
    groups.insert(1, "kind of task", [_kind(study, recipe) for recipe in groups["recipe"]])
    caution = (
        "A point per recipe and run. Runs of one recipe resemble each other, "
        "so intervals and p-values are too small."
    )
    return Variables(table, groups, caution)


def _language_variables(reader: Reader) -> Variables:
    """Return a row per language: the baseline's scores, the recipes' mean gains, and the size of
    the language's part of XLM-R's training corpus."""
    index, choice = reader.index, Choice(scope=EVERY)
    axes, draws = index.axes, index.draws(choice)
    rows = draws.labels.join(pd.DataFrame(draws.values))
    rows = rows[~rows["recipe"].isin(reader.study.controls)]
    gains = rows.melt(list(draws.labels), value_name="gain").astype({"gain": float})
    means = gains.pivot_table("gain", "language", "task")
    means = means.reindex(index=axes.languages, columns=axes.tasks)
    table = pd.DataFrame(index=pd.Index(axes.languages, name="language"))
    for task, scores in zip(axes.tasks, index.values(BASELINE, choice.metric), strict=True):
        table[f"{task}: baseline, %"] = pd.DataFrame(scores).mean(axis=1).to_numpy()
        table[f"{task}: mean gain"] = means[task]
    sizes = [LANGUAGES[code].xlmr_gib if code in LANGUAGES else None for code in axes.languages]
    table[_CORPUS_SIZE] = [np.log10(size) if size else np.nan for size in sizes]
    # If the tasks differed by language, their mean would compare tasks, not languages.
    common = means.dropna(axis="columns")
    if len(common.columns):
        tasks = counted(len(common.columns), "task")
        table[f"{AVERAGE} ({tasks} in all languages): mean gain"] = common.mean(axis=1)
    groups = pd.DataFrame(
        {key.replace("_", " "): [fact(code, key) for code in axes.languages] for key in FACTS},
        index=table.index,
    )
    caution = (
        "A point per language, including English. Related languages resemble each other, "
        "so intervals and p-values are too small."
    )
    return Variables(table, groups, caution)


UNITS: Mapping[str, Callable[[Reader], Variables]] = {
    "recipes": _recipe_variables,
    "recipes and runs": _run_variables,
    "languages": _language_variables,
}


def variables(reader: Reader, unit: str) -> Variables:
    """Return the variables of a unit, with short names for published tasks. Raise UsageError if the
    study has fewer than two of them."""
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    selected = UNITS[unit](reader)
    table = selected.values.dropna(axis="columns", how="all")
    if table.shape[1] < 2:
        raise UsageError(f"{reader.study.name}: fewer than two variables of {unit} with values yet")
    return replace(selected, values=table.rename(columns=dict(labels(reader.study))))


_MOST_DROPPED = 3


def statistics(table: pd.DataFrame, x: str, y: str) -> Markup:
    """Return HTML with three coefficients, their intervals and p-values, the smallest detectable
    size, and the most influential rows."""
    pair = table[[x]], table[y].to_frame(f"{y} ") if x == y else table[[y]]
    coefficients = analysis.correlations(*pair, METHODS)
    count = int(coefficients["n"].iloc[0])
    rows = coefficients[["estimate", "low", "high", "p"]].assign(
        n=count, detectable=[analysis.detectable(count, name) for name in coefficients["method"]]
    )
    rows.insert(0, "coefficient", coefficients["method"].map(SIGNS))
    html = plain_table(rows.rename(columns={"low": "95 % from", "high": "to"})) + note(
        "p: from permutations. detectable: the smallest coefficient that 80 % of such studies "
        "would find."
    )
    if count < 4 or x == y:
        return html
    influences = analysis.influence(table[x], table[y]).head(_MOST_DROPPED)
    examples = "; ".join(
        f"{_label(row.left_out)}: {row.estimate:.2f}" for row in influences.itertuples()
    )
    return html + note(f"{SIGNS['spearman']} without one of the most influential rows: {examples}")


def _label(row: object) -> str:
    return ", ".join(map(str, row)) if isinstance(row, tuple) else str(row)


def scatter_html(
    selected: Variables,
    x: str,
    y: str,
    color: str = NO_COLOR,
    labels: bool = True,
    width: float = FULL,
) -> Markup:
    """Return points and statistics of two variables as HTML."""
    colors = selected.groups.get(color)
    figure = curves.scatter(selected.values, x, y, colors, labels, selected.caution, width=width)
    return picture(figure, f"{y} against {x}, a point per row") + statistics(selected.values, x, y)


def scatter_view(reader: Reader) -> ipywidgets.Widget:
    """Return the correlation explorer with its controls."""
    tables: dict[str, Variables] = {}
    filling: list[bool] = []

    def data() -> Variables:
        if unit.value not in tables:
            tables[unit.value] = variables(reader, unit.value)
        return tables[unit.value]

    def draw() -> None:
        if x.value and y.value and not filling:
            page.show(
                lambda: scatter_html(
                    data(), x.value, y.value, color.value, labels.value, page.width
                )
            )

    def offer() -> None:
        page.show(fill)
        draw()

    def fill() -> str:
        selected = data()
        columns = list(selected.values.columns)
        filling.append(True)  # draw one figure at the end, not one for each control
        x.options = y.options = [(visible(column), column) for column in columns]
        x.value, y.value = columns[0], columns[-1]
        color.options = [NO_COLOR, *selected.groups]
        filling.clear()
        return ""

    unit = controls.dropdown("points", UNITS)
    x, y = controls.dropdown("x", []), controls.dropdown("y", [])
    color = controls.dropdown("color", [NO_COLOR])
    labels = controls.switch("labels", True, "names beside the points")
    page = Page()
    controls.on_change(offer, unit)
    controls.on_change(draw, x, y, color, labels, page)
    offer()
    return controls.column(controls.row(unit, x, y, color, labels), page)
