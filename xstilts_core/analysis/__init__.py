"""From tidy scores to what a paper says about them: DataFrame in, DataFrame out. Nothing here imports torch.

gains       gains over the baseline, paired by seed and language; the recipe x target matrix; best recipe per target
intervals   percentile bootstrap over seeds, languages and test items
items       paired comparison of kept predictions, item by item
runs        which runs of a study are done, which are not and why; provenance; training logs
findings    the numbers in words
"""

from xstilts_core.analysis.findings import findings, headline, main_table
from xstilts_core.analysis.gains import baseline, baseline_by_language, best, gain_matrix, gains, target_scores
from xstilts_core.analysis.intervals import by_language, gain_table
from xstilts_core.analysis.items import Paired, item_intervals, paired_items
from xstilts_core.analysis.runs import finished, machines, run_grid, runs, training, training_log, unfinished, wall_times

__all__ = [
    "Paired",
    "baseline",
    "baseline_by_language",
    "best",
    "by_language",
    "findings",
    "finished",
    "gain_matrix",
    "gain_table",
    "gains",
    "headline",
    "item_intervals",
    "machines",
    "main_table",
    "paired_items",
    "run_grid",
    "runs",
    "target_scores",
    "training",
    "training_log",
    "unfinished",
    "wall_times",
]
