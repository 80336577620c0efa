"""A git host over real sockets: an API of its subclass, and `git http-backend` behind the same logins.

What a host does on a bad day is a `Failure`: the next requests whose path it matches are answered so.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.team import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from typing_extensions import Self


@dataclass
class HostedRepository:
    """A bare repository on the host. `members` are users who may read it when it is private."""

    number: int
    path: str
    folder: Path
    topics: list[str] = field(default_factory=list)
    visibility: str = "private"
    members: set[str] = field(default_factory=set)
    archived: bool = False

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        return run_git(self.folder, *arguments, data=data)

    def refs(self) -> dict[str, str]:
        """The branches, read from their files: a question about a thousand repositories must not start git."""
        packed = self.folder / "packed-refs"
        lines = packed.read_text().splitlines() if packed.exists() else []
        refs = {line[41:]: line[:40] for line in lines if " refs/heads/" in line}
        for path in (self.folder / "refs" / "heads").rglob("*"):
            if path.is_file() and path.suffix != ".lock":
                refs[path.relative_to(self.folder).as_posix()] = path.read_text().strip()
        return refs

    def commit(self, files: Mapping[str, str | None], *, branch: str = "master") -> str:
        """Commit changes to `branch` (None removes a file), as a push would; return the commit."""
        ref = f"refs/heads/{branch}"
        lines = [f"commit {ref}", "committer Ada <ada@example.org> now", "data 6", "change"]
        with contextlib.suppress(AssertionError):
            lines.append(f"from {self.git('rev-parse', '--verify', '--quiet', ref)}")
        for name, content in files.items():
            if content is None:
                lines.append(f"D {name}")
            else:
                lines += [f"M 100644 inline {name}", f"data {len(content.encode())}", content]
        self.git("fast-import", "--quiet", "--date-format=now", data="\n".join([*lines, ""]).encode())
        return self.git("rev-parse", ref)


@dataclass
class User:
    """Who a token belongs to."""

    name: str
    expired: bool = False
    scopes: frozenset[str] = frozenset({"api"})


@dataclass
class Failure:
    """What the host does instead of answering: for `times` requests whose path `pattern` is found in.

    `kind`: `status` (with `status`, `headers`, `body`), `truncated` (half of the right answer, then the end of the
    connection), `hang` (no answer for `seconds`), `redirect` (to `body`).
    """

    pattern: str
    kind: str = "status"
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "{}"
    seconds: float = 60.0
    times: int = 1_000_000


@dataclass(frozen=True)
class Seen:
    """A request that came. `token` is what it carried, in a header or as a password."""

    method: str
    path: str
    token: str


@dataclass
class Answer:
    status: int
    data: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """An API request: its path without the query, the query, the JSON it brought, who asks (None: a stranger)."""

    method: str
    path: str
    query: Mapping[str, str]
    data: Any
    user: User | None


class GitHost(ABC):
    """A running host; `url` is its address. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repositories: dict[str, HostedRepository] = {}
        self.users: dict[str, User] = {}
        self.failures: list[Failure] = []
        self.seen: list[Seen] = []
        self.statuses: list[tuple[str, str, dict[str, Any]]] = []
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.host = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def user(self, name: str, token: str, **more: Any) -> User:
        self.users[token] = User(name, **more)
        return self.users[token]

    def repository(self, path: str, topics: tuple[str, ...] = ("peach-lab",), **more: Any) -> HostedRepository:
        folder = self.folder / f"{path}.git"
        made = HostedRepository(len(self.repositories) + 1, path, folder, list(topics), **more)
        # As `git init --bare` makes it, in a hundredth of its time: tests want hundreds.
        for part in ("objects/info", "objects/pack", "refs/heads"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "HEAD").write_text("ref: refs/heads/master\n")
        (folder / "config").write_text("[core]\n\tbare = true\n[uploadpack]\n\tallowFilter = true\n")
        self.repositories[path] = made
        return made

    def may_read(self, user: User | None, repository: HostedRepository) -> bool:
        if repository.visibility == "public":
            return True
        return user is not None and (repository.visibility == "internal" or user.name in repository.members)

    def requests(self, pattern: str) -> list[Seen]:
        return [each for each in self.seen if re.search(pattern, each.path)]

    def failure_for(self, path: str) -> Failure | None:
        for failure in self.failures:
            if failure.times > 0 and re.search(failure.pattern, path):
                failure.times -= 1
                return failure
        return None

    def hang(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    @abstractmethod
    def api(self, request: Request) -> Answer:
        """Answer an API request."""

    @abstractmethod
    def refusal(self, user: User | None, token: str) -> Answer | None:
        """Return how an unknown or expired token is refused; None when it is not."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    host: GitHost


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        host, token = self.server.host, self._token()
        parts = urlsplit(self.path)
        host.seen.append(Seen(self.command, self.path, token))
        failure = host.failure_for(self.path)
        if failure is not None and failure.kind == "hang":
            host.hang(failure.seconds)
            self.close_connection = True
            return
        if failure is not None and failure.kind == "redirect":
            self._send(302, b"", {"Location": failure.body})
            return
        if failure is not None and failure.kind == "status":
            self._send(failure.status, failure.body.encode(), failure.headers)
            return
        if re.match(r"/.+\.git/(?:info/refs|git-upload-pack)$", parts.path):
            self._git(parts.path, parts.query, body, token)
            return
        user = host.users.get(token)
        data = json.loads(body) if body else None
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), data, user)
        answer = host.refusal(user, token) or host.api(request)
        content = json.dumps(answer.data).encode()
        self._send(answer.status, content, answer.headers, truncated=failure is not None)

    def _token(self) -> str:
        authorization = self.headers.get("Authorization", "")
        if authorization.startswith("Basic "):
            return base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[2]
        return self.headers.get("PRIVATE-TOKEN", "") or authorization.removeprefix("Bearer ")

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, truncated: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[: len(body) // 2] if truncated else body)
        self.close_connection = self.close_connection or truncated

    def _git(self, path: str, query: str, body: bytes, token: str) -> None:
        host = self.server.host
        user = host.users.get(token)
        user = None if user is not None and user.expired else user
        name, _, service = path.lstrip("/").partition(".git/")
        repository = host.repositories.get(unquote(name))
        if repository is None or not host.may_read(user, repository):
            if user is None:
                self._send(401, b"HTTP Basic: Access denied", {"WWW-Authenticate": 'Basic realm="git"'})
            else:
                self._send(404, b"The project you were looking for could not be found.", {})
            return
        for status, headers, content in _backend(self, repository, service, query, body):
            self._send(status, content, headers)


def _backend(
    handler: _Handler, repository: HostedRepository, service: str, query: str, body: bytes
) -> Iterator[tuple[int, dict[str, str], bytes]]:
    completed = subprocess.run(
        ["git", "http-backend"],
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(repository.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH_INFO": f"/{service}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": handler.command,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
        },
        input=body,
        capture_output=True,
        check=False,
    )
    head, separator, content = completed.stdout.partition(b"\r\n\r\n")
    if completed.returncode or not separator:
        yield 500, {}, completed.stderr
        return
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    status = int(headers.pop("Status", "200").split()[0])
    yield status, headers, content


def wait_until(condition: Any, seconds: float = 30.0) -> None:
    """Wait for a condition; fail when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
