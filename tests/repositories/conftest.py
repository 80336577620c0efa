from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Remote:
    """A real repository with a work tree, as a team has it."""

    path: Path

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        completed = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env={"PATH": os.environ["PATH"], "HOME": str(self.path), **_IDENTITY},
            input=data,
            capture_output=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr.decode()
        return completed.stdout.decode(errors="surrogateescape").strip()

    def commit(self, files: Mapping[str, str | bytes] | None = None) -> str:
        """Write the files, commit everything, return the commit."""
        for name, content in (files or {}).items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")


class MakeRemote(Protocol):
    def __call__(self, name: str = ..., *, branch: str = ...) -> Remote: ...


class MakeMirror(Protocol):
    def __call__(self, remote: Remote, *, branch: str = ...) -> Mirror: ...


@pytest.fixture
def make_remote(tmp_path: Path) -> MakeRemote:
    def make(name: str = "team", *, branch: str = "master") -> Remote:
        path = tmp_path / "remotes" / name
        path.mkdir(parents=True)
        remote = Remote(path)
        remote.git("init", "--quiet", "--initial-branch", branch)
        return remote

    return make


@pytest.fixture
def remote(make_remote: MakeRemote) -> Remote:
    return make_remote()


@pytest.fixture
def make_mirror(tmp_path: Path) -> MakeMirror:
    def make(remote: Remote, *, branch: str = "master") -> Mirror:
        return Mirror(tmp_path / "home", RepositoryAddress(remote.path.name, str(remote.path)), branch)

    return make


@pytest.fixture
def mirror(remote: Remote, make_mirror: MakeMirror) -> Mirror:
    return make_mirror(remote)
