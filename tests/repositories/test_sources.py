from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.authoring.platform.file import DirectorySourceSettings, GitSourceSettings
from airflow_peach.repositories.sources import AddressError, address_of, discover, discover_all

if TYPE_CHECKING:
    from pathlib import Path


def bare(path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://git.example.org/group/project.git", "group/project"),
            ("https://git.example.org:8443/group/sub/project/", "group/sub/project"),
            ("http://git.example.org/project", "project"),
            ("ssh://git@git.example.org:2222/group/project.git", "group/project"),
            ("git@git.example.org:group/project.git", "group/project"),
            ("git.example.org:project", "project"),
            ("file:///srv/git/project.git", "project"),
            ("/srv/git/project.git", "project"),
            ("/srv/git/project/", "project"),
            ("https://git.example.org/group/a%20b.git", "group/a b"),
        ],
    )
    def test_the_name_is_the_path(self, url: str, name: str) -> None:
        address = address_of(url)

        assert (address.name, address.url) == (name, url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://ada:s3cret@git.example.org/group/project.git",
            "https://s3cret@git.example.org/group/project.git",
            "ssh://git:s3cret@git.example.org/group/project.git",
            "https://git.example.org/group/project.git?private_token=s3cret",
        ],
    )
    def test_credentials_are_refused_and_not_repeated(self, url: str) -> None:
        with pytest.raises(AddressError, match="the URL holds credentials") as caught:
            address_of(url)

        assert "s3cret" not in str(caught.value)
        assert "git.example.org/group/project.git" in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("ext::sh -c 'touch /tmp/x'", "a git remote helper"),
            ("ftp://example.org/x.git", "'ftp' is not one of file, http, https, ssh"),
            ("relative/path", "neither a URL nor an absolute path"),
            ("--upload-pack=evil", "neither a URL nor an absolute path"),
            ("https://example.org/", "no name can be made of it"),
            ("https://example.org/a/../b.git", "no name can be made of it"),
            ("https://[bad/x.git", "not a URL"),
        ],
    )
    def test_what_is_no_address_is_said(self, url: str, message: str) -> None:
        with pytest.raises(AddressError, match=message):
            address_of(url)


class TestDirectory:
    def test_work_trees_and_bare_repositories_sorted_by_name(self, make_remote: Any, tmp_path: Path) -> None:
        make_remote("zeta")
        bare(tmp_path / "remotes" / "alpha.git")
        (tmp_path / "remotes" / "no-repository").mkdir()
        (tmp_path / "remotes" / "file").write_text("x")
        bare(tmp_path / "remotes" / ".hidden.git")
        make_remote("no-repository/below")

        found = discover(DirectorySourceSettings(tmp_path / "remotes"))

        assert [(address.name, address.url) for address in found.addresses] == [
            ("alpha", str(tmp_path / "remotes" / "alpha.git")),
            ("zeta", str(tmp_path / "remotes" / "zeta")),
        ]
        assert not found.problems
        assert not found.failed_sources

    def test_an_empty_directory_is_really_empty(self, tmp_path: Path) -> None:
        found = discover(DirectorySourceSettings(tmp_path))

        assert (found.addresses, found.problems, found.failed_sources) == ((), (), frozenset())

    @pytest.mark.parametrize("what", ["missing", "a file", "a repository"])
    def test_a_directory_that_cannot_be_listed_has_failed(self, make_remote: Any, tmp_path: Path, what: str) -> None:
        directory = tmp_path / "remotes" / "x"
        if what == "a repository":
            make_remote("x")
        elif what == "a file":
            directory.parent.mkdir()
            directory.write_text("x")

        found = discover(DirectorySourceSettings(directory))

        assert found.failed_sources == {str(directory)}
        assert str(found.problems[0]).startswith(f"{directory}: ")

    def test_two_folders_of_one_name(self, make_remote: Any, tmp_path: Path) -> None:
        make_remote("x")
        bare(tmp_path / "remotes" / "x.git")

        found = discover(DirectorySourceSettings(tmp_path / "remotes"))

        assert [address.url for address in found.addresses] == [str(tmp_path / "remotes" / "x")]
        assert "remotes/x and " in str(found.problems[0])
        assert "remotes/x.git are both called 'x'" in str(found.problems[0])

    def test_a_name_that_cannot_be_printed_is_a_problem(self, make_remote: Any, tmp_path: Path) -> None:
        make_remote("a\nb")

        found = discover(DirectorySourceSettings(tmp_path / "remotes"))

        assert not found.addresses
        assert "no name can be made of it; rename the repository" in str(found.problems[0])


class TestAll:
    def test_a_refused_url_hides_no_other_and_stays_known(self) -> None:
        found = discover(
            GitSourceSettings(("https://x:s3cret@h.org/g/bad.git", "https://h.org/g/b", "https://h.org/g/a"))
        )

        assert [address.name for address in found.addresses] == ["g/a", "g/b"]
        assert found.unusable == {"g/bad"}
        assert "s3cret" not in str(found)

    def test_names_are_unique_across_sources(self, make_remote: Any, tmp_path: Path) -> None:
        make_remote("x")

        found = discover_all(
            [
                DirectorySourceSettings(tmp_path / "remotes"),
                GitSourceSettings(("https://h.org/x.git", "https://h.org/y.git")),
                DirectorySourceSettings(tmp_path / "none"),
            ]
        )

        assert [address.name for address in found.addresses] == ["x", "y"]
        assert found.addresses[0].source == str(tmp_path / "remotes")
        assert found.failed_sources == {str(tmp_path / "none")}
        clash = next(problem for problem in found.problems if problem.place.repository == "x")
        assert f"{tmp_path / 'remotes' / 'x'} and https://h.org/x.git are both called 'x'" in str(clash)

    def test_the_same_url_twice_is_no_clash(self) -> None:
        found = discover_all([GitSourceSettings(("https://h.org/x", "https://h.org/x"))] * 2)

        assert len(found.addresses) == 1
        assert not found.problems
