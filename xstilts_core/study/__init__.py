"""Turn a study's YAML file into the validated specs of its runs, each with its identity.

study_file              the file, read strictly; values given on the command line
study, study_kinds      its grid; studies without runs of their own
recipe, spec            how a recipe prepares an encoder; the parameters of one run
identity, precision     what a run's numbers depend on
published               scores and claims from the literature
"""

from xstilts_core.study.study import Study

__all__ = ["Study"]
