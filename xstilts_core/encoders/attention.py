"""Attention of a pack on a CPU in training, where torch's own kernels are slow: those of bfloat16
backwards, all that draw dropout.

Measured on one AMX core, 12 heads of width 32, forward and backward, torch 2.13: 32 sequences of 40
tokens in bfloat16 7 ms, torch's fused kernel 61; 16 of 205 tokens 56 and 96; with dropout 9 against
19, and 64 against 181. In float32 the fused kernel is the faster one.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from xstilts_core.encoders import dropout


def here(query: Tensor, rate: float) -> bool:
    """Whether this is the faster attention for such queries."""
    learns = torch.is_grad_enabled() and query.requires_grad
    return query.device.type == "cpu" and (rate > 0 or (learns and query.dtype == torch.bfloat16))


def _heads_first(flat: Tensor, tokens: Tensor, count: int) -> Tensor:
    """[count * heads, length, width] of a bin from [tokens, heads, width]."""
    heads, width = flat.shape[1:]
    return (
        flat.index_select(0, tokens)
        .view(count, -1, heads, width)
        .transpose(1, 2)
        .reshape(count * heads, -1, width)
    )


def _tokens_first(part: Tensor, count: int) -> Tensor:
    """[count * length, heads, width] from [count * heads, length, width]."""
    heads, (_, length, width) = part.shape[0] // count, part.shape
    return (
        part.view(count, heads, length, width).transpose(1, 2).reshape(count * length, heads, width)
    )


class Attended(torch.autograd.Function):
    """Softmax attention bin by bin, with dropout of its probabilities by bytes.

    Padding gets no gradient: it is no key of anybody, and nobody reads what it asks for. So
    gradients are gathered, not added up.
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
        """query, key, value [tokens, heads, width]; rest: scaling and rate of dropout."""
        (ctx.scaling, ctx.rate), ctx.plan, done, saved = rest, plan, [], []
        for part, allowed in zip(plan.bins, masks, strict=True):
            q, k, v = (_heads_first(flat, part.tokens, part.count) for flat in (query, key, value))
            scores = torch.bmm(q.mul_(ctx.scaling), k.transpose(1, 2))
            if allowed is not None:
                bias = torch.zeros(allowed.shape, dtype=scores.dtype).masked_fill_(
                    ~allowed, float("-inf")
                )
                scores.view(part.count, -1, part.length, part.length).add_(bias)
            shares = torch.softmax(scores, -1)
            keep = dropout.mask(shares.numel(), ctx.rate) if ctx.rate else shares.new_empty(0)
            used = dropout.kept(shares, keep) if ctx.rate else shares
            done.append(_tokens_first(torch.bmm(used, v), part.count))
            saved += [q, k, v, shares, keep]
        ctx.save_for_backward(*saved)
        out = torch.cat(done).index_select(0, plan.back)
        return out.mul_(dropout.scale(ctx.rate)) if ctx.rate else out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        flat, plan, saved = gradients[0], ctx.plan, ctx.saved_tensors
        if ctx.rate:
            flat = flat * dropout.scale(ctx.rate)
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for part, output, (q, k, v, shares, keep) in zip(
            plan.bins, placed(flat, plan), zip(*[iter(saved)] * 5, strict=True), strict=True
        ):
            below = torch.bmm(output, v.transpose(1, 2))
            used, below = (
                (dropout.kept(shares, keep), dropout.kept(below, keep))
                if ctx.rate
                else (shares, below)
            )
            scores = torch._softmax_backward_data(below, shares, -1, shares.dtype)
            grown = (
                torch.bmm(scores, k).mul_(ctx.scaling),
                torch.bmm(scores.transpose(1, 2), q),
                torch.bmm(used.transpose(1, 2), output),
            )
            found.append(tuple(_tokens_first(gradient, part.count) for gradient in grown))
        return (
            *(torch.cat(parts).index_select(0, plan.back) for parts in zip(*found, strict=True)),
            None,
            None,
            None,
            None,
        )


def placed(flat: Tensor, plan: Any) -> Iterator[Tensor]:
    """The gradient of each bin's output [count * heads, length, width] from that of the pack;
    padding has none."""
    places = flat.new_zeros(
        sum(len(part.tokens) for part in plan.bins), *flat.shape[1:]
    ).index_copy_(0, plan.back, flat)
    first = 0
    for part in plan.bins:
        some = places[first : first + len(part.tokens)].view(
            part.count, part.length, *flat.shape[1:]
        )
        yield some.transpose(1, 2).reshape(part.count * flat.shape[1], part.length, flat.shape[2])
        first += len(part.tokens)
