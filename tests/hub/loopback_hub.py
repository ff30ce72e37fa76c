"""A hub on the loopback interface: all that the real client asks one for, on two origins, with faults on demand."""

import functools
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 1024  # from this size on a file is announced by its sha256 and lies on the other origin
GATED = "GatedRepo"


@dataclass
class Repo:
    """One repository at one commit; `token` is what opens it, `corrupt`, `cut` and `fail` go wrong with bodies.

    A hostile one lists `more` entries, the first time alone or always, says `sha` for its commit, and sends `headers`.
    """

    files: dict[str, bytes]
    commit: str
    tag: str = "main"
    token: str = ""
    gated: bool = False
    error: int = 0
    announce: dict[str, bytes] = field(default_factory=dict)
    corrupt: int = 0
    cut: int = 0
    fail: int = 0
    more: list[object] = field(default_factory=list)
    more_times: int = 1000
    sha: object = None
    headers: dict[str, str] = field(default_factory=dict)


class Hub:
    """The hub: `url` is what `--endpoint` takes, `requests` all that was asked, (origin, method, path, token)."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.requests: list[tuple[str, str, str, str]] = []
        self._servers = [_serve(self, "hub"), _serve(self, "cdn")]
        self.url, self.cdn = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def add(self, name: str, files: dict[str, bytes], **options: Any) -> Repo:
        """Put a repository there; its commit follows from its content."""
        content = b"".join(path.encode() + data for path, data in sorted(files.items()))
        commit = options.pop("commit", hashlib.sha1(content).hexdigest())
        self.repos[name] = Repo(files=files, commit=commit, **options)
        return self.repos[name]

    def close(self) -> None:
        """Give the ports back."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a hub for the time of a block."""
    hub = Hub()
    try:
        yield hub
    finally:
        hub.close()


def _serve(hub: Hub, origin: str) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"hub": hub, "origin": origin})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    origin: str
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.hub.requests.append((self.origin, self.command, path, token))
        if self.origin == "cdn":
            self._send_blob(path)
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+).*", path):
            self._describe(*match.groups(), token)
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(*match.groups(), token)
        else:
            self._send(404, b"{}")

    def _find(self, name: str, revision: str, token: str) -> Repo | None:
        """Return the repository if it may be seen; else the refusal has been sent."""
        repo = self.hub.repos.get(name)
        if token == "hf_unknown":
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif repo is None or (repo.token and token != repo.token and not repo.gated):
            self._refuse(401, "RepoNotFound", "Repository not found")
        elif repo.error:
            self._refuse(repo.error, "", "trouble")
        elif repo.token and token != repo.token:
            self._refuse(403 if token else 401, GATED, f"Access to model {name} is restricted")
        elif revision not in {repo.commit, "main", repo.tag}:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        else:
            return repo
        return None

    def _describe(self, name: str, what: str, revision: str, token: str) -> None:
        if (repo := self._find(name, revision, token)) is None:
            return
        if what == "revision":
            self._send_json({"id": name, "modelId": name, "sha": repo.sha or repo.commit, "siblings": []})
        else:
            folders = {path.rsplit("/", 1)[0] for path in repo.files if "/" in path}
            tree = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
            tree += [_entry(path, repo.announce.get(path, data)) for path, data in repo.files.items()]
            repo.more_times -= 1
            self._send_json(tree + (repo.more if repo.more_times >= 0 else []))

    def _resolve(self, name: str, revision: str, path: str, token: str) -> None:
        if (repo := self._find(name, revision, token)) is None:
            return
        if path not in repo.files:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        data = repo.announce.get(path, repo.files[path])
        etag, headers = _etag(data), {"X-Repo-Commit": repo.commit}
        if len(data) < LARGE:
            self._send(200, repo.files[path], headers | {"ETag": f'"{etag}"'} | repo.headers)
            return
        location = f"{self.hub.cdn}/{name}/{path}"
        linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data)), "Location": location}
        self._send(302, b"", headers | linked | repo.headers)

    def _send_blob(self, path: str) -> None:
        owner, name, file = path.lstrip("/").split("/", 2)
        repo = self.hub.repos[f"{owner}/{name}"]
        data = repo.files[file]
        if repo.fail:
            repo.fail -= 1
            self._send(500, b"")
            return
        if repo.corrupt and self.command == "GET":
            repo.corrupt -= 1
            data = bytes([data[0] ^ 1]) + data[1:]
        start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, "0"])[1])
        status, headers = 200, {"ETag": f'"{_etag(data)}"'}
        if start:
            status, headers = 206, headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        cut = bool(repo.cut) and self.command == "GET"
        repo.cut -= cut
        self._send(status, data[start:], headers, keep=len(data[start:]) // 2 if cut else None)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode(), {"X-Error-Code": code, "X-Error-Message": message})

    def _send_json(self, data: object) -> None:
        self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, keep: int | None = None) -> None:
        """Send an answer, or only its first `keep` bytes and then hang up."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if keep is None else body[:keep])
        if keep is not None:
            self.close_connection = True


@functools.lru_cache(maxsize=16)
def _etag(data: bytes) -> str:
    """Name a file as a hub does: a large one by its sha256, a small one by git's sha1 of it."""
    if len(data) >= LARGE:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(data), "oid": _etag(data)}
    if len(data) >= LARGE:
        entry |= {"oid": "1" * 40, "lfs": {"oid": _etag(data), "size": len(data), "pointerSize": 130}}
    return entry
