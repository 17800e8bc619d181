"""Show which intermediate task to train on first for a target, from measured gains."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import pandas as pd
from markupsafe import Markup

from xstilts_core.analysis.scores import ENGLISH
from xstilts_core.explore import controls
from xstilts_core.explore.markup import language_name, plain_table, render
from xstilts_core.explore.page import Page, picture
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.text import note
from xstilts_core.report.figures.forest import forest
from xstilts_core.report.figures.style import FULL
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TARGET_NAMES, TASKS
from xstilts_core.wording.numbers import gain, interval

_KEPT = ("measured", "published")
_TITLE = "expected zero-shot gain"
_ALL = "all but English"


def advice_html(table: pd.DataFrame, width: float = FULL) -> Markup:
    """Return the recipes of an answer (`report.advice`), best first, as a figure and a table with
    reasons, and the commands that train the first one."""
    known = table.dropna(subset=["chance"])
    rows = known.assign(group="", panel="", row=known["recipe"], value=known["gain"])
    figure = forest(rows.assign(low=rows["low_95"], high=rows["high_95"]), _TITLE, width=width)
    cells = [
        (
            row.recipe,
            "0" if row.recipe == BASELINE else gain(row.gain),
            "" if row.recipe == BASELINE else interval(row.low_80, row.high_80),
            "" if row.recipe == BASELINE else f"{100 * row.chance:.0f} %",
            row.reasons,
        )
        for row in table.itertuples()
    ]
    frame = pd.DataFrame(cells, columns=["recipe", "gain", "80 % interval", "helps", "why"])
    return (
        picture(figure, f"{_TITLE} of each recipe with its 95 % interval")
        + plain_table(frame)
        + note(f"Order: {table.attrs['rule']}. How good such advice is: 71_advice_measured.")
        + render("commands.html", commands=table["commands"].iloc[0])
    )


def advice_view(advise: Callable[..., Sequence[Any]]) -> Callable[[Reader], ipywidgets.Widget]:
    """Return the view of advice for a target. advise: `report.advice.answers`, which needs torch
    for rows of one's own and is therefore not imported here."""
    return lambda reader: _advice_view(reader, advise)


def _advice_view(reader: Reader, advise: Callable[..., Sequence[Any]]) -> ipywidgets.Widget:
    """Return advice for a target. The evidence is the study's gains, those kept in reference/ and
    published ones."""
    study = reader.study
    studies = [study.file, *(name for name in _KEPT if name not in (study.name, study.file))]

    def ask() -> Markup:
        chosen = [code.value] if code.value else []
        (answer,) = advise(target.value, studies, chosen)
        return advice_html(answer.table, page.width)

    def draw() -> None:
        if target.value and not filling:
            page.show(ask)

    def offer() -> None:
        filling.append(True)  # ask once at the end, not once more for the languages
        codes = TASKS[target.value].languages if target.value else ()
        labels = [(language_name(name), name) for name in codes if name != ENGLISH]
        code.options = [(_ALL, ""), *labels]
        filling.clear()
        draw()

    filling: list[bool] = []
    # An answer takes seconds, and the other views should not wait for it.
    target = controls.dropdown("target", TARGET_NAMES, "", every="choose one")
    code = controls.dropdown("language", [], every=_ALL)
    page = Page()
    controls.on_change(offer, target)
    controls.on_change(draw, code, page)
    return controls.column(controls.row(target, code), page)
