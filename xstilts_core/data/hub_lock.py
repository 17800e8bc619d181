"""Maintain the hub's lock, params/hub.lock: commit and content of every data set and model taken
from the Hugging Face hub.

Data sets change: labels are corrected, files are split anew. So the first fetch records what it
got, and every later run loads exactly that. XSTILTS_HUB_LOCK names a file to use instead of
params/hub.lock. This module never contacts the hub or opens the files from it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from xstilts_core.errors import UsageError
from xstilts_core.files import locks
from xstilts_core.files.disk import write_text
from xstilts_core.files.paths import home
from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.tasks import ADDED, HUB, TASKS, TEXTS, HubData

VARIABLE = "XSTILTS_HUB_LOCK"
HEADER = """\
# What the studies took from the Hugging Face hub: the commit of every data set and model, the rows
# of every split, the SHA-256 of every file. Written at the first fetch, never by hand; later runs
# load exactly these commits and check what they load against this file. Commit it together with
# your studies: whoever runs them then gets the same data. To take what the hub has now, delete an
# entry, or the whole file, and run again.
"""
# libyaml's dumper is ten times as fast and writes the same text.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Repository:
    """A data set or model of the hub. branch: the branch that is read; empty: the default one."""

    kind: Literal["dataset", "model"]
    name: str
    branch: str = ""

    @property
    def group(self) -> str:
        """The group of its entry in the lock."""
        return f"{self.kind}s"

    @property
    def key(self) -> str:
        """Its name in the lock."""
        return f"{self.name}@{self.branch}" if self.branch else self.name

    @classmethod
    def of(cls, source: HubData) -> "Repository":
        return cls("dataset", source.dataset, source.revision)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Content:
    """The content fetched from a repository. files: path in the repository to the SHA-256 of its
    bytes; rows: number of rows of a data set's split."""

    files: dict[str, str]
    rows: int | None = None


@with_config(ConfigDict(extra="forbid"))
@dataclass(slots=True)
class _Entry:
    """What is locked of a repository. files: those of a model. configurations: the content of a
    data set by configuration and split."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    files: dict[str, str] | None = None
    configurations: dict[str, dict[str, Content]] = field(default_factory=dict)


# Group of the lock (the kind of its repositories, in the plural) -> key -> entry.
_Lock = dict[str, dict[str, _Entry]]
_ADAPTER: TypeAdapter[_Lock] = TypeAdapter(
    dict[Literal["datasets", "models"], dict[str, _Entry] | None]
)


def path() -> Path:
    """Return the path of the lock."""
    return Path(os.environ.get(VARIABLE) or home() / "params" / "hub.lock")


def _read() -> _Lock:
    """Return the whole lock, not to be changed; it is empty if there is no file yet. Raise
    UsageError if the file is not a lock."""
    file = path()
    try:
        status = file.stat()
    except FileNotFoundError:
        return {}
    return _parse(file, (status.st_ino, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=1)
def _parse(file: Path, _version: tuple[int, int, int]) -> _Lock:
    """Return the content of the file. Each version is parsed once, since a run of forty languages
    reads it forty times."""
    try:
        return _ADAPTER.validate_python(yaml.load(file.read_text("utf-8"), FastLoader) or {})
    except (yaml.YAMLError, ValueError) as error:
        problem = error.errors()[0] if isinstance(error, ValidationError) else {"msg": error}
        reason = " ".join(map(str, (*problem.get("loc", ()), problem["msg"])))
        raise UsageError(
            f"{file} is not a lock that this suite wrote ({' '.join(reason.split())}): restore "
            "it, or delete it to lock the hub's current data"
        ) from None


def _entry(repository: Repository) -> _Entry | None:
    return (_read().get(repository.group) or {}).get(repository.key)


def commit(repository: Repository) -> str:
    """Return the locked commit, or "" if the repository is not locked yet."""
    entry = _entry(repository)
    return entry.commit if entry else ""


def content(repository: Repository, *part: str) -> Content | None:
    """Return the locked content of a part (configuration and split of a data set; a model has a
    single part), or None if it is new."""
    if not (entry := _entry(repository)):
        return None
    if part:
        return entry.configurations.get(part[0], {}).get(part[1])
    return None if entry.files is None else Content(entry.files)


@contextmanager
def _edit(repository: Repository, commit_id: str) -> Iterator[_Entry]:
    """Yield the entry of a repository for changes by one process at a time, at this commit if it is
    new. The changes are written completely or not at all."""
    file = path()
    # Wait on a separate file, because the lock itself is replaced while others wait.
    with locks.hold(file.with_name(f".{file.name}.writer")):
        lock = deepcopy(_read())
        group = lock[repository.group] = lock.get(repository.group) or {}
        yield group.setdefault(repository.key, _Entry(commit_id))
        if lock != _read():
            write_text(file, _text(lock))


def _text(lock: _Lock) -> str:
    """Return the file's text, sorted so that two versions can be compared line by line."""
    content = _ADAPTER.dump_python(lock, exclude_defaults=True)
    options = {"sort_keys": True, "allow_unicode": True, "default_flow_style": False, "width": 200}
    return HEADER + yaml.dump(content, Dumper=_DUMPER, **options)


def settle(repository: Repository, commit_id: str) -> str:
    """Lock the repository to this commit, unless another run was faster. Return the commit in
    force."""
    with _edit(repository, commit_id) as entry:
        return entry.commit


def record(
    repository: Repository, commit_id: str, part: tuple[str, ...], part_content: Content
) -> None:
    """Write down the content of a part at a commit. Raise UsageError if the repository has
    meanwhile been locked to another commit."""
    with _edit(repository, commit_id) as entry:
        if entry.commit != commit_id:
            raise UsageError(
                f"{path()}: {repository.key} was locked to {entry.commit} "
                f"while {commit_id} was loaded: run it again"
            )
        if part:
            configuration, split = part
            entry.configurations.setdefault(configuration, {})[split] = part_content
        else:
            entry.files = part_content.files


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
