"""A finished run as its folder tells it: its result, the runs it was made from, and those that
start from its model."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded, home
from xstilts_core.results import FAILURE, REFERENCE, RESULT, Result
from xstilts_core.study.spec import SPECS, IntermediateSpec, PretrainSpec, RetrievalSpec, TargetSpec
from xstilts_core.study.study_kinds import kept_folder

MODEL = "model"
# Phases that train a model, and those of them that keep it.
TRAINED = (PretrainSpec.phase, IntermediateSpec.phase, TargetSpec.phase)
KEPT = (PretrainSpec.phase, IntermediateSpec.phase)
_SCORED = (TargetSpec.phase, RetrievalSpec.phase)
EXAMPLE = "outputs/quick/intermediate/mnli/seed1"


@dataclass(frozen=True, slots=True)
class Record:
    """A finished run. root: outputs/<study>. spec: all parameters, as result.json has them (of an
    older version perhaps)."""

    root: Path
    folder: Path
    result: Result

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.result.spec

    @property
    def study(self) -> str:
        return str(self.spec["study"])

    @property
    def name(self) -> str:
        """Its place below outputs/: quick/intermediate/mnli/seed1."""
        return str(self.folder.relative_to(self.root.parent))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it was trained on."""
        return tuple(self.spec.get("tasks") or filter(None, [self.spec.get("train_on")]))

    @property
    def data(self) -> tuple[str, ...]:
        """The tasks whose data sets it was trained on: its tasks, and published translations of
        them."""
        if self.result.phase != IntermediateSpec.phase:
            return self.tasks
        return IntermediateSpec.model_construct(**self.spec).uses

    @property
    def notebook(self) -> str:
        return SPECS[self.result.phase].notebook


def find(name: str, outputs: str = "outputs") -> Record:
    """The finished run in a folder: its path, or study and path below `outputs`. UsageError where
    there is none."""
    places = [expanded(name), home() / outputs / name]
    found = next((place for place in places if (place / RESULT).is_file()), None)
    if found is not None:
        return record(found.resolve())
    reason = next(
        (
            (place / FAILURE).read_text(encoding="utf-8").strip()
            for place in places
            if (place / FAILURE).is_file()
        ),
        "",
    )
    if reason:
        raise UsageError(f"run {name!r} has failed ({reason}): run it again")
    if any(place.is_dir() for place in places):
        raise UsageError(
            f"{name!r} is no finished run: that folder has no {RESULT} (a run's folder is such as {EXAMPLE})"
        )
    root, parts = home() / outputs, Path(name).parts
    at = next(
        (
            number
            for number, part in enumerate(parts)
            if part.strip("./") and (root / part).is_dir()
        ),
        None,
    )
    known = (
        []
        if at is None
        else [str(path.parent.relative_to(root)) for path in (root / parts[at]).rglob(RESULT)]
    )
    near = get_close_matches("/".join(parts[at:]), known, n=1, cutoff=0.5)
    hint = f": did you mean {near[0]!r}?" if near else "."
    raise UsageError(
        f"no run {name!r}{hint} Give a run's folder, such as {EXAMPLE} (xstilts status STUDY lists those of a study)"
    )


def record(folder: Path) -> Record:
    """The finished run in this folder. UsageError where result.json is no result, or stands where
    its study would not put it."""
    result = results.read(folder / RESULT)
    study = result.spec.get("study")
    root = next(
        (
            place
            for place in folder.parents
            if place.name == study and folder.relative_to(place).parts[0] == result.phase
        ),
        None,
    )
    if root is None or result.phase not in SPECS:
        raise UsageError(
            f"{folder} is no run's folder of study {study!r}, phase {result.phase!r}: put it back below outputs/{study}/"
        )
    return Record(root, folder, result)


def parents(run: Record) -> list[Record]:
    """The runs that this one started from, nearest last, as far as they are still there and older
    than it."""
    found: list[Record] = []
    for name in run.result.provenance["parents"]:
        path = run.root / name / RESULT
        if path.is_file() and path.stat().st_mtime_ns <= (run.folder / RESULT).stat().st_mtime_ns:
            parent = record(path.parent)
            found += [*parents(parent), parent]
    return found


def lost_parents(run: Record) -> list[str]:
    """The runs that this one started from whose records are gone, or were made anew since."""
    kept = {parent.folder for parent in parents(run)}
    return [name for name in run.result.provenance["parents"] if run.root / name not in kept]


def children(run: Record) -> list[Record]:
    """The study's finished runs that score this run's model: fine-tuned from it, or without
    training. Controls are not among them."""
    place, age = str(run.folder.relative_to(run.root)), (run.folder / RESULT).stat().st_mtime_ns
    found = [
        path
        for phase in _SCORED
        for path in sorted((run.root / phase).rglob(RESULT))
        if path.stat().st_mtime_ns >= age
    ]
    runs = [record(path.parent) for path in found]
    return [
        child
        for child in runs
        if place in child.result.provenance["parents"] and not child.spec.get("control")
    ]


def model_folder(run: Record) -> Path:
    """The folder of the run's model. UsageError where it has none, with the way to one."""
    folder = run.folder / MODEL
    if (folder / "config.json").is_file():
        return folder
    phase, started = run.result.phase, run.result.provenance["parents"]
    if kept := run.result.provenance.get(REFERENCE):
        raise UsageError(
            f"{run.name}: of the runs in {kept_folder(kept)} no models are kept, only scores: run that study yourself"
        )
    if phase in KEPT:
        raise UsageError(
            f"{run.name}: its folder {MODEL}/ is gone: delete the run's folder and run it again"
        )
    if phase != TargetSpec.phase:
        raise UsageError(
            f"{run.name}: a run of phase {phase!r} trains no model{_started_from(run, started)}"
        )
    raise UsageError(
        f"{run.name}: target models are not kept, only scores and predictions: a grid of XLM-R Large would take 400 GB"
        f"{_started_from(run, started)}. To have the fine-tuned model, export that and train it on {run.spec['train_on']} yourself"
    )


def _started_from(run: Record, started: list[str]) -> str:
    """What can be exported in place of a run without a model."""
    if started:
        return f". What it started from can be exported: {run.study}/{started[-1]}"
    return (
        f". It started from encoder {run.spec['encoder']!r}, which is a model folder already"
        if run.spec.get("encoder")
        else ""
    )
