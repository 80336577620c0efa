from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from tests.team import Team

from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.mirror import Mirror

if TYPE_CHECKING:
    from pathlib import Path


class MakeRemote(Protocol):
    """Makes a real repository with a work tree, as a team has it."""

    def __call__(self, name: str = ..., *, branch: str = ...) -> Team: ...


class MakeMirror(Protocol):
    def __call__(self, remote: Team, *, branch: str = ...) -> Mirror: ...


@pytest.fixture
def make_remote(tmp_path: Path) -> MakeRemote:
    def make(name: str = "team", *, branch: str = "master") -> Team:
        path = tmp_path / "remotes" / name
        path.mkdir(parents=True)
        remote = Team(path)
        remote.git("init", "--quiet", "--initial-branch", branch)
        return remote

    return make


@pytest.fixture
def remote(make_remote: MakeRemote) -> Team:
    return make_remote()


@pytest.fixture
def make_mirror(tmp_path: Path) -> MakeMirror:
    def make(remote: Team, *, branch: str = "master") -> Mirror:
        return Mirror(tmp_path / "home", RepositoryAddress(remote.path.name, str(remote.path)), branch)

    return make


@pytest.fixture
def mirror(remote: Team, make_mirror: MakeMirror) -> Mirror:
    return make_mirror(remote)
