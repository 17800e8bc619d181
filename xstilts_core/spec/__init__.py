"""What one run needs: validated, frozen, flat.

base    the fields that runs share; the project's folder; a plain sentence for a wrong value
intermediate  the spec of phase 2
phases  those of the other phases
reads   the splits of tasks that a run reads
weights which model a folder holds
wording a wrong value as a plain sentence
"""

from xstilts_core.spec.base import (
    BASELINE,
    CONTROLS,
    DATA_ONLY,
    ENCODERS,
    HOME,
    Device,
    EncoderSpec,
    ScoringSpec,
    Source,
    Spec,
    TuneSpec,
    explain,
    home,
    linked,
    make,
    misfit,
    passes,
)
from xstilts_core.spec.intermediate import MIXTURE, TEXT_FIELDS, IntermediateSpec
from xstilts_core.spec.phases import SPECS, ControlSpec, DataSpec, PretrainSpec, ProbingSpec, RetrievalSpec, TargetSpec

__all__ = [
    "BASELINE",
    "CONTROLS",
    "DATA_ONLY",
    "ENCODERS",
    "HOME",
    "MIXTURE",
    "SPECS",
    "TEXT_FIELDS",
    "ControlSpec",
    "DataSpec",
    "Device",
    "EncoderSpec",
    "IntermediateSpec",
    "PretrainSpec",
    "ProbingSpec",
    "RetrievalSpec",
    "ScoringSpec",
    "Source",
    "Spec",
    "TargetSpec",
    "TuneSpec",
    "explain",
    "home",
    "linked",
    "make",
    "misfit",
    "passes",
]
