"""From tidy scores to what a paper says about them: DataFrame in, DataFrame out. Nothing here imports torch.

gains       gains over the baseline, paired by seed and language; the recipe x target matrix
items       resampled test items, from kept predictions
intervals   bootstrap over seeds and test items
choice      the recipe for a target, chosen on development data, reported on test data
controls    the baseline beside what can be had without pretraining, or without a model
paper       the paper's statements and what a study finds
runs        which runs of a study are done, which are not and why; provenance; training logs
findings    the numbers in words
"""

from xstilts_core.analysis.choice import choices, development, strategies
from xstilts_core.analysis.controls import control_findings, control_matrix, control_table, strongest
from xstilts_core.analysis.findings import choice_findings, findings, headline, main_table
from xstilts_core.analysis.gains import baseline, baseline_by_language, contenders, gain_matrix, gains, target_scores
from xstilts_core.analysis.intervals import GainDraws, by_language, gain_draws, gain_table
from xstilts_core.analysis.items import item_scores
from xstilts_core.analysis.paper import comparison
from xstilts_core.analysis.runs import finished, machines, run_grid, runs, training, training_log, unfinished, wall_times

__all__ = [
    "GainDraws",
    "baseline",
    "baseline_by_language",
    "by_language",
    "choice_findings",
    "choices",
    "comparison",
    "contenders",
    "control_findings",
    "control_matrix",
    "control_table",
    "development",
    "findings",
    "finished",
    "gain_draws",
    "gain_matrix",
    "gain_table",
    "gains",
    "headline",
    "item_scores",
    "machines",
    "main_table",
    "run_grid",
    "runs",
    "strategies",
    "strongest",
    "target_scores",
    "training",
    "training_log",
    "unfinished",
    "wall_times",
]
