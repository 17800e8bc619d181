"""Statistics of a study, from tidy scores to the statements of a paper: DataFrame in, DataFrame
out. No module here imports torch; the sentences on the numbers are templates
(`xstilts_core/wording/templates/`).

A module imports only from those in the paragraphs above its own. First, what needs no other:

scores      scores that can be compared; gains over the baseline, paired by seed and language
items       scores on resampled test items, from stored predictions
recipes     recipes beside the same recipes without some settings; which gains are transfer
published   the numbers of the paper whose source is known
intervals   variances and intervals over chosen levels (seeds, languages, items); power and p-values
significance  permutation tests of numbers; Holm's and Benjamini-Hochberg's adjusted p-values
likelihood  the restricted likelihood that mixed maximises
transferability  how well labels can be read off vectors: H-score and LogME

Then the numbers of a study:

study_runs  the state of a study's runs, with reasons; provenance; training logs; scores and items
gain_array  the gains of a study in one array; a question is a vector of weights over its rows, its
    answer an estimate with a 95 % interval
association  tables of correlations, partial correlations, influence of single rows, smallest
    detectable correlation
mixed       a mixed-effects model of gains, and the share of their variance due to each source

Then the questions:

gain_tests  paired permutation tests of gains, over seeds and over test items
groups      gains by script, family, word order and resource level, and in each language
choice      the recipe for a target, chosen on development data, reported on test data
controls    the baseline beside controls without pretraining or without a model
claims      claims of the paper and of reports about it, and whether a study confirms them
rebuilt     the paper's tables computed from a study, beside the published numbers
scaling     gains against sizes of intermediate and target training sets, and the number of tasks
contrast    syntactic against semantic intermediate tasks, on sequence labelling and on the rest
domains     in-domain against general intermediate tasks on each domain's targets
variants    several tasks against one, other mixtures, all but one, a sequence, masked language
    modelling
translated  intermediate data in other languages, and with noise, against English data
abilities   scores of every recipe and run on every task, for runs and published scores alike;
    correlations of tasks with target scores, and how much depends on one recipe
evidence, advice  measured gains of all studies; gains predicted from them on other targets, and how
    good that advice would have been on each measured target

The functions that reports call are names of this package too, such as `analysis.gain_table`. Their
module is imported when the name is used.
"""

from importlib import import_module
from typing import Any

# The names of this package, by module.
_NAMES = {
    "abilities": [
        "by_ability",
        "correlation_summary",
        "labels",
        "left_out",
        "missing",
        "own_and_gains",
        "own_correlations",
        "performance",
        "performance_facts",
        "task_correlations",
        "transfer",
    ],
    "advice": ["advise", "measure", "measure_summary"],
    "association": ["correlations", "detectable", "influence"],
    "choice": ["choices", "strategies"],
    "claims": ["claim_parts", "claim_table"],
    "contrast": ["contrasts", "kind_effects", "kind_table"],
    "controls": ["control_table", "strongest"],
    "domains": ["domain_cells", "domain_contrasts"],
    "evidence": ["candidates", "measured_gains", "with_similarity"],
    "gain_array": [
        "Gains",
        "by_language",
        "gain_draws",
        "gain_matrix",
        "gain_table",
        "hierarchical_gains",
        "retrieval_measures",
    ],
    "gain_tests": ["item_tests", "seed_tests", "told_after_holm"],
    "groups": ["group_gains", "language_effects"],
    "mixed": ["described", "mixed_effects", "variance_shares"],
    "rebuilt": ["not_rebuilt", "paper_tables"],
    "scaling": [
        "by_intermediate_size",
        "by_number_of_tasks",
        "by_target_size",
        "curves",
        "fits",
        "helps",
        "point_table",
    ],
    "scores": ["baseline", "baseline_by_language", "contenders", "gains", "target_scores"],
    "significance": ["benjamini_hochberg", "holm"],
    "study_runs": [
        "dagger",
        "development",
        "finished",
        "item_scores",
        "learning",
        "machines",
        "of_size",
        "precisions",
        "remarks",
        "run_grid",
        "runs",
        "training",
        "training_log",
        "unfinished",
        "wall_times",
    ],
    "transferability": ["score_differences"],
    "translated": ["data_contrasts", "data_effects", "data_relations", "resource_contrasts"],
    "variants": ["differences", "multitask", "with_texts"],
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a name of this package from its module, which is imported now."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the names of this package, so that editors can complete them."""
    return sorted([*globals(), *_MODULES])
