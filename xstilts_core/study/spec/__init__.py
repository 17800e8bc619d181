"""The validated, frozen, flat parameters of one run.

base          fields that runs share, and the project's folder
intermediate  the spec of phase 2
phases        the specs of the other phases
reads         the task splits that a run reads
steps         the passes over a training set
weights       a fingerprint of the model in a folder
wording       a wrong value as a plain sentence
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
    link_parents,
    make,
    misfit,
)
from xstilts_core.study.spec.intermediate import MIXTURE, TEXT_FIELDS, IntermediateSpec
from xstilts_core.study.spec.phases import (
    SPECS,
    ControlSpec,
    DataSpec,
    Encoding,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    Scoring,
    TargetSpec,
    Tuning,
)
from xstilts_core.study.spec.steps import passes
from xstilts_core.study.spec.wording import explain

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
    "Encoding",
    "IntermediateSpec",
    "PretrainSpec",
    "ProbingSpec",
    "RetrievalSpec",
    "Scoring",
    "ScoringSpec",
    "Spec",
    "TargetSpec",
    "TuneSpec",
    "Tuning",
    "explain",
    "link_parents",
    "make",
    "misfit",
    "passes",
]
