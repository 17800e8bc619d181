"""Onto the hub through the real client: what a stand-in took loads from there again; each refusal
is one sentence."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import Hub, serving

from xstilts_core.errors import UsageError
from xstilts_core.publish import upload

ROOT = Path(__file__).resolve().parents[2]
TOKEN, READER = "hf_anna", "hf_reader"
NEW = "anna/my-encoder"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Hub]:
    with serving(tmp_path / "hub") as found:
        found.uploads.users.update({TOKEN: "anna", READER: "reader"})
        found.uploads.read_only.add("reader")
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `xstilts export` writes it, but for its content."""
    place = tmp_path / "exported"
    place.mkdir()
    (place / "README.md").write_text("---\ntags:\n- xstilts\n---\n\n# A card\n", encoding="utf-8")
    (place / "config.json").write_text("{}", encoding="utf-8")
    (place / "model.safetensors").write_bytes(b"weights" * 1000)
    return place


def run(
    code: str, server: Hub, tmp_path: Path, token: str = TOKEN, *arguments: str, endpoint: str = ""
) -> "subprocess.CompletedProcess[str]":
    """A fresh process that knows only this hub. Large files go by git-lfs: the client's newer
    transfer needs a server of its own."""
    own = {
        "HF_ENDPOINT": endpoint or server.address,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    settings = {
        **clean,
        **own,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_TOKEN": token,
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=settings,
        timeout=300,
    )


def send(folder: Path, name: str, kind: str = "model", public: bool = False) -> str:
    return f"""
from pathlib import Path
from xstilts_core.publish import upload
from xstilts_core.errors import UsageError
try:
    print(upload.send(Path({str(folder)!r}), {name!r}, {kind!r}, "sent by a test", {public}))
except UsageError as error:
    print("refused:", error)
"""


def test_a_new_repository_is_private_and_has_all_files_in_one_commit(
    server: Hub, folder: Path, tmp_path: Path
) -> None:
    said = run(send(folder, NEW), server, tmp_path)
    assert "private=True" in said.stdout and f"{server.address}/{NEW}" in said.stdout, said.stderr
    there = server.root / "models" / NEW / "main"
    assert server.uploads.commits == [["README.md", "config.json", "model.safetensors"]]
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert any(line.startswith("PUT /large/") for line in server.asked), (
        "weights go ahead of the commit"
    )
    read = f"import huggingface_hub; print(huggingface_hub.snapshot_download({NEW!r}))"
    got = run(read, server, tmp_path)
    assert (Path(got.stdout.strip()) / "model.safetensors").read_bytes() == b"weights" * 1000, (
        got.stderr
    )
    assert (
        "RepositoryNotFoundError" in run(read, server, tmp_path / "elsewhere", token=READER).stderr
    ), "nobody else sees it"


def test_an_own_repository_gets_one_more_commit_and_loses_nothing(
    server: Hub, folder: Path, tmp_path: Path
) -> None:
    there = server.root / "datasets" / "anna/scores" / "main"
    there.mkdir(parents=True)
    (there / "notes.txt").write_text("mine", encoding="utf-8")
    said = run(send(folder, "anna/scores", "dataset"), server, tmp_path)
    assert (
        "private=False" in said.stdout and f"{server.address}/datasets/anna/scores" in said.stdout
    ), "it was public, and is"
    assert (there / "notes.txt").read_text(encoding="utf-8") == "mine" and (
        there / "config.json"
    ).is_file()
    assert len(server.uploads.commits) == 1


def test_public_is_asked_for(server: Hub, folder: Path, tmp_path: Path) -> None:
    assert "private=False" in run(send(folder, NEW, public=True), server, tmp_path).stdout
    assert not (server.root / "models" / NEW / ".private").exists()


REFUSALS = [
    ("hf_nobody", NEW, f"{NEW}: the hub does not accept your token: make a token that may write"),
    ("", NEW, f"{NEW}: you have no token to write with: make a token that may write"),
    (
        TOKEN,
        "peter/taken",
        "peter/taken: the hub does not let anna write there: it belongs to somebody else",
    ),
    (
        TOKEN,
        "peter/hidden",
        "peter/hidden: the hub does not let anna write there: it belongs to somebody else",
    ),
    (TOKEN, "peter/new", "Name a repository of your own, such as anna/new, or make a token"),
    (
        READER,
        "reader/new",
        "the hub does not let reader write there: it belongs to somebody else, or the token may only read",
    ),
]
EACH = """
import json, os, sys
from pathlib import Path
from xstilts_core.publish import upload
from xstilts_core.errors import UsageError
for token, name, _ in json.loads(sys.argv[1]):
    os.environ["HF_TOKEN"] = token
    try:
        upload.send(Path(sys.argv[2]), name, "model", "sent by a test")
    except UsageError as error:
        print(error)
"""


def test_each_refusal_is_one_sentence(server: Hub, folder: Path, tmp_path: Path) -> None:
    for other in ("taken", "hidden"):
        (server.root / "models" / "peter" / other / "main").mkdir(parents=True)
    (server.root / "models" / "peter" / "hidden" / ".private").touch()
    said = run(EACH, server, tmp_path, TOKEN, json.dumps(REFUSALS), str(folder))
    lines = said.stdout.splitlines()
    assert len(lines) == len(REFUSALS), said.stdout + said.stderr
    for line, (_, _, sentence) in zip(lines, REFUSALS, strict=True):
        assert sentence in line
    assert server.uploads.commits == [] and not (server.root / "models" / "peter" / "new").exists()


def test_nothing_is_sent_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        UsageError, match=f"^{NEW}: uploads are off because HF_HUB_OFFLINE is set: unset it$"
    ):
        upload.writer(NEW)


def test_a_hub_that_does_not_answer_is_one_sentence(
    server: Hub, folder: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    said = run(send(folder, NEW), server, tmp_path, endpoint=address)
    assert f"refused: {NEW}: the hub at {address} does not answer" in said.stdout


def test_a_card_that_the_hub_does_not_take_is_named(
    server: Hub, folder: Path, tmp_path: Path
) -> None:
    (folder / "README.md").write_text(
        "---\nmodel-index:\n- name: x\n  results:\n  - task: {}\n---\n", encoding="utf-8"
    )
    said = run(send(folder, NEW), server, tmp_path)
    assert (
        f"refused: {NEW}: upload failed: Invalid metadata in README.md" in said.stdout
        and server.uploads.commits == []
    )


@pytest.mark.parametrize("name", ["a", "a/b/c", "/a/b", "a/", "a b/c", "../a"])
def test_what_is_no_repository(name: str) -> None:
    with pytest.raises(UsageError, match="is not a repository name"):
        upload.writer(name)
