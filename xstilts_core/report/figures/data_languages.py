"""Intermediate data in other languages against English ones, from the tables of
`analysis.translated`."""

import pandas as pd
from matplotlib.figure import Figure

from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.languages import LANGUAGES
from xstilts_core.report.figures.forest import forest
from xstilts_core.report.figures.style import FULL


def data_effects_figure(table: pd.DataFrame, width: float = FULL, source: str = "") -> Figure:
    """Differences to English data, a row per intermediate task and condition, a panel per target
    and for their mean (`data_effects`).

    At column width the mean alone. source: whose runs.
    """
    names = {"difference": "value", "difference_low": "low", "difference_high": "high"}
    shown = (
        table[table["recipe"].isin(table.loc[table["difference"].notna(), "recipe"])]
        .drop(columns=["low", "high"])
        .rename(columns=names)
    )
    shown = shown.assign(group=shown["intermediate"], row=shown["condition"], panel=shown["task"])
    if width <= 5:
        shown = shown[shown["task"] == AVERAGE]
    return forest(
        shown,
        "zero-shot difference to English intermediate data",
        width,
        f"Numbers: effects.csv. {source}",
    )


def data_relations_figure(table: pd.DataFrame, width: float = FULL, source: str = "") -> Figure:
    """Differences to English data on the data's own language, on others and on English, a row per
    intermediate task and language of the data, from high resources to low ones, from
    `data_relations`. source: whose runs."""
    shown = table.sort_values("intermediate", kind="stable").rename(columns={"difference": "value"})
    rows = [
        f"{LANGUAGES[code].name} ({level})"
        for code, level in zip(shown["language"], shown["level"], strict=True)
    ]
    shown = shown.assign(group=shown["intermediate"], row=rows, panel=shown["relation"])
    return forest(
        shown,
        "difference to English intermediate data, by the language scored",
        width,
        f"Numbers: relations.csv. {source}",
    )
