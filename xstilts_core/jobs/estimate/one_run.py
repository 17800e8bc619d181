"""Estimate the cost of a single run, before the user starts it from a form."""

from dataclasses import dataclass

from xstilts_core.jobs.estimate import forecast
from xstilts_core.jobs.estimate.earlier import Cost
from xstilts_core.jobs.estimate.memory import Shape
from xstilts_core.study.spec import Spec


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated cost of a run. cost: None if unknown, for the reason in `error`. answer: the
    memory of a run; None if earlier runs were used instead."""

    cost: Cost | None
    answer: Shape | None = None
    error: str = ""


def estimate(spec: Spec, threads: int, gpu: bool) -> Estimate:
    """Estimate the seconds and bytes of the run of `spec` on this machine."""
    costs, errors, shape = forecast.estimate([spec], threads, gpu)
    return Estimate(None, shape, errors[0]) if errors else Estimate(costs[spec.folder], shape)
