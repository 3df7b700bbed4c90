"""A Hub on loopback that speaks what the real client asks for: repositories, commits, tags, large files, ranges.

It keeps everything in memory, checks the token of every write, and can be told to fail: answer a status, stop in
the middle of a body, lose the answer to a request that it carried out, or hand out a changed byte.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "t" * 34
LARGE = (".parquet", ".gz", ".zst")


class Commit(NamedTuple):
    oid: str
    message: str
    files: dict[str, bytes]


@dataclass
class Repo:
    commits: list[Commit] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, message: str, files: dict[str, bytes]) -> Commit:
        oid = hashlib.sha1(f"{len(self.commits)}{message}{sorted(files)}".encode()).hexdigest()
        self.commits.append(Commit(oid, message, files))
        self.branches[branch] = oid
        return self.commits[-1]

    def at(self, revision: str) -> Commit | None:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        return next((commit for commit in self.commits if commit.oid == oid), None)


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests that ``METHOD path`` matches."""

    pattern: str
    how: str
    """``status``: answer it; ``cut``: send half of the body; ``lost``: carry the request out and hang up."""
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


class Hub:
    """The state of the Hub, and how to tell it to fail."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self.altered: dict[str, Callable[[bytes], bytes]] = {}
        """By path: what is handed out instead of the bytes that are kept."""
        self.before: dict[str, Callable[[], None]] = {}
        """By pattern: what happens once, just before the request is answered."""
        self.identities: dict[str, str] = {}
        """Proofs of identity of a CI, and the token that each is exchanged for."""
        self.url = ""
        self.lock = threading.RLock()

    def fail(self, pattern: str, how: str = "status", **options: Any) -> None:
        self.faults.append(Fault(pattern, how, **options))

    def writes(self) -> list[str]:
        """The requests that changed something or tried to."""
        return [r for r in self.requests if re.match(r"POST /api/(repos|datasets/.*/(commit|tag))|PUT ", r)]


@contextmanager
def running() -> Iterator[Hub]:
    """A Hub on a free port of 127.0.0.1."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def error(status: int, code: str, said: str = "") -> Answer:
    return Answer(status, json.dumps({"error": said or code}).encode(), {"X-Error-Code": code, "X-Error-Message": said or code})


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle()

    do_HEAD = do_POST = do_PUT = do_GET

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        asked = f"{self.command} {unquote(self.path)}"
        with self.hub.lock:
            self.hub.requests.append(asked)
            for pattern in [p for p in self.hub.before if re.search(p, asked)]:
                self.hub.before.pop(pattern)()
            fault = next((f for f in self.hub.faults if f.times > 0 and re.search(f.pattern, asked)), None)
            if fault is not None:
                fault.times -= 1
            if fault is not None and fault.how == "status":
                answer = error(fault.status, "Fault", "the test asked for it")._replace(headers=fault.headers)
            else:
                answer = self._answer(body)
        if fault is not None and fault.how == "lost":
            self.close_connection = True
            return
        self._send(answer, cut=fault is not None and fault.how == "cut")

    def _chunk(self) -> bytes:
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data

    def _send(self, answer: Answer, *, cut: bool) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        if cut:
            self.close_connection = True

    # ------------------------------------------------------------------ what is asked

    def _answer(self, body: bytes) -> Answer:
        path = unquote(urlsplit(self.path).path)
        for pattern, write, answer in _ROUTES:
            match = re.fullmatch(pattern, f"{self.command} {path}")
            if match is not None:
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                if write and token not in (TOKEN, *self.hub.identities.values()):
                    return error(401, "", "Invalid username or password.")
                return answer(self, body, **match.groupdict())
        return error(404, "EntryNotFound", f"no such route: {self.command} {path}")

    def _at(self, repo: str, revision: str) -> Commit | Answer:
        if repo not in self.hub.repos:
            return error(404, "RepoNotFound", "Repository not found")
        commit = self.hub.repos[repo].at(revision)
        return commit or error(404, "RevisionNotFound", f"Invalid rev id: {revision}")

    def create(self, body: bytes) -> Answer:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        made = as_json({"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": "1"})
        if name in self.hub.repos:
            return made._replace(status=409)
        self.hub.repos[name] = Repo()
        self.hub.repos[name].commit("main", "initial commit", {".gitattributes": b"*.parquet filter=lfs\n"})
        return made

    def exchange(self, body: bytes) -> Answer:
        asked = json.loads(body) if body.startswith(b"{") else {k: v[0] for k, v in parse_qs(body.decode()).items()}
        token = self.hub.identities.get(str(asked.get("subject_token")))
        if token is None:
            return error(403, "", "no trusted publisher has these claims")
        return as_json({"access_token": token, "expires_in": 3600, "token_type": "bearer"})

    def info(self, body: bytes, repo: str, revision: str | None = None) -> Answer:
        commit = self._at(repo, revision or "main")
        if isinstance(commit, Answer):
            return commit
        return as_json(
            {
                "id": repo,
                "sha": commit.oid,
                "private": False,
                "disabled": False,
                "gated": False,
                "tags": [],
                "siblings": [{"rfilename": name} for name in sorted(commit.files)],
                "lastModified": "2031-05-03T00:00:00.000Z",
            }
        )

    def refs(self, body: bytes, repo: str) -> Answer:
        if isinstance(missing := self._at(repo, "main"), Answer):
            return missing
        kept = self.hub.repos[repo]

        def listed(refs: dict[str, str], kind: str) -> list[dict[str, str]]:
            return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid} for name, oid in refs.items()]

        return as_json({"branches": listed(kept.branches, "heads"), "tags": listed(kept.tags, "tags"), "converts": []})

    def tree(self, body: bytes, repo: str, revision: str, folder: str | None = None) -> Answer:
        commit = self._at(repo, revision)
        if isinstance(commit, Answer):
            return commit
        start = f"{folder.strip('/')}/" if folder and folder.strip("/") else ""
        inside = {name: data for name, data in commit.files.items() if name.startswith(start)}
        if start and not inside:
            return error(404, "EntryNotFound", f"{start} does not exist")
        deep = "recursive=true" in self.path.lower()
        folders = {"/".join(name.split("/")[:depth]) for name in inside for depth in range(1, name.count("/") + 1)}
        shown = [
            {"type": "directory", "oid": sha256(f.encode())[:40], "size": 0, "path": f}
            for f in sorted(folders)
            if f.startswith(start)
        ]
        shown += [_entry(name, data) for name, data in sorted(inside.items())]
        return as_json([e for e in shown if deep or "/" not in str(e["path"])[len(start) :]])

    def paths_info(self, body: bytes, repo: str, revision: str) -> Answer:
        commit = self._at(repo, revision)
        if isinstance(commit, Answer):
            return commit
        asked = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode()).get("paths", [])
        return as_json([_entry(name, commit.files[name]) for name in asked if name in commit.files])

    def preupload(self, body: bytes, repo: str, revision: str) -> Answer:
        commit = self._at(repo, revision)
        if isinstance(commit, Answer):
            return commit
        modes = []
        for asked in json.loads(body)["files"]:
            mode = "lfs" if asked["path"].endswith(LARGE) else "regular"
            held = commit.files.get(asked["path"])
            oid = {} if held is None else {"oid": sha256(held) if mode == "lfs" else blob_id(held)}
            modes.append({"path": asked["path"], "uploadMode": mode, "shouldIgnore": False, **oid})
        return as_json({"files": modes})

    def batch(self, body: bytes, repo: str) -> Answer:
        objects = []
        for asked in json.loads(body)["objects"]:
            held = asked["oid"] in self.hub.large
            actions = {} if held else {"actions": {"upload": {"href": f"{self.hub.url}/large/{asked['oid']}", "header": {}}}}
            objects.append({**asked, **actions})
        return as_json({"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> Answer:
        if sha256(body) != oid:
            return error(400, "BadDigest")
        self.hub.large[oid] = body
        return Answer(200)

    def commit(self, body: bytes, repo: str, revision: str) -> Answer:
        head = self._at(repo, revision)
        if isinstance(head, Answer):
            return head
        lines = [json.loads(line) for line in body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, head.oid):
            return error(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.large:
                    return error(400, "", f"{value['path']} was not uploaded")
                files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile" and files.pop(value["path"], None) is None:
                return error(404, "EntryNotFound", "A file with this name doesn't exist")
        made = self.hub.repos[repo].commit(revision, header["summary"], files)
        return as_json({"success": True, "commitOid": made.oid, "commitUrl": f"{self.hub.url}/datasets/{repo}/commit/{made.oid}"})

    def tag(self, body: bytes, repo: str, revision: str) -> Answer:
        commit = self._at(repo, revision)
        if isinstance(commit, Answer):
            return commit
        name = json.loads(body)["tag"]
        if name in self.hub.repos[repo].tags:
            return error(409, "", "Tag already exists")
        self.hub.repos[repo].tags[name] = commit.oid
        return Answer(200)

    def resolve(self, body: bytes, repo: str, revision: str, name: str) -> Answer:
        commit = self._at(repo, revision)
        if isinstance(commit, Answer):
            return commit
        if name not in commit.files:
            return error(404, "EntryNotFound", f"{name} does not exist")._replace(
                headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit.oid}
            )
        data = commit.files[name]
        mark = sha256(data) if name.endswith(LARGE) else blob_id(data)
        served = self.hub.altered.get(name, bytes)(data)
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{mark}"', "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            return Answer(200, served, headers)
        start, end = int(wanted[1]), min(int(wanted[2] or len(served)), len(served) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(served)}"
        return Answer(206, served[start : end + 1], headers)


def _entry(name: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": blob_id(data), "size": len(data), "path": name}
    if name.endswith(LARGE):
        entry |= {"oid": sha256(b"pointer" + data)[:40], "lfs": {"oid": sha256(data), "size": len(data), "pointerSize": 130}}
    return entry


_REPO = r"(?P<repo>[^/]+/[^/]+)"
_ROUTES: list[tuple[str, bool, Callable[..., Answer]]] = [
    (r"POST /api/repos/create", True, _Handler.create),
    (r"POST /oauth/token", False, _Handler.exchange),
    (r"POST /api/validate-yaml", False, lambda handler, body: as_json({"errors": [], "warnings": []})),
    (rf"GET /api/datasets/{_REPO}", False, _Handler.info),
    (rf"GET /api/datasets/{_REPO}/revision/(?P<revision>.+)", False, _Handler.info),
    (rf"GET /api/datasets/{_REPO}/refs", False, _Handler.refs),
    (rf"GET /api/datasets/{_REPO}/tree/(?P<revision>[^/]+)(?P<folder>/.*)?", False, _Handler.tree),
    (rf"POST /api/datasets/{_REPO}/paths-info/(?P<revision>.+)", False, _Handler.paths_info),
    (rf"POST /api/datasets/{_REPO}/preupload/(?P<revision>.+)", True, _Handler.preupload),
    (rf"POST /api/datasets/{_REPO}/commit/(?P<revision>.+)", True, _Handler.commit),
    (rf"POST /api/datasets/{_REPO}/tag/(?P<revision>.+)", True, _Handler.tag),
    (rf"POST /datasets/{_REPO}\.git/info/lfs/objects/batch", True, _Handler.batch),
    (r"PUT /large/(?P<oid>[0-9a-f]{64})", False, _Handler.upload),
    (rf"(GET|HEAD) /datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<name>.+)", False, _Handler.resolve),
]
