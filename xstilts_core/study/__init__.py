"""Turn a study's YAML file into the validated specs of its runs, each with its identity."""

from xstilts_core.study.study import Study

__all__ = ["Study"]
