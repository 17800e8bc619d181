"""From a study's YAML file to the validated specs of its runs, and the identity of each."""

from xstilts_core.study.study import Study

__all__ = ["Study"]
