"""What one run needs: validated, frozen, flat.

base    the fields that runs share; the project's folder; a plain sentence for a wrong value
intermediate  the spec of phase 2
phases  those of the other phases
reads   the splits of tasks that a run reads
weights which model a folder holds
wording a wrong value as a plain sentence
"""

from xstilts_core.study.spec.base import (
    BASELINE,
    CONTROLS,
    DATA_ONLY,
    ENCODERS,
    Device,
    EncoderSpec,
    ScoringSpec,
    Spec,
    TuneSpec,
    explain,
    linked,
    make,
    misfit,
    passes,
)
from xstilts_core.study.spec.intermediate import MIXTURE, TEXT_FIELDS, IntermediateSpec
from xstilts_core.study.spec.phases import (
    SPECS,
    ControlSpec,
    DataSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    TargetSpec,
)

__all__ = [
    "BASELINE",
    "CONTROLS",
    "DATA_ONLY",
    "ENCODERS",
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
    "Spec",
    "TargetSpec",
    "TuneSpec",
    "explain",
    "linked",
    "make",
    "misfit",
    "passes",
]
