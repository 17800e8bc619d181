"""Dropout on a CPU from random bytes, in a tenth of the time of torch's own, which draws a number
for every value.

A value is dropped if a byte of torch's generator is below round(256 * rate). Kept values are
divided by the share that is really kept, so the mean does not change. Checkpoints hold torch's
generator, so a resumed training draws the same masks. GPUs use torch's own dropout.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Integer types as wide as a float, to clear its bits.
WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def level(rate: float) -> int:
    """Return how many of 256 values are dropped. At least one is kept."""
    return min(round(256 * rate), 255)


def scale(rate: float) -> float:
    """Return the factor that kept values are multiplied by."""
    return 256 / (256 - level(rate))


def mask(count: int, rate: float) -> Tensor:
    """Return [count] int8: -1 (all bits set) if a value is kept, 0 if it is dropped."""
    noise = (
        torch.empty(-(-count // 8), dtype=torch.int64)
        .random_(-(2**63), None)
        .view(torch.int8)[:count]
    )
    if (dropped := level(rate)) > 127:
        return noise.view(torch.uint8).ge(dropped).view(torch.int8).neg_()
    # A signed byte is above 127 - dropped as often as an unsigned one is below dropped, and
    # comparing would take five times as long as this.
    return (
        noise.clamp_min_(127 - dropped).sub_(128 - dropped).bitwise_right_shift_(7)
        if dropped
        else noise.fill_(-1)
    )


def apply_mask(values: Tensor, keep: Tensor) -> Tensor:
    """Return the values that the mask keeps, else 0; of the same shape, contiguous."""
    word = WORDS[values.element_size()]
    return (
        keep.to(word)
        .view(values.shape)
        .bitwise_and_(values.contiguous().view(word))
        .view(values.dtype)
    )


class _DropoutFromBytes(torch.autograd.Function):
    """Dropout that saves one byte per value for the backward pass."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rate: float) -> Tensor:
        keep, ctx.scale = mask(values.numel(), rate), scale(rate)
        ctx.save_for_backward(keep)
        return apply_mask(values, keep).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (keep,) = ctx.saved_tensors
        return apply_mask(gradients[0], keep).mul_(ctx.scale), None


def dropout(values: Tensor, rate: float, training: bool = True) -> Tensor:
    """Drop values at this rate in training: by bytes on a CPU, else like torch."""
    if not training or not rate:
        return values
    return (
        _DropoutFromBytes.apply(values, rate)
        if values.device.type == "cpu"
        else functional.dropout(values, rate)
    )


class ByteDropout(nn.Dropout):
    """nn.Dropout that uses `dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


def use_bytes(module: nn.Module) -> None:
    """Make every nn.Dropout of a module draw bytes.
    Weights, their names and evaluation do not change."""
    for layer in module.modules():
        if type(layer) is nn.Dropout:
            layer.__class__ = ByteDropout
