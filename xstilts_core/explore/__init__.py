"""Explore a study interactively: tables and figures that respond to controls, for finished and
running studies. It only reads results and starts no run.

Each view consists of functions that return HTML or a Figure and need no widget; `..._view`
functions put ipywidgets around them.

reader, index       a study's scores as one array; predictions and texts, read on request
text, markup        escaped text with language, direction and marks; the HTML of templates/
page, controls      HTML with parts that can be chosen (anywidget), and the ipywidgets around it
predictions, items  the answers of two runs to the same test items, and the items' texts
gains               recipe x target, languages, seeds, test items
space               the same sentences in all languages, layer by layer
curves              training curves, and the progress of a running study
scatter             any two variables, with the statistics of `analysis.correlations`
advice              the recipes to train on first for a target, from measured gains
explorer            the choice of a study, and the views that follow it
"""

from xstilts_core.explore.advice import advice_view
from xstilts_core.explore.curves import Logs, curves_view
from xstilts_core.explore.explorer import Explorer
from xstilts_core.explore.gains import Gains, gain_view
from xstilts_core.explore.reader import Reader
from xstilts_core.explore.scatter import scatter_view, variables
from xstilts_core.explore.space import space_view

__all__ = [
    "Explorer",
    "Gains",
    "Logs",
    "Reader",
    "advice_view",
    "curves_view",
    "gain_view",
    "scatter_view",
    "space_view",
    "variables",
]
