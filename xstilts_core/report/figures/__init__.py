"""Draw print-size figures from tables: each function takes a DataFrame and returns a Figure. Only
`save` writes files.

style           widths, fonts, colors
cells           figures of numbered cells: gains, baseline scores, the status of a grid
claims          published claims beside the study's estimates
controls        the baseline beside its controls
correlations    tasks with tasks, recipes with tasks, an intermediate task's own score with its gain
domains         in-domain intermediate tasks against general ones
document        tables and figures as one LaTeX document
groups          gains by script, family, word order, resource level, language
scaling         gains against a size, with fitted lines; contrasts
data_languages  intermediate data in other languages against English data
forest          differences with their intervals, one per row
panels          small multiples: gains by language, training curves
phases          diagram of the three phases an encoder goes through
variants        differences between recipes and their variants
explorations    curves of chosen runs, any two variables, sentences in an encoder's space
files           figures as PDF, SVG and PNG, tables as CSV and LaTeX, the list of a report's files
"""

from xstilts_core.report.figures.cells import baseline_scores, heat_map, status_grid
from xstilts_core.report.figures.claims import claim_verdicts
from xstilts_core.report.figures.controls import control_scores
from xstilts_core.report.figures.correlations import correlation_map, own_scores, transfer_map
from xstilts_core.report.figures.data_languages import data_effects_figure, data_relations_figure
from xstilts_core.report.figures.document import save_document, save_tables
from xstilts_core.report.figures.domains import domain_differences
from xstilts_core.report.figures.explorations import run_curves, scatter, sentence_map
from xstilts_core.report.figures.files import finish, report_folder, save, save_panels, save_table
from xstilts_core.report.figures.forest import forest
from xstilts_core.report.figures.groups import group_gains
from xstilts_core.report.figures.panels import language_panels, panels_by_target, training_curves
from xstilts_core.report.figures.phases import phases
from xstilts_core.report.figures.scaling import contrast_rows, size_curves
from xstilts_core.report.figures.style import COLUMN, FULL
from xstilts_core.report.figures.variants import difference_plot

__all__ = [
    "COLUMN",
    "FULL",
    "baseline_scores",
    "claim_verdicts",
    "contrast_rows",
    "control_scores",
    "correlation_map",
    "data_effects_figure",
    "data_relations_figure",
    "difference_plot",
    "domain_differences",
    "finish",
    "forest",
    "group_gains",
    "heat_map",
    "language_panels",
    "own_scores",
    "panels_by_target",
    "phases",
    "report_folder",
    "run_curves",
    "save",
    "save_document",
    "save_panels",
    "save_table",
    "save_tables",
    "scatter",
    "sentence_map",
    "size_curves",
    "status_grid",
    "training_curves",
    "transfer_map",
]
