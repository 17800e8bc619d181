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

The functions that reports call are names of this package too, such as `analysis.gain_table`
(names.yaml lists them). Their module is imported when the name is used.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

_NAMES = yaml.safe_load(Path(__file__).with_name("names.yaml").read_text(encoding="utf-8"))
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a name of this package from its module, which is imported now."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the names of this package, so that editors can complete them."""
    return sorted([*globals(), *_MODULES])
