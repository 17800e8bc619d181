"""Keep a stale result until its replacement is complete; restore it if the old settings come back.

Only `result.json` marks a finished run. A result that is stale or about to be replaced lives in one
of two places, so that it survives a kill at any moment: 1. next to its files, under the name ASIDE,
as long as no new run has begun; 2. in the folder EARLIER, together with its files, from the start
of a new run until that run's result is written.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.results import ASIDE, EARLIER, FAILURE, LOCK, MADE, NOTEBOOK, RESULT, UNFINISHED
from xstilts_core.study import Study
from xstilts_core.study.identity import STARTS, DataRoots
from xstilts_core.study.spec import Spec

TOLD = (NOTEBOOK, "train_log.jsonl")
_PIECES = (*MADE, *TOLD)


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Lock a folder against other writers without waiting; yield whether the lock was acquired.
    Never waiting rules out deadlocks."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        yield locks.acquire(lock)


def remove(path: Path) -> None:
    """Remove a file or folder if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _move(source: Path, target: Path) -> None:
    """Move all files of a run that exist from one folder to the other."""
    for name in _PIECES:
        if (source / name).exists():
            remove(target / name)
            os.rename(source / name, target / name)
    for folder in (source, target):
        results.sync(folder)


def _set_aside(folder: Path) -> None:
    """Rename a result to ASIDE, so that it no longer counts (place 1); delete it if it cannot be
    read. The caller holds the folder's lock."""
    try:
        results.read(folder / RESULT)
    except UsageError:
        (folder / RESULT).unlink()
        return
    shutil.rmtree(folder / EARLIER, ignore_errors=True)
    os.replace(folder / RESULT, folder / ASIDE)


def make_room(folder: Path) -> None:
    """Move a result and its files to place 2 before a new run begins. The caller holds the folder's
    lock."""
    if (folder / RESULT).is_file():
        _set_aside(folder)
    if (folder / ASIDE).is_file():
        (folder / EARLIER).mkdir(exist_ok=True)
        _move(folder, folder / EARLIER)
        os.replace(folder / ASIDE, folder / EARLIER / ASIDE)


def _take_back(folder: Path) -> None:
    """Restore the result that was set aside and delete what a new run has begun. The caller holds
    the folder's lock."""
    if (folder / EARLIER / ASIDE).is_file():
        for name in (*_PIECES, UNFINISHED, FAILURE):
            remove(folder / name)
        os.replace(folder / EARLIER / ASIDE, folder / ASIDE)
    if (folder / EARLIER).is_dir():
        _move(folder / EARLIER, folder)
        shutil.rmtree(folder / EARLIER, ignore_errors=True)
    os.replace(folder / ASIDE, folder / RESULT)


def forget(folder: Path) -> None:
    """Delete the earlier result once a new one is complete."""
    for path in (folder / ASIDE, folder / EARLIER / ASIDE):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / EARLIER, ignore_errors=True)


def _standing(folder: Path) -> Path | None:
    """Return the path of a run's result, current or set aside; skip an empty one (`_date_back`)."""
    paths = (folder / RESULT, folder / ASIDE, folder / EARLIER / ASIDE)
    return next((path for path in paths if path.is_file() and path.stat().st_size), None)


def _restorable(spec: Spec, other_settings: bool, below: DataRoots | None = None) -> bool:
    """Return whether a result was set aside that can be restored: made with the settings of this
    run, and not older than the runs that it starts from.

    other_settings: one made with others too. No current run would mistake it for its own.
    """
    path = _standing(spec.folder)
    if path is None or path.name == RESULT:
        return False
    try:
        if results.difference(results.read(path), spec, below):
            return other_settings
        parents = [_standing(parent) for parent in spec.parents]
        age = path.stat().st_mtime_ns
        return all(parent and parent.stat().st_mtime_ns <= age for parent in parents)
    except (OSError, UsageError):
        return False


@contextmanager
def keeping(spec: Spec) -> Iterator[None]:
    """Keep a folder's result while a run replaces it, and restore it on Ctrl-C. The caller holds
    the folder's lock."""
    make_room(spec.folder)
    try:
        yield
    except KeyboardInterrupt:
        if _restorable(spec, other_settings=True):
            _take_back(spec.folder)
        raise
    forget(spec.folder)


class Plan(NamedTuple):
    """The folders of a study's results that change when the study is run.

    stale: made with other settings or data, or unreadable; these runs are repeated. after: repeated
    because a run that they start from is. back: set aside, and about to be restored.
    """

    stale: tuple[Path, ...]
    after: tuple[Path, ...]
    back: tuple[Path, ...]


def plan(study: Study) -> Plan:
    """Return the plan for a study without changing any file."""
    steps: dict[Path, str] = {}
    below = DataRoots()
    for spec in study.specs:
        grounded = all(steps.get(parent, "done") in ("done", "back") for parent in spec.parents)
        state = results.state(spec, below)
        if grounded and state.state == "done":
            steps[spec.folder] = "done"
        elif grounded and _restorable(spec, other_settings=False, below=below):
            steps[spec.folder] = "back"
        elif not (spec.folder / RESULT).exists():
            steps[spec.folder] = "missing"
        else:
            repeated = state.state == "done" or state.reason.startswith(STARTS)
            steps[spec.folder] = "after" if repeated else "stale"
    by_step = (
        tuple(folder for folder, step in steps.items() if step == name) for name in Plan._fields
    )
    return Plan(*by_step)


def prepare(study: Study) -> Plan:
    """Set aside the results that have to be replaced, so that Snakemake runs them again, and
    restore those that fit again."""
    planned = plan(study)
    for folder in (*planned.stale, *planned.after):
        with held(folder) as acquired:
            if acquired and (folder / RESULT).exists():
                _set_aside(folder)
    for folder in planned.back:
        _put_back(folder)
    if study.on_hub and not study.reference:
        _date_back(study.specs[0].folder / RESULT, study)
    return planned


def _put_back(folder: Path) -> None:
    """Call `_take_back`, unless another process is at work in the folder or a new result exists."""
    with held(folder) as acquired:
        if acquired and _standing(folder) not in (None, folder / RESULT):
            _take_back(folder)


@contextmanager
def prepared(study: Study) -> Iterator[Plan]:
    """Call `prepare`, and afterwards restore the results whose replacement was never begun."""
    try:
        yield prepare(study)
    finally:
        for spec in study.specs:
            not_begun = _standing(spec.folder) == spec.folder / ASIDE
            if not_begun and _restorable(spec, other_settings=True):
                _put_back(spec.folder)


def _date_back(fetched: Path, study: Study) -> None:
    """Replace the result of the fetched data by an empty one with the oldest possible date if the
    data have to be fetched again and finished runs depend on them.

    Snakemake then repeats only the fetching. Without a result, or with a newer one, it would repeat
    every run.
    """
    if not fetched.is_file() and any((spec.folder / RESULT).is_file() for spec in study.specs):
        results.write_text(fetched, "")
        os.utime(fetched, (1, 1))  # Snakemake treats a time of 0 as missing
