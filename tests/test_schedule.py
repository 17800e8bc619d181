"""The learning rate of every step: never above its peak, whatever the warm-up and the number of
steps."""

import numpy as np
import pytest

from xstilts_core.schedule import Schedule

PLAN = {"learning_rate": 1e-3, "weight_decay": 0.0, "clip": 1.0, "seed": 1}
WARMUPS = (
    0.0,
    1e-9,
    0.05,
    0.1,
    0.25,
    1 / 3,
    0.5,
    0.7,
    0.999,
    *np.random.default_rng(0).uniform(0, 1, 6),
)


def rates(steps: int, warmup: float, stages: tuple[int, ...] = ()) -> np.ndarray:
    plan = Schedule(steps, warmup=warmup, stages=stages, **PLAN)
    return np.array([plan.rate(step) for step in range(steps)])


@pytest.mark.parametrize("warmup", WARMUPS)
def test_the_rate_never_exceeds_the_peak_and_rises_then_falls(warmup):
    for steps in range(1, 501):
        found = rates(steps, warmup)
        assert found.min() > 0 and found.max() <= 1, (steps, warmup)
        top = found.argmax()
        assert (np.diff(found[: top + 1]) >= 0).all() and (np.diff(found[top:]) <= 0).all(), (
            steps,
            warmup,
        )


@pytest.mark.parametrize("stages", [(3, 1, 14), (10, 20), (1, 1), (499, 1)])
def test_every_stage_is_a_schedule_of_its_own(stages):
    for warmup in WARMUPS:
        whole = np.concatenate([rates(steps, warmup) for steps in stages])
        assert np.array_equal(rates(sum(stages), warmup, stages), whole) and whole.max() <= 1


def test_a_whole_number_of_warm_up_steps_gives_the_usual_line():
    for steps, rise in ((20, 2), (100, 10), (100, 7), (7, 0), (12, 3), (500, 150)):
        line = [(k + 1) / rise if k < rise else (steps - k) / (steps - rise) for k in range(steps)]
        assert rates(steps, rise / steps) == pytest.approx(line, abs=1e-12)


def test_a_training_of_three_steps_trains_at_most_at_its_rate():
    assert rates(3, 0.1).max() == 1
