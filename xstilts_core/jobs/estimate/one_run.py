"""Estimate the cost of a single run from finished runs of its kind, or from a probe of about ten
seconds."""

from dataclasses import dataclass

from xstilts_core import results
from xstilts_core.jobs.estimate.earlier import Cost, by_earlier, finished, on_device
from xstilts_core.jobs.estimate.forecast import by_probe, probe
from xstilts_core.jobs.estimate.question import Answer, Question
from xstilts_core.jobs.estimate.work import work
from xstilts_core.study.spec import Spec


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated cost of a run. cost: None if unknown, for the reason in `error`. answer: the
    probe's measurements, None if earlier runs were used instead."""

    cost: Cost | None
    answer: Answer | None = None
    error: str = ""


def estimate(spec: Spec, threads: int, gpu: bool) -> Estimate:
    """Estimate the seconds and bytes of the run of `spec` on this machine. Write nothing, download
    nothing and start no notebook."""
    planned = work(spec)
    earlier_runs = on_device(finished(spec.root.parent), threads, gpu and spec.device != "cpu")
    if cost := by_earlier(spec, planned.units, earlier_runs):
        return Estimate(cost)
    stages = list(dict.fromkeys(piece.stage for piece in planned.pieces))
    phase1 = spec.root / "pretrain" / f"seed{spec.seed}" / results.RESULT
    encoder = str(getattr(spec, "encoder", "pretrained"))
    pretrain = spec.model_dump(mode="json") if spec.phase == "pretrain" else None
    if encoder == "pretrained" and pretrain is None:
        pretrain = results.read(phase1).spec if phase1.is_file() else None
        if pretrain is None:
            return Estimate(None, error=f"its phase 1 has no result yet: {phase1.parent}")
    answer, error = probe(Question(encoder, spec.device, stages, pretrain), threads)
    if answer is None:
        return Estimate(None, error=error)
    return Estimate(
        by_probe(spec, planned, answer, dict(zip(stages, answer.speeds, strict=True)), True), answer
    )
