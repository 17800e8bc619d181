"""What the stand-in hub takes: repositories, large files and commits, from those whose token it
knows, in their own namespace.

As the real hub: a question with a token that is not known is answered 401, a repository of somebody
else's 403, one that is there 409. Large files come by git-lfs's basic transfer and are checked
against their SHA-256; a commit is lines of JSON that name them.
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

PRIVATE = ".private"
LARGE = (".safetensors", ".parquet", ".bin")
ADDRESS = re.compile(r"/api/(models|datasets)/([^/]+)/([^/]+)/(preupload|commit)/([^/?]+)")
BATCH = re.compile(r"/(datasets/)?([^/]+)/([^/]+)\.git/info/lfs/objects/batch")
Said = tuple[int, Any, dict[str, str]]


class Uploads:
    """users: token to name. commits: the paths of each commit. large: what was sent ahead of its
    commit, by SHA-256."""

    def __init__(self, root: Path, address: str) -> None:
        self.root, self.address = root, address
        self.users: dict[str, str] = {}
        self.commits: list[list[str]] = []
        self.large: dict[str, bytes] = {}
        self.read_only: set[str] = set()

    def user(self, authorization: str | None) -> str:
        return self.users.get((authorization or "").removeprefix("Bearer "), "")

    def answer(
        self, method: str, address: str, authorization: str | None, sent: bytes
    ) -> Said | None:
        """Code, content and headers; None for a question that is not about writing."""
        user, path = self.user(authorization), unquote(address.partition("?")[0])
        if path == "/api/validate-yaml":
            return self.validated(json.loads(sent)["content"])
        if method == "PUT" and path.startswith("/large/"):
            return self.take(path.rpartition("/")[2], sent)
        found = ADDRESS.fullmatch(path)
        batch = BATCH.fullmatch(path)
        if not found and not batch and path not in ("/api/whoami-v2", "/api/repos/create"):
            return None
        if not user:
            return (
                401,
                {"error": "Invalid username or password."},
                {"X_Error_Message": "Invalid username or password."},
            )
        if path == "/api/whoami-v2":
            return 200, {"name": user, "type": "user", "orgs": []}, {}
        if path == "/api/repos/create":
            return self.create(user, json.loads(sent))
        owner = (found or batch)[2]
        if owner != user or user in self.read_only:
            return (
                403,
                {"error": "Forbidden"},
                {"X_Error_Message": f"Forbidden: pass a token that may write to {owner}"},
            )
        if batch:
            return (
                200,
                {
                    "transfer": "basic",
                    "objects": [self.place(entry) for entry in json.loads(sent)["objects"]],
                },
                {},
            )
        folder = self.root / found[1] / found[2] / found[3]
        if not folder.is_dir():
            return 404, {"error": "Repository not found"}, {"X_Error_Code": "RepoNotFound"}
        if found[4] == "preupload":
            modes = [
                (entry["path"], "lfs" if entry["path"].endswith(LARGE) else "regular")
                for entry in json.loads(sent)["files"]
            ]
            return (
                200,
                {
                    "files": [
                        {"path": name, "uploadMode": mode, "shouldIgnore": False}
                        for name, mode in modes
                    ]
                },
                {},
            )
        url = f"{self.address}/{'datasets/' if found[1] == 'datasets' else ''}{found[2]}/{found[3]}"
        return self.commit(
            url,
            folder / found[5].replace("/", "__"),
            [json.loads(line) for line in sent.splitlines()],
        )

    def validated(self, text: str) -> Said:
        """Whether a card's front matter is YAML, its model index whole."""
        try:
            content = yaml.safe_load(text.split("---")[1])
            for entry in content.get("model-index", []):
                assert entry["name"] and all(
                    part["task"]["type"] and part["dataset"]["type"] for part in entry["results"]
                )
                assert all(
                    isinstance(metric["value"], float)
                    for part in entry["results"]
                    for metric in part["metrics"]
                )
        except (yaml.YAMLError, IndexError, KeyError, AssertionError, AttributeError) as error:
            return 400, {"errors": [{"message": f"not a card: {error!r}"}], "warnings": []}, {}
        return 200, {"errors": [], "warnings": []}, {}

    def create(self, user: str, wish: dict[str, Any]) -> Said:
        owner, kind = wish.get("organization") or user, wish.get("type") or "model"
        folder = self.root / f"{kind}s" / owner / wish["name"]
        url = f"{self.address}/{'datasets/' if kind == 'dataset' else ''}{owner}/{wish['name']}"
        if owner != user or user in self.read_only:
            return (
                403,
                {
                    "error": f"You don't have the rights to create a {kind} under the namespace {owner}"
                },
                {},
            )
        if folder.is_dir():
            return 409, {"error": f"You already created this {kind} repo", "url": url}, {}
        (folder / "main").mkdir(parents=True)
        if wish.get("private") or wish.get("visibility") == "private":
            (folder / PRIVATE).touch()
        return 200, {"url": url, "name": f"{owner}/{wish['name']}"}, {}

    def place(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Where a large file is to be sent; nowhere if it is here."""
        known = entry["oid"] in self.large
        return {
            **entry,
            **(
                {}
                if known
                else {"actions": {"upload": {"href": f"{self.address}/large/{entry['oid']}"}}}
            ),
        }

    def take(self, oid: str, sent: bytes) -> Said:
        if hashlib.sha256(sent).hexdigest() != oid:
            return 400, {"error": "this is not what was announced"}, {}
        self.large[oid] = sent
        return 200, {}, {}

    def commit(self, url: str, branch: Path, lines: list[dict[str, Any]]) -> Said:
        names = []
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                assert value["summary"]
                continue
            content = (
                self.large[value["oid"]]
                if line["key"] == "lfsFile"
                else base64.b64decode(value["content"])
            )
            path = branch / value["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            names.append(value["path"])
        self.commits.append(sorted(names))
        oid = hashlib.sha1(json.dumps(names).encode()).hexdigest()
        return (
            200,
            {"commitUrl": f"{url}/commit/{oid}", "commitOid": oid, "pullRequestUrl": None},
            {},
        )
