"""Build the encoder that a probe measures: the shape of the study's encoder with random weights,
whole or cut to one layer."""

import math
import resource
import sys
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    XLMRobertaConfig,
)

from xstilts_core import model
from xstilts_core.data import hub_client
from xstilts_core.encoders import loading, trial
from xstilts_core.encoders.memory import CPU_BYTES
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate.question import Question
from xstilts_core.model import Encoder

# Floating-point operations of a probed batch on a CPU: a fraction of a second of one core.
CPU_OPERATIONS = 2e10
CPU_PARAMETERS = 6e7
BYTES = 4
# GPU memory that CUDA itself takes, and that must stay free for a network to be probed whole.
CUDA_BYTES = 600_000_000
FREE_BYTES = 4_000_000_000
# XLM-R's shapes (Conneau et al. 2020, table 6), for hub names whose configuration is not on disk.
KNOWN = {"xlm-roberta-large": (1024, 24, 16), "xlm-roberta-base": (768, 12, 12)}
VOCABULARY = 250_002


@dataclass(slots=True)
class Bench:
    """The encoder under test. layers: of the whole encoder; depth: layers of the measured one. own:
    whether the encoder's own tokenizer is on this machine.

    measured: (seconds per token in training, seconds per step, seconds per token in scoring, bytes
    per token kept for the backward pass) of the stages so far. activations: bytes kept by the
    largest part of a step. trained: most parameters trained in a stage. pool: most passages
    embedded at once. translator: bytes of the largest translation model. translating: seconds to
    translate a token, by model and tokens per sentence.
    """

    encoder: Encoder
    layers: int
    depth: int
    parameters: int
    embedding_parameters: int
    vocabulary: int
    own: bool
    where: torch.device
    measured: dict[tuple[Any, ...], tuple[float, float, float, float]] = field(default_factory=dict)
    activations: float = 0.0
    trained: int = 0
    pool: int = 0
    translator: float = 0.0
    translating: dict[tuple[str, int], float] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        return self.layers / self.depth

    def hold(self, size: float) -> None:
        """Record that a step keeps this many bytes for the backward pass; on a CPU, in parts of at
        most CPU_BYTES."""
        self.activations = max(
            self.activations, size if self.where.type == "cuda" else min(size, CPU_BYTES)
        )

    def most_tokens(self) -> float:
        """Return the maximum number of tokens in a probed batch."""
        if self.where.type == "cuda":
            return math.inf
        layers = (self.parameters - self.embedding_parameters) / self.scale
        return max(64.0, CPU_OPERATIONS / (6 * layers))


def configuration(name: str) -> tuple[PretrainedConfig, str]:
    """Return the encoder's configuration and its origin, without downloading. Raise UsageError if
    it is neither on this machine nor known."""
    location = hub_client.encoder_at_hand(model.locate(name))
    try:
        return AutoConfig.from_pretrained(location, local_files_only=True), "its configuration"
    except (OSError, ValueError):
        for known_name, (width, layers, heads) in KNOWN.items():
            if name.lower().endswith(known_name):
                size = {
                    "hidden_size": width,
                    "num_hidden_layers": layers,
                    "num_attention_heads": heads,
                    "intermediate_size": 4 * width,
                }
                config = XLMRobertaConfig(
                    **size,
                    vocab_size=VOCABULARY,
                    max_position_embeddings=514,
                    type_vocab_size=1,
                    pad_token_id=1,
                )
                return config, f"the published shape of {known_name}"
    raise UsageError(
        f"encoder {name!r}: its configuration is not on this machine, "
        f"and its shape is known only for {', '.join(KNOWN)}"
    )


def tokenizer_at_hand(name: str) -> PreTrainedTokenizerBase | None:
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            hub_client.encoder_at_hand(model.locate(name)), local_files_only=True
        )
    except (OSError, ValueError, KeyError, ImportError):
        return None
    return tokenizer if getattr(tokenizer, "is_fast", False) else None


def sizes(config: PretrainedConfig) -> tuple[int, int]:
    """Return the number of parameters of the encoder and of its embedding layer, without allocating
    memory."""
    with torch.device("meta"):
        network = loading.new_network(config)
    embeddings = getattr(network, "embeddings", None) or network.get_input_embeddings()
    return model.count_parameters(network), model.count_parameters(embeddings)


def bench(question: Question, where: torch.device) -> tuple[Bench, str]:
    """Return the study's encoder, whole if it is small enough, and a note on the origin of its
    shape."""
    config, note = configuration(question.encoder)
    parameters, embeddings = sizes(config)
    layers, vocabulary = int(config.num_hidden_layers), int(config.vocab_size)
    tokenizer = tokenizer_at_hand(question.encoder)
    fits = parameters < CPU_PARAMETERS
    if where.type == "cuda":
        fits = torch.cuda.mem_get_info()[0] > 5 * BYTES * parameters + FREE_BYTES
    if not fits:
        config.num_hidden_layers = 1
        config.vocab_size = min(config.vocab_size, 10_000 if tokenizer is None else len(tokenizer))
    network = loading.new_network(config).to(where)
    bench_tokenizer = tokenizer or AutoTokenizer.from_pretrained(model.shipped())
    encoder = Encoder(
        network, bench_tokenizer, trial.examine(network, f"encoder {question.encoder!r}")
    )
    return Bench(
        encoder,
        layers,
        layers if fits else 1,
        parameters,
        embeddings,
        vocabulary,
        tokenizer is not None,
        where,
    ), note


def trained_parameters(made: Bench, frozen: bool) -> int:
    return made.parameters - (made.embedding_parameters if frozen else 0)


def host_peak() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def memory(made: Bench, base: int) -> int:
    """Return the peak memory of a training run in bytes, on the GPU if there is one.

    On top of `base`, a run holds the weights, gradients, AdamW's two moments, the best weights so
    far, the activations of the largest batch and the pool of passages that is searched. A
    translation model is loaded only beside the weights, before training.
    """
    states = BYTES * (2 * made.parameters + 3 * made.trained)
    pool = BYTES * made.pool * made.encoder.width
    return int(
        base + max(states + made.activations + pool, BYTES * made.parameters + made.translator)
    )
