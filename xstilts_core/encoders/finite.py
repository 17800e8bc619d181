"""Numbers that are none: a training or an encoder that diverged is told from a bad score before
anything is made of it."""

from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor

from xstilts_core.errors import UsageError

HELP = "lower the learning rate or check the encoder's weights"


class NotFinite(UsageError):
    """Something is NaN or infinite that nothing can be scored or trained with."""


def require_finite(what: str, values: Tensor) -> None:
    """NotFinite where one of the values is NaN or infinite. what: whose values, in the plural."""
    if not bool(torch.isfinite(values).all()):
        raise NotFinite(f"{what} are not finite: {HELP}")


@dataclass(slots=True)
class Watch:
    """Whether losses and gradients are finite, read seldom: a GPU waits for it.

    unread: step, stream, learning rate and [loss, norm of the gradient] of every step since the
    last `check`.
    """

    unread: list[tuple[int, str, float, Tensor]] = field(default_factory=list)

    def add(self, step: int, stream: str, rate: float, loss: Tensor, norm: Tensor) -> None:
        """A step's loss and the norm of its gradient."""
        self.unread.append((step, stream, rate, torch.stack([loss, norm])))

    def check(self) -> None:
        """NotFinite at the first step since the last check whose loss or gradient was not."""
        if not self.unread:
            return
        values = torch.stack([entry[-1] for entry in self.unread]).tolist()
        for (step, stream, rate, _), (loss, norm) in zip(self.unread, values, strict=True):
            if not (isfinite(loss) and isfinite(norm)):
                what = (
                    f"the norm of the gradient is {norm}"
                    if isfinite(loss)
                    else f"the loss is {loss}"
                )
                raise NotFinite(f"step {step} ({stream}, learning rate {rate:.3g}): {what}: {HELP}")
        self.unread.clear()
