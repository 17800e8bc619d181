"""The size of a study's encoder and the memory of its runs, without its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xstilts_core.data import hub_client
from xstilts_core.errors import UsageError
from xstilts_core.study.spec import EncoderSpec, PretrainSpec, Spec, TuneSpec

# XLM-R's vocabulary, width, layers, heads and positions (Conneau et al. 2020, table 6), for hub
# names whose configuration is not on disk.
_KNOWN = {
    "xlm-roberta-large": (250_002, 1024, 24, 16, 512),
    "xlm-roberta-base": (250_002, 768, 12, 12, 512),
}
# What Python and the libraries take of the memory, and what CUDA takes of a GPU's.
_HOST_BYTES, _CUDA_BYTES = 480_000_000, 600_000_000
# Weights; while training also gradients, AdamW's two moments and the best weights so far.
_WEIGHT_BYTES, _TRAINED_BYTES = 4, 16
# One token of a vocabulary in the tokenizer's files, and in memory.
_WORD_BYTES, _WORD_MEMORY_BYTES = 60, 1_200


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
    where = model.device("auto" if gpu else "cpu")
    trainings = [spec for spec in encoders if isinstance(spec, TuneSpec | PretrainSpec)]
    parameters = network.num_parameters()
    if all(getattr(spec, "freeze_embeddings", False) for spec in trainings):
        model.freeze_embeddings(network)
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    activations = [
        token_bytes(config, spec.max_length)
        * (
            spec.batch_tokens
            if isinstance(spec, PretrainSpec)
            else spec.batch_size * spec.max_length
        )
        for spec in trainings
    ]
    weights = _WEIGHT_BYTES * parameters + (_TRAINED_BYTES * trained if trainings else 0)
    on_gpu, largest = where.type == "cuda", max(activations, default=0)
    return Shape(
        parameters=parameters,
        origin=origin,
        device=model.device_name(where),
        gpu=on_gpu,
        memory=weights
        + (
            _CUDA_BYTES + largest
            if on_gpu
            else _HOST_BYTES + min(largest, CPU_BYTES) + _WORD_MEMORY_BYTES * config.vocab_size
        ),
        file_bytes=_WEIGHT_BYTES * parameters + _WORD_BYTES * config.vocab_size,
    )


def _configuration(spec: Spec) -> tuple[Any, str]:
    """Return the configuration of a run's encoder and its origin, without downloading. Raise
    UsageError if it is neither on this machine nor known."""
    from transformers import AutoConfig, XLMRobertaConfig

    from xstilts_core import model

    if isinstance(spec, EncoderSpec) and spec.encoder == "pretrained":
        return _configuration(spec.starts_from[0])
    if isinstance(spec, EncoderSpec):
        try:
            location = hub_client.encoder_at_hand(model.locate(spec.encoder))
            return AutoConfig.from_pretrained(location, local_files_only=True), "its configuration"
        except (OSError, ValueError):
            name = next((name for name in _KNOWN if spec.encoder.lower().endswith(name)), "")
        if not name:
            raise UsageError(
                f"encoder {spec.encoder!r}: its configuration is not on this machine, "
                f"and its shape is known only for {', '.join(_KNOWN)}"
            )
        shape, origin = _KNOWN[name], f"the published shape of {name}"
    else:
        assert isinstance(spec, PretrainSpec)
        shape = (spec.vocabulary, spec.hidden_size, spec.layers, spec.heads, spec.max_length)
        origin = "the settings of phase 1"
    vocabulary, width, layers, heads, length = shape
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=length + 2,
        type_vocab_size=1,
        pad_token_id=1,
    )
    return config, origin
