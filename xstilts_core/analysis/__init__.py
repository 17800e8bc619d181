"""Statistics of a study, from tidy scores to the statements of a paper: DataFrame in, DataFrame
out. No module here imports torch; the sentences on the numbers are templates
(`xstilts_core/wording/templates/`).

gains       gains over the baseline, paired by seed and language; the recipe x target matrix
items       scores on resampled test items, from stored predictions
gain_array  the gains of a study in one array; a question is a vector of weights over its rows, its
    answer an estimate with a 95 % interval
hierarchy   variances and intervals over chosen levels (seeds, languages, items); their method
significance  paired permutation tests of gains; Holm's and Benjamini-Hochberg's adjusted p-values
association, correlations  coefficients of resampled rows; tables of correlations, partial
    correlations, influence of single rows, smallest detectable correlation
likelihood  the restricted likelihood that mixed maximises
mixed       a mixed-effects model of gains, and the share of their variance due to each source
groups      gains by script, family, word order and resource level, and in each language
comparable  scores on the same test items; text naming the scores left out of all tables
choice      the recipe for a target, chosen on development data, reported on test data
controls    the baseline beside controls without pretraining or without a model
claims, verdicts  claims of the paper and of reports about it, and whether a study confirms them
rebuilt     the paper's tables computed from a study, beside the published numbers
power       the size of gain that the seeds and items of a study can distinguish from 0
scaling     gains against sizes of intermediate and target training sets, and the number of tasks
contrast    syntactic against semantic intermediate tasks, on sequence labelling and on the rest
domains     in-domain against general intermediate tasks on each domain's targets
variants    several tasks against one, other mixtures, all but one, a sequence, masked language
    modelling
performance  scores of every recipe and run on every task, for runs and published scores alike
abilities   correlations of tasks with target scores, and how much depends on one recipe
runs        the state of a study's runs, with reasons; provenance; training logs
evidence, advice  measured gains of all studies; gains predicted from them on other targets, and how
    good that advice would have been on each measured target
translated  intermediate data in other languages, and with noise, against English data
"""

from xstilts_core.analysis.abilities import (
    by_ability,
    correlation_summary,
    left_out,
    missing,
    own_correlations,
    performance_facts,
    task_correlations,
)
from xstilts_core.analysis.advice import advise, measure, measure_summary
from xstilts_core.analysis.choice import choices, development, strategies
from xstilts_core.analysis.contrast import contrasts, kind_effects, kind_table
from xstilts_core.analysis.controls import (
    control_table,
    strongest,
)
from xstilts_core.analysis.correlations import (
    correlations,
    detectable,
    influence,
    partial_correlations,
)
from xstilts_core.analysis.domains import domain_cells, domain_contrasts
from xstilts_core.analysis.evidence import candidates, measured_gains, with_similarity
from xstilts_core.analysis.gain_array import (
    Gains,
    by_language,
    gain_draws,
    gain_table,
    hierarchical_gains,
)
from xstilts_core.analysis.gains import (
    baseline,
    baseline_by_language,
    contenders,
    gain_matrix,
    gains,
    target_scores,
)
from xstilts_core.analysis.groups import group_gains, language_effects
from xstilts_core.analysis.items import item_scores
from xstilts_core.analysis.mixed import described, mixed_effects, variance_shares
from xstilts_core.analysis.performance import labels, own_and_gains, performance, transfer
from xstilts_core.analysis.rebuilt import not_rebuilt, paper_tables
from xstilts_core.analysis.runs import (
    dagger,
    finished,
    learning,
    machines,
    of_size,
    precisions,
    remarks,
    run_grid,
    runs,
    training,
    training_log,
    unfinished,
    wall_times,
)
from xstilts_core.analysis.scaling import (
    by_intermediate_size,
    by_number_of_tasks,
    by_target_size,
    curves,
    fits,
    helps,
    point_table,
)
from xstilts_core.analysis.significance import benjamini_hochberg, holm, item_tests, seed_tests
from xstilts_core.analysis.translated import (
    data_contrasts,
    data_effects,
    data_relations,
    resource_contrasts,
)
from xstilts_core.analysis.variants import differences, multitask, with_texts
from xstilts_core.analysis.verdicts import claim_parts, claim_table

__all__ = [
    "Gains",
    "advise",
    "baseline",
    "baseline_by_language",
    "benjamini_hochberg",
    "by_ability",
    "by_intermediate_size",
    "by_language",
    "by_number_of_tasks",
    "by_target_size",
    "candidates",
    "choices",
    "claim_parts",
    "claim_table",
    "contenders",
    "contrasts",
    "control_table",
    "correlation_summary",
    "correlations",
    "curves",
    "dagger",
    "data_contrasts",
    "data_effects",
    "data_relations",
    "described",
    "detectable",
    "development",
    "differences",
    "domain_cells",
    "domain_contrasts",
    "finished",
    "fits",
    "gain_draws",
    "gain_matrix",
    "gain_table",
    "gains",
    "group_gains",
    "helps",
    "hierarchical_gains",
    "holm",
    "influence",
    "item_scores",
    "item_tests",
    "kind_effects",
    "kind_table",
    "labels",
    "language_effects",
    "learning",
    "left_out",
    "machines",
    "measure",
    "measure_summary",
    "measured_gains",
    "missing",
    "mixed_effects",
    "multitask",
    "not_rebuilt",
    "of_size",
    "own_and_gains",
    "own_correlations",
    "paper_tables",
    "partial_correlations",
    "performance",
    "performance_facts",
    "point_table",
    "precisions",
    "remarks",
    "resource_contrasts",
    "run_grid",
    "runs",
    "seed_tests",
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
    "with_similarity",
    "with_texts",
]
