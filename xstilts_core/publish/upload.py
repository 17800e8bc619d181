"""Upload a folder to the Hugging Face hub with its client: one commit on the main branch of a model
or data set.

A missing repository is created, private by default. An existing one keeps its visibility and its
other files; its history keeps replaced files. The token is the client's: HF_TOKEN, or the one that
`hf auth login` stored.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xstilts_core.data import hub_client
from xstilts_core.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")
_TOKENS = "https://huggingface.co/settings/tokens"
_LOGIN = f"make a token that may write ({_TOKENS}), then `hf auth login`, or put it in HF_TOKEN"
# The hub's status codes if writing is not allowed: not logged in, forbidden, or hidden.
REFUSED = (401, 403, 404)
Kind = Literal["model", "dataset"]


@dataclass(frozen=True, slots=True)
class _Upload:
    """A finished upload: address, commit and visibility of the repository."""

    address: str
    commit: str
    private: bool


def writer(repository: str) -> str:
    """Return the name of the user whose token is available. Called before exporting, so that a
    problem shows before the work.

    Raise UsageError if `repository` is not OWNER/NAME, if the hub may not be contacted or does not
    answer, or if there is no token that it accepts.
    """
    if not NAME.fullmatch(repository):
        raise UsageError(
            f"{repository!r} is not a repository name: give OWNER/NAME, such as "
            "my-name/xlmr-cosmosqa"
        )
    if hub_client.offline():
        raise UsageError(f"{repository}: uploads are off because HF_HUB_OFFLINE is set: unset it")
    hub_client.require_hub(repository)
    from huggingface_hub import HfApi, get_token

    if not get_token():
        raise UsageError(f"{repository}: you have no token to write with: {_LOGIN}")
    with asking(repository):
        return str(HfApi().whoami()["name"])


def send(folder: Path, repository: str, kind: Kind, message: str, public: bool = False) -> _Upload:
    """Upload all files of the folder as one commit to a new or existing repository. Raise
    UsageError if the hub refuses."""
    user = writer(repository)
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    # Not upload_folder, which newer clients may split into several commits.
    files = [
        CommitOperationAdd(str(path.relative_to(folder)), path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    with asking(repository, user):
        address = api.create_repo(repository, repo_type=kind, private=not public, exist_ok=True)
        commit = api.create_commit(repository, files, commit_message=message, repo_type=kind)
        private = api.repo_info(repository, repo_type=kind).private
    return _Upload(str(address), str(commit.oid), bool(private))


@contextmanager
def asking(repository: str, user: str = "") -> Iterator[None]:
    """Turn hub errors into a UsageError of one sentence. user: "" before the token is checked."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        if not user and error.response.status_code == 401:
            raise UsageError(
                f"{repository}: the hub does not accept your token: {_LOGIN}"
            ) from None
        if user and error.response.status_code in REFUSED:
            own_repository = f"{user}/{repository.partition('/')[2]}"
            raise UsageError(
                f"{repository}: the hub does not let {user} write there: it belongs to somebody "
                "else, or the token may only read. "
                f"Name a repository of your own, such as {own_repository}, or {_LOGIN}"
            ) from None
        raise UsageError(
            f"{repository}: nothing was uploaded, the hub says: {hub_client.one_line(error)}"
        ) from None
    except Exception as error:  # the client's transports each have exceptions of their own
        raise UsageError(f"{repository}: upload failed: {hub_client.one_line(error)}") from None
