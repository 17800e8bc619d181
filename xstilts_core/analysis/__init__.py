"""From tidy scores to what a paper says about them: DataFrame in, DataFrame out. Nothing here imports torch.

gains       gains over the baseline, paired by seed and language; the recipe x target matrix
items       resampled test items, from kept predictions
intervals   95 % intervals over seeds and test items
hierarchy   which levels an interval covers (pretraining seeds, seeds, languages, items), and how it is made of them
significance  paired permutation tests of gains; Holm and Benjamini-Hochberg over a table
association, correlations  coefficients of resampled rows; tables of correlations, partial ones, influence, detectable size
mixed       what gains go with (a mixed-effects model), and how much of their variance each source has
choice      the recipe for a target, chosen on development data, reported on test data
controls    the baseline beside what can be had without pretraining, or without a model
paper       the paper's statements and what a study finds
performance every recipe and run on every task, of runs and of published scores in one shape
abilities   which tasks go with a good target score, and how much hangs on one recipe
runs        which runs of a study are done, which are not and why; provenance; training logs
translated  intermediate data in other languages, and with noise, against English ones
findings    the numbers in words; contrast_findings: planned contrasts
"""

from xstilts_core.analysis.abilities import (
    by_ability,
    correlation_findings,
    left_out,
    missing,
    own_correlations,
    own_findings,
    provenance,
    source,
    task_correlations,
)
from xstilts_core.analysis.choice import choices, development, strategies
from xstilts_core.analysis.contrast_findings import contrast_findings
from xstilts_core.analysis.controls import control_findings, control_matrix, control_table, strongest
from xstilts_core.analysis.correlations import correlations, detectable, influence, partial_correlations
from xstilts_core.analysis.findings import choice_findings, findings, headline, main_table
from xstilts_core.analysis.gains import baseline, baseline_by_language, contenders, gain_matrix, gains, target_scores
from xstilts_core.analysis.hierarchy import hierarchical_gains
from xstilts_core.analysis.intervals import GainDraws, by_language, gain_draws, gain_table
from xstilts_core.analysis.items import item_scores
from xstilts_core.analysis.mixed import described, mixed_effects, variance_shares
from xstilts_core.analysis.paper import comparison
from xstilts_core.analysis.performance import labels, own_and_gains, performance, transfer
from xstilts_core.analysis.runs import finished, machines, run_grid, runs, training, training_log, unfinished, wall_times
from xstilts_core.analysis.significance import benjamini_hochberg, holm, item_tests, seed_tests
from xstilts_core.analysis.translated import data_contrasts, data_effects, data_relations, resource_contrasts

__all__ = [
    "GainDraws",
    "baseline",
    "baseline_by_language",
    "benjamini_hochberg",
    "by_ability",
    "by_language",
    "choice_findings",
    "choices",
    "comparison",
    "contenders",
    "contrast_findings",
    "control_findings",
    "control_matrix",
    "control_table",
    "correlation_findings",
    "correlations",
    "data_contrasts",
    "data_effects",
    "data_relations",
    "described",
    "detectable",
    "development",
    "findings",
    "finished",
    "gain_draws",
    "gain_matrix",
    "gain_table",
    "gains",
    "headline",
    "hierarchical_gains",
    "holm",
    "influence",
    "item_scores",
    "item_tests",
    "labels",
    "left_out",
    "machines",
    "main_table",
    "missing",
    "mixed_effects",
    "own_and_gains",
    "own_correlations",
    "own_findings",
    "partial_correlations",
    "performance",
    "provenance",
    "resource_contrasts",
    "run_grid",
    "runs",
    "seed_tests",
    "source",
    "strategies",
    "strongest",
    "target_scores",
    "task_correlations",
    "training",
    "training_log",
    "transfer",
    "unfinished",
    "variance_shares",
    "wall_times",
]
