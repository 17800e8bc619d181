"""A run that another study has made already is taken over instead of trained again.

Two runs are the same if their identities are (identity.py): what a finished run was made with
stands in its result.json, and that alone is compared. What the runs are called, and where they
stand, does not matter.

What is taken over gets a folder of its own: model and predictions as hard links (a copy where the
disk has none), the rest copied, and a result.json that says whose run it was (`shared_from`). So
either study can be removed or trained anew without harm to the other. No two files of one name have
their runs in one folder (`require_own_folder`).
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
from xstilts_core.results import Result
from xstilts_core.study import Study, identity
from xstilts_core.study.identity import Below, Identity
from xstilts_core.study.spec import DataSpec, Spec

# Which file the runs of a folder are of.
OWNER = ".study"


def older(result: Result, path: Path, root: Path) -> bool:
    """Whether a run that this one starts from was made after it, or is gone: then nobody knows what
    it started from."""
    age = path.stat().st_mtime_ns
    parents = [root / name / results.RESULT for name in result.provenance["parents"]]
    return not all(parent.is_file() and parent.stat().st_mtime_ns <= age for parent in parents)


def shared(study: Study) -> dict[str, list[tuple[Result, Path]]]:
    """The finished runs of the studies that this one shares with, by their identities' keys, with
    their folders."""
    found: dict[str, list[tuple[Result, Path]]] = {}
    for name in study.shares:
        root = study.root.parent / name
        for phase in dict.fromkeys(
            spec.phase for spec in study.specs if not isinstance(spec, DataSpec)
        ):
            for path in sorted((root / phase).rglob(results.RESULT)):
                with suppress(OSError, UsageError, KeyError):
                    result = results.read(path)
                    if not older(result, path, root) and results.REFERENCE not in result.provenance:
                        found.setdefault(result.identity.key, []).append((result, path.parent))
    return found


def same(known: dict[str, list[tuple[Result, Path]]], spec: Spec, below: Below) -> Path | None:
    """The folder of a finished run that is the one that `spec` asks for; None where there is
    none."""
    entries = known.get(identity.wanted(spec).key, ())
    return next(
        (folder for result, folder in entries if not results.difference(result, spec, below)), None
    )


def link(source: str, target: str) -> None:
    """A hard link, or a copy where there can be none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _take_over(spec: Spec, source: Path) -> bool:
    """Put the finished run in `source` in place of this one. False where somebody is at work in it,
    or it has changed meanwhile.

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
    """The result.json of a run that is taken over: this study's spec, the other's numbers and
    provenance."""
    parents = [str(parent.relative_to(spec.root)) for parent in spec.parents]
    whose = {
        "shared_from": result.provenance.get("shared_from", origin),
        "parents": parents,
        "parameters": spec.changed(),
    }
    return results.text(
        replace(
            result, spec=spec.model_dump(mode="json"), provenance={**result.provenance, **whose}
        )
    )


def gather(study: Study, specs: Sequence[Spec] = ()) -> list[Path]:
    """Take over all runs (`specs`: of these) that the study lacks and another one has. Returns
    their folders.

    A run is taken over only after those that it starts from: files that are older than their
    parents would be made again.
    """
    known, taken, below = shared(study) if study.shares else {}, [], Below()
    for spec in (specs or study.specs) if known else ():
        source = same(known, spec, below)
        if source is None or results.state(spec).state in ("done", "running"):
            continue
        if all(
            results.state(study.by_folder[parent]).state == "done" for parent in study.parents(spec)
        ):
            with held(spec.folder) as free:
                if free and results.state(spec).state != "done" and _take_over(spec, source):
                    taken.append(spec.folder)
    return taken


def foreseen(study: Study, earlier: Sequence[Study] = ()) -> frozenset[Path]:
    """Folders of the runs that will be taken over: another study has made them, or one of `earlier`
    will have by then."""
    known, below = shared(study) if study.shares else {}, Below()
    coming: dict[str, list[Identity]] = {}
    for made in (
        identity.wanted(spec)
        for other in earlier
        if other.name in study.shares
        for spec in other.specs
    ):
        coming.setdefault(made.key, []).append(made)
    lacking = [
        entry.spec
        for entry in results.states(study.specs if known or coming else ())
        if entry.state != "done"
    ]

    def will_be(spec: Spec) -> bool:
        asked = identity.wanted(spec)
        return any(not identity.difference(made, asked) for made in coming.get(asked.key, ()))

    return frozenset(
        spec.folder for spec in lacking if will_be(spec) or same(known, spec, below) is not None
    )


def written_in(study: Study) -> str:
    """The study's file: from the project's folder, which may be moved, or from the root."""
    file = Path(study.file).resolve()
    return str(file.relative_to(home()) if file.is_relative_to(home()) else file)


def require_own_folder(study: Study) -> None:
    """UsageError where the study's folder has the runs of another file of the same name, which this
    one would write over."""
    with suppress(FileNotFoundError, NotADirectoryError):
        other = (study.root / OWNER).read_text(encoding="utf-8").strip()
        if other != written_in(study) and (home() / other).is_file():
            raise UsageError(
                f"{study.file}: {study.root} has the runs of {other}: rename one of the two, or give --outputs another folder"
            )
