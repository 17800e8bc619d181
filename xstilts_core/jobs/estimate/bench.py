"""The encoder that a probe measures: the shape of the study's, with random weights, whole or cut to
one layer."""

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
# What CUDA itself takes of a GPU's memory, and a network must leave free there to be probed whole.
CUDA_BYTES = 600_000_000
FREE_BYTES = 4_000_000_000
# XLM-R's shapes (Conneau et al. 2020, table 6), for hub names whose configuration is not at hand.
KNOWN = {"xlm-roberta-large": (1024, 24, 16), "xlm-roberta-base": (768, 12, 12)}
VOCABULARY = 250_002


@dataclass(slots=True)
class Bench:
    """The encoder under test. layers: of the whole encoder; depth: of the one that is measured.
    own: its own tokenizer is at hand.

    measured: (seconds a token in training, seconds of a step, seconds a token in scoring, bytes
    kept a token for the way back) of the stages seen so far. activations: bytes that the largest
    part of a step keeps. trained: most parameters that a stage trains. pool: most passages that are
    embedded at once. translator: bytes of the largest translation model. translating: by model and
    tokens of a sentence, seconds to translate a token.
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
        """A step keeps so many bytes for the way back, on a CPU in parts of at most CPU_BYTES."""
        self.activations = max(
            self.activations, size if self.where.type == "cuda" else min(size, CPU_BYTES)
        )

    def most_tokens(self) -> float:
        """Tokens of a probed batch."""
        if self.where.type == "cuda":
            return math.inf
        layers = (self.parameters - self.embedding_parameters) / self.scale
        return max(64.0, CPU_OPERATIONS / (6 * layers))


def configuration(name: str) -> tuple[PretrainedConfig, str]:
    """The encoder's configuration, and where it is from. Nothing is fetched: UsageError where it is
    neither at hand nor known."""
    place = hub_client.encoder_at_hand(model.locate(name))
    try:
        return AutoConfig.from_pretrained(place, local_files_only=True), "its configuration"
    except (OSError, ValueError):
        for known, (width, layers, heads) in KNOWN.items():
            if name.lower().endswith(known):
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
                return config, f"the published shape of {known}"
    raise UsageError(
        f"encoder {name!r}: its configuration is not on this machine, and its shape is none of {', '.join(KNOWN)}"
    )


def tokenizer_at_hand(name: str) -> PreTrainedTokenizerBase | None:
    try:
        found = AutoTokenizer.from_pretrained(
            hub_client.encoder_at_hand(model.locate(name)), local_files_only=True
        )
    except (OSError, ValueError, KeyError, ImportError):
        return None
    return found if getattr(found, "is_fast", False) else None


def sizes(config: PretrainedConfig) -> tuple[int, int]:
    """Parameters of the encoder, and of its embedding layer; no memory is taken."""
    with torch.device("meta"):
        network = loading.new_network(config)
    part = getattr(network, "embeddings", None) or network.get_input_embeddings()
    return model.count_parameters(network), model.count_parameters(part)


def bench(question: Question, where: torch.device) -> tuple[Bench, str]:
    """The encoder of the study, whole where it is small enough, and a note on where its shape is
    from."""
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
    words = tokenizer or AutoTokenizer.from_pretrained(model.shipped())
    encoder = Encoder(network, words, trial.examine(network, f"encoder {question.encoder!r}"))
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
    """Largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def memory(made: Bench, base: int) -> int:
    """Bytes of a training run at its peak, on a GPU of its memory, else of the machine's: weights,
    gradients, AdamW's two moments, the best weights so far and what the largest batch keeps, on top
    of `base`; a pool that is searched. A translation model stands beside the weights alone, before
    they are trained."""
    states = BYTES * (2 * made.parameters + 3 * made.trained)
    pool = BYTES * made.pool * made.encoder.width
    return int(
        base + max(states + made.activations + pool, BYTES * made.parameters + made.translator)
    )
