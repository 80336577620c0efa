from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.git_host import Failure
from tests.gitlab_server import GitLabServer

from airflow_peach.authoring.platform.file import GitLabSourceSettings
from airflow_peach.repositories.mirror import FetchError, Mirror
from airflow_peach.repositories.remote import RemoteHead
from airflow_peach.repositories.sources.commit_status import CommitStatus
from airflow_peach.repositories.sources.gitlab import GitLabSource
from airflow_peach.repositories.sources.host_session import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_peach.repositories.sources.discovery import Discovery

STAYS = "; its repositories stay as they were"


def source(server: GitLabServer, home: Path, **more: Any) -> GitLabSource:
    settings = {"url": server.url, "token_variable": "GITLAB_TOKEN", **more}
    return GitLabSource(GitLabSourceSettings(**settings), home, None)


def discover(server: GitLabServer, home: Path, *, seconds: float = 10.0, **more: Any) -> Discovery:
    return source(server, home, **more).discover(time.monotonic() + seconds)


def names(found: Discovery) -> list[str]:
    assert not found.problems
    assert not found.failed_sources
    return [each.name for each in found.addresses]


def said(found: Discovery) -> str:
    """What is said of a discovery that failed."""
    assert not found.addresses
    (problem,) = found.problems
    assert found.failed_sources == {problem.place.repository}
    assert problem.cause.startswith("cannot be listed: ")
    assert problem.cause.endswith(STAYS)
    return problem.cause.removeprefix("cannot be listed: ").removesuffix(STAYS)


class TestList:
    def test_what_is_labelled_and_can_be_read(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.repository("team/public", visibility="public")
        gitlab.repository("team/internal", visibility="internal")
        gitlab.repository("team/granted", members={"pipe"})
        gitlab.repository("team/private")
        gitlab.repository("team/archived", visibility="public", archived=True)
        gitlab.repository("team/other", ("peach",), visibility="public")
        gitlab.repository("team/both", ("x", "peach-lab"), visibility="public")

        found = discover(gitlab, tmp_path)

        assert names(found) == ["team/both", "team/granted", "team/internal", "team/public"]
        assert [each.url for each in found.addresses][1] == f"{gitlab.url}/team/granted.git"
        assert names(discover(gitlab, tmp_path, topic="peach", prefix="second/")) == ["second/team/other"]

    def test_every_page_is_read(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        for number in range(230):
            gitlab.repository(f"team/{number:03}", visibility="internal")

        assert len(names(discover(gitlab, tmp_path))) == 230
        assert len(gitlab.requests("/api/v4/projects")) == 3
        assert len(names(discover(gitlab, tmp_path, groups=("team",)))) == 230

    def test_groups_and_their_subgroups(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        for path in ("a/x", "a/sub/x", "b/x", "c/x"):
            gitlab.repository(path, visibility="internal")

        assert names(discover(gitlab, tmp_path, groups=("a", "b"))) == ["a/sub/x", "a/x", "b/x"]
        assert names(discover(gitlab, tmp_path, groups=("a/sub", "a"))) == ["a/sub/x", "a/x"]

    def test_without_a_token_what_is_public(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.repository("team/public", visibility="public")
        gitlab.repository("team/internal", visibility="internal")

        assert names(discover(gitlab, tmp_path, token_variable=None)) == ["team/public"]
        assert {each.token for each in gitlab.seen} == {""}

    def test_none_is_none(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        assert names(discover(gitlab, tmp_path)) == []

    def test_a_list_that_moved_while_it_was_read_is_no_list(
        self, gitlab: GitLabServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(150):
            gitlab.repository(f"team/{number:03}", visibility="internal")
        listed = gitlab.api

        def shrinking(request: Any) -> Any:
            answer = listed(request)
            gitlab.repositories.pop("team/000", None)
            return answer

        monkeypatch.setattr(gitlab, "api", shrinking)

        assert "changed its list while it was read" in said(discover(gitlab, tmp_path, groups=("team",)))


class TestFailures:
    """Each of them is said, and is a failed discovery, never an empty one."""

    @pytest.mark.parametrize(
        ("failure", "message"),
        [
            (Failure("projects", status=500), "has a failure of its own (500, {}); the next sync asks again"),
            (Failure("projects", status=503, body="<html>"), "has a failure of its own (503, <html>)"),
            (Failure("projects", status=400, body='{"message": "bad topic"}'), "refuses to answer (400, bad topic)"),
            (Failure("projects", status=200, body="<html>Log in</html>"), "something that is not JSON"),
            (Failure("projects", status=200, body="{}"), "something that is no list of projects"),
            (Failure("projects", status=200, body="[null]"), "something that is no list of projects"),
            (
                Failure("projects", status=200, body='[{"id": 1}]'),
                "something that is no list of projects",
            ),
            (Failure("projects", status=200, body="null"), "something that is no list of projects"),
            (Failure("id_after", "truncated"), "broke off in the middle of its answer"),
            (Failure("id_after", status=502), "has a failure of its own (502"),
            (Failure("id_after", status=401), "refuses the token (401"),
            (Failure("projects", "hang"), "did not answer in time"),
            (Failure("id_after", "hang"), "did not answer in time"),
            (
                Failure("projects", "redirect", body="http://elsewhere.example.org/"),
                "leads to another host, http://elsewhere.example.org, which is not given the token",
            ),
            (
                Failure("projects", status=429, headers={"Retry-After": "100"}),
                "asks for a pause (429), and is asked again when that is over",
            ),
        ],
    )
    def test_a_bad_day(self, gitlab: GitLabServer, tmp_path: Path, failure: Failure, message: str) -> None:
        for number in range(101):
            gitlab.repository(f"team/{number:03}", visibility="internal")
        gitlab.failures.append(failure)

        assert message in said(discover(gitlab, tmp_path, seconds=1.0))

    def test_a_wrong_token(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.users.clear()

        message = said(discover(gitlab, tmp_path))

        assert message == (
            "refuses the token (401, 401 Unauthorized): it is wrong, revoked or expired; make a new one and put it "
            "into the environment variable GITLAB_TOKEN"
        )

    def test_an_expired_token(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        (user,) = gitlab.users.values()
        user.expired = True

        assert "refuses the token (401" in said(discover(gitlab, tmp_path))

    def test_a_token_without_the_right(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        (user,) = gitlab.users.values()
        user.scopes = frozenset()

        assert "forbids it (403, insufficient_scope): the token lacks a right" in said(discover(gitlab, tmp_path))

    def test_a_group_that_is_not_there(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        assert "knows nothing there (404, 404 Group Not Found)" in said(discover(gitlab, tmp_path, groups=("no",)))

    def test_nobody_listens(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.__exit__()

        assert said(discover(gitlab, tmp_path)) == "cannot be reached: Connection refused"

    def test_a_variable_that_is_not_set(
        self, gitlab: GitLabServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("GITLAB_TOKEN")

        assert "the environment variable GITLAB_TOKEN has no token" in said(discover(gitlab, tmp_path))

    def test_a_connection_where_there_are_none(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        message = said(discover(gitlab, tmp_path, token_variable=None, connection="gitlab"))

        assert message == "the token is in the Airflow connection gitlab, and there is no Airflow here"

    def test_a_short_pause_is_waited_for(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.repository("team/x", visibility="internal")
        gitlab.failures.append(Failure("projects", status=429, headers={"Retry-After": "1"}, times=1))
        began = time.monotonic()

        assert names(discover(gitlab, tmp_path)) == ["team/x"]
        assert time.monotonic() - began >= 1

    def test_a_long_pause_is_kept_by_the_next_sync_too(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.failures.append(Failure("projects", status=429, headers={"Retry-After": "100"}, times=1))
        discover(gitlab, tmp_path)
        asked = len(gitlab.seen)

        assert "asks for a pause (429)" in said(discover(gitlab, tmp_path))
        assert len(gitlab.seen) == asked


class TestHeads:
    def ask(self, server: GitLabServer, home: Path, branch: str = "master") -> dict[str, RemoteHead]:
        asked = source(server, home)
        addresses = asked.discover(time.monotonic() + 10).addresses
        return dict(asked.heads(addresses, branch, time.monotonic() + 10))

    def test_a_hundred_in_one_question(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        commits = {}
        for number in range(103):
            made = gitlab.repository(f"team/{number:03}", visibility="internal")
            if number < 5:
                commits[made.path] = made.commit({"a": str(number)})

        heads = self.ask(gitlab, tmp_path)

        assert {name: head.commit for name, head in heads.items()} == commits
        assert len(gitlab.requests("graphql")) == 2

    def test_the_branch_or_else_the_default(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        made = gitlab.repository("team/x", visibility="internal")
        main, other = made.commit({"a": "1"}), made.commit({"b": "1"}, branch="other")

        assert self.ask(gitlab, tmp_path, "other") == {"team/x": RemoteHead(other, "refs/heads/other", "other")}
        assert self.ask(gitlab, tmp_path, "none") == {"team/x": RemoteHead(main, "refs/heads/master", "master")}

    def test_without_graphql_git_is_asked(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.repository("team/x", visibility="internal").commit({"a": "1"})
        gitlab.failures.append(Failure("graphql", status=200, body='{"errors": [{"message": "too complex"}]}'))

        assert self.ask(gitlab, tmp_path) == {}

    def test_a_host_that_has_enough_is_not_asked_by_git_instead(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        gitlab.repository("team/x", visibility="internal").commit({"a": "1"})
        gitlab.failures.append(Failure("graphql", status=429, headers={"Retry-After": "100"}))

        with pytest.raises(HostError, match="asks for a pause"):
            self.ask(gitlab, tmp_path)


class TestFetch:
    def mirror(self, server: GitLabServer, home: Path, name: str = "team/x") -> Mirror:
        addresses: Sequence[Any] = discover(server, home).addresses
        return Mirror(home, next(each for each in addresses if each.name == name), "master")

    def test_a_private_project_is_cloned_with_the_token_that_nobody_sees(
        self, gitlab: GitLabServer, tmp_path: Path
    ) -> None:
        made = gitlab.repository("team/x", members={"pipe"})
        made.commit({"a": "1"})
        commit = made.commit({"a": "2"})
        mirror = self.mirror(gitlab, tmp_path / "home")

        assert mirror.fetch(20).commit == commit

        token = next(iter(gitlab.users))
        assert {each.token for each in gitlab.requests(r"\.git/")} == {"", token}  # git asks as a stranger first
        files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if token.encode() in path.read_bytes()]
        assert token not in repr(mirror.address)

    def test_a_project_without_access(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        made = gitlab.repository("team/x", members={"pipe"})
        made.commit({"a": "1"})
        mirror = self.mirror(gitlab, tmp_path)
        made.members.clear()

        with pytest.raises(FetchError, match="not found"):
            mirror.fetch(20)

    def test_a_redirect_to_another_host_gets_no_token(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        made = gitlab.repository("team/x", members={"pipe"})
        made.commit({"a": "1"})
        mirror = self.mirror(gitlab, tmp_path)
        with GitLabServer(tmp_path / "thief") as thief:
            thief.repository("team/x")
            target = f"{thief.url}/team/x.git/info/refs?service=git-upload-pack"
            gitlab.failures.append(Failure("info/refs", "redirect", body=target))

            with pytest.raises(FetchError):
                mirror.fetch(20)

            assert thief.seen
            assert {each.token for each in thief.seen} == {""}


class TestStatus:
    def test_it_stands_on_the_commit(self, gitlab: GitLabServer, tmp_path: Path) -> None:
        commit = gitlab.repository("team/x", members={"pipe"}).commit({"a": "1"})
        asked = source(gitlab, tmp_path)
        (address,) = asked.discover(time.monotonic() + 10).addresses

        asked.say(address, commit, CommitStatus(True, "3 tasks in loop debr", "https://t.org/"), time.monotonic() + 10)
        asked.say(address, commit, CommitStatus(False, "no"), time.monotonic() + 10)

        good = {"state": "success", "description": "3 tasks in loop debr", "target_url": "https://t.org/"}
        assert gitlab.statuses == [
            ("team/x", commit, {"name": "peach", **good}),
            ("team/x", commit, {"name": "peach", "state": "failed", "description": "no"}),
        ]
