"""Batches without padding: all tokens are laid end to end, and attention stays within sequences.

A stock Hugging Face encoder receives the pack as one long sequence of shape [1, tokens]. Only
attention must know the borders: the function registered here as "packed" gathers the sequences into
a few bins of nearly equal length and calls scaled_dot_product_attention once per bin. Everything
else in a transformer works token by token. (Passing only position_ids to "sdpa" would silently
attend across sequences; `flat_hidden` never does so.)
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from xstilts_core.encoders import attention
from xstilts_core.encoders.states import hidden_states, traits
from xstilts_core.files import encoder_files

WASTE = 1.15
# In bfloat16 on a CPU, lengths of bins and tokens of packs are multiples of these, and bins have 1,
# 2, 4 .. sequences, because oneDNN compiles and keeps a kernel for every shape of a product.
# Otherwise the memory of a training grew by 20 MB a step, and steps took a tenth longer.
COARSE_LENGTH, _COARSE_TOKENS, _COARSE_COUNT = 16, 64, 16
_SORTED_PARTS = 4
# Tokens in a batch without gradients. A small one stays in a CPU core's second-level cache (1.3k
# beat 4k in trials); a GPU needs more.
BUDGET = {"cpu": 1_300, "cuda": 32_000}
# Words in the names of a configuration's window sizes; the longest text of a trial; the largest
# relative difference that counts as rounding.
WINDOWS = ("window", "local_attention", "block", "chunk")
_MOST_TRIED = 2_048
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class _Bin:
    """Sequences of nearly equal length. tokens [count * length]: indices into the pack. valid
    [count, length]: mask of real tokens, None if all are real."""

    tokens: Tensor
    count: int
    length: int
    valid: Tensor | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The gathering of a pack into bins, and its inverse.
    back [tokens]: positions in the concatenated bins."""

    bins: tuple[_Bin, ...]
    back: Tensor
    padding: float


def group(lengths: np.ndarray, waste: float = WASTE) -> list[np.ndarray]:
    """Return indices of sequences, longest first, cut into bins whose padded size is at most
    `waste` times their real size."""
    order = np.argsort(-lengths, kind="stable")
    bins, first, real = [], 0, 0
    for position, index in enumerate(order):
        size = lengths[order[first]] * (position - first + 1)
        if position > first and size > waste * (real + lengths[index]):
            bins.append(order[first:position])
            first, real = position, 0
        real += lengths[index]
    bins.append(order[first:])
    return bins


def powers(members: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the members in parts of _COARSE_COUNT, and the rest in smaller powers of two."""
    first, size = 0, _COARSE_COUNT
    while first < len(members):
        while size > len(members) - first:
            size //= 2
        yield members[first : first + size]
        first += size


def plan(lengths: np.ndarray, device: torch.device | str = "cpu", coarse: bool = False) -> Plan:
    """Return the plan of a pack of these lengths (int, all >= 1). coarse: use few bin shapes."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    back = np.empty(starts[-1], dtype=np.int64)
    bins, offset = [], 0
    groups, multiple = group(lengths), 1
    if coarse:
        groups, multiple = [part for members in groups for part in powers(members)], COARSE_LENGTH
    for members in groups:
        longest = -(-int(lengths[members[0]]) // multiple) * multiple
        steps = np.arange(longest)[None]
        valid = steps < lengths[members][:, None]
        tokens = starts[members][:, None] + np.where(valid, steps, 0)
        back[tokens[valid]] = offset + np.flatnonzero(valid)
        offset += tokens.size
        mask = None if valid.all() else torch.from_numpy(valid).to(device)
        bins.append(
            _Bin(torch.from_numpy(tokens.reshape(-1)).to(device), len(members), longest, mask)
        )
    return Plan(tuple(bins), torch.from_numpy(back).to(device), 1 - starts[-1] / offset)


def bin_mask(part: _Bin, window: int | None) -> Tensor | None:
    """Return a boolean mask [count or 1, 1, length or 1, length] of the keys that a query may see,
    None for all. `window` limits |query - key|."""
    mask = None if part.valid is None else part.valid[:, None, None, :]
    if window is None or part.length <= window:
        return mask
    steps = torch.arange(part.length, device=part.tokens.device)
    in_window = ((steps[:, None] - steps[None, :]).abs() < window)[None, None]
    if mask is None:
        return in_window
    # A padded query far from every real key would see nothing and give NaN: let each position see
    # itself.
    return (in_window & mask) | (steps[:, None] == steps)


def _packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    plan: Plan | None = None,
    **others: object,
) -> tuple[Tensor, None]:
    """Attend within each sequence of a pack; query, key, value [1, heads, tokens, width].
    Called by transformers."""
    if plan is None:
        raise RuntimeError(
            "packed attention was called without a plan: call packing.flat_hidden instead"
        )
    flat = [states.transpose(1, 2)[0] for states in (query, key, value)]
    if torch.is_autocast_enabled(query.device.type):  # as torch's own kernel does
        flat = [states.to(torch.get_autocast_dtype(query.device.type)) for states in flat]
    if attention.is_faster(flat[0], dropout):
        masks = [bin_mask(part, sliding_window) for part in plan.bins]
        scale = query.shape[3] ** -0.5 if scaling is None else scaling
        options = (plan, masks, scale, dropout)
        attended = attention.BinAttention.apply(*flat, *options)  # type: ignore[no-untyped-call]
        return attended[None], None
    outputs = []
    for part in plan.bins:
        q, k, v = (attention.heads_first(x, part.tokens, part.count) for x in flat)
        out = scaled_dot_product_attention(
            q, k, v, attn_mask=bin_mask(part, sliding_window), dropout_p=dropout, scale=scaling
        )
        outputs.append(attention.tokens_first(out))
    return torch.cat(outputs).index_select(0, plan.back)[None], None


AttentionInterface.register("packed", _packed_attention)
AttentionMaskInterface.register("packed", lambda *arguments, **options: None)


@dataclass(frozen=True, slots=True)
class Sequences:
    """A batch of token sequences laid end to end.

    ids, types: [tokens] (types is None if the encoder has no token types); lengths: [sequences].
    """

    ids: np.ndarray
    lengths: np.ndarray
    types: np.ndarray | None = None

    @property
    def starts(self) -> np.ndarray:
        """Return [sequences]: the position of each sequence's first token."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]])


@dataclass(frozen=True, slots=True)
class Part:
    """One call's input of the encoder. tokens [n]: indices of its tokens in the batch. real [batch,
    length]: mask of the positions of these tokens, None if all."""

    inputs: dict[str, object]
    tokens: Tensor
    real: Tensor | None

    def flat(self, hidden: Tensor) -> Tensor:
        """Return [n, width], in the order of `tokens`, from [batch, length, width]."""
        return hidden[0][: len(self.tokens)] if self.real is None else hidden[self.real]


def few_shapes(device: torch.device) -> bool:
    """Return whether packs should have few shapes, as in bfloat16 on a CPU."""
    return device.type == "cpu" and torch.is_autocast_enabled("cpu")


def _packed_parts(
    encoder: PreTrainedModel, batch: Sequences, device: torch.device
) -> tuple[list[Part], float]:
    """Return the batch as one pack, and the share of padding in its bins.
    In bfloat16 on a CPU a final sequence of padding is computed but not part of it."""
    coarse = few_shapes(device)
    extra = -len(batch.ids) % _COARSE_TOKENS if coarse else 0
    steps = np.arange(len(batch.ids)) - np.repeat(batch.starts, batch.lengths)
    arrangement = plan(np.append(batch.lengths, extra) if extra else batch.lengths, device, coarse)
    first = encoder_files.first_position(encoder.config.to_dict())
    pad = encoder.config.pad_token_id or 0
    fields = {
        "input_ids": (batch.ids, pad),
        "position_ids": (steps + first, first),
        "token_type_ids": (batch.types, 0),
    }
    inputs: dict[str, object] = {"plan": arrangement}
    for name, (values, fill) in fields.items():
        if values is not None:
            inputs[name] = torch.from_numpy(
                np.append(values.astype(np.int64), np.full(extra, fill))
            )[None].to(device)
    return [Part(inputs, torch.arange(len(batch.ids), device=device), None)], arrangement.padding


def _sorted_parts(
    encoder: PreTrainedModel, batch: Sequences, device: torch.device
) -> tuple[list[Part], float]:
    """Return the same without the registered function: sorted by length, in a few padded parts, or
    in one part per length if padding would change what the encoder computes."""
    order = np.argsort(-batch.lengths, kind="stable")
    if traits(encoder).padding:
        groups = np.array_split(order, min(_SORTED_PARTS, len(order)))
    else:
        groups = np.split(order, np.flatnonzero(np.diff(batch.lengths[order])) + 1)
    parts, slots = [], 0
    for members in groups:
        longest = int(batch.lengths[members[0]])
        valid = np.arange(longest)[None] < batch.lengths[members][:, None]
        tokens = (batch.starts[members][:, None] + np.arange(longest)[None])[valid]
        mask = torch.from_numpy(valid).to(device)
        inputs: dict[str, object] = {"attention_mask": mask.long()}
        for name, values, fill in (
            ("input_ids", batch.ids, encoder.config.pad_token_id or 0),
            ("token_type_ids", batch.types, 0),
        ):
            if values is not None:
                table = np.full(valid.shape, fill, dtype=np.int64)
                table[valid] = values[tokens]
                inputs[name] = torch.from_numpy(table).to(device)
        parts.append(Part(inputs, torch.from_numpy(tokens).to(device), mask))
        slots += valid.size
    return parts, 1 - len(batch.ids) / slots


def arrange(encoder: PreTrainedModel, batch: Sequences, packed: bool) -> tuple[list[Part], float]:
    """Return one pack for the registered attention (the encoder's attention implementation must be
    "packed"), else sorted padded parts."""
    device = next(encoder.parameters()).device
    return (_packed_parts if packed else _sorted_parts)(encoder, batch, device)


def flat_hidden(
    encoder: PreTrainedModel, batch: Sequences, packed: bool, layer: int = -1
) -> tuple[Tensor, float]:
    """Return hidden states of every token, [tokens, width] in the batch's order, and the share of
    padding that was computed.

    packed: as in `arrange`. layer: -1 for the output, k for hidden state k; higher layers are not
    computed.
    """
    parts, padding = arrange(encoder, batch, packed)
    states = [part.flat(hidden_states(encoder, layer, part.inputs)) for part in parts]
    if parts[0].real is None:
        return states[0], padding
    return torch.cat(states).index_select(
        0, torch.cat([part.tokens for part in parts]).argsort()
    ), padding


def windows(encoder: PreTrainedModel) -> int:
    """Return the largest number of tokens that the configuration limits attention to; 0 if none."""
    settings = vars(encoder.config).items()
    limits = [value for name, value in settings if any(word in name for word in WINDOWS)]
    flat = [
        item for value in limits for item in (value if isinstance(value, list | tuple) else [value])
    ]
    return max((item for item in flat if type(item) is int), default=0)


def sample(encoder: PreTrainedModel) -> Sequences:
    """Return short texts, two of them of equal length, and one longer than any window of the
    encoder if its positions allow it."""
    config = encoder.config
    furthest = min(encoder_files.positions(config.to_dict()) or _MOST_TRIED, _MOST_TRIED)
    lengths = np.minimum([7, 3, 12, 7, max(40, windows(encoder) + 9)], furthest)
    marks = [getattr(config, name) for name in vars(config) if name.endswith("_token_id")]
    tokens = range(min(config.vocab_size, 60))
    ordinary = np.array([token for token in tokens if token not in marks] or [0])
    return Sequences(ordinary[(np.arange(lengths.sum()) * 7) % len(ordinary)], lengths)


def near(actual: Tensor, expected: Tensor) -> bool:
    """Return whether two arrays of states are equal up to rounding."""
    return bool((actual - expected).abs().max() < TOLERANCE * expected.abs().max().clamp(min=1))


def can_pack(encoder: PreTrainedModel) -> bool:
    """Return whether packs of this encoder give the same states as other batches. This is tried on
    a few texts (`sample`), not looked up in a list.

    Leave the encoder's attention implementation at "packed" if so, else as it was.
    """
    positions = encoder_files.positions(encoder.config.to_dict()) or sys.maxsize
    if _MOST_TRIED < windows(encoder) < positions:
        return False
    implementation, training = encoder.config._attn_implementation, encoder.training
    encoder.eval()
    batch = sample(encoder)
    try:
        with torch.no_grad():
            expected, _ = flat_hidden(encoder, batch, packed=False)
            encoder.set_attn_implementation("packed")
            packed_states, _ = flat_hidden(encoder, batch, packed=True)
        equal = near(packed_states, expected)
    except (ValueError, TypeError, RuntimeError, AttributeError):
        equal = False
    if not equal:
        encoder.set_attn_implementation(implementation)
    encoder.train(training)
    return equal


def budgeted(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Yield indices in batches of at most `budget` tokens (at least one sequence each), longest
    first: the order for evaluation."""
    order = np.argsort(-lengths, kind="stable")
    first, total = 0, 0
    for position, index in enumerate(order):
        if position > first and total + lengths[index] > budget:
            yield order[first:position]
            first, total = position, 0
        total += lengths[index]
    if len(order):
        yield order[first:]
