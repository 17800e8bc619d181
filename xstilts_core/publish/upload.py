"""A folder to the Hugging Face hub, through its own client: one commit on the main branch of a
model or a data set.

A repository that is not there yet is made, private unless told otherwise. One that is there keeps
its visibility and its other files; its history keeps what a commit replaces. The token is the
client's own: HF_TOKEN, or what `hf auth login` has stored.
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
# What the hub answers where it does not let one write: not logged in, forbidden, or hidden.
REFUSED = (401, 403, 404)
Kind = Literal["model", "dataset"]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the hub has now: the repository's address, the commit, and whether others cannot see
    it."""

    address: str
    commit: str
    private: bool


def writer(repository: str) -> str:
    """The name of the user whose token is at hand. Asked before anything is made that could then
    not be sent.

    UsageError where `repository` is no OWNER/NAME, the hub may not be asked or does not answer, or
    there is no token that it accepts.
    """
    if not NAME.fullmatch(repository):
        raise UsageError(
            f"{repository!r} is no repository's name: give OWNER/NAME, such as my-name/xlmr-cosmosqa"
        )
    if hub_client.offline():
        raise UsageError(f"{repository}: nothing can be sent, for HF_HUB_OFFLINE is set: unset it")
    hub_client.require_hub(repository)
    from huggingface_hub import HfApi, get_token

    if not get_token():
        raise UsageError(f"{repository}: there is no token of yours to write with: {_LOGIN}")
    with asking(repository):
        return str(HfApi().whoami()["name"])


def send(folder: Path, repository: str, kind: Kind, message: str, public: bool = False) -> _Sent:
    """Send all files of the folder as one commit, to a new repository or an existing one.
    UsageError where the hub says no."""
    user = writer(repository)
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    # Not upload_folder: newer clients may split it into several commits.
    files = [
        CommitOperationAdd(str(path.relative_to(folder)), path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    with asking(repository, user):
        address = api.create_repo(repository, repo_type=kind, private=not public, exist_ok=True)
        done = api.create_commit(repository, files, commit_message=message, repo_type=kind)
        private = api.repo_info(repository, repo_type=kind).private
    return _Sent(str(address), str(done.oid), bool(private))


@contextmanager
def asking(repository: str, user: str = "") -> Iterator[None]:
    """Around questions to the hub: its refusals, and what goes wrong on the way, in one sentence.
    user: known once the token is."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        if not user and error.response.status_code == 401:
            raise UsageError(
                f"{repository}: the hub does not accept your token: {_LOGIN}"
            ) from None
        if user and error.response.status_code in REFUSED:
            own = f"{user}/{repository.partition('/')[2]}"
            raise UsageError(
                f"{repository}: the hub does not let {user} write there: it belongs to somebody else, or the token may only read. Name a "
                f"repository of your own, such as {own}, or {_LOGIN}"
            ) from None
        raise UsageError(
            f"{repository}: nothing was sent, the hub says: {hub_client.plain(error)}"
        ) from None
    except Exception as error:  # the client's transports each have exceptions of their own
        raise UsageError(f"{repository}: sending it failed: {hub_client.plain(error)}") from None
