"""How many tokens a training sends through an encoder at once, so that what is kept for the way
back fits in memory."""

import torch
from transformers import PretrainedConfig

from xstilts_core.streams import Stream

# Of a CPU always the same, so that a training does not depend on what else its machine does: a
# laptop's memory is to hold it all.
CPU_BYTES = 700_000_000
# Of the memory that a GPU has left; allocators and kernels want some of it.
_GPU_SHARE = 0.8
# Gradients, two moments of AdamW, the best weights so far: float32.
_TRAINED_BYTES = 4 * 4


def token_bytes(config: PretrainedConfig, length: int) -> int:
    """Bytes that the encoder keeps of a token of a sequence of `length` tokens, at most: 2 * layers
    * (34 * width + 5 * heads * length).

    Half of that is what an encoder keeps that computes in 16 bits alone (Korthikanti et al. 2022,
    Reducing activation recomputation in large transformer models, equation 2). With autocast much
    stays float32: of a text of 128 tokens 12 layers of width 384 keep 262 kB a token in bfloat16
    (290 with dropout) and 314 kB in float32 (396); with torch's own dropout 472 and 553. This says
    498 kB.
    """
    heads = getattr(config, "num_attention_heads", None) or max(1, config.hidden_size // 64)
    return 2 * config.num_hidden_layers * (34 * config.hidden_size + 5 * heads * length)


def most_tokens(network: torch.nn.Module, streams: list[Stream]) -> int:
    """Tokens of a micro-batch of these streams. On a GPU as many as its free memory holds beside
    what the optimizer will need."""
    length = max((int(stream.encoded.lengths.max(initial=1)) for stream in streams), default=1)
    each = token_bytes(network.config, length) + max(
        (stream.token_bytes for stream in streams), default=0
    )
    first = next(network.parameters())
    if first.device.type != "cuda":
        return CPU_BYTES // each
    cached = torch.cuda.memory_reserved(first.device) - torch.cuda.memory_allocated(first.device)
    trained = _TRAINED_BYTES * sum(
        weight.numel() for weight in network.parameters() if weight.requires_grad
    )
    return (
        max(0, int(_GPU_SHARE * (torch.cuda.mem_get_info(first.device)[0] + cached - trained)))
        // each
    )
