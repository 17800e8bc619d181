"""A result that is to be made again is kept until the new one is there, and taken back where the
settings are what they were.

Whatever is called result.json counts. What does not count any more, or is being made again, is in
one of two places, so that a kill at any moment leaves it whole: 1. beside its files, under the name
ASIDE: no new run has begun, the files are its own; 2. in the folder EARLIER, its files with it:
from when a new run begins until that run's result is there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.results import ASIDE, EARLIER, FAILURE, LOCK, MADE, NOTEBOOK, RESULT, UNFINISHED
from xstilts_core.study import Study
from xstilts_core.study.identity import STARTS, Below
from xstilts_core.study.spec import Spec

TOLD = (NOTEBOOK, "train_log.jsonl")
_PIECES = (*MADE, *TOLD)


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a folder against other writers if nobody has it; gives whether it is held. Nobody is
    waited for, so that no two wait for each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        yield locks.acquired(lock)


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """To the other folder all files of a run that are there."""
    for name in _PIECES:
        if (source / name).exists():
            remove(target / name)
            os.rename(source / name, target / name)
    for folder in (source, target):
        results.sync(folder)


def _set_aside(folder: Path) -> None:
    """The result counts no more (place 1). One that cannot be read is removed. The caller holds the
    folder."""
    try:
        results.read(folder / RESULT)
    except UsageError:
        (folder / RESULT).unlink()
        return
    shutil.rmtree(folder / EARLIER, ignore_errors=True)
    os.replace(folder / RESULT, folder / ASIDE)


def make_room(folder: Path) -> None:
    """Before a new run begins: a result goes to place 2, with its files. The caller holds the
    folder."""
    if (folder / RESULT).is_file():
        _set_aside(folder)
    if (folder / ASIDE).is_file():
        (folder / EARLIER).mkdir(exist_ok=True)
        move(folder, folder / EARLIER)
        os.replace(folder / ASIDE, folder / EARLIER / ASIDE)


def _take_back(folder: Path) -> None:
    """The result that was set aside counts again; what a new run has begun goes. The caller holds
    the folder."""
    if (folder / EARLIER / ASIDE).is_file():
        for name in (*_PIECES, UNFINISHED, FAILURE):
            remove(folder / name)
        os.replace(folder / EARLIER / ASIDE, folder / ASIDE)
    if (folder / EARLIER).is_dir():
        move(folder / EARLIER, folder)
        shutil.rmtree(folder / EARLIER, ignore_errors=True)
    os.replace(folder / ASIDE, folder / RESULT)


def forget(folder: Path) -> None:
    """There is a new result: the earlier one goes."""
    for path in (folder / ASIDE, folder / EARLIER / ASIDE):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / EARLIER, ignore_errors=True)


def standing(folder: Path) -> Path | None:
    """The result of a run, or where it was set aside; not an empty one (`date_back`)."""
    places = (folder / RESULT, folder / ASIDE, folder / EARLIER / ASIDE)
    return next((path for path in places if path.is_file() and path.stat().st_size), None)


def fits(spec: Spec, below: Below | None = None) -> bool:
    """Whether the result that was set aside is this run's: made with its settings, and not before
    the runs that it starts from."""
    path = standing(spec.folder)
    if path is None or path.name == RESULT:
        return False
    try:
        if results.difference(results.read(path), spec, below):
            return False
        bases = [standing(parent) for parent in spec.parents]
        return all(
            base is not None and base.stat().st_mtime_ns <= path.stat().st_mtime_ns
            for base in bases
        )
    except (OSError, UsageError):
        return False


def differs(spec: Spec) -> bool:
    """Whether the result that was set aside was made with other settings: it can stand in its place
    and is taken for nobody else's."""
    path = standing(spec.folder)
    return (
        path is not None
        and path.name == ASIDE
        and bool(results.difference(results.read(path), spec))
    )


@contextmanager
def keeping(spec: Spec) -> Iterator[None]:
    """While a run is made, keep the result that its folder has; back to it on Ctrl-C. The caller
    holds the folder."""
    make_room(spec.folder)
    try:
        yield
    except KeyboardInterrupt:
        if fits(spec) or differs(spec):
            _take_back(spec.folder)
        raise
    forget(spec.folder)


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the results of a study when it is run. Folders.

    stale: made with other settings or data, or not to be read; to be made again. after: to be made
    again after a run that they start from. back: set aside, and to be taken back.
    """

    stale: tuple[Path, ...]
    after: tuple[Path, ...]
    back: tuple[Path, ...]


def plan(study: Study) -> Plan:
    """Only reads."""
    found: dict[Path, str] = {}
    below = Below()
    for spec in study.specs:
        grounded = all(found.get(parent, "done") in ("done", "back") for parent in spec.parents)
        state = results.state(spec, below)
        if grounded and state.state == "done":
            found[spec.folder] = "done"
        elif grounded and fits(spec, below):
            found[spec.folder] = "back"
        elif not (spec.folder / RESULT).exists():
            found[spec.folder] = "missing"
        else:
            found[spec.folder] = (
                "after" if state.state == "done" or state.reason.startswith(STARTS) else "stale"
            )
    return Plan(
        *(
            tuple(folder for folder, step in found.items() if step == name)
            for name in ("stale", "after", "back")
        )
    )


def prepare(study: Study) -> Plan:
    """Set aside the results that are to be made again, so that Snakemake makes them, and take back
    those that fit again."""
    made = plan(study)
    for folder in (*made.stale, *made.after):
        with held(folder) as free:
            if free and (folder / RESULT).exists():
                _set_aside(folder)
    for folder in made.back:
        _put_back(folder)
    if study.source == "hub" and not study.reference:
        date_back(study.specs[0].folder / RESULT, study)
    return made


def _put_back(folder: Path) -> None:
    """`_take_back`, unless somebody is at work in the folder or a new result is there."""
    with held(folder) as free:
        if free and standing(folder) not in (None, folder / RESULT):
            _take_back(folder)


@contextmanager
def prepared(study: Study) -> Iterator[Plan]:
    """`prepare`; and afterwards the results whose runs were not begun stand where they stood."""
    try:
        yield prepare(study)
    finally:
        back = plan(study).back
        for spec in study.specs:
            if standing(spec.folder) == spec.folder / ASIDE and (
                spec.folder in back or differs(spec)
            ):
                _put_back(spec.folder)


def date_back(fetched: Path, study: Study) -> None:
    """Where the data are to be fetched again, and runs that stand on them are done: an empty
    result, as old as can be, in its place.

    Snakemake then makes it anew, and it alone. If there were none, or a newer one, it would make
    every run anew.
    """
    if not fetched.is_file() and any((spec.folder / RESULT).is_file() for spec in study.specs):
        results.write_text(fetched, "")
        os.utime(fetched, (1, 1))  # Snakemake takes 0 for no time at all
