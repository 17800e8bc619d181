"""A hub on this machine: standard library, as much of the real one as its clients ask for. What it
takes stands in hub_uploads.

A repository is a folder <root>/<models or datasets>/<owner>/<name>/<branch>/, a branch's "/"
written "__". A branch's commit is a hash of its files, so that a copy of a branch under another
name keeps a commit while the branch moves on; a file <branch>.commit beside it holds another, for a
hub that changes files under an old commit.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from hub_uploads import PRIVATE, Uploads

ALIASES = {("models", "xlm-roberta-large"): "FacebookAI/xlm-roberta-large"}
LARGE = (".parquet", ".safetensors")


class NotThere(Exception):
    """What the hub lacks, as it says it in X-Error-Code."""


class Branch:
    """The files of one repository at one revision."""

    def __init__(self, root: Path, kind: str, name: str, revision: str) -> None:
        repository = root / kind / name
        if not repository.is_dir():
            raise NotThere("RepoNotFound")
        self.name = name
        branches = {
            folder.name.replace("__", "/"): folder
            for folder in repository.iterdir()
            if folder.is_dir()
        }
        commits = {self.hash_of(folder): folder for folder in branches.values()}
        found = branches.get(revision) or commits.get(revision)
        if found is None:
            raise NotThere("RevisionNotFound")
        self.folder, self.commit = found, self.hash_of(found)

    @staticmethod
    def hash_of(folder: Path) -> str:
        pinned = folder.with_name(f"{folder.name}.commit")
        if pinned.is_file():
            return pinned.read_text(encoding="ascii")
        digest = hashlib.sha1(str(folder.parent).encode())
        for path in sorted(folder.rglob("*")):
            digest.update(
                str(path.relative_to(folder)).encode()
                + (path.read_bytes() if path.is_file() else b"")
            )
        return digest.hexdigest()

    def entry(self, path: Path) -> dict:
        """A line of a listing."""
        shown = {
            "path": str(path.relative_to(self.folder)),
            "size": 0,
            "type": "directory",
            "oid": "0" * 40,
        }
        if path.is_dir():
            return shown
        content = path.read_bytes()
        shown |= {"type": "file", "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        large = {
            "oid": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "pointerSize": 130,
        }
        return {**shown, "lfs": large} if path.suffix in LARGE else shown

    def info(self) -> dict:
        files = [
            {"rfilename": entry["path"]} for entry in self.tree("", True) if entry["type"] == "file"
        ]
        flags = {
            "private": (self.folder.parent / PRIVATE).is_file(),
            "gated": False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }
        return {
            "id": self.name,
            "sha": self.commit,
            "siblings": files,
            "lastModified": "2020-05-26T00:00:00.000Z",
            **flags,
        }

    def tree(self, inside: str, recursive: bool) -> list[dict]:
        folder = self.folder / inside
        if not folder.is_dir():
            raise NotThere("EntryNotFound")
        return [
            self.entry(path)
            for path in sorted(folder.rglob("*") if recursive else folder.iterdir())
        ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Hub"

    def log_message(self, *_: object) -> None:
        self.server.asked.append(f"{self.command} {self.path}")

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            whole = not self.server.cut or self.server.cut not in self.path
            self.wfile.write(body if whole else b"" if code == 206 else body[: len(body) // 2])
            self.close_connection = self.close_connection or not whole

    def respond(self) -> None:
        sent = self.received()
        try:
            said = self.server.uploads.answer(
                self.command, self.path, self.headers.get("Authorization"), sent
            )
            if said is None:
                return self.route(sent)
            code, content, headers = said
            self.answer(
                code, json.dumps(content).encode(), Content_Type="application/json", **headers
            )
        except NotThere as error:
            self.answer(404, X_Error_Code=str(error), X_Error_Message=str(error))

    do_GET = do_HEAD = do_POST = do_PUT = respond

    def received(self) -> bytes:
        """The body of a request, whole or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def route(self, sent: bytes) -> None:
        """/api/<kind>/<owner>/<name>[/<what>/<revision>[/...]] and
        [/datasets]/<owner>/<name>/resolve/<revision>/<file>."""
        address = urlsplit(self.path)
        parts = [unquote(part) for part in address.path.split("/") if part]
        if not parts:
            return self.answer(200, b"a hub on this machine")
        asks = parts[0] == "api"
        kind, parts = (
            (parts[1], parts[2:])
            if asks
            else ("datasets", parts[1:])
            if parts[0] == "datasets"
            else ("models", parts)
        )
        if parts and (other := ALIASES.get((kind, parts[0]))):
            return self.answer(307, Location=self.path.replace(parts[0], other, 1))
        if len(parts) < 2 or len(parts) == 3:
            raise NotThere("EntryNotFound")
        what, revision, *rest = parts[2:] or ["revision", "main"]
        branch = Branch(self.server.root, kind, "/".join(parts[:2]), revision)
        if (branch.folder.parent / PRIVATE).is_file() and self.server.uploads.user(
            self.headers.get("Authorization")
        ) != parts[0]:
            raise NotThere("RepoNotFound")
        if what == "resolve":
            return self.file(branch, "/".join(rest))
        recursive = parse_qs(address.query).get("recursive", ["false"])[0].lower() in ("true", "1")
        if what == "paths-info":
            wanted = (
                json.loads(sent)["paths"]
                if sent.startswith(b"{")
                else parse_qs(sent.decode()).get("paths", [])
            )
            found = [
                branch.entry(branch.folder / path)
                for path in wanted
                if (branch.folder / path).exists()
            ]
        else:
            found = branch.tree("/".join(rest), recursive) if what == "tree" else branch.info()
        return self.answer(200, json.dumps(found).encode(), Content_Type="application/json")

    def file(self, branch: Branch, name: str) -> None:
        path = branch.folder / name
        if not path.is_file():
            return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=branch.commit)
        content = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X_Repo_Commit": branch.commit,
            "Accept_Ranges": "bytes",
        }
        first, _, last = (self.headers.get("Range") or "").removeprefix("bytes=").partition("-")
        if not first.isdigit():
            return self.answer(200, content, **headers)
        end = min(int(last or len(content)), len(content) - 1)
        total = f"bytes {first}-{end}/{len(content)}"
        return self.answer(206, content[int(first) : end + 1], Content_Range=total, **headers)


class Hub(ThreadingHTTPServer):
    """The server; `asked` lists the requests it has seen. cut: files whose address has this in it
    break off halfway, and the second half never comes."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.asked, self.cut = root, [], ""
        self.uploads = Uploads(root, self.address)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """A hub of the repositories below `root`, on a free port."""
    with Hub(root) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
