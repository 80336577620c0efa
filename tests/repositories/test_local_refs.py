from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.repositories.local_refs import local_head
from airflow_peach.repositories.remote import RemoteHead, ask_remote

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repositories.conftest import MakeRemote
    from tests.team import Team


def as_git_says(path: Path, branch: str = "master") -> RemoteHead:
    return ask_remote(str(path), branch, time.monotonic() + 20)


def packed(remote: Team) -> None:
    remote.git("pack-refs", "--all")


def bare(remote: Team) -> None:
    remote.git("config", "core.bare", "true")
    git = remote.path / ".git"
    for path in list(git.iterdir()):
        path.rename(remote.path / path.name)
    git.rmdir()


@pytest.mark.parametrize("change", [lambda _: None, packed, bare])
@pytest.mark.parametrize("branch", ["master", "main"])
def test_it_says_what_git_says(make_remote: MakeRemote, branch: str, change: Any) -> None:
    remote = make_remote(branch=branch)
    remote.commit({"a": "1"})
    remote.git("branch", "other/branch")
    change(remote)

    assert local_head(remote.path, "master") == as_git_says(remote.path)


def test_a_loose_ref_is_newer_than_a_packed_one(remote: Team) -> None:
    remote.commit({"a": "1"})
    packed(remote)
    commit = remote.commit({"a": "2"})

    assert local_head(remote.path, "master") == RemoteHead(commit, "refs/heads/master", "master")


def test_a_branch_that_ends_alike_is_another(remote: Team) -> None:
    remote.commit({"a": "1"})
    remote.git("checkout", "--quiet", "-b", "x/refs/heads/main")
    remote.commit({"a": "2"})
    packed(remote)

    head = local_head(remote.path, "main")

    assert head == as_git_says(remote.path, "main")
    assert head is not None
    assert head.branch == "x/refs/heads/main"


def test_what_is_not_plain_is_left_to_git(make_remote: MakeRemote, tmp_path: Path) -> None:
    remote = make_remote()
    commit = remote.commit({"a": "1"})
    ref = remote.path / ".git/refs/heads/master"

    ref.write_text("")
    assert local_head(remote.path, "master") is None
    ref.unlink()
    os.mkfifo(ref)
    assert local_head(remote.path, "master") is None
    ref.unlink()
    (tmp_path / "elsewhere").write_text(commit)
    ref.symlink_to(tmp_path / "elsewhere")
    assert local_head(remote.path, "master") is None
    ref.unlink()
    assert local_head(remote.path, "master") is None
    (remote.path / ".git/HEAD").write_text("ref: refs/heads/../../../elsewhere\n")
    assert local_head(remote.path, "master") is None
    (remote.path / ".git/HEAD").write_text(commit)
    assert local_head(remote.path, "master") is None
