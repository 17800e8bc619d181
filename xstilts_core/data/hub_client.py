"""Load files of the Hugging Face hub at a locked commit, through its own client, and check them: a
run loads exactly what was locked.

Files in the local cache (HF_HOME) are loaded without a request to the hub. HF_ENDPOINT names
another hub; HF_HUB_OFFLINE=1 forbids requests. Checksums are SHA-256 over the bytes on this disk,
so a damaged copy is detected as well as a changed file; the client checks what it downloads.
"""

import functools
import hashlib
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xstilts_core.data import hub_lock
from xstilts_core.data.hub_lock import Content, Repository
from xstilts_core.errors import UsageError

_TIMEOUT_SECONDS = 10
SHOWN = 300
# The files that an encoder is loaded from: configuration, tokenizer, weights (safetensors if any).
SMALL = re.compile(r"[^/]+\.(json|txt|model|spm)")
WEIGHTS = (
    re.compile(r"model(-\d+-of-\d+)?\.safetensors"),
    re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin"),
)


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
            else f"{hub_lock.path()} has no commit of {repository.key}"
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
    except RevisionNotFoundError:
        if not commit:
            raise NotOnHub(
                f"{subject} cannot be loaded from the hub: "
                f"it has no branch {repository.branch or 'main'}"
            ) from None
        raise UsageError(
            f"{subject} cannot be loaded: the hub no longer has commit {commit}, "
            f"to which {hub_lock.path()} locks {repository.key}. A copy of the cache (HF_HOME) of "
            f"a machine that has fetched it still works. Or {_relock(repository)}"
        ) from None
    except RepositoryNotFoundError as error:
        raise NotOnHub(f"{subject} cannot be loaded from the hub: {one_line(error)}") from None
    except (
        Exception
    ) as error:  # the client, its transports and its card parser each raise their own
        raise UsageError(f"{subject} cannot be loaded from the hub: {one_line(error)}") from None


def one_line(error: Exception) -> str:
    """Return an error's message in one line of limited length."""
    return (" ".join(str(error).split()) or type(error).__name__)[:SHOWN]


def head(repository: Repository, subject: str) -> str:
    """Return the current commit of the repository's branch."""
    with request(subject, repository):
        from huggingface_hub import HfApi

        return str(
            HfApi()
            .repo_info(
                repository.name, repo_type=repository.kind, revision=repository.branch or None
            )
            .sha
        )


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
    return _digest(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1024)
def _digest(path: Path, _time: int, _size: int) -> str:
    """Return the checksum of one file version. Cached: one file has all of TyDiQA's languages."""
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
    commit = hub_lock.commit(repository) or hub_lock.settle(repository, head(repository, subject))
    locked = hub_lock.content(repository, *part)
    names = sorted(locked.files if locked else names_at(commit))
    paths = {name: fetch_file(repository, name, commit, subject) for name in names}
    sums = {name: checksum(path) for name, path in paths.items()}
    for name, expected in (locked.files if locked else {}).items():
        if sums[name] != expected:
            raise UsageError(
                f"{subject}: {Path(name).name} differs from the file that {hub_lock.path()} has at "
                f"commit {commit[:12]}: expected SHA-256 {expected[:16]}..., found "
                f"{sums[name][:16]}... in {paths[name].stat().st_size:,} bytes. Delete the cached "
                f"copy, {_cache_folder(paths[name])}, and run again. If the error remains, the hub "
                f"itself has changed the file: {_relock(repository)}"
            )
    return _Snapshot(commit, paths, sums, locked)


def _cache_folder(path: Path) -> Path:
    """Return the folder of a repository in the cache: .../snapshots/<commit>/<file> is below it."""
    return next((folder.parent for folder in path.parents if folder.name == "snapshots"), path)


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
        hub_lock.record(repository, snapshot.commit, part, Content(snapshot.sums, rows))
    elif snapshot.locked.rows != rows:
        configuration, split = part
        raise UsageError(
            f"data set {repository.name}, configuration {configuration}, split {split}: {rows} "
            f"rows, but {hub_lock.path()} has {snapshot.locked.rows} at commit "
            f"{snapshot.commit[:12]}: {_relock(repository)}"
        )


def encoder_files(names: Sequence[str]) -> list[str]:
    """Return those of a repository's files that an encoder is loaded from. Return none if the
    configuration or the weights are missing."""
    weights = [
        matches for form in WEIGHTS if (matches := [name for name in names if form.fullmatch(name)])
    ]
    return (
        [*filter(SMALL.fullmatch, names), *weights[0]] if "config.json" in names and weights else []
    )


def _encoder_files_at(repository: Repository, commit: str, subject: str) -> list[str]:
    """Return the files of an encoder at a commit, as the hub lists them."""
    with request(subject, repository, commit):
        from huggingface_hub import HfApi

        names = HfApi().list_repo_files(repository.name, revision=commit, repo_type=repository.kind)
    files = encoder_files(names)
    if not files:
        raise UsageError(
            f"{subject}: the repository has no config.json with weights (safetensors or bin) "
            f"beside it: {', '.join(names)}"
        )
    return files


def _adopt(repository: Repository) -> None:
    """Lock an encoder that another program left in the cache, at the commit that the cache names.
    It serves runs that may not contact the hub."""
    config = cached_path(repository, "config.json", "main")
    folder = config.parent if config else Path()
    if config and (names := encoder_files([path.name for path in folder.iterdir()])):
        commit = hub_lock.settle(repository, folder.name)
        sums = {name: checksum(folder / name) for name in names}
        hub_lock.record(repository, commit, (), Content(sums))


def encoder(name: str, kind: str = "encoder") -> Path:
    """Return the folder of a hub model at its locked commit, which is fetched, locked and checked
    like data. Loading from the folder sends no request.

    kind: the model's purpose, for errors: an encoder, a translator.
    """
    repository, subject = Repository("model", name), f"{kind} {name!r}"
    if offline() and not hub_lock.commit(repository):
        _adopt(repository)
    snapshot = fetch(
        repository, (), lambda commit: _encoder_files_at(repository, commit, subject), subject
    )
    lock(repository, (), snapshot)
    return snapshot.paths["config.json"].parent


def encoder_at_hand(name: str) -> str:
    """Return the folder of a hub encoder that is locked and cached, otherwise its name. Nothing is
    requested or checked."""
    repository = Repository("model", name)
    commit = hub_lock.commit(repository)
    path = cached_path(repository, "config.json", commit) if commit else None
    return str(path.parent) if path else name
