"""Draw in-domain against general intermediate tasks, from `domain_contrasts`."""

import pandas as pd
from matplotlib.figure import Figure

from xstilts_core.analysis.domains import LESS_GENERAL, LESS_OTHER, OWN
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.report.figures.forest import forest
from xstilts_core.report.figures.style import FULL

PANELS = {LESS_GENERAL: "less general tasks", LESS_OTHER: "less another domain's"}
MEAN = "mean"


def domain_differences(table: pd.DataFrame, source: str, width: float = FULL) -> Figure:
    """Draw a row per mean and target, by the targets' domain, with the planned contrast first.

    The panels compare with general tasks and with another domain's tasks; at column width only the
    first is drawn. source: the runs used.
    """
    rows = table if width > 5 else table[table["comparison"] == LESS_GENERAL]
    # A group's mean comes before its targets.
    order = list(dict.fromkeys(rows["group"]))
    rows = rows.sort_values("group", key=lambda groups: groups.map(order.index), kind="stable")
    rows = rows.assign(
        row=rows["task"].replace(AVERAGE, MEAN),
        panel=rows["comparison"].map(PANELS),
        value=rows["difference"],
    )
    planned = rows[(rows["group"] == OWN) & (rows["comparison"] == LESS_GENERAL)]
    planned_note = (
        f"The first row is the planned contrast: {planned['recipes'].iloc[0]} pairs of recipe and "
        "target. "
        if len(planned)
        else ""
    )
    return forest(
        rows,
        "gain of a special domain's recipes",
        width,
        f"{planned_note}Numbers: contrasts.csv. {source}",
    )
