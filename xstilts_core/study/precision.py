"""Decide without torch which precision `precision: auto` uses on a CPU, so that the status command
can tell which results were made with another one."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from xstilts_core.data import hub_client
from xstilts_core.files import encoder_files
from xstilts_core.study.spec import EncoderSpec, PretrainSpec, Spec

CPUINFO, DEVICES = Path("/proc/cpuinfo"), Path("/dev")
# Linux's CPU flags for bfloat16 products in hardware: on Intel and AMD, and on Arm.
FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
# Device nodes of GPUs: NVIDIA's, Windows' for Linux, AMD's.
_GPUS = ("nvidia[0-9]*", "dxg", "kfd")
NARROWEST = 256
"""The smallest hidden size at which bfloat16 is clearly faster. Whole training steps on pairs on an
AMX core, two rounds each, were 0.8 and 1.3 times as fast at width 128, 1.0 and 1.3 times at 192,
1.3 and 1.8 times at 256."""


@lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Return whether this CPU multiplies bfloat16 in hardware. Only Linux reports it; on other
    systems the answer is False."""
    if not CPUINFO.is_file():
        return False
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = (
        line.partition(":")[2].split()
        for line in lines
        if line.lower().startswith(("flags", "features"))
    )
    return not FLAGS.isdisjoint(next(flags, ()))


def on_cpu(width: int | None) -> bool:
    """Return whether auto computes an encoder of this hidden size in bfloat16 on this CPU."""
    return width is not None and width >= NARROWEST and has_bfloat16()


def configuration(spec: EncoderSpec) -> dict[str, Any]:
    """Return what is known of the configuration of the run's encoder before a run: its sizes if the
    study pretrains it, everything for a folder and for a hub model that is downloaded, else
    nothing."""
    if spec.encoder == "pretrained":
        ancestors: list[Spec] = [spec]
        for run in ancestors:
            if isinstance(run, PretrainSpec):
                return {
                    "hidden_size": run.hidden_size,
                    "num_hidden_layers": run.layers,
                    "max_position_embeddings": run.max_length,
                }
            ancestors += run.starts_from
    folder = spec.encoder_folder
    if not folder.is_dir():
        folder = Path(hub_client.encoder_at_hand(spec.phase1))
    return encoder_files.configuration(folder)


def width(spec: EncoderSpec) -> int | None:
    """Return the hidden size of the run's encoder, or None if it is unknown: a hub model that is
    not downloaded yet."""
    return encoder_files.width(configuration(spec))


def of(spec: Spec) -> str:
    """Return the precision of a run's network. It is "" if the run has no encoder, or if it is
    known only when the run starts (on a GPU)."""
    if not isinstance(spec, EncoderSpec):
        return ""
    if spec.precision != "auto":
        return spec.precision
    # This machine may have a GPU; only torch knows whether it can use it.
    if spec.device != "cpu" and any(next(DEVICES.glob(name), None) for name in _GPUS):
        return ""
    if (size := width(spec)) is None:
        return ""
    return "bfloat16" if on_cpu(size) else "float32"
