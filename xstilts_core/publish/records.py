"""A finished run, read from its folder: its result, its parents, and runs that use its model; and
a new folder to publish it in, which is complete or absent."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from xstilts_core import results
from xstilts_core.data.readers.text import listing
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded, home
from xstilts_core.results import FAILURE, REFERENCE, RESULT, Result, Score
from xstilts_core.study.spec import SPECS, IntermediateSpec
from xstilts_core.study.study_kinds import reference_folder

MODEL = "model"
# The phases that train a model, and the phases that also keep it.
TRAINED = ("pretrain", "intermediate", "target")
KEPT = ("pretrain", "intermediate")
EXAMPLE = "outputs/quick/intermediate/anli_plus/seed1"


@dataclass(frozen=True, slots=True)
class Record:
    """A finished run. root: outputs/<study>. spec: all parameters, perhaps of an older version."""

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
        """The path below outputs/, such as quick/intermediate/anli_plus/seed1."""
        return str(self.folder.relative_to(self.root.parent))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the run was trained on."""
        return tuple(self.spec.get("tasks") or filter(None, [self.spec.get("train_on")]))

    @property
    def data(self) -> tuple[str, ...]:
        """The tasks whose data the run was trained on: its tasks and published translations."""
        if self.result.phase != IntermediateSpec.phase:
            return self.tasks
        return IntermediateSpec.model_construct(**self.spec).uses

    @property
    def scores(self) -> dict[tuple[str, str, str], list[Score]]:
        """The scores in all languages by task, split and metric."""
        groups: dict[tuple[str, str, str], list[Score]] = {}
        for score in self.result.scores:
            groups.setdefault((score.task, score.split, score.metric), []).append(score)
        return groups


def find(name: str, outputs: str = "outputs") -> Record:
    """Return the finished run in a folder, given by its path or its path below `outputs`. Raise
    UsageError if there is none."""
    root = home() / outputs
    candidates = [expanded(name), root / name]
    for folder in candidates:
        if (folder / RESULT).is_file():
            return record(folder.resolve())
    for folder in candidates:
        if (folder / FAILURE).is_file():
            reason = (folder / FAILURE).read_text(encoding="utf-8").strip()
            raise UsageError(f"run {name!r} has failed ({reason}): run it again")
    if any(folder.is_dir() for folder in candidates):
        raise UsageError(
            f"{name!r} is not a finished run: that folder has no {RESULT} (an example of a run's "
            f"folder: {EXAMPLE})"
        )
    names, hint = list(Path(name).parts), "."
    while names and not (names[0].strip("./") and (root / names[0]).is_dir()):
        names.pop(0)
    if names:
        runs = [str(path.parent.relative_to(root)) for path in (root / names[0]).rglob(RESULT)]
        if near := get_close_matches("/".join(names), runs, n=1, cutoff=0.5):
            hint = f": did you mean {near[0]!r}?"
    raise UsageError(
        f"no run {name!r}{hint} Give a run's folder, such as {EXAMPLE} (xstilts status STUDY lists "
        "the runs of a study)"
    )


def record(folder: Path) -> Record:
    """Return the finished run in this folder. Raise UsageError if result.json is malformed or not
    in the folder that its study would use."""
    result = results.read(folder / RESULT)
    study = result.spec.get("study")
    root = next(
        (
            parent
            for parent in folder.parents
            if parent.name == study and folder.relative_to(parent).parts[0] == result.phase
        ),
        None,
    )
    if root is None or result.phase not in SPECS:
        raise UsageError(
            f"{folder} is not the folder of a run of study {study!r}, phase {result.phase!r}: "
            f"move it back below outputs/{study}/"
        )
    return Record(root, folder, result)


def parents(run: Record) -> list[Record]:
    """Return the runs that this run started from, nearest last, if they still exist and are not
    newer than the run."""
    ancestors: list[Record] = []
    for name in run.result.provenance["parents"]:
        path = run.root / name / RESULT
        if path.is_file() and path.stat().st_mtime_ns <= (run.folder / RESULT).stat().st_mtime_ns:
            parent = record(path.parent)
            ancestors += [*parents(parent), parent]
    return ancestors


def lost_parents(run: Record) -> list[str]:
    """Return the names of this run's parents whose records are missing or were made again since."""
    parent_folders = {parent.folder for parent in parents(run)}
    return [
        name for name in run.result.provenance["parents"] if run.root / name not in parent_folders
    ]


def children(run: Record) -> list[Record]:
    """Return the study's finished runs that score this run's model, fine-tuned or without training.
    Controls are excluded."""
    name, written_ns = run.name.partition("/")[2], (run.folder / RESULT).stat().st_mtime_ns
    runs = [
        record(path.parent)
        for phase in ("target", "retrieval")
        for path in sorted((run.root / phase).rglob(RESULT))
        if path.stat().st_mtime_ns >= written_ns
    ]
    return [
        child
        for child in runs
        if name in child.result.provenance["parents"] and not child.spec.get("control")
    ]


def model_folder(run: Record) -> Path:
    """Return the folder of the run's model, or raise UsageError that explains how to get one."""
    folder = run.folder / MODEL
    if (folder / "config.json").is_file():
        return folder
    phase, parent_names = run.result.phase, run.result.provenance["parents"]
    if reference := run.result.provenance.get(REFERENCE):
        raise UsageError(
            f"{run.name}: of the runs in {reference_folder(reference)} no models are kept, "
            "only scores: run that study yourself"
        )
    if phase in KEPT:
        raise UsageError(
            f"{run.name}: its folder {MODEL}/ is missing: delete the run's folder and run it again"
        )
    if parent_names:
        start = f". Its parent run can be exported: {run.study}/{parent_names[-1]}"
    elif encoder := run.spec.get("encoder"):
        start = f". It started from encoder {encoder!r}, which is a model folder already"
    else:
        start = ""
    if phase not in TRAINED:
        raise UsageError(f"{run.name}: a run of phase {phase!r} trains no model{start}")
    raise UsageError(
        f"{run.name}: target models are not kept, only scores and predictions, as a grid of XLM-R "
        f"Large would take 400 GB{start}. To get the fine-tuned model, "
        f"export that and train it on {run.spec['train_on']} yourself"
    )


def require_new(folder: Path) -> None:
    """Raise UsageError if something is in this folder, as nothing is overwritten."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        content = f"not empty (it holds {listing(folder, '*')})" if folder.is_dir() else "a file"
        raise UsageError(f"{folder} is {content}: give a new folder")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `out` at the end. Raise UsageError if `out` is
    not empty."""
    out = out.resolve()
    require_new(out)
    # The leftovers of a killed export are overwritten. The name is a hash because `out.name` may
    # already have the maximum length.
    draft = out.with_name(f".{hashlib.sha256(os.fsencode(out.name)).hexdigest()[:16]}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
    except (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"{out} cannot be made ({error.strerror}): give another folder") from None
    try:
        yield draft
        os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
