"""A run that another study has made already is taken over instead of trained again.

Two runs are the same if they are of the same phase and their numbers depend on the same things: the specs' science, less the names that
say where they stand (study, recipe, folder level), and the same of the runs that they start from. What a name means may change; what a
finished run was made with stands in its result.json, and that alone is compared.

What is taken over gets a folder of its own: model and predictions as hard links (a copy where the disk has none), the rest copied, and a
result.json that says whose run it was (`shared_from`). So either study can be removed or trained anew without harm to the other.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from xstilts_core import aside, results
from xstilts_core.aside import TOLD, held
from xstilts_core.names import UsageError
from xstilts_core.results import Result
from xstilts_core.spec import DataSpec, Spec
from xstilts_core.study import Study

# Fields that say where a run stands, not what it does.
NAMES = frozenset({"study", "recipe", "by_size"})
Identity = str


def identity(phase: str, science: Mapping[str, Any], parents: Sequence[Identity]) -> Identity:
    """What makes a run the same as another one, as a text that can be compared."""
    return json.dumps([phase, {name: value for name, value in science.items() if name not in NAMES}, parents], sort_keys=True)


def wanted(study: Study, spec: Spec) -> Identity:
    """The identity of a run of this study."""
    parents = [wanted(study, study.by_folder[folder]) for folder in spec.parents]
    return identity(spec.phase, json.loads(json.dumps(spec.science())), parents)


def made(root: Path, folder: Path) -> Identity | None:
    """The identity of the finished run in this folder below outputs/<study>; None where a run that it starts from is gone or newer."""
    try:
        result = results.read(folder / results.RESULT)
        age = (folder / results.RESULT).stat().st_mtime_ns
        parents = []
        for name in result.provenance["parents"]:
            found = made(root, root / name)
            if found is None or (root / name / results.RESULT).stat().st_mtime_ns > age:
                return None
            parents.append(found)
    except (OSError, UsageError, KeyError):
        return None
    return identity(result.phase, result.science, parents)


def shared(study: Study) -> dict[Identity, Path]:
    """The finished runs of the studies that this one shares with: identity -> folder."""
    found: dict[Identity, Path] = {}
    for name in study.shares:
        root = study.root.parent / name
        for phase in dict.fromkeys(spec.phase for spec in study.specs if not isinstance(spec, DataSpec)):
            for path in sorted((root / phase).rglob(results.RESULT)):
                if (key := made(root, path.parent)) is not None:
                    found.setdefault(key, path.parent)
    return found


def link(source: str, target: str) -> None:
    """A hard link, or a copy where there can be none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def take_over(spec: Spec, source: Path) -> bool:
    """Put the finished run in `source` in place of this one. False where somebody is at work in it, or it has changed meanwhile.

    The caller holds the folder of `spec`. As of a run that is trained, result.json comes last.
    """
    origin = str(source.relative_to(spec.root.parent))
    with held(source) as free:
        try:
            result = results.read(source / results.RESULT) if free else None
        except (OSError, UsageError):
            result = None
        if result is None:
            return False
        aside.make_room(spec.folder)
        for name in (results.UNFINISHED, results.FAILURE, *TOLD):
            (spec.folder / name).unlink(missing_ok=True)
        for name in results.MADE:
            shutil.rmtree(spec.folder / name, ignore_errors=True)
            if (source / name).is_dir():
                shutil.copytree(source / name, spec.folder / name, copy_function=link)
        for name in TOLD:
            with suppress(FileNotFoundError):
                shutil.copy2(source / name, spec.folder / name)
        results.write_text(spec.folder / results.UNFINISHED, text(result, spec, origin))
    results.publish(spec.folder)
    aside.forget(spec.folder)
    return True


def text(result: Result, spec: Spec, origin: str) -> str:
    """The result.json of a run that is taken over: this study's spec, the other's numbers and provenance."""
    parents = [str(parent.relative_to(spec.root)) for parent in spec.parents]
    whose = {"shared_from": result.provenance.get("shared_from", origin), "parents": parents}
    moved = replace(result, spec=spec.model_dump(mode="json"), science=spec.science(), provenance={**result.provenance, **whose})
    return json.dumps(asdict(moved), indent=1, ensure_ascii=False) + "\n"


def gather(study: Study, specs: Sequence[Spec] = ()) -> list[Path]:
    """Take over all runs (`specs`: of these) that the study lacks and another one has. Returns their folders.

    A run is taken over only after those that it starts from: files that are older than their parents would be made again.
    """
    known, taken = shared(study) if study.shares else {}, []
    for spec in (specs or study.specs) if known else ():
        source = known.get(wanted(study, spec))
        if source is None or results.state(spec).state in ("done", "running"):
            continue
        if all(results.state(study.by_folder[parent]).state == "done" for parent in study.parents(spec)):
            with held(spec.folder) as free:
                if free and results.state(spec).state != "done" and take_over(spec, source):
                    taken.append(spec.folder)
    return taken


def foreseen(study: Study, earlier: Sequence[Study] = ()) -> frozenset[Path]:
    """Folders of the runs that will be taken over: another study has made them, or one of `earlier` will have by then."""
    known = set(shared(study) if study.shares else ())
    known |= {wanted(other, spec) for other in earlier if other.name in study.shares for spec in other.specs}
    lacking = [spec for spec in study.specs if known and results.state(spec).state != "done"]
    return frozenset(spec.folder for spec in lacking if wanted(study, spec) in known)
