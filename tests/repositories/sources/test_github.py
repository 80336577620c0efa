from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.git_host import Failure
from tests.github_server import GitHubServer

from airflow_peach.authoring.platform.file import GitHubSourceSettings
from airflow_peach.repositories.mirror import Mirror
from airflow_peach.repositories.remote import RemoteHead
from airflow_peach.repositories.sources.commit_status import CommitStatus
from airflow_peach.repositories.sources.github import GitHubSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_peach.repositories.sources.discovery import Discovery

TOKEN = "ghp_s3cret"  # noqa: S105 - of a server in this process


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    with GitHubServer(tmp_path / "github") as server:
        server.user("pipe", TOKEN)
        server.organisations = frozenset({"team"})
        yield server


def source(server: GitHubServer, home: Path, **more: Any) -> GitHubSource:
    settings = {"url": server.url, "token_variable": "GITHUB_TOKEN", "groups": ("team",), **more}
    return GitHubSource(GitHubSourceSettings(**settings), home, None)


def discover(server: GitHubServer, home: Path, **more: Any) -> Discovery:
    return source(server, home, **more).discover(time.monotonic() + 10)


def names(found: Discovery) -> list[str]:
    assert not found.problems
    return [each.name for each in found.addresses]


def test_what_is_labelled_and_can_be_read(github: GitHubServer, tmp_path: Path) -> None:
    github.repository("team/public", visibility="public")
    github.repository("team/granted", members={"pipe"})
    github.repository("team/private")
    github.repository("team/archived", visibility="public", archived=True)
    github.repository("team/other", ("x",), visibility="public")
    github.repository("ada/own", visibility="public")

    assert names(discover(github, tmp_path)) == ["team/granted", "team/public"]
    assert names(discover(github, tmp_path, groups=("ada",), prefix="gh/")) == ["gh/ada/own"]
    assert names(discover(github, tmp_path, groups=())) == ["ada/own", "team/granted", "team/public"]
    assert names(discover(github, tmp_path, token_variable=None)) == ["team/public"]


@pytest.mark.parametrize("groups", [("team",), ()])
def test_every_page_is_read(github: GitHubServer, tmp_path: Path, groups: tuple[str, ...]) -> None:
    for number in range(101):
        github.repository(f"team/{number:03}", visibility="public")

    assert len(names(discover(github, tmp_path, groups=groups))) == 101


@pytest.mark.parametrize(
    ("failure", "groups", "message"),
    [
        (Failure("repos", status=401, body='{"message": "Bad credentials"}'), ("team",), "refuses the token (401, Bad"),
        (Failure("repos", status=502, body="<html>"), ("team",), "has a failure of its own (502)"),
        (Failure("repos", status=200, body="<html>"), ("team",), "something that is not JSON"),
        (Failure("repos", status=200, body="{}"), ("team",), "no list of repositories"),
        (Failure("repos", status=200, body="[{}]"), ("team",), "no list of repositories"),
        (Failure("repos", "truncated"), ("team",), "broke off in the middle"),
        (Failure("x", status=404), ("nobody",), "knows nothing there (404, Not Found)"),
        (Failure("search", status=200, body='{"incomplete_results": true}'), (), "gave half of what it found"),
        (
            Failure("search", status=200, body='{"incomplete_results": false, "total_count": 1001}'),
            (),
            "finds more than 1000 repositories, and shows no more; name 'groups'",
        ),
    ],
)
def test_a_bad_day_is_a_failed_discovery(
    github: GitHubServer, tmp_path: Path, failure: Failure, groups: tuple[str, ...], message: str
) -> None:
    github.repository("team/x", visibility="public")
    github.failures.append(failure)

    found = discover(github, tmp_path, groups=groups)

    assert not found.addresses
    assert found.failed_sources
    assert message in str(found.problems[0])
    assert str(found.problems[0]).endswith("; its repositories stay as they were")


def test_heads_fetch_and_status(github: GitHubServer, tmp_path: Path) -> None:
    made = github.repository("team/x", members={"pipe"})
    commit = made.commit({"a": "1"})
    github.repository("team/empty", members={"pipe"})
    asked = source(github, tmp_path)
    addresses = asked.discover(time.monotonic() + 10).addresses

    heads = asked.heads(addresses, "master", time.monotonic() + 10)

    assert heads == {"team/x": RemoteHead(commit, "refs/heads/master", "master")}
    assert Mirror(tmp_path / "home", addresses[1], "master").fetch(30, heads["team/x"]).commit == commit
    asked.say(addresses[1], commit, CommitStatus(False, "no"), time.monotonic() + 10)
    assert github.statuses == [("team/x", commit, {"state": "failure", "context": "peach", "description": "no"})]
