"""What finished runs took: the best source for what the next ones will take."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate.work import work
from xstilts_core.study.spec import SPECS, Spec, make

# A run that saw more than so many times as many examples, or fewer, says too little: its start
# weighs too much or too little.
_MOST_APART = 4.0
_REPORT_SECONDS = 8.0
# The process that runs a notebook, before and after it.
_RUNNER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Past:
    """A finished run. kind: its phase and tasks; seconds: of its work; start: of its notebook
    beside that; size: of its folder, bytes."""

    study: str
    kind: tuple[str, ...]
    encoder: str
    device: str
    seconds: float
    start: float
    units: float
    size: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run will take: seconds of one device, bytes on disk, and what says so."""

    seconds: float
    size: int
    source: str


def kind(spec: Spec) -> tuple[str, ...]:
    """Runs of one kind do the same, but for seed, recipe and sizes. A step on adapters costs
    another time than one on all weights."""
    other = str(getattr(spec, "control", "")) if spec.phase == "control" else ""
    lora = getattr(spec, "lora", 0)
    return (spec.phase, f"lora {lora}" if lora else other, *spec.uses)


def _notebook_seconds(folder: Path) -> float:
    """Wall seconds of the executed notebook, the kernel's start included; 0 where it does not
    say."""
    try:
        content = json.loads((folder / results.NOTEBOOK).read_text(encoding="utf-8"))
        return float(content["metadata"]["papermill"]["duration"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def remembered(path: Path) -> _Past | None:
    """The run behind a result.json; None where it cannot be compared: another version's, another
    machine's, or one that may have waited for translations, which only the first run to need them
    makes."""
    try:
        result = results.read(path)
        cls = SPECS[result.phase]
        spec = make(
            cls,
            {name: value for name, value in result.spec.items() if name in cls.model_fields},
            str(path),
        )
        if getattr(spec, "translators", ()) or results.REFERENCE in result.provenance:
            return None
        seconds = float(result.provenance["seconds"])
        size = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())
        start = _RUNNER_SECONDS + max(0.0, _notebook_seconds(path.parent) - seconds)
        encoder = str(result.spec.get("encoder", ""))
        return _Past(
            spec.study,
            kind(spec),
            encoder,
            str(result.provenance["device"]),
            seconds,
            start,
            work(spec).units,
            size,
        )
    except (UsageError, KeyError, ValueError, OSError):
        return None


def finished(outputs: Path) -> list[_Past]:
    """Every finished run below the outputs folder, of all studies."""
    paths = (
        path
        for path in sorted(outputs.glob(f"*/*/**/{results.RESULT}"))
        if path.relative_to(outputs).parts[1] != "report"
    )
    return [past for past in map(remembered, paths) if past is not None]


def on_device(runs: Sequence[_Past], threads: int, gpu: bool) -> list[_Past]:
    """Those made on what the next runs will have: a GPU, or so many threads of a CPU."""
    return [
        past
        for past in runs
        if (not past.device.startswith("cpu") if gpu else past.device == f"cpu, {threads} threads")
    ]


def by_earlier(spec: Spec, units: float, runs: Sequence[_Past]) -> Cost | None:
    """What runs of this kind took, this study's before others', scaled by the examples seen; None
    where there are none.

    Of another study only runs of the same encoder count, so none of an encoder that each study
    makes for itself.
    """
    encoder = str(getattr(spec, "encoder", "pretrained"))
    alike = [
        past
        for past in runs
        if past.kind == kind(spec) and past.encoder == str(getattr(spec, "encoder", ""))
    ]
    own = [past for past in alike if past.study == spec.study]
    for found, source in (
        (own, "this study's runs"),
        (alike if encoder != "pretrained" else [], "other studies' runs"),
    ):
        near = [(past, units / past.units if past.units else 1.0) for past in found]
        near = [(past, ratio) for past, ratio in near if 1 / _MOST_APART <= ratio <= _MOST_APART]
        if near:
            seconds = median(past.seconds * ratio for past, ratio in near)
            return Cost(
                seconds + median(past.start for past, _ in near),
                int(median(past.size for past, _ in near)),
                source,
            )
    return None


def report_seconds(outputs: Path) -> float:
    """What a report notebook took, or takes at about a hundred runs."""
    taken = [
        seconds
        for path in outputs.glob("*/report/*/run.ipynb")
        if (seconds := _notebook_seconds(path.parent))
    ]
    return _RUNNER_SECONDS + (median(taken) if taken else _REPORT_SECONDS)
