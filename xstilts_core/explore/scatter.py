"""The correlation explorer: any two variables, with the statistics of `analysis.correlations`."""

import ipywidgets
import pandas as pd

from xstilts_core import analysis
from xstilts_core.analysis.association import METHODS
from xstilts_core.explore import controls
from xstilts_core.explore.page import Page
from xstilts_core.explore.pictures import picture, width
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.tables import plain_table
from xstilts_core.explore.text import plain, visible
from xstilts_core.explore.variables import NO_COLOR, UNITS, Variables, variables
from xstilts_core.report import figures
from xstilts_core.report.figures.correlations import SIGNS

_MOST_DROPPED = 3


def statistics(table: pd.DataFrame, x: str, y: str) -> str:
    """Three coefficients with intervals and p-values, what size could be found, and which rows
    matter most, as HTML."""
    pair = table[[x]], table[y].to_frame(f"{y} ") if x == y else table[[y]]
    found = analysis.correlations(*pair, METHODS)
    rows = [
        (
            SIGNS[row.method],
            row.estimate,
            row.low,
            row.high,
            row.p,
            int(row.n),
            analysis.detectable(int(row.n), row.method),
        )
        for row in found.itertuples()
    ]
    heads = ["coefficient", "estimate", "95 % from", "to", "p", "n", "detectable"]
    words = '<p class="xs-note">p: permutations. detectable: the smallest that 80 % of such studies would find.</p>'
    count = int(found["n"].iloc[0])
    if count < 4 or x == y:
        return plain_table(rows, heads) + words
    without = analysis.influence(table[x], table[y]).head(_MOST_DROPPED)
    parts = [f"{label(row.left_out)}: {row.estimate:.2f}" for row in without.itertuples()]
    most = f'<p class="xs-note">{plain(SIGNS["spearman"])} without the rows that matter most: {plain("; ".join(parts))}</p>'
    return plain_table(rows, heads) + words + most


def label(row: object) -> str:
    return ", ".join(map(str, row)) if isinstance(row, tuple) else str(row)


def scatter_html(
    found: Variables,
    x: str,
    y: str,
    color: str = NO_COLOR,
    labels: bool = True,
    narrow: bool = False,
) -> str:
    """Points and statistics of two variables as HTML."""
    figure = figures.scatter(
        found.values, x, y, found.groups.get(color), labels, found.caution, width(narrow)
    )
    return picture(figure, f"{y} against {x}, a point per row") + statistics(found.values, x, y)


def scatter_view(reader: Reader) -> ipywidgets.Widget:
    """The explorer with its controls."""
    tables: dict[str, Variables] = {}
    filling: list[bool] = []
    unit = controls.dropdown("points", list(UNITS))
    x, y = controls.dropdown("x", []), controls.dropdown("y", [])
    color = controls.dropdown("color", [NO_COLOR])
    labels = controls.switch("labels", True, "names beside the points")
    page = Page()

    def of() -> Variables:
        if unit.value not in tables:
            tables[unit.value] = variables(reader, unit.value)
        return tables[unit.value]

    def draw() -> None:
        if x.value and y.value and not filling:
            page.show(
                lambda: scatter_html(of(), x.value, y.value, color.value, labels.value, page.narrow)
            )

    def offer() -> None:
        page.show(fill)
        draw()

    def fill() -> str:
        found = of()
        columns = list(found.values.columns)
        filling.append(True)  # one figure in the end, not one for each control
        x.options = y.options = [(visible(name), name) for name in columns]
        x.value, y.value = columns[0], columns[-1]
        color.options = [NO_COLOR, *found.groups]
        filling.clear()
        return ""

    controls.on_change(offer, unit)
    controls.on_change(draw, x, y, color, labels)
    page.observe(lambda _: draw(), names="narrow")
    offer()
    return controls.column(controls.row(unit, x, y, color, labels), page)
