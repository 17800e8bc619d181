"""Draw print-size figures from tables. Each function is called with its data, `width` in inches and
`source`, a sentence on the runs used, and returns a Figure; only `save` writes files.

style    widths, fonts, colors, and what makes a figure of a drawing function
cells    numbered cells: gains, baseline scores, the status of a grid, correlations, transfer
forest   estimates with intervals: differences, gains by group or language, claims, controls
curves   training curves, gains by size, own scores, and the explorer's curves and points
phases   diagram of the three phases an encoder goes through
files    figures as PDF, SVG and PNG, tables as CSV and LaTeX, a LaTeX document of both
"""

from xstilts_core.report.figures.cells import (
    baseline_scores,
    correlation_map,
    heat_map,
    status_grid,
    transfer_map,
)
from xstilts_core.report.figures.curves import (
    own_scores,
    run_curves,
    scatter,
    sentence_map,
    size_curves,
    training_curves,
)
from xstilts_core.report.figures.files import finish, report_folder, save, save_document, save_table
from xstilts_core.report.figures.forest import (
    claim_verdicts,
    contrast_rows,
    control_scores,
    data_effects_figure,
    data_relations_figure,
    difference_plot,
    domain_differences,
    forest,
    group_gains,
    language_panels,
)
from xstilts_core.report.figures.phases import phases
from xstilts_core.report.figures.style import COLUMN, FULL

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
    "phases",
    "report_folder",
    "run_curves",
    "save",
    "save_document",
    "save_table",
    "scatter",
    "sentence_map",
    "size_curves",
    "status_grid",
    "training_curves",
    "transfer_map",
]
