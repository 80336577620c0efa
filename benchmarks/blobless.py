"""What a mirror without blobs would save: bytes and time of a sync, and of the execution after it.

    python benchmarks/blobless.py [MEBIBYTES]

One repository on a GitLab on this machine (``tests/gitlab_server.py``) with a blob of so many MiB, half as many packed,
a hundred small files, a configuration file and its notebook. Fetched as mirrors are (``--depth=1``), and with
``--filter=blob:none``, where the sync then asks for the two files that it reads, and the execution for all the others,
since it lays out the whole commit. Then both again after a commit that changes the notebook's code alone.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests import git_host
from tests.gitlab_server import GitLabServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

READ = ("peach.yaml", "n.py")
HEAD = "refs/peach/head"


class Meter:
    """Counts the bytes that the server's handlers send."""

    def __init__(self) -> None:
        self._bytes = 0
        handler = git_host._Handler  # noqa: SLF001 - its only way out
        send = handler._send  # noqa: SLF001 - the same

        def counted(
            self_: git_host._Handler, status: int, body: bytes, headers: Mapping[str, str], **more: bool
        ) -> None:
            self._bytes += len(body)
            send(self_, status, body, headers, **more)

        handler._send = counted  # type: ignore[method-assign, assignment]  # noqa: SLF001 - the same

    def said(self, what: str, work: Callable[[], None]) -> None:
        """Print what ``work`` took."""
        before, began = self._bytes, time.monotonic()
        work()
        seconds, mebibytes = time.monotonic() - began, (self._bytes - before) / 2**20
        print(f"{what:52} {mebibytes:9.3f} MiB {seconds:7.2f} s", flush=True)


class Bare:
    """A bare repository that fetches from ``url``, with blobs or without."""

    def __init__(self, path: Path, url: str, *, blobs: bool) -> None:
        self._path, self._url, self._filter = path, url, [] if blobs else ["--filter=blob:none"]
        self._brought: set[str] = set()
        subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
        if not blobs:
            for name, value in (("url", url), ("promisor", "true"), ("partialclonefilter", "blob:none")):
                self._git("config", f"remote.origin.{name}", value)

    def fetch(self) -> None:
        """Fetch the head as a mirror does."""
        remote = "origin" if self._filter else self._url
        options = ["--depth=1", "--no-tags", "--update-shallow", "--no-write-fetch-head", *self._filter]
        self._git("fetch", "--quiet", *options, remote, f"+refs/heads/master:{HEAD}")

    def fetch_and_read(self) -> None:
        """Do what a sync does without blobs: fetch the head, then the blobs of the files that are read."""
        self.fetch()
        self.bring(*READ)

    def bring(self, *names: str) -> None:
        """Fetch the blobs of these files, of all files without names, as far as they are not there."""
        wanted = sorted({line.split()[2] for line in self._git("ls-tree", "-r", HEAD, *names).splitlines()})
        if missing := [each for each in wanted if each not in self._brought]:
            self._brought.update(missing)
            options = ["--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin"]
            no_negotiation = ["-c", "fetch.negotiationAlgorithm=noop"]
            self._git(*no_negotiation, "fetch", "--quiet", *options, "origin", input_="\n".join(missing))

    def _git(self, *arguments: str, input_: str = "") -> str:
        command = ["git", "-C", str(self._path), *arguments]
        environment = {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
        return subprocess.run(
            command, check=True, text=True, input=input_, stdout=subprocess.PIPE, env=environment
        ).stdout


def main() -> None:
    """Measure."""
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    root = Path(tempfile.mkdtemp())
    with GitLabServer(root / "gitlab") as server:
        made = server.repository("team/x", visibility="public")
        small = {f"lib/{number}.py": f"x = {number}\n" * 100 for number in range(100)}
        made.commit({"n.py": "def task(): pass\n", "peach.yaml": "codops: debr\n", **small})
        made.commit({"data.txt": secrets.token_hex(mebibytes * 2**19)})
        url, meter = f"{server.url}/team/x.git", Meter()
        whole, bare = Bare(root / "whole", url, blobs=True), Bare(root / "bare", url, blobs=False)
        for what in ("first", "the code changed"):
            meter.said(f"{what}: shallow, sync", whole.fetch)
            meter.said(f"{what}: without blobs, sync", bare.fetch_and_read)
            meter.said(f"{what}: without blobs, execution", bare.bring)
            made.commit({"n.py": "def task(): return 1\n"})


if __name__ == "__main__":
    main()
