"""Attention of a pack in training on a CPU, where torch's own kernels are slow: the backward pass
in bfloat16, and everything with dropout.

Measured on one AMX core with 12 heads of width 32, forward and backward, torch 2.13, against
torch's fused kernel: 32 sequences of 40 tokens in bfloat16 take 7 ms against 61, and 16 of 205
tokens take 56 against 96; with dropout, 9 against 19 and 64 against 181. In float32 the fused
kernel is faster.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from xstilts_core.encoders import dropout


def is_faster(query: Tensor, rate: float) -> bool:
    """Return whether this attention is the faster one for such queries."""
    learns = torch.is_grad_enabled() and query.requires_grad
    return query.device.type == "cpu" and (rate > 0 or (learns and query.dtype == torch.bfloat16))


def heads_first(flat: Tensor, tokens: Tensor, count: int) -> Tensor:
    """Return [count, heads, length, width] of a bin from [tokens, heads, width]."""
    return flat.index_select(0, tokens).unflatten(0, (count, -1)).transpose(1, 2)


def tokens_first(part: Tensor) -> Tensor:
    """Return [count * length, heads, width] from [count, heads, length, width]."""
    return part.transpose(1, 2).flatten(0, 1)


def _tokens_of(part: Tensor, count: int) -> Tensor:
    """Return [count * length, heads, width] from [count * heads, length, width]."""
    return tokens_first(part.unflatten(0, (count, -1)))


class BinAttention(torch.autograd.Function):
    """Softmax attention bin by bin, with dropout of its probabilities from random bytes.

    Padding gets no gradient: it is never a key, and the output of its queries is never read.
    Gradients can therefore be gathered instead of added up.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        plan: Any,
        masks: list[Tensor | None],
        *rest: float,
    ) -> Tensor:
        """Attend. query, key, value: [tokens, heads, width]; rest: scaling and dropout rate."""
        (ctx.scaling, ctx.rate), ctx.plan, outputs, saved = rest, plan, [], []
        for part, allowed in zip(plan.bins, masks, strict=True):
            q, k, v = (
                heads_first(flat, part.tokens, part.count).flatten(0, 1)
                for flat in (query, key, value)
            )
            scores = torch.bmm(q.mul_(ctx.scaling), k.transpose(1, 2))
            if allowed is not None:
                bias = torch.zeros(allowed.shape, dtype=scores.dtype).masked_fill_(
                    ~allowed, float("-inf")
                )
                scores.view(part.count, -1, part.length, part.length).add_(bias)
            shares = torch.softmax(scores, -1)
            keep = dropout.mask(shares.numel(), ctx.rate) if ctx.rate else shares.new_empty(0)
            weights = dropout.apply_mask(shares, keep) if ctx.rate else shares
            outputs.append(_tokens_of(torch.bmm(weights, v), part.count))
            saved += [q, k, v, shares, keep]
        ctx.save_for_backward(*saved)
        out = torch.cat(outputs).index_select(0, plan.back)
        return out.mul_(dropout.scale(ctx.rate)) if ctx.rate else out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of query, key and value, and None for the other arguments."""
        flat, plan, saved = gradients[0], ctx.plan, ctx.saved_tensors
        if ctx.rate:
            flat = flat * dropout.scale(ctx.rate)
        by_bin: list[tuple[Tensor, Tensor, Tensor]] = []
        outputs, tensors = _output_gradients(flat, plan), zip(*[iter(saved)] * 5, strict=True)
        for part, output, (q, k, v, shares, keep) in zip(plan.bins, outputs, tensors, strict=True):
            below = torch.bmm(output, v.transpose(1, 2))
            weights = shares
            if ctx.rate:
                weights, below = (dropout.apply_mask(values, keep) for values in (shares, below))
            scores = torch._softmax_backward_data(below, shares, -1, shares.dtype)
            bin_gradients = (
                torch.bmm(scores, k).mul_(ctx.scaling),
                torch.bmm(scores.transpose(1, 2), q),
                torch.bmm(weights.transpose(1, 2), output),
            )
            by_bin.append(tuple(_tokens_of(gradient, part.count) for gradient in bin_gradients))
        whole = (torch.cat(parts) for parts in zip(*by_bin, strict=True))
        return *(part.index_select(0, plan.back) for part in whole), None, None, None, None


def _output_gradients(flat: Tensor, plan: Any) -> Iterator[Tensor]:
    """Yield the gradient of each bin's output, [count * heads, length, width], from that of the
    pack. Padding has none."""
    sizes = [len(part.tokens) for part in plan.bins]
    slots = flat.new_zeros(sum(sizes), *flat.shape[1:]).index_copy_(0, plan.back, flat)
    for part, block in zip(plan.bins, slots.split(sizes), strict=True):
        yield block.unflatten(0, (part.count, -1)).transpose(1, 2).flatten(0, 1)
