"""Draw translated against English intermediate data, from the tables of `analysis.translated`."""

import pandas as pd
from matplotlib.figure import Figure

from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.languages import LANGUAGES
from xstilts_core.report.figures.forest import forest
from xstilts_core.report.figures.style import FULL


def data_effects_figure(table: pd.DataFrame, width: float = FULL, source: str = "") -> Figure:
    """Draw differences from English data, from `data_effects`: a row per intermediate task and
    condition, a panel per target and one for their mean.

    At column width only the mean is drawn. source: the runs used.
    """
    columns = {"difference": "value", "difference_low": "low", "difference_high": "high"}
    effects = (
        table[table["recipe"].isin(table.loc[table["difference"].notna(), "recipe"])]
        .drop(columns=["low", "high"])
        .rename(columns=columns)
    )
    effects = effects.assign(
        group=effects["intermediate"], row=effects["condition"], panel=effects["task"]
    )
    if width <= 5:
        effects = effects[effects["task"] == AVERAGE]
    return forest(
        effects,
        "zero-shot difference from English intermediate data",
        width,
        f"Numbers: effects.csv. {source}",
    )


def data_relations_figure(table: pd.DataFrame, width: float = FULL, source: str = "") -> Figure:
    """Draw differences from English data, from `data_relations`, with panels for the data's own
    language, other languages and English.

    A row is an intermediate task and a language of the data, from high to low resources. source:
    the runs used.
    """
    relations = table.sort_values("intermediate", kind="stable").rename(
        columns={"difference": "value"}
    )
    rows = [
        f"{LANGUAGES[code].name} ({level})"
        for code, level in zip(relations["language"], relations["level"], strict=True)
    ]
    relations = relations.assign(
        group=relations["intermediate"], row=rows, panel=relations["relation"]
    )
    return forest(
        relations,
        "difference from English intermediate data, by the language scored",
        width,
        f"Numbers: relations.csv. {source}",
    )
