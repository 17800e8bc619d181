"""The hub's lock, params/hub.lock: the commit of every data set and model that was taken from the
Hugging Face hub, and its content.

A data set moves: labels are corrected, files are split anew. So the first fetch writes down what it
found, and every later run loads exactly that. XSTILTS_HUB_LOCK names another file than
params/hub.lock. Nothing here asks the hub or opens what it gave.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.files.disk import write_text
from xstilts_core.files.paths import home
from xstilts_core.tasks import ADDED, HUB, TASKS, TEXTS, HubData

VARIABLE = "XSTILTS_HUB_LOCK"
HEADER = """\
# What the studies took from the Hugging Face hub: the commit of every data set and model, the rows
# of every split, the SHA-256 of every file. Written at the first fetch, never by hand; later runs
# load exactly these commits and check what they load against this file. Commit it together with
# your studies: whoever runs them then gets the same data. To take what the hub has now, delete an
# entry, or the whole file, and run again.
"""
_COMMIT = re.compile(r"[0-9a-f]{40}")
# libyaml's are ten times as fast, and write the same text.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LINE_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Repository:
    """A data set or model of the hub. branch: the one it is read from; the default one where
    empty."""

    kind: Literal["dataset", "model"]
    name: str
    branch: str = ""

    @property
    def key(self) -> str:
        """Its name in the lock."""
        return f"{self.name}@{self.branch}" if self.branch else self.name

    @classmethod
    def of(cls, source: HubData) -> "Repository":
        return cls("dataset", source.dataset, source.revision)


@dataclass(frozen=True, slots=True)
class Content:
    """What was fetched of a repository. files: path in the repository to the SHA-256 of its bytes;
    rows: of a split of a data set."""

    files: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None


def path() -> Path:
    """Where the lock stands."""
    return Path(os.environ.get(VARIABLE) or home() / "params" / "hub.lock")


def read() -> dict[str, Any]:
    """All of the lock, not to be changed: {"dataset": {key: entry}, "model": {key: entry}}; empty
    where there is none yet.

    UsageError names the file where it is no lock.
    """
    place = path()
    try:
        seen = place.stat()
    except FileNotFoundError:
        return {"dataset": {}, "model": {}}
    return parsed(place, (seen.st_ino, seen.st_mtime_ns, seen.st_size))


@lru_cache(maxsize=1)
def parsed(place: Path, _version: tuple[int, int, int]) -> dict[str, Any]:
    """The content of the file, parsed once for each of its versions: a run of forty languages looks
    forty times."""
    try:
        found = yaml.load(place.read_text(encoding="utf-8"), _LOADER) or {}
        content = {kind: dict(found.pop(f"{kind}s", None) or {}) for kind in ("dataset", "model")}
        entries = [(key, entry) for group in content.values() for key, entry in group.items()]
        wrong = [*found, *(key for key, entry in entries if not _COMMIT.fullmatch(entry["commit"]))]
    except (
        yaml.YAMLError,
        UnicodeDecodeError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise damaged(place, f"{type(error).__name__}: {' '.join(str(error).split())}") from None
    if wrong:
        raise damaged(place, f"{wrong[0]!r} is no entry with a commit")
    return content


def damaged(place: Path, problem: str) -> UsageError:
    return UsageError(
        f"{place} is not a lock that this suite wrote ({problem}): restore it, or delete it to lock what the hub has now"
    )


def commit(repository: Repository) -> str:
    """The locked commit; "" where the repository is not locked yet."""
    return str(read()[repository.kind].get(repository.key, {}).get("commit", ""))


def content(repository: Repository, *part: str) -> Content | None:
    """What is locked of a part (configuration and split of a data set; a model is in one piece);
    None where it is new."""
    entry = read()[repository.kind].get(repository.key, {})
    try:
        for name in ("configurations", *part) if part else ():
            entry = entry.get(name, {})
        return (
            Content(dict(entry["files"]), None if entry.get("rows") is None else int(entry["rows"]))
            if "files" in entry
            else None
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise damaged(path(), f"{repository.key}: {error}") from None


@contextmanager
def writing() -> Iterator[dict[str, Any]]:
    """All of the lock, to be changed: one process at a time, and what it changes is there whole, or
    not at all."""
    place = path()
    place.parent.mkdir(parents=True, exist_ok=True)
    # A file of its own: the lock itself is replaced while others wait.
    with place.with_name(f".{place.name}.writer").open("a") as turn:
        while not locks.acquired(turn):
            time.sleep(0.05)
        changed = {kind: dict(entries) for kind, entries in read().items()}
        before = text(changed)
        yield changed
        if (after := text(changed)) != before or not place.is_file():
            write_text(place, after)


def text(changed: Mapping[str, Any]) -> str:
    """The file, sorted, so that two versions of it can be compared line by line."""
    kept = {f"{kind}s": entries for kind, entries in changed.items() if entries}
    return HEADER + yaml.dump(
        kept,
        Dumper=_DUMPER,
        sort_keys=True,
        allow_unicode=True,
        default_flow_style=False,
        width=_LINE_WIDTH,
    )


def settle(repository: Repository, found: str) -> str:
    """Lock the repository to the commit found, unless another run was faster. Returns the commit in
    force."""
    with writing() as changed:
        entry = changed[repository.kind].setdefault(repository.key, {"commit": found})
        return str(entry["commit"])


def record(repository: Repository, at: str, part: tuple[str, ...], found: Content) -> None:
    """Write down what a part holds at commit `at`. UsageError where the repository is locked to
    another commit by now."""
    with writing() as changed:
        entry = dict(changed[repository.kind].get(repository.key, {"commit": at}))
        if entry["commit"] != at:
            raise UsageError(
                f"{path()}: {repository.key} was locked to {entry['commit']} while {at} was loaded: run it again"
            )
        changed[repository.kind][repository.key] = entry
        for name in ("configurations", *part) if part else ():
            entry[name] = dict(entry.get(name, {}))
            entry = entry[name]
        entry.update(
            {"files": dict(found.files)}
            if found.rows is None
            else {"files": dict(found.files), "rows": found.rows}
        )


def revisions(spec: Any) -> dict[str, str]:
    """The locked commits of the data sets, the encoder and the translators that a run stands on, by
    name: for its provenance."""
    wanted = [
        Repository("model", name)
        for name in (str(getattr(spec, "encoder", "")), *getattr(spec, "translators", ()))
    ]
    if spec.source == "hub":
        names = [part for name in spec.uses for part in TASKS[name].parts or (name,)]
        places = (HUB, ADDED) if getattr(spec, "benchmark", "") == "xtreme-r" else (HUB,)
        wanted += [
            Repository.of(place[name]) for place in places for name in names if name in place
        ]
        wanted += [Repository.of(TEXTS)] if getattr(spec, "text_languages", ()) else []
    return {repository.key: found for repository in wanted if (found := commit(repository))}
