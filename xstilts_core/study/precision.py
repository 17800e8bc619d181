"""Which numbers `precision: auto` computes with on a CPU, told without torch: a status says whose
results were made otherwise."""

from functools import lru_cache
from pathlib import Path

from xstilts_core.data import hub_client
from xstilts_core.files import encoder_files
from xstilts_core.files.paths import expanded, home
from xstilts_core.study.spec import EncoderSpec, PretrainSpec, Spec

CPUINFO, DEVICES = Path("/proc/cpuinfo"), Path("/dev")
# What Linux calls products of bfloat16 in hardware: on Intel and AMD, and on Arm.
FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
# Device nodes of GPUs: NVIDIA's, Windows' for Linux, AMD's.
_GPUS = ("nvidia[0-9]*", "dxg", "kfd")
NARROWEST = 256
"""The narrowest encoder, by its hidden size, that bfloat16 makes clearly faster: whole training
steps on pairs on an AMX core, two rounds each, gave 0.8x and 1.3x at width 128, 1.0x and 1.3x at
192, 1.3x and 1.8x at 256."""


@lru_cache(maxsize=1)
def native() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware. Linux says so; of other systems nothing is
    known, and the answer is no."""
    if not CPUINFO.is_file():
        return False
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    told = (
        line.partition(":")[2].split()
        for line in lines
        if line.lower().startswith(("flags", "features"))
    )
    return not FLAGS.isdisjoint(next(told, ()))


def on_cpu(width: int | None) -> bool:
    """Whether auto computes an encoder of this hidden size in bfloat16 on this CPU."""
    return width is not None and width >= NARROWEST and native()


def gpu() -> bool:
    """Whether this machine may have a GPU that torch can use: only torch knows."""
    return any(next(DEVICES.glob(name), None) for name in _GPUS)


def width(spec: EncoderSpec) -> int | None:
    """The hidden size of the encoder that a run computes with; None where it is not known: a model
    of the hub that is not here yet."""
    if spec.encoder == "pretrained":
        asked: list[Spec] = [spec]
        for other in asked:
            if isinstance(other, PretrainSpec):
                return other.hidden_size
            asked += other.starts_from
    if spec.encoder == encoder_files.SHIPPED:
        folder = encoder_files.shipped()
    else:
        folder = home() / expanded(spec.phase1)
        folder = folder if folder.is_dir() else Path(hub_client.encoder_at_hand(spec.phase1))
    return encoder_files.width(encoder_files.configuration(folder))


def of(spec: Spec) -> str:
    """What a run's network computes in; "" where that is known only when it runs (on a GPU), or
    nothing can be chosen."""
    if not isinstance(spec, EncoderSpec):
        return ""
    if spec.precision != "auto":
        return spec.precision
    if (spec.device != "cpu" and gpu()) or (size := width(spec)) is None:
        return ""
    return "bfloat16" if on_cpu(size) else "float32"
