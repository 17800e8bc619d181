"""Reuse a run that another study has finished instead of training it again.

Two runs are the same if their identities are equal (identity.py). A finished run's identity is in
its result.json; names and locations of the runs are not compared.

A reused run gets its own folder: model and predictions as hard links (copies if the disk does not
support links), copies of the other files, and a result.json with the original run's name
(`shared_from`). Either study can be deleted or retrained without harm to the other. Two study
files with the same name never have their runs in one folder (`require_own_folder`).
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import home
from xstilts_core.jobs import aside
from xstilts_core.jobs.aside import TOLD, held
from xstilts_core.results import REFERENCE, RESULT, Result
from xstilts_core.study import Study, identity
from xstilts_core.study.identity import DataRoots, Identity
from xstilts_core.study.spec import DataSpec, Spec

# The file in a study's folder with the path of the study's YAML file.
OWNER = ".study"


def shared(study: Study) -> dict[str, list[tuple[Result, Path]]]:
    """Return the finished runs of the studies that this one shares with, and their folders, by the
    keys of their identities.

    A run is left out if one that it starts from is newer or missing: its starting point is unknown.
    """
    runs: dict[str, list[tuple[Result, Path]]] = {}
    phases = {spec.phase for spec in study.specs if not isinstance(spec, DataSpec)}
    for root in (study.root.parent / name for name in study.shares):
        for path in sorted(path for phase in phases for path in (root / phase).rglob(RESULT)):
            with suppress(OSError, UsageError, KeyError):
                result = results.read(path)
                parents = [root / name / RESULT for name in result.provenance["parents"]]
                latest = max((parent.stat().st_mtime_ns for parent in parents), default=0)
                if latest <= path.stat().st_mtime_ns and REFERENCE not in result.provenance:
                    runs.setdefault(result.identity.key, []).append((result, path.parent))
    return runs


def same(known: dict[str, list[tuple[Result, Path]]], spec: Spec, below: DataRoots) -> Path | None:
    """Return the folder of a finished run with the identity of `spec`; None if there is none."""
    runs = known.get(identity.of_spec(spec).key, ())
    return next(
        (folder for result, folder in runs if not results.difference(result, spec, below)), None
    )


def link(source: str, target: str) -> None:
    """Create a hard link, or a copy if links are not supported."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _take_over(spec: Spec, source: Path) -> bool:
    """Link or copy the finished run in `source` into this run's folder. Return False if `source` is
    in use or no longer readable.

    The caller holds the folder of `spec`. As for a trained run, result.json is written last: this
    study's spec with the other's numbers and provenance.
    """
    with held(source) as acquired:
        try:
            result = results.read(source / RESULT) if acquired else None
        except (OSError, UsageError):
            result = None
        if result is None:
            return False
        aside.make_room(spec.folder)
        for name in (results.UNFINISHED, results.FAILURE, *TOLD, *results.MADE):
            aside.remove(spec.folder / name)
        for name in results.MADE:
            if (source / name).is_dir():
                shutil.copytree(source / name, spec.folder / name, copy_function=link)
        for name in TOLD:
            with suppress(FileNotFoundError):
                shutil.copy2(source / name, spec.folder / name)
        provenance = {
            "shared_from": str(source.relative_to(spec.root.parent)),
            **result.provenance,
            "parents": [str(parent.relative_to(spec.root)) for parent in spec.parents],
            "parameters": spec.changed(),
        }
        result = replace(result, spec=spec.model_dump(mode="json"), provenance=provenance)
        results.write_text(spec.folder / results.UNFINISHED, results.text(result))
    results.publish(spec.folder)
    aside.forget(spec.folder)
    return True


def gather(study: Study, specs: Sequence[Spec] = ()) -> list[Path]:
    """Take over all runs (or only `specs`) that the study lacks and another study has. Return their
    folders.

    A run is taken over only after the runs that it starts from: files older than their parents'
    would be created again.
    """
    runs, folders, below = shared(study), [], DataRoots()
    for spec in (specs or study.specs) if runs else ():
        source = same(runs, spec, below)
        if source is None or results.state(spec).state in ("done", "running"):
            continue
        parents = (study.by_folder[folder] for folder in study.parents(spec))
        if all(results.state(parent).state == "done" for parent in parents):
            with held(spec.folder) as acquired:
                if acquired and results.state(spec).state != "done" and _take_over(spec, source):
                    folders.append(spec.folder)
    return folders


def foreseen(study: Study, earlier: Sequence[Study] = ()) -> frozenset[Path]:
    """Return the folders of the runs that will be taken over: another study has finished them, or
    one of `earlier` will have by then."""
    runs, below = shared(study), DataRoots()
    plans: dict[str, list[Identity]] = {}
    for other in earlier:
        for plan in map(identity.of_spec, other.specs if other.name in study.shares else ()):
            plans.setdefault(plan.key, []).append(plan)

    def will_be(spec: Spec) -> bool:
        request = identity.of_spec(spec)
        return any(not identity.difference(plan, request) for plan in plans.get(request.key, ()))

    return frozenset(
        state.spec.folder
        for state in results.states(study.specs if runs or plans else ())
        if state.state != "done"
        if will_be(state.spec) or same(runs, state.spec, below) is not None
    )


def written_in(study: Study) -> str:
    """Return the path of the study's file, relative to the project's folder (which may be moved) if
    it is inside."""
    file = Path(study.file).resolve()
    return str(file.relative_to(home()) if file.is_relative_to(home()) else file)


def require_own_folder(study: Study) -> None:
    """Raise UsageError if the study's folder holds the runs of another file with the same name,
    which this study would overwrite."""
    with suppress(FileNotFoundError, NotADirectoryError):
        owner = (study.root / OWNER).read_text(encoding="utf-8").strip()
        if owner != written_in(study) and (home() / owner).is_file():
            raise UsageError(
                f"{study.file}: {study.root} has the runs of {owner}: "
                "rename one of the two, or choose another folder with --outputs"
            )
