"""Dropout on a CPU from random bytes: a tenth of the time of torch's own, which draws a number for
every value.

A value is dropped where a byte of torch's generator is below round(256 * rate). What is kept is
divided by the share that is really kept, so the mean stays. Checkpoints hold torch's generator, so
a training that goes on draws the same masks. GPUs keep torch's own.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Integers as wide as a float, to clear its bits with.
WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def level(rate: float) -> int:
    """Of 256 values so many are dropped: at least one stays."""
    return min(round(256 * rate), 255)


def scale(rate: float) -> float:
    """What kept values are multiplied by."""
    return 256 / (256 - level(rate))


def mask(count: int, rate: float) -> Tensor:
    """[count] int8: -1 (all bits set) where a value is kept, 0 where it is dropped."""
    drawn = (
        torch.empty(-(-count // 8), dtype=torch.int64)
        .random_(-(2**63), None)
        .view(torch.int8)[:count]
    )
    if (dropped := level(rate)) > 127:
        return drawn.view(torch.uint8).ge(dropped).view(torch.int8).neg_()
    # A signed byte is above 127 - dropped as often as an unsigned one is below dropped; comparing
    # takes five times as long as this.
    return (
        drawn.clamp_min_(127 - dropped).sub_(128 - dropped).bitwise_right_shift_(7)
        if dropped
        else drawn.fill_(-1)
    )


def kept(values: Tensor, keep: Tensor) -> Tensor:
    """The values where the mask keeps them, else 0; of the same shape, contiguous."""
    word = WORDS[values.element_size()]
    return (
        keep.to(word)
        .view(values.shape)
        .bitwise_and_(values.contiguous().view(word))
        .view(values.dtype)
    )


class _Dropped(torch.autograd.Function):
    """Dropout that keeps a byte per value for the backward pass."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rate: float) -> Tensor:
        keep, ctx.scale = mask(values.numel(), rate), scale(rate)
        ctx.save_for_backward(keep)
        return kept(values, keep).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (keep,) = ctx.saved_tensors
        return kept(gradients[0], keep).mul_(ctx.scale), None


def dropout(values: Tensor, rate: float, training: bool = True) -> Tensor:
    """Drop values at this rate in training: on a CPU by bytes, else as torch does."""
    if not training or not rate:
        return values
    return (
        _Dropped.apply(values, rate)
        if values.device.type == "cpu"
        else functional.dropout(values, rate)
    )


class ByteDropout(nn.Dropout):
    """nn.Dropout by `dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


def use_bytes(module: nn.Module) -> None:
    """Let every nn.Dropout of a module draw bytes. Weights, their names and evaluation stay as they
    are."""
    for part in module.modules():
        if type(part) is nn.Dropout:
            part.__class__ = ByteDropout
