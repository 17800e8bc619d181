"""Estimate the cost of runs from finished runs, the best source available."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate.work import work
from xstilts_core.study.spec import SPECS, Spec

# Runs whose numbers of examples differ by more than this factor are not compared, because the start
# has too large or too small a share in the time of one of them.
_MOST_APART = 4.0
_REPORT_SECONDS = 8.0
# Time of the process that runs a notebook, before and after the notebook.
_RUNNER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Past:
    """A finished run. kind: its phase and tasks; seconds: time of its work; start: remaining time
    of its notebook; size: bytes of its folder."""

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
    """The cost of a run: seconds on one device, bytes on disk, and the source of these numbers."""

    seconds: float
    size: int
    source: str


def kind(spec: Spec) -> tuple[str, ...]:
    """Return the kind of a run; runs of one kind differ only in seed, recipe and sizes. Runs with
    adapters are a separate kind, because a step on adapters takes a different time than one on all
    weights."""
    control = str(getattr(spec, "control", "")) if spec.phase == "control" else ""
    lora = getattr(spec, "lora", 0)
    return (spec.phase, f"lora {lora}" if lora else control, *spec.uses)


def _notebook_seconds(folder: Path) -> float:
    """Return the wall time of the executed notebook in seconds, the kernel's start included; 0 if
    it is not recorded."""
    try:
        content = json.loads((folder / results.NOTEBOOK).read_text(encoding="utf-8"))
        return float(content["metadata"]["papermill"]["duration"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _remembered(path: Path) -> _Past | None:
    """Return the run behind a result.json, or None if it cannot be compared: it comes from another
    version or another machine, or may include time for translations, which only the first run that
    needs them makes."""
    try:
        result = results.read(path)
        spec = SPECS[result.phase].of(result.spec, str(path))
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
    """Return every finished run below the outputs folder, of all studies."""
    paths = (
        path
        for path in sorted(outputs.glob(f"*/*/**/{results.RESULT}"))
        if path.relative_to(outputs).parts[1] != "report"
    )
    return [past for past in map(_remembered, paths) if past]


def on_device(runs: Sequence[_Past], threads: int, gpu: bool) -> list[_Past]:
    """Select the runs on a device like that of the next runs: a GPU, or a CPU with this many
    threads."""
    return [
        past
        for past in runs
        if (not past.device.startswith("cpu") if gpu else past.device == f"cpu, {threads} threads")
    ]


def by_earlier(spec: Spec, units: float, runs: Sequence[_Past]) -> Cost | None:
    """Return the median cost of runs of this kind, scaled by the examples seen, or None if there
    are none. The study's own runs take precedence.

    Runs of other studies count only if they have the same encoder, and not at all if each study
    trains its own encoder.
    """
    encoder = str(getattr(spec, "encoder", ""))
    comparable = [
        (past, units / past.units if past.units else 1.0)
        for past in runs
        if past.kind == kind(spec) and past.encoder == encoder
    ]
    comparable = [
        (past, ratio) for past, ratio in comparable if 1 / _MOST_APART <= ratio <= _MOST_APART
    ]
    source = "this study's runs"
    similar = [(past, ratio) for past, ratio in comparable if past.study == spec.study]
    if not similar and encoder not in ("", "pretrained"):
        similar, source = comparable, "other studies' runs"
    if not similar:
        return None
    seconds = median(past.seconds * ratio for past, ratio in similar)
    start = median(past.start for past, _ in similar)
    return Cost(seconds + start, int(median(past.size for past, _ in similar)), source)


def report_seconds(outputs: Path) -> float:
    """Return the median time of the report notebooks so far, or their usual time at about a hundred
    runs."""
    durations = [
        seconds
        for path in outputs.glob("*/report/*/run.ipynb")
        if (seconds := _notebook_seconds(path.parent))
    ]
    return _RUNNER_SECONDS + (median(durations) if durations else _REPORT_SECONDS)
