"""Explore correlations of any two variables, with the statistics of `analysis.correlations`."""

import ipywidgets
import pandas as pd
from markupsafe import Markup

from xstilts_core import analysis
from xstilts_core.analysis.association import METHODS
from xstilts_core.explore import controls
from xstilts_core.explore.markup import plain_table
from xstilts_core.explore.page import Page, picture
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.text import note, visible
from xstilts_core.explore.variables import NO_COLOR, UNITS, Variables, variables
from xstilts_core.report import figures
from xstilts_core.report.figures.cells import SIGNS
from xstilts_core.report.figures.style import FULL

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
    figure = figures.scatter(selected.values, x, y, colors, labels, selected.caution, width=width)
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
