"""In-domain against general intermediate tasks, from `domain_contrasts`."""

import pandas as pd
from matplotlib.figure import Figure

from xstilts_core.analysis.domains import LESS_GENERAL, LESS_OTHER, OWN
from xstilts_core.analysis.gains import AVERAGE
from xstilts_core.report.figures.forest import forest
from xstilts_core.report.figures.style import FULL

PANELS = {LESS_GENERAL: "less general tasks", LESS_OTHER: "less another domain's"}
MEAN = "mean"


def domain_differences(table: pd.DataFrame, source: str, width: float = FULL) -> Figure:
    """A row per mean and target, by the domain of the targets, the planned contrast first; panels:
    against general tasks, and against another domain's. At column width the first panel alone.
    source: whose runs."""
    shown = table if width > 5 else table[table["comparison"] == LESS_GENERAL]
    # A group's mean stands before its targets.
    order = list(dict.fromkeys(shown["group"]))
    shown = shown.sort_values("group", key=lambda groups: groups.map(order.index), kind="stable")
    shown = shown.assign(
        row=shown["task"].replace(AVERAGE, MEAN),
        panel=shown["comparison"].map(PANELS),
        value=shown["difference"],
    )
    planned = shown[(shown["group"] == OWN) & (shown["comparison"] == LESS_GENERAL)]
    pairs = (
        f"The first row was planned: {planned['recipes'].iloc[0]} recipe-target pairs. "
        if len(planned)
        else ""
    )
    return forest(
        shown,
        "gain of a special domain's recipes",
        width,
        f"{pairs}Numbers: contrasts.csv. {source}",
    )
