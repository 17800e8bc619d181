"""Checks for NaN and infinity, which tell a diverged training or encoder from a bad score."""

from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor

from xstilts_core.errors import UsageError

HELP = "lower the learning rate or check the encoder's weights"


class NotFinite(UsageError):
    """Raised if values needed for scoring or training are NaN or infinite."""


def require_finite(what: str, values: Tensor) -> None:
    """Raise NotFinite if a value is NaN or infinite. what: whose values, in the plural."""
    if not bool(torch.isfinite(values).all()):
        raise NotFinite(f"{what} are not finite: {HELP}")


@dataclass(slots=True)
class Watch:
    """A check that losses and gradients are finite. It is read seldom, because a GPU waits for it.

    unread: step, stream, learning rate and [loss, norm of the gradient] of every step since the
    last `check`.
    """

    unread: list[tuple[int, str, float, Tensor]] = field(default_factory=list)

    def add(self, step: int, stream: str, rate: float, loss: Tensor, norm: Tensor) -> None:
        """Add a step's loss and the norm of its gradient."""
        self.unread.append((step, stream, rate, torch.stack([loss, norm])))

    def check(self) -> None:
        """Raise NotFinite for the first unread step whose loss or gradient is not finite."""
        if not self.unread:
            return
        values = torch.stack([row[-1] for row in self.unread]).tolist()
        for (step, stream, rate, _), (loss, norm) in zip(self.unread, values, strict=True):
            if not (isfinite(loss) and isfinite(norm)):
                what = (
                    f"the norm of the gradient is {norm}"
                    if isfinite(loss)
                    else f"the loss is {loss}"
                )
                raise NotFinite(f"step {step} ({stream}, learning rate {rate:.3g}): {what}: {HELP}")
        self.unread.clear()
