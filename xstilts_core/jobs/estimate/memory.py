"""The size of a study's encoder and the memory of its runs, without its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xstilts_core import results
from xstilts_core.data import hub_client
from xstilts_core.errors import UsageError
from xstilts_core.study.spec import EncoderSpec, PretrainSpec, Spec, TuneSpec, make

# XLM-R's shapes (Conneau et al. 2020, table 6), for hub names whose configuration is not on disk.
_KNOWN = {"xlm-roberta-large": (1024, 24, 16), "xlm-roberta-base": (768, 12, 12)}
_VOCABULARY = 250_002
# What Python and the libraries take of the memory, and what CUDA takes of a GPU's.
_HOST_BYTES, _CUDA_BYTES = 480_000_000, 600_000_000
# Weights; while training also gradients, AdamW's two moments and the best weights so far.
_WEIGHT_BYTES, _TRAINED_BYTES = 4, 16
# One token of a vocabulary in the tokenizer's files.
_WORD_BYTES = 60


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of an encoder, and the origin of this number. device, gpu: what the runs compute on.
    memory: peak bytes of a run, of GPU memory if `gpu`. file_bytes: size of a saved encoder."""

    parameters: int
    origin: str
    device: str
    gpu: bool
    memory: int
    file_bytes: int


def shape_of(specs: Sequence[Spec], gpu: bool) -> Shape | None:
    """Return the shape of the encoder of these runs, None if none has one. Raise UsageError if it
    is neither on this machine nor known.

    Beside the weights, a training keeps the activations of its largest batch: in parts of CPU_BYTES
    at most on a CPU.
    """
    import torch

    from xstilts_core import model
    from xstilts_core.encoders import loading
    from xstilts_core.encoders.memory import CPU_BYTES, token_bytes

    encoders = [spec for spec in specs if isinstance(spec, EncoderSpec | PretrainSpec)]
    if not encoders:
        return None
    config, origin = _configuration(encoders[0])
    with torch.device("meta"):
        network = loading.new_network(config)
    parameters = model.count_parameters(network)
    where = model.device("auto" if gpu else "cpu")
    weights, activations = _WEIGHT_BYTES, 0
    for spec in encoders:
        if isinstance(spec, TuneSpec | PretrainSpec):
            weights = _WEIGHT_BYTES + _TRAINED_BYTES
            tokens = (
                spec.batch_tokens
                if isinstance(spec, PretrainSpec)
                else spec.batch_size * spec.max_length
            )
            activations = max(activations, tokens * token_bytes(config, spec.max_length))
    base = _CUDA_BYTES if where.type == "cuda" else _HOST_BYTES
    if where.type == "cpu":
        activations = min(activations, CPU_BYTES)
    return Shape(
        parameters=parameters,
        origin=origin,
        device=model.device_name(where),
        gpu=where.type == "cuda",
        memory=base + weights * parameters + activations,
        file_bytes=_WEIGHT_BYTES * parameters + _WORD_BYTES * config.vocab_size,
    )


def _configuration(spec: EncoderSpec | PretrainSpec) -> tuple[Any, str]:
    """Return the configuration of a run's encoder and its origin, without downloading. Raise
    UsageError if it is neither on this machine nor known."""
    from transformers import AutoConfig, XLMRobertaConfig

    from xstilts_core import model

    def xlmr(vocabulary: int, width: int, layers: int, heads: int, length: int) -> Any:
        return XLMRobertaConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            max_position_embeddings=length + 2,
            type_vocab_size=1,
            pad_token_id=1,
        )

    if isinstance(spec, PretrainSpec) or spec.encoder == "pretrained":
        first = _phase1(spec)
        shape = (first.vocabulary, first.hidden_size, first.layers, first.heads, first.max_length)
        return xlmr(*shape), "the settings of phase 1"
    try:
        location = hub_client.encoder_at_hand(model.locate(spec.encoder))
        return AutoConfig.from_pretrained(location, local_files_only=True), "its configuration"
    except (OSError, ValueError):
        for name, shape in _KNOWN.items():
            if spec.encoder.lower().endswith(name):
                return xlmr(_VOCABULARY, *shape, 512), f"the published shape of {name}"
    raise UsageError(
        f"encoder {spec.encoder!r}: its configuration is not on this machine, "
        f"and its shape is known only for {', '.join(_KNOWN)}"
    )


def _phase1(spec: EncoderSpec | PretrainSpec) -> PretrainSpec:
    """Return the run that trains the encoder of `spec`. Raise UsageError if it is unknown: a run
    outside a study whose phase 1 has no result."""
    runs: list[Spec] = [spec]
    for run in runs:
        if isinstance(run, PretrainSpec):
            return run
        runs += run.starts_from
    path = spec.root / "pretrain" / f"seed{spec.seed}" / results.RESULT
    if not path.is_file():
        raise UsageError(f"its phase 1 has no result yet: {path.parent}")
    return make(PretrainSpec, results.read(path).spec, str(path))
