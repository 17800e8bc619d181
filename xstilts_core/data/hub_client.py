"""Files of the Hugging Face hub at a locked commit, through its own client, and checked: what a run
loads is what was locked.

What is in the local cache (HF_HOME) is loaded without a question to the hub. HF_ENDPOINT names
another hub; HF_HUB_OFFLINE=1 forbids questions. Checksums are SHA-256 over the bytes on this disk,
not what the hub states: that finds a damaged copy as well as a changed file. At the first fetch the
two are compared (the hub states them for large files, all parquet and weights among them).
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
_OFFLINE = "HF_HUB_OFFLINE is set: only the local cache is read"
FETCH = "xstilts notebook 01_data fetches what is missing, where the hub can be reached"
# What an encoder is loaded from: configuration, tokenizer, weights (safetensors where there are
# any).
SMALL = re.compile(r"[^/]+\.(json|txt|model|spm)")
WEIGHTS = (
    re.compile(r"model(-\d+-of-\d+)?\.safetensors"),
    re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin"),
)


class NotOnHub(UsageError):
    """The hub has no such repository or branch, or shows it to others only."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Files at a commit: their paths here and their checksums. locked: what the lock says of them;
    None where they are new to it."""

    commit: str
    paths: dict[str, Path]
    found: Content
    locked: Content | None


@functools.lru_cache(maxsize=4)
def silence(endpoint: str) -> str:
    """Why no server answers at the address, asked once a process; "" where one does, whatever it
    says."""
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


def require_hub(wanted: str) -> None:
    """UsageError where the hub is to be asked for `wanted` and does not answer. The clients would
    retry for most of a minute."""
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE and (reason := silence(constants.ENDPOINT)):
        raise UsageError(
            f"{wanted}: the hub at {constants.ENDPOINT} does not answer ({reason}). HF_HUB_OFFLINE=1 reads what is in the local cache, "
            "HF_ENDPOINT names a mirror, and source files needs no hub"
        )


def offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


@contextmanager
def asking(wanted: str, repository: Repository, commit: str = "") -> Iterator[None]:
    """Around a question to the hub: UsageError where it may not be asked, does not answer, or says
    no."""
    if offline():
        raise UsageError(
            f"{wanted} cannot be loaded from the hub ({_OFFLINE}): {missing(repository, commit)}. {FETCH}"
        )
    require_hub(wanted)
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except UsageError:
        raise
    except RevisionNotFoundError:
        if not commit:
            raise NotOnHub(
                f"{wanted} cannot be loaded from the hub: it has no branch {repository.branch or 'main'}"
            ) from None
        raise UsageError(
            f"{wanted} cannot be loaded: the hub no longer has commit {commit}, to which {hub_lock.path()} locks {repository.key}. A copy "
            f"of the cache (HF_HOME) of a machine that has fetched it still works; or delete the entry {repository.key} there to take "
            "what the hub has now, and run again every run that stands on it"
        ) from None
    except RepositoryNotFoundError as error:
        raise NotOnHub(f"{wanted} cannot be loaded from the hub: {plain(error)}") from None
    except Exception as error:  # the client, its transports and what parses a data set's card each have exceptions of their own
        raise UsageError(f"{wanted} cannot be loaded from the hub: {plain(error)}") from None


def plain(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    return (" ".join(str(error).split()) or type(error).__name__)[:SHOWN]


def missing(repository: Repository, commit: str) -> str:
    """What an offline run lacks."""
    return (
        f"commit {commit[:12]} is not there"
        if commit
        else f"{hub_lock.path()} does not say which commit of {repository.key}"
    )


def head(repository: Repository, wanted: str) -> str:
    """The commit at which the repository's branch stands now."""
    with asking(wanted, repository):
        from huggingface_hub import HfApi

        return str(
            HfApi()
            .repo_info(
                repository.name, repo_type=repository.kind, revision=repository.branch or None
            )
            .sha
        )


def cached(repository: Repository, name: str, commit: str) -> Path | None:
    """A file of the local cache."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        repository.name, name, revision=commit, repo_type=repository.kind
    )
    return Path(found) if isinstance(found, str) else None


def file(repository: Repository, name: str, commit: str, wanted: str) -> Path:
    """A file at a commit: from the local cache, else downloaded to it."""
    found = cached(repository, name, commit)
    if found is not None:
        return found
    with asking(wanted, repository, commit):
        from huggingface_hub import hf_hub_download

        return Path(
            hf_hub_download(repository.name, name, revision=commit, repo_type=repository.kind)
        )


def checksum(place: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    seen = place.stat()
    return digest(place, seen.st_mtime_ns, seen.st_size)


@functools.lru_cache(maxsize=1024)
def digest(place: Path, _changed: int, _size: int) -> str:
    """Taken once a process: TyDiQA's languages are all in one file."""
    with place.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(
    repository: Repository,
    part: tuple[str, ...],
    names_at: Callable[[str], Sequence[str]],
    wanted: str,
) -> Fetched:
    """The files of a part of a repository at its locked commit, checked; a repository that is new
    to the lock is locked to its commit.

    names_at: the part's files at a commit, asked only where the lock does not name them. wanted:
    who wants what, for errors. UsageError where the commit, a file or its content is not what was
    locked. `keep` writes down what is new.
    """
    commit = hub_lock.commit(repository) or hub_lock.settle(repository, head(repository, wanted))
    locked = hub_lock.content(repository, *part)
    names = sorted(locked.files if locked else names_at(commit))
    paths = {name: file(repository, name, commit, wanted) for name in names}
    sums = {name: checksum(place) for name, place in paths.items()}
    expected = locked.files if locked else stated(repository, commit, names, wanted)
    for name, value in expected.items():
        if sums[name] != value:
            raise changed(
                repository,
                commit,
                wanted,
                paths[name],
                (value, sums[name]),
                "the lock" if locked else "the hub",
            )
    return Fetched(commit, paths, Content(sums), locked)


def stated(repository: Repository, commit: str, names: list[str], wanted: str) -> dict[str, str]:
    """The SHA-256 that the hub states for those of the files that it keeps as large ones."""
    with asking(wanted, repository, commit):
        from huggingface_hub import HfApi

        entries = HfApi().get_paths_info(
            repository.name, names, repo_type=repository.kind, revision=commit
        )
        return {entry.path: entry.lfs.sha256 for entry in entries if getattr(entry, "lfs", None)}


def changed(
    repository: Repository, commit: str, wanted: str, place: Path, sums: tuple[str, str], who: str
) -> UsageError:
    """The error for a file whose bytes are not those expected; sums: expected, found."""
    kept = next(
        (folder for folder in place.parents if folder.parent.name == "snapshots"), place.parent
    ).parent.parent
    source = hub_lock.path() if who == "the lock" else "the hub"
    return UsageError(
        f"{wanted}: {place.name} is not what {source} says of commit {commit[:12]}: expected SHA-256 {sums[0][:16]}..., found "
        f"{sums[1][:16]}... in {place.stat().st_size:,} bytes. Delete the cached copy, {kept}, and run again; if it is then the same, the "
        f"hub itself has changed the file: delete the entry {repository.key} in {hub_lock.path()} to take what it has now"
    )


def keep(
    repository: Repository, part: tuple[str, ...], got: Fetched, rows: int | None = None
) -> None:
    """Write what was fetched into the lock where it is new to it; else UsageError where the rows
    are not as many as were locked."""
    if got.locked is None:
        hub_lock.record(repository, got.commit, part, Content(got.found.files, rows))
    elif got.locked.rows != rows:
        place = ", ".join(
            f"{kind} {name}" for kind, name in zip(("configuration", "split"), part, strict=False)
        )
        raise UsageError(
            f"data set {repository.name}, {place}: {rows} rows, but {hub_lock.path()} says {got.locked.rows} at commit {got.commit[:12]}: "
            f"delete the entry {repository.key} there to lock anew what the hub has, and run again every run that stands on it"
        )


def encoder_files(names: Sequence[str]) -> list[str]:
    """Those of a repository's files that an encoder is loaded from; none where its configuration or
    weights are not among them."""
    weights = [
        found for form in WEIGHTS if (found := [name for name in names if form.fullmatch(name)])
    ]
    return (
        [*filter(SMALL.fullmatch, names), *weights[0]] if "config.json" in names and weights else []
    )


def _encoder_files_at(repository: Repository, commit: str, wanted: str) -> list[str]:
    """The files of an encoder at a commit, as the hub lists them."""
    with asking(wanted, repository, commit):
        from huggingface_hub import HfApi

        names = HfApi().list_repo_files(repository.name, revision=commit, repo_type=repository.kind)
    found = encoder_files(names)
    if not found:
        raise UsageError(
            f"{wanted}: the repository has no config.json with weights (safetensors or bin) beside it: {', '.join(names)}"
        )
    return found


def _adopt(repository: Repository) -> None:
    """Lock an encoder that another program has left in the cache, at the commit that its cache
    names. For runs that may not ask."""
    config = cached(repository, "config.json", "main")
    names = encoder_files([path.name for path in config.parent.iterdir()]) if config else []
    if config and names:
        commit = hub_lock.settle(repository, config.parent.name)
        hub_lock.record(
            repository,
            commit,
            (),
            Content({name: checksum(config.parent / name) for name in names}),
        )


def encoder(name: str, kind: str = "encoder") -> Path:
    """The folder of a hub model at its locked commit; fetched, locked and checked as data are.
    Loading it asks nobody.

    kind: what the model is here, for errors: an encoder, a translator.
    """
    repository, wanted = Repository("model", name), f"{kind} {name!r}"
    if offline() and not hub_lock.commit(repository):
        _adopt(repository)
    got = fetch(
        repository, (), lambda commit: _encoder_files_at(repository, commit, wanted), wanted
    )
    keep(repository, (), got)
    return got.paths["config.json"].parent


def encoder_at_hand(name: str) -> str:
    """The folder of a hub encoder that is locked and in the local cache, else its name. Asks nobody
    and checks nothing."""
    repository = Repository("model", name)
    commit = hub_lock.commit(repository)
    found = cached(repository, "config.json", commit) if commit else None
    return str(found.parent) if found else name
