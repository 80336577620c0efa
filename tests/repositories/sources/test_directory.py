from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.repositories.sources.directory import DirectorySource

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.repositories.sources.discovery import Discovery


def bare(path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)


def discover(path: Path) -> Discovery:
    return DirectorySource(path).discover(time.monotonic() + 10)


def test_work_trees_and_bare_repositories_sorted_by_name(make_remote: Any, tmp_path: Path) -> None:
    make_remote("zeta")
    bare(tmp_path / "remotes" / "alpha.git")
    (tmp_path / "remotes" / "no-repository").mkdir()
    (tmp_path / "remotes" / "file").write_text("x")
    bare(tmp_path / "remotes" / ".hidden.git")
    make_remote("no-repository/below")

    found = discover(tmp_path / "remotes")

    assert [(address.name, address.url) for address in found.addresses] == [
        ("alpha", str(tmp_path / "remotes" / "alpha.git")),
        ("zeta", str(tmp_path / "remotes" / "zeta")),
    ]
    assert not found.problems
    assert not found.failed_sources


def test_an_empty_directory_is_really_empty(tmp_path: Path) -> None:
    found = discover(tmp_path)

    assert (found.addresses, found.problems, found.failed_sources) == ((), (), frozenset())


@pytest.mark.parametrize("what", ["missing", "a file", "a repository"])
def test_a_directory_that_cannot_be_listed_has_failed(make_remote: Any, tmp_path: Path, what: str) -> None:
    directory = tmp_path / "remotes" / "x"
    if what == "a repository":
        make_remote("x")
    elif what == "a file":
        directory.parent.mkdir()
        directory.write_text("x")

    found = discover(directory)

    assert found.failed_sources == {str(directory)}
    assert str(found.problems[0]).startswith(f"{directory}: ")


def test_two_folders_of_one_name(make_remote: Any, tmp_path: Path) -> None:
    make_remote("x")
    bare(tmp_path / "remotes" / "x.git")

    found = discover(tmp_path / "remotes")

    assert [address.url for address in found.addresses] == [str(tmp_path / "remotes" / "x")]
    assert "remotes/x and " in str(found.problems[0])
    assert "remotes/x.git are both called 'x'" in str(found.problems[0])


def test_a_name_that_cannot_be_printed_is_a_problem(make_remote: Any, tmp_path: Path) -> None:
    make_remote("a\nb")

    found = discover(tmp_path / "remotes")

    assert not found.addresses
    assert "no name can be made of it; rename the repository" in str(found.problems[0])
