"""How long a training is, and its learning rate at every step."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how: see TuneSpec for the fields. evaluations: 0 never evaluates and keeps the last weights.

    stages: steps of each stage, where data sets are trained on one after the other; empty: one stage of all steps. Every stage warms
    up and decays over its own steps and begins with a new optimizer, as a training of its own from the weights of the one before
    (XTREME-R, scripts/train_xcopa.sh). Evaluations are in the last.
    """

    steps: int
    learning_rate: float
    warmup: float
    weight_decay: float
    clip: float
    seed: int
    evaluations: int = 0
    patience: int = 30
    betas: tuple[float, float] = (0.9, 0.999)
    bfloat16: bool = False
    layer: int = -1
    stages: tuple[int, ...] = ()

    @property
    def begins(self) -> list[int]:
        """Steps done before each stage."""
        return [0, *accumulate(self.stages[:-1])]

    def stage(self, step: int) -> int:
        """The stage that `step` (from 0) belongs to."""
        return bisect_right(self.begins, step) - 1

    def rate(self, step: int) -> float:
        """Share of the peak rate at `step`, at most 1: rises linearly during warm-up, falls linearly to zero after it, in every stage."""
        stage = self.stage(step)
        steps, done = (self.stages or (self.steps,))[stage], step - self.begins[stage]
        rise = self.warmup * steps
        # A warm-up of less than one step, or with a part of one left over, ends at the peak and not above it.
        return min(1.0, (done + 1) / max(1.0, rise)) if done < rise else max(0.0, (steps - done) / max(1.0, steps - rise))

    def marks(self) -> set[int]:
        """Steps after which development data are scored: evenly spaced in the last stage, the last one at its end."""
        begin = self.begins[-1]
        return {begin + round((self.steps - begin) * (k + 1) / self.evaluations) for k in range(self.evaluations)}
