"""From tables to figures at print size: DataFrame in, matplotlib Figure out; files are written by `save` alone.

style       widths, fonts, colors
cells       figures of numbered cells: gains, baseline scores, the status of a grid
controls    the baseline beside its controls
correlations  tasks with tasks, recipes with tasks, an intermediate task's own score with its gain
data_languages  intermediate data in other languages against English ones
forest      differences with their intervals, a row each
panels      small multiples: gains by language, training curves
files       figures as PDF, SVG and PNG, tables as CSV and LaTeX, the list of a report's files
"""

from xstilts_core.figures.cells import baseline_scores, heat_map, status_grid
from xstilts_core.figures.controls import control_scores
from xstilts_core.figures.correlations import correlation_map, own_scores, transfer_map
from xstilts_core.figures.data_languages import data_effects_figure, data_relations_figure
from xstilts_core.figures.files import finish, report_folder, save, save_panels, save_table
from xstilts_core.figures.forest import forest
from xstilts_core.figures.panels import language_panels, panels_by_target, training_curves
from xstilts_core.figures.style import COLUMN, FULL

__all__ = [
    "COLUMN",
    "FULL",
    "baseline_scores",
    "control_scores",
    "correlation_map",
    "data_effects_figure",
    "data_relations_figure",
    "finish",
    "forest",
    "heat_map",
    "language_panels",
    "own_scores",
    "panels_by_target",
    "report_folder",
    "save",
    "save_panels",
    "save_table",
    "status_grid",
    "training_curves",
    "transfer_map",
]
