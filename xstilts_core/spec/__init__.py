"""What one run needs: validated, frozen, flat.

base    the fields that runs share; the project's folder; a plain sentence for a wrong value
phases  a spec per phase
"""

from xstilts_core.spec.base import BASELINE, Device, EncoderSpec, Source, Spec, TuneSpec, explain, home, make
from xstilts_core.spec.phases import SPECS, IntermediateSpec, PretrainSpec, RetrievalSpec, TargetSpec

__all__ = [
    "BASELINE",
    "SPECS",
    "Device",
    "EncoderSpec",
    "IntermediateSpec",
    "PretrainSpec",
    "RetrievalSpec",
    "Source",
    "Spec",
    "TargetSpec",
    "TuneSpec",
    "explain",
    "home",
    "make",
]
