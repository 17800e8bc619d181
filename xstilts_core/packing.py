"""Batches without padding: all tokens of a batch stand one after another, and attention stays inside each sequence.

A stock Hugging Face encoder takes the pack as one long sequence of shape [1, tokens]. Only attention must know the
borders: the function registered here as "packed" gathers the sequences into a few bins of nearly equal length and calls
scaled_dot_product_attention once per bin. Everything else in a transformer works token by token. (Passing position_ids
alone to "sdpa" attends across sequences without a word: `flat_hidden` never does so.)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

WASTE = 1.15
SORTED_PARTS = 4
# Tokens in a batch without gradients. A small one stays in a CPU core's second-level cache (1.3k beat 4k in trials); a GPU wants more.
BUDGET = {"cpu": 1_300, "cuda": 32_000}


@dataclass(frozen=True, slots=True)
class Bin:
    """Sequences of nearly equal length. tokens: [count * length] indices into the pack; valid: [count, length] or None if all are."""

    tokens: Tensor
    count: int
    length: int
    valid: Tensor | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pack is gathered into bins, and back: `back` [tokens] are positions in the concatenated bins."""

    bins: tuple[Bin, ...]
    back: Tensor
    padding: float


def group(lengths: np.ndarray, waste: float = WASTE) -> list[np.ndarray]:
    """Indices of sequences, longest first, cut into bins whose padded size is at most `waste` times their real size."""
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


def plan(lengths: np.ndarray, device: torch.device | str = "cpu") -> Plan:
    """The plan of a pack of sequences with these lengths (int, all >= 1)."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    back = np.empty(starts[-1], dtype=np.int64)
    bins, offset = [], 0
    for members in group(lengths):
        longest = int(lengths[members[0]])
        steps = np.arange(longest)[None]
        valid = steps < lengths[members][:, None]
        tokens = starts[members][:, None] + np.where(valid, steps, 0)
        back[tokens[valid]] = offset + np.flatnonzero(valid)
        offset += tokens.size
        mask = None if valid.all() else torch.from_numpy(valid).to(device)
        bins.append(Bin(torch.from_numpy(tokens.reshape(-1)).to(device), len(members), longest, mask))
    return Plan(tuple(bins), torch.from_numpy(back).to(device), 1 - starts[-1] / offset)


def allowed(part: Bin, window: int | None) -> Tensor | None:
    """Boolean mask [count or 1, 1, length or 1, length] of keys a query may see; None: all. `window` limits |query - key|."""
    mask = None if part.valid is None else part.valid[:, None, None, :]
    if window is None or part.length <= window:
        return mask
    steps = torch.arange(part.length, device=part.tokens.device)
    near = ((steps[:, None] - steps[None, :]).abs() < window)[None, None]
    # A padded query far from every real key would see nothing and give NaN: let each position see itself.
    return near if mask is None else (near & mask) | torch.eye(part.length, dtype=torch.bool, device=part.tokens.device)


def packed_attention(
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
    """Attention within each sequence of a pack; query, key, value [1, heads, tokens, width]. Called by transformers."""
    if plan is None:
        raise RuntimeError("packed attention was called without a plan: go through packing.flat_hidden")
    heads, width = query.shape[1], query.shape[3]
    flat = [part.transpose(1, 2)[0] for part in (query, key, value)]
    done = []
    for part in plan.bins:
        q, k, v = (x.index_select(0, part.tokens).view(part.count, part.length, heads, width).transpose(1, 2) for x in flat)
        out = scaled_dot_product_attention(q, k, v, attn_mask=allowed(part, sliding_window), dropout_p=dropout, scale=scaling)
        done.append(out.transpose(1, 2).reshape(-1, heads, width))
    return torch.cat(done).index_select(0, plan.back)[None], None


AttentionInterface.register("packed", packed_attention)
AttentionMaskInterface.register("packed", lambda *arguments, **options: None)


@dataclass(frozen=True, slots=True)
class Sequences:
    """A batch of token sequences laid end to end.

    ids, types: [tokens] (types None where the encoder has no token types); lengths: [sequences].
    """

    ids: np.ndarray
    lengths: np.ndarray
    types: np.ndarray | None = None

    @property
    def starts(self) -> np.ndarray:
        """[sequences]: position of each sequence's first token."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]])


def first_position(encoder: nn.Module) -> int:
    """Position id of the first token: RoBERTa's family counts from padding_idx + 1, the others from 0."""
    counts_from_padding = any(
        hasattr(type(part), "create_position_ids_from_input_ids") for part in encoder.modules() if "Embeddings" in type(part).__name__
    )
    return int(encoder.config.pad_token_id) + 1 if counts_from_padding else 0


class Reached(Exception):
    """A forward pass has gone as far as it was needed."""


def transformer_layers(encoder: nn.Module) -> list[nn.Module]:
    """The layers in their order; empty where they are no plain list (ALBERT's share their weights)."""
    count = encoder.config.num_hidden_layers
    lists = [part for part in encoder.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    return list(lists[0]) if len(lists) == 1 else []


Take = Callable[[int, Tensor], None]


def visit_states(encoder: nn.Module, layers: Sequence[int], inputs: dict[str, object], take: Take) -> None:
    """Call take(k, hidden state k [batch, length, width]) for each of `layers` (0: the embeddings) while the pass goes by.

    No state is kept, and layers above the highest one are not computed: hidden state k is what layer k, counted from 0, is given.
    """
    parts, last = transformer_layers(encoder), max(layers)
    if not parts:
        states = encoder(**inputs, output_hidden_states=True).hidden_states
        for layer in layers:
            take(layer, states[layer])
        return

    def seen(layer: int, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        take(layer, given[0])
        if layer == last:
            raise Reached

    hooks = [parts[layer].register_forward_pre_hook(partial(seen, layer)) for layer in set(layers) if layer < len(parts)]
    try:
        output = encoder(**inputs).last_hidden_state
        if last == len(parts):
            take(last, output)
    except Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()


def hidden_states(encoder: nn.Module, layer: int, inputs: dict[str, object]) -> Tensor:
    """[batch, length, width] of one layer: -1 the encoder's output, k >= 0 hidden state k (0: the embeddings)."""
    if layer < 0:
        return encoder(**inputs).last_hidden_state
    found: list[Tensor] = []
    visit_states(encoder, [layer], inputs, lambda _, hidden: found.append(hidden))
    return found[0]


@dataclass(frozen=True, slots=True)
class Part:
    """What the encoder reads at once. tokens [n]: which of the batch's tokens; real [batch, length]: where they stand, None: all."""

    inputs: dict[str, object]
    tokens: Tensor
    real: Tensor | None

    def flat(self, hidden: Tensor) -> Tensor:
        """[n, width] in the order of `tokens` from [batch, length, width]."""
        return hidden[0] if self.real is None else hidden[self.real]


def packed_parts(encoder: nn.Module, batch: Sequences, device: torch.device) -> tuple[list[Part], float]:
    """The batch as one pack, and the share of padding in its bins."""
    steps = np.arange(len(batch.ids)) - np.repeat(batch.starts, batch.lengths)
    arrangement = plan(batch.lengths, device)
    inputs: dict[str, object] = {
        "input_ids": torch.from_numpy(batch.ids.astype(np.int64))[None].to(device),
        "position_ids": torch.from_numpy(steps + first_position(encoder))[None].to(device),
        "plan": arrangement,
    }
    if batch.types is not None:
        inputs["token_type_ids"] = torch.from_numpy(batch.types.astype(np.int64))[None].to(device)
    return [Part(inputs, torch.arange(len(batch.ids), device=device), None)], arrangement.padding


def sorted_parts(encoder: nn.Module, batch: Sequences, device: torch.device) -> tuple[list[Part], float]:
    """The same without the registered function: sorted by length, in a few padded parts."""
    order = np.argsort(-batch.lengths, kind="stable")
    parts, slots = [], 0
    for members in np.array_split(order, min(SORTED_PARTS, len(order))):
        longest = int(batch.lengths[members[0]])
        valid = np.arange(longest)[None] < batch.lengths[members][:, None]
        tokens = (batch.starts[members][:, None] + np.arange(longest)[None])[valid]
        ids = np.full(valid.shape, encoder.config.pad_token_id or 0, dtype=np.int64)
        ids[valid] = batch.ids[tokens]
        mask = torch.from_numpy(valid).to(device)
        inputs: dict[str, object] = {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": mask.long()}
        if batch.types is not None:
            types = np.zeros_like(ids)
            types[valid] = batch.types[tokens]
            inputs["token_type_ids"] = torch.from_numpy(types).to(device)
        parts.append(Part(inputs, torch.from_numpy(tokens).to(device), mask))
        slots += valid.size
    return parts, 1 - len(batch.ids) / slots


def arrange(encoder: nn.Module, batch: Sequences, packed: bool) -> tuple[list[Part], float]:
    """One pack by the registered attention (the encoder's attention implementation must be "packed"), else sorted padded parts."""
    device = next(encoder.parameters()).device
    return (packed_parts if packed else sorted_parts)(encoder, batch, device)


def flat_hidden(encoder: nn.Module, batch: Sequences, packed: bool, layer: int = -1) -> tuple[Tensor, float]:
    """Hidden states of every token, [tokens, width], in the batch's order, and the share of padding that was computed.

    packed: as in `arrange`. layer: -1 the output, k hidden state k; layers above it are not computed.
    """
    parts, padding = arrange(encoder, batch, packed)
    found = [part.flat(hidden_states(encoder, layer, part.inputs)) for part in parts]
    if parts[0].real is None:
        return found[0], padding
    return torch.cat(found).index_select(0, torch.cat([part.tokens for part in parts]).argsort()), padding


def can_pack(encoder: nn.Module, tolerance: float = 1e-4) -> bool:
    """Whether packs of this encoder give what padded batches give: tried on three short sequences, not looked up in a list.

    Leaves the encoder's attention implementation at "packed" if so, else as it was.
    """
    before, training = encoder.config._attn_implementation, encoder.training
    encoder.eval()
    lengths = np.array([7, 3, 12])
    words = min(encoder.config.vocab_size, 50)
    ids = (np.arange(lengths.sum()) * 7) % (words - 10) + 10 if words > 20 else np.ones(lengths.sum(), dtype=np.int64)
    batch = Sequences(ids, lengths)
    try:
        with torch.no_grad():
            expected, _ = flat_hidden(encoder, batch, packed=False)
            encoder.set_attn_implementation("packed")
            found, _ = flat_hidden(encoder, batch, packed=True)
        equal = bool((expected - found).abs().max() < tolerance * expected.abs().max().clamp(min=1))
    except (ValueError, TypeError, RuntimeError, AttributeError):
        equal = False
    if not equal:
        encoder.set_attn_implementation(before)
    encoder.train(training)
    return equal


def budgeted(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Indices in batches of at most `budget` tokens (at least one sequence each), longest first: the order for evaluation."""
    order = np.argsort(-lengths, kind="stable")
    first, total = 0, 0
    for position, index in enumerate(order):
        if position > first and total + lengths[index] > budget:
            yield order[first:position]
            first, total = position, 0
        total += lengths[index]
    if len(order):
        yield order[first:]
