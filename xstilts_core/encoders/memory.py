"""How many tokens go through an encoder at once, so that what the backward pass needs fits in
memory."""

import torch
from transformers import PretrainedConfig, PreTrainedModel

from xstilts_core.streams import Stream

# Constant on a CPU, so that a training does not depend on what else its machine does. A laptop's
# memory must hold it all.
CPU_BYTES = 350_000_000
# Share of a GPU's free memory to use: allocators and kernels need the rest.
_GPU_SHARE = 0.8
# Bytes per trained weight: gradient, two moments of AdamW, best weights so far, in float32.
_TRAINED_BYTES = 4 * 4


def token_bytes(config: PretrainedConfig, length: int) -> int:
    """Return the most bytes that the encoder keeps per token of a sequence of `length` tokens: 2 *
    layers * (34 * width + 5 * heads * length).

    An encoder that computes only in 16 bits keeps half of that (Korthikanti et al. 2022, Reducing
    activation recomputation in large transformer models, equation 2). With autocast much stays
    float32: for a text of 128 tokens, 12 layers of width 384 keep 262 kB per token in bfloat16 (290
    with dropout) and 314 kB in float32 (396); with torch's own dropout 472 and 553. The formula
    gives 498 kB.
    """
    heads = getattr(config, "num_attention_heads", None) or max(1, config.hidden_size // 64)
    return 2 * config.num_hidden_layers * (34 * config.hidden_size + 5 * heads * length)


def most_tokens(network: PreTrainedModel, streams: list[Stream]) -> int:
    """Return the most tokens of a micro-batch of these streams.
    On a GPU, as many as fit in its free memory beside what the optimizer will need."""
    length = max((int(stream.encoded.lengths.max(initial=1)) for stream in streams), default=1)
    per_token = token_bytes(network.config, length) + max(
        (stream.token_bytes for stream in streams), default=0
    )
    device = next(network.parameters()).device
    if device.type != "cuda":
        return CPU_BYTES // per_token
    free = torch.cuda.mem_get_info(device)[0]
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    reserve = _TRAINED_BYTES * network.num_parameters(only_trainable=True)
    return max(0, int(_GPU_SHARE * (free + cached - reserve))) // per_token
