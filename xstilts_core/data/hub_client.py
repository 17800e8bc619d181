"""Load files of the Hugging Face hub at a locked commit, through its own client, and check them: a
run loads exactly what was locked.

Data sets change: labels are corrected, files are split anew. So the first fetch records commit and
content of every data set and model in the lock, params/hub.lock, and every later run loads exactly
that. XSTILTS_HUB_LOCK names a file to use instead. Files in the local cache (HF_HOME) are loaded
without a request to the hub. HF_ENDPOINT names another hub; HF_HUB_OFFLINE=1 forbids requests.
Checksums are SHA-256 over the bytes on this disk, so a damaged copy is detected as well as a
changed file; the client checks what it downloads.
"""

import functools
import hashlib
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
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

_TIMEOUT_SECONDS = 10
SHOWN = 300
# The files that an encoder is loaded from: configuration, tokenizer, weights (safetensors if any).
SMALL = re.compile(r"[^/]+\.(json|txt|model|spm)")
WEIGHTS = (
    re.compile(r"model(-\d+-of-\d+)?\.safetensors"),
    re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin"),
)
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


def lock_path() -> Path:
    """Return the path of the lock."""
    return Path(os.environ.get(VARIABLE) or home() / "params" / "hub.lock")


def _read() -> _Lock:
    """Return the whole lock, not to be changed; it is empty if there is no file yet. Raise
    UsageError if the file is not a lock."""
    file = lock_path()
    try:
        status = file.stat()
    except FileNotFoundError:
        return {}
    return _parse(file, (status.st_ino, status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=1)
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


def locked_commit(repository: Repository) -> str:
    """Return the locked commit, or "" if the repository is not locked yet."""
    entry = _entry(repository)
    return entry.commit if entry else ""


def locked_content(repository: Repository, *part: str) -> Content | None:
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
    file = lock_path()
    # Wait on a separate file, because the lock itself is replaced while others wait.
    with locks.hold(file.with_name(f".{file.name}.writer")):
        lock = deepcopy(_read())
        group = lock[repository.group] = lock.get(repository.group) or {}
        yield group.setdefault(repository.key, _Entry(commit_id))
        if lock != _read():
            # Sorted, so that two versions can be compared line by line.
            content = _ADAPTER.dump_python(lock, exclude_defaults=True)
            text = yaml.dump(
                content, Dumper=_DUMPER, allow_unicode=True, default_flow_style=False, width=200
            )
            write_text(file, HEADER + text)


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
                f"{lock_path()}: {repository.key} was locked to {entry.commit} "
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
    names = (str(getattr(spec, "encoder", "")), *getattr(spec, "translators", ()))
    repositories = [Repository("model", name) for name in names]
    if spec.source == "hub":
        names = [part for name in spec.uses for part in TASKS[name].parts or (name,)]
        tables = (HUB, ADDED) if getattr(spec, "benchmark", "") == "xtreme-r" else (HUB,)
        data = [table[name] for table in tables for name in names if name in table]
        data += [TEXTS] if getattr(spec, "text_languages", ()) else []
        repositories += map(Repository.of, data)
    return {
        repository.key: commit_id
        for repository in repositories
        if (commit_id := locked_commit(repository))
    }


# ---- requests and files


class NotOnHub(UsageError):
    """The hub has no such repository or branch, or keeps it private."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Files at a commit: their paths here and their checksums. locked: the lock's content of them,
    or None if they are new to it."""

    commit: str
    paths: dict[str, Path]
    sums: dict[str, str]
    locked: Content | None


@functools.lru_cache(maxsize=4)
def connection_error(endpoint: str) -> str:
    """Return why no server answers at the address, or "" if one answers, whatever its answer.
    Checked once per process."""
    try:
        urllib.request.urlopen(
            urllib.request.Request(endpoint, method="HEAD"), timeout=_TIMEOUT_SECONDS
        ).close()
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return "" if isinstance(reason, ssl.SSLError) else str(reason) or type(reason).__name__
    return ""


def require_hub(subject: str) -> None:
    """Raise UsageError if `subject` needs the hub and the hub does not answer. The clients would
    retry for most of a minute."""
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE and (reason := connection_error(constants.ENDPOINT)):
        raise UsageError(
            f"{subject}: the hub at {constants.ENDPOINT} does not answer ({reason}). "
            "HF_HUB_OFFLINE=1 reads only the local cache, "
            "HF_ENDPOINT names a mirror, and source files needs no hub"
        )


def offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


@contextmanager
def request(subject: str, repository: Repository, commit: str = "") -> Iterator[None]:
    """Wrap a request to the hub. Raise UsageError if requests are forbidden, the hub does not
    answer, or it refuses."""
    if offline():
        missing = (
            f"commit {commit[:12]} is not there"
            if commit
            else f"{lock_path()} has no commit of {repository.key}"
        )
        raise UsageError(
            f"{subject} cannot be loaded from the hub (HF_HUB_OFFLINE is set: only the local cache "
            f"is read): {missing}. xstilts notebook 01_data fetches what is missing, where the hub "
            "can be reached"
        )
    require_hub(subject)
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # the client, its transports and its card parser raise their own
        problem = f" from the hub: {one_line(error)}"
        if isinstance(error, RevisionNotFoundError):
            problem = (
                f": the hub no longer has commit {commit}, to which {lock_path()} locks "
                f"{repository.key}. A copy of the cache (HF_HOME) of a machine that has fetched "
                f"it still works. Or {_relock(repository)}"
                if commit
                else f" from the hub: it has no branch {repository.branch or 'main'}"
            )
        gone = isinstance(error, RepositoryNotFoundError | RevisionNotFoundError)
        raise (NotOnHub if gone else UsageError)(f"{subject} cannot be loaded{problem}") from None


def one_line(error: Exception) -> str:
    """Return an error's message in one line of limited length."""
    return (" ".join(str(error).split()) or type(error).__name__)[:SHOWN]


def head(repository: Repository, subject: str) -> str:
    """Return the current commit of the repository's branch."""
    with request(subject, repository):
        from huggingface_hub import HfApi

        branch = repository.branch or None
        info = HfApi().repo_info(repository.name, repo_type=repository.kind, revision=branch)
        return str(info.sha)


def cached_path(repository: Repository, name: str, commit: str) -> Path | None:
    """Return the path of a file in the local cache, or None."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repository.name, name, revision=commit, repo_type=repository.kind)
    return Path(path) if isinstance(path, str) else None


def fetch_file(repository: Repository, name: str, commit: str, subject: str) -> Path:
    """Return the path of a file at a commit, from the local cache or downloaded to it."""
    path = cached_path(repository, name, commit)
    if path is not None:
        return path
    with request(subject, repository, commit):
        from huggingface_hub import hf_hub_download

        return Path(
            hf_hub_download(repository.name, name, revision=commit, repo_type=repository.kind)
        )


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    status = path.stat()
    return digest(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def digest(path: Path, _size: int, _time: int) -> str:
    """Return the SHA-256 of one version of a file. Cached, so each is read once."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(
    repository: Repository,
    part: tuple[str, ...],
    names_at: Callable[[str], Sequence[str]],
    subject: str,
) -> _Snapshot:
    """Return the checked files of a part of a repository at its locked commit. A repository that is
    new to the lock is locked to its current commit.

    names_at: returns the part's files at a commit; called only if the lock does not list them.
    subject: what is loaded, for errors. Raise UsageError if the commit, a file or its content is
    not what was locked. `lock` records new content.
    """
    commit = locked_commit(repository) or settle(repository, head(repository, subject))
    locked = locked_content(repository, *part)
    expected_sums = locked.files if locked else {}
    names = sorted(expected_sums or names_at(commit))
    paths = {name: fetch_file(repository, name, commit, subject) for name in names}
    sums = {name: checksum(path) for name, path in paths.items()}
    for name, expected in expected_sums.items():
        if sums[name] != expected:
            # .../<the repository's folder>/snapshots/<commit>/<name>
            path = paths[name]
            folder = path.parents[len(Path(name).parts) + 1]
            raise UsageError(
                f"{subject}: {Path(name).name} differs from the file that {lock_path()} has at "
                f"commit {commit[:12]}: expected SHA-256 {expected[:16]}..., found "
                f"{sums[name][:16]}... in {path.stat().st_size:,} bytes. Delete the cached "
                f"copy, {folder}, and run again. If the error remains, the hub "
                f"itself has changed the file: {_relock(repository)}"
            )
    return _Snapshot(commit, paths, sums, locked)


def _relock(repository: Repository) -> str:
    """Return how to take what the hub has now."""
    return (
        f"delete the entry {repository.key} there to lock the hub's current data, "
        "and repeat every run that depends on it"
    )


def lock(
    repository: Repository, part: tuple[str, ...], snapshot: _Snapshot, rows: int | None = None
) -> None:
    """Write what was fetched into the lock if it is new to it; otherwise raise UsageError if the
    number of rows is not the locked one."""
    if snapshot.locked is None:
        record(repository, snapshot.commit, part, Content(snapshot.sums, rows))
    elif snapshot.locked.rows != rows:
        configuration, split = part
        raise UsageError(
            f"data set {repository.name}, configuration {configuration}, split {split}: {rows} "
            f"rows, but {lock_path()} has {snapshot.locked.rows} at commit "
            f"{snapshot.commit[:12]}: {_relock(repository)}"
        )


def encoder_files(names: Sequence[str]) -> list[str]:
    """Return those of a repository's files that an encoder is loaded from. Return none if the
    configuration or the weights are missing."""
    weights = next(filter(None, ([*filter(form.fullmatch, names)] for form in WEIGHTS)), [])
    complete = "config.json" in names and weights
    return [*filter(SMALL.fullmatch, names), *weights] if complete else []


def _adopt(repository: Repository) -> None:
    """Lock an encoder that another program left in the cache, at the commit that the cache names.
    It serves runs that may not contact the hub."""
    config = cached_path(repository, "config.json", "main")
    folder = config.parent if config else Path()
    if config and (names := encoder_files([path.name for path in folder.iterdir()])):
        commit = settle(repository, folder.name)
        sums = {name: checksum(folder / name) for name in names}
        record(repository, commit, (), Content(sums))


def encoder(name: str, kind: str = "encoder") -> Path:
    """Return the folder of a hub model at its locked commit, which is fetched, locked and checked
    like data. Loading from the folder sends no request.

    kind: the model's purpose, for errors: an encoder, a translator.
    """
    repository, subject = Repository("model", name), f"{kind} {name!r}"

    def files_at(commit: str) -> list[str]:
        with request(subject, repository, commit):
            from huggingface_hub import HfApi

            names = HfApi().list_repo_files(name, revision=commit)
        if not (files := encoder_files(names)):
            raise UsageError(
                f"{subject}: the repository has no config.json with weights (safetensors or bin) "
                f"beside it: {', '.join(names)}"
            )
        return files

    if offline() and not locked_commit(repository):
        _adopt(repository)
    snapshot = fetch(repository, (), files_at, subject)
    lock(repository, (), snapshot)
    return snapshot.paths["config.json"].parent


def encoder_at_hand(name: str) -> str:
    """Return the folder of a hub encoder that is locked and cached, otherwise its name. Nothing is
    requested or checked."""
    repository = Repository("model", name)
    commit = locked_commit(repository)
    path = cached_path(repository, "config.json", commit) if commit else None
    return str(path.parent) if path else name
