"""Maintain the hub's lock, params/hub.lock: commit and content of every data set and model taken
from the Hugging Face hub.

Data sets change: labels are corrected, files are split anew. So the first fetch records what it
got, and every later run loads exactly that. XSTILTS_HUB_LOCK names a file to use instead of
params/hub.lock. This module never contacts the hub or opens the files from it.
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
# libyaml's loader and dumper are ten times as fast and write the same text.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LINE_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Repository:
    """A data set or model of the hub. branch: the branch that is read; empty: the default one."""

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
    """The content fetched from a repository. files: path in the repository to the SHA-256 of its
    bytes; rows: number of rows of a data set's split."""

    files: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None


def path() -> Path:
    """Return the path of the lock."""
    return Path(os.environ.get(VARIABLE) or home() / "params" / "hub.lock")


def read() -> dict[str, Any]:
    """Return the whole lock, not to be changed: {"dataset": {key: entry}, "model": {key: entry}}.
    It is empty if there is no file yet.

    Raise UsageError if the file is not a lock.
    """
    file = path()
    try:
        status = file.stat()
    except FileNotFoundError:
        return {"dataset": {}, "model": {}}
    return _parse(file, (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=1)
def _parse(file: Path, _version: tuple[int, int, int]) -> dict[str, Any]:
    """Return the content of the file. Each version is parsed once, since a run of forty languages
    reads it forty times."""
    try:
        groups = yaml.load(file.read_text(encoding="utf-8"), _LOADER) or {}
        content = {kind: dict(groups.pop(f"{kind}s", None) or {}) for kind in ("dataset", "model")}
        entries = [(key, entry) for group in content.values() for key, entry in group.items()]
        wrong = [
            *groups,
            *(key for key, entry in entries if not _COMMIT.fullmatch(entry["commit"])),
        ]
    except (
        yaml.YAMLError,
        UnicodeDecodeError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise _damage_error(
            file, f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from None
    if wrong:
        raise _damage_error(file, f"{wrong[0]!r} is not an entry with a commit")
    return content


def _damage_error(file: Path, problem: str) -> UsageError:
    return UsageError(
        f"{file} is not a lock that this suite wrote ({problem}): "
        "restore it, or delete it to lock the hub's current data"
    )


def commit(repository: Repository) -> str:
    """Return the locked commit, or "" if the repository is not locked yet."""
    return str(read()[repository.kind].get(repository.key, {}).get("commit", ""))


def content(repository: Repository, *part: str) -> Content | None:
    """Return the locked content of a part (configuration and split of a data set; a model has a
    single part), or None if it is new."""
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
        raise _damage_error(path(), f"{repository.key}: {error}") from None


@contextmanager
def _edit() -> Iterator[dict[str, Any]]:
    """Yield the whole lock for changes by one process at a time. The changes are written completely
    or not at all."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    # Wait on a separate file, because the lock itself is replaced while others wait.
    with file.with_name(f".{file.name}.writer").open("a") as writer:
        while not locks.acquire(writer):
            time.sleep(0.05)
        lock = {kind: dict(entries) for kind, entries in read().items()}
        before = text(lock)
        yield lock
        if (after := text(lock)) != before or not file.is_file():
            write_text(file, after)


def text(lock: Mapping[str, Any]) -> str:
    """Return the file's text, sorted so that two versions can be compared line by line."""
    groups = {f"{kind}s": entries for kind, entries in lock.items() if entries}
    return HEADER + yaml.dump(
        groups,
        Dumper=_DUMPER,
        sort_keys=True,
        allow_unicode=True,
        default_flow_style=False,
        width=_LINE_WIDTH,
    )


def settle(repository: Repository, commit_id: str) -> str:
    """Lock the repository to this commit, unless another run was faster. Return the commit in
    force."""
    with _edit() as lock:
        entry = lock[repository.kind].setdefault(repository.key, {"commit": commit_id})
        return str(entry["commit"])


def record(
    repository: Repository, commit_id: str, part: tuple[str, ...], part_content: Content
) -> None:
    """Write down the content of a part at a commit. Raise UsageError if the repository has
    meanwhile been locked to another commit."""
    with _edit() as lock:
        entry = dict(lock[repository.kind].get(repository.key, {"commit": commit_id}))
        if entry["commit"] != commit_id:
            raise UsageError(
                f"{path()}: {repository.key} was locked to {entry['commit']} "
                f"while {commit_id} was loaded: run it again"
            )
        lock[repository.kind][repository.key] = entry
        for name in ("configurations", *part) if part else ():
            entry[name] = dict(entry.get(name, {}))
            entry = entry[name]
        entry.update(
            {"files": dict(part_content.files)}
            if part_content.rows is None
            else {"files": dict(part_content.files), "rows": part_content.rows}
        )


def revisions(spec: Any) -> dict[str, str]:
    """Return the locked commits of the data sets, the encoder and the translators that a run
    depends on, by name, for its provenance."""
    repositories = [
        Repository("model", name)
        for name in (str(getattr(spec, "encoder", "")), *getattr(spec, "translators", ()))
    ]
    if spec.source == "hub":
        names = [part for name in spec.uses for part in TASKS[name].parts or (name,)]
        tables = (HUB, ADDED) if getattr(spec, "benchmark", "") == "xtreme-r" else (HUB,)
        repositories += [
            Repository.of(data[name]) for data in tables for name in names if name in data
        ]
        repositories += [Repository.of(TEXTS)] if getattr(spec, "text_languages", ()) else []
    return {
        repository.key: commit_id
        for repository in repositories
        if (commit_id := commit(repository))
    }
