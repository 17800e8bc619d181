"""From tables to figures at print size: DataFrame in, matplotlib Figure out; files are written by `save` alone.

style       widths, fonts, colors
cells       figures of numbered cells: gains, baseline scores, the status of a grid
controls    the baseline beside its controls
correlations  tasks with tasks, recipes with tasks, an intermediate task's own score with its gain
panels      small multiples: gains by language, training curves
variants    differences between recipes and their variants
files       figures as PDF, SVG and PNG, tables as CSV and LaTeX, the list of a report's files
"""

from xstilts_core.figures.cells import baseline_scores, heat_map, status_grid
from xstilts_core.figures.controls import control_scores
from xstilts_core.figures.correlations import correlation_map, own_scores, transfer_map
from xstilts_core.figures.files import finish, report_folder, save, save_panels, save_table
from xstilts_core.figures.panels import language_panels, panels_by_target, training_curves
from xstilts_core.figures.style import COLUMN, FULL
from xstilts_core.figures.variants import difference_plot

__all__ = [
    "COLUMN",
    "FULL",
    "baseline_scores",
    "control_scores",
    "correlation_map",
    "difference_plot",
    "finish",
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
