"""Syncs with a GitLab, on good days and on bad ones."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.catalogue.conftest import NOTEBOOK
from tests.git_host import Failure, wait_until

from airflow_peach.catalogue import gathering
from airflow_peach.catalogue.store import current_snapshot, read_catalogue, read_statuses
from airflow_peach.catalogue.sync import SyncReport, sync
from airflow_peach.repositories import git_environment
from airflow_peach.repositories.sources import host_source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.git_host import HostedRepository
    from tests.gitlab_server import GitLabServer

    from airflow_peach.settings import Settings


def configure(repository: HostedRepository, codops: str, *tasks: str) -> str:
    lines = [f"codops: {codops}", "tasks:", *(f"  {task}: {{notebook: n.ipynb, method: task}}" for task in tasks)]
    return repository.commit({"peach.yaml": "\n".join([*lines, ""]), "n.ipynb": NOTEBOOK})


def tasks(settings: Settings, codops: str = "debr") -> list[str]:
    organisation = read_catalogue(settings.home).organisations.get(codops)
    return [task.name for task in organisation.tasks] if organisation else []


@pytest.fixture
def with_gitlab(gitlab: GitLabServer, settings: Settings, source: Path, tmp_path: Path) -> Settings:
    """Settings with two sources: the directory `source`, and the GitLab."""
    platform_file = tmp_path / "platform.yaml"
    platform_file.write_text(
        f"sources:\n  - directory: {source}\n  - gitlab: {{url: '{gitlab.url}', token_variable: GITLAB_TOKEN}}\n"
    )
    return replace(settings, platform_file=platform_file)


class TestFound:
    def test_what_is_labelled_runs_and_what_is_not_any_more_is_said(
        self, gitlab: GitLabServer, with_gitlab: Settings
    ) -> None:
        labelled = gitlab.repository("team/labelled", visibility="internal")
        granted = gitlab.repository("team/granted", members={"pipe"})
        archived = gitlab.repository("team/archived", visibility="public")
        private = gitlab.repository("team/private")
        for name, repository in zip("abcd", (labelled, granted, archived, private), strict=True):
            configure(repository, "debr", name)

        first = sync(with_gitlab)

        assert (tasks(with_gitlab), first.gone, first.problems) == (["c", "b", "a"], (), ())
        labelled.topics.clear()
        granted.members.clear()
        archived.archived = True
        private.visibility = "internal"
        second = sync(with_gitlab)
        assert tasks(with_gitlab) == ["d"]
        assert [(each.name, each.tasks) for each in second.gone] == [
            ("team/archived", ("debr/c",)),
            ("team/granted", ("debr/b",)),
            ("team/labelled", ("debr/a",)),
        ]
        assert str(second.gone[2]) == (
            f"team/labelled is no longer in {gitlab.url}: deleted, archived, without the label or without access; "
            "its tasks leave the loops: debr/a"
        )

    def test_no_change_is_two_questions(self, gitlab: GitLabServer, with_gitlab: Settings) -> None:
        for number in range(5):
            configure(gitlab.repository(f"team/{number}", visibility="internal"), "debr", f"t{number}")
        sync(with_gitlab)
        gitlab.seen.clear()

        report = sync(with_gitlab)

        assert (report.changed, len(report.repositories)) == ((), 5)
        assert sorted(each.path.partition("?")[0] for each in gitlab.seen) == ["/api/graphql", "/api/v4/projects"]

    def test_a_change_is_one_fetch_of_one_repository(self, gitlab: GitLabServer, with_gitlab: Settings) -> None:
        made = [gitlab.repository(f"team/{number}", visibility="internal") for number in range(3)]
        for number, repository in enumerate(made):
            configure(repository, "debr", f"t{number}")
        sync(with_gitlab)
        gitlab.seen.clear()
        commit = configure(made[1], "debr", "new")

        sync(with_gitlab)

        assert tasks(with_gitlab) == ["t0", "new", "t2"]
        assert read_statuses(with_gitlab.home)["team/1"].head == commit
        assert {each.path.partition(".git")[0] for each in gitlab.requests(r"\.git/")} == {"/team/1"}

    def test_without_graphql_each_is_asked(self, gitlab: GitLabServer, with_gitlab: Settings) -> None:
        gitlab.graphql = False
        made = gitlab.repository("team/x", visibility="internal")
        configure(made, "debr", "a")
        assert sync(with_gitlab).problems == ()

        configure(made, "debr", "b")

        assert sync(with_gitlab).problems == ()
        assert tasks(with_gitlab) == ["b"]


class TestBadDays:
    @pytest.mark.parametrize(
        "failure",
        [
            Failure("projects", status=401),
            Failure("projects", status=403),
            Failure("projects", status=503),
            Failure("projects", "truncated"),
            Failure("projects", status=200, body="<html>"),
            Failure("projects", status=429, headers={"Retry-After": "1000"}),
            Failure("graphql", status=429, headers={"Retry-After": "1000"}),
        ],
        ids=lambda failure: f"{failure.pattern}-{failure.kind}-{failure.status}",
    )
    def test_what_could_not_be_listed_stays_and_is_said_in_the_same_words(
        self, gitlab: GitLabServer, with_gitlab: Settings, failure: Failure
    ) -> None:
        configure(gitlab.repository("team/x", visibility="internal"), "debr", "a")
        sync(with_gitlab)
        before = read_statuses(with_gitlab.home)
        gitlab.failures.append(failure)

        reports = [sync(with_gitlab) for _ in range(3)]

        for report in reports:
            assert tasks(with_gitlab) == ["a"]
            assert report.gone == ()
            (problem,) = report.problems
            assert str(problem).startswith(f"{gitlab.url}: cannot be ")
            assert problem.cause.endswith("; its repositories stay as they were")
        assert read_statuses(with_gitlab.home) == before
        # Said in the same words, a lasting failure makes no new version of the catalogue in each sync.
        assert reports[1].version == reports[2].version

    def test_other_groups_and_a_failure_at_once_remove_nothing(
        self, gitlab: GitLabServer, with_gitlab: Settings
    ) -> None:
        configure(gitlab.repository("team/x", visibility="internal"), "debr", "a")
        sync(with_gitlab)
        assert with_gitlab.platform_file is not None
        text = with_gitlab.platform_file.read_text()
        with_gitlab.platform_file.write_text(text.replace("{url", "{groups: [team], url"))
        gitlab.failures.append(Failure("projects", status=500))

        assert len(sync(with_gitlab).problems) == 1
        assert tasks(with_gitlab) == ["a"]

        gitlab.failures.clear()
        assert sync(with_gitlab).problems == ()
        assert tasks(with_gitlab) == ["a"]

    def test_a_name_is_not_taken_over_while_its_source_is_away(
        self, gitlab: GitLabServer, with_gitlab: Settings, make_team: Any, source: Path
    ) -> None:
        make_team("x").configure("debr", "mine")
        sync(with_gitlab)
        configure(gitlab.repository("x", visibility="internal"), "debr", "stolen")
        source.rename(source.with_name("unmounted"))

        sync(with_gitlab)

        assert tasks(with_gitlab) == ["mine"]

    @pytest.mark.parametrize("where", ["projects", "graphql", "info/refs"])
    def test_a_host_that_hangs_slows_no_other(
        self, gitlab: GitLabServer, with_gitlab: Settings, make_team: Any, where: str
    ) -> None:
        team = make_team("team")
        team.configure("debr", "old")
        configure(gitlab.repository("g/x", visibility="internal"), "debr", "a")
        gitlab.graphql = where == "graphql"
        sync(with_gitlab)
        team.configure("debr", "new")
        gitlab.failures.append(Failure(where, "hang", seconds=300))
        reports: list[SyncReport] = []
        # The time limit is far beyond what this test waits for the other host's change.
        patient = replace(with_gitlab, fetch_timeout_seconds=600.0)
        thread = threading.Thread(target=lambda: reports.append(sync(patient)), daemon=True)

        thread.start()

        wait_until(lambda: tasks(with_gitlab) == ["a", "new"], 60)
        assert thread.is_alive()
        gitlab.__exit__()
        thread.join(60)
        assert not thread.is_alive()
        assert tasks(with_gitlab) == ["a", "new"]
        assert reports[0].gone == ()

    def test_many_repositories_of_a_host_that_hangs_cost_one_time_limit(
        self, gitlab: GitLabServer, with_gitlab: Settings
    ) -> None:
        gitlab.graphql = False
        for number in range(40):
            configure(gitlab.repository(f"g/{number:02}", visibility="internal"), "debr", f"t{number:02}")
        sync(with_gitlab)
        gitlab.failures.append(Failure("info/refs", "hang", seconds=300))
        began = time.monotonic()

        report = sync(replace(with_gitlab, fetch_timeout_seconds=4.0))

        # Five rounds of eight would take 20 s.
        assert time.monotonic() - began < 15
        assert len(tasks(with_gitlab)) == 40
        errors = [each.error for each in report.repositories]
        assert sum("no answer within 4 s" in error for error in errors) <= 8
        assert sum("does not answer" in error for error in errors) >= 32
        gitlab.failures.clear()
        assert not [each.error for each in sync(with_gitlab).repositories if each.error]

    def test_a_host_that_stays_silent_is_only_asked_whether_it_is_back(
        self, gitlab: GitLabServer, with_gitlab: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(host_source, "SILENCE_SECONDS", 2.0)
        monkeypatch.setattr(host_source, "_PROBE_SECONDS", 0.3)
        configure(gitlab.repository("team/x", visibility="internal"), "debr", "a")
        sync(with_gitlab)
        gitlab.failures.append(Failure("projects", "hang"))

        reports = [sync(with_gitlab) for _ in range(2)]

        assert reports[0].seconds > 2 > reports[1].seconds
        assert reports[0].problems == reports[1].problems
        gitlab.failures.clear()
        assert sync(with_gitlab).problems == ()
        gitlab.failures.append(Failure("projects", "hang"))
        assert sync(with_gitlab).seconds > 2
        assert tasks(with_gitlab) == ["a"]

    def test_git_that_hangs_while_the_api_answers(
        self, gitlab: GitLabServer, with_gitlab: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(gathering, "_PROBE_SECONDS", 0.5)
        patience = tmp_path / "git.config"
        patience.write_text(git_environment.CONFIGURATION.read_text().replace("lowSpeedTime = 20", "lowSpeedTime = 2"))
        monkeypatch.setitem(git_environment._FIXED, "GIT_CONFIG_GLOBAL", str(patience))
        made = gitlab.repository("team/x", visibility="internal")
        configure(made, "debr", "a")
        sync(with_gitlab)
        configure(made, "debr", "b")
        gitlab.failures.append(Failure(r"\.git/", "hang"))
        gitlab.seen.clear()

        first, second = sync(with_gitlab), sync(with_gitlab)

        assert [len(each.path.partition(".git/")[2]) > 0 for each in gitlab.requests(r"\.git/")] == [True, True]
        assert [status.silent for status in first.repositories] == [True]
        assert first.repositories[0].error.endswith("/team/x.git: no answer for 20 s")
        assert second.seconds < 2
        assert list((with_gitlab.home / "mirrors").glob("*.corrupt")) == []
        gitlab.failures.clear()
        sync(with_gitlab)
        assert tasks(with_gitlab) == ["b"]


# What a sync child of the DAG bundle does, on a home that several hosts share.
SYNC = """
import sys
from pathlib import Path
from airflow_peach.catalogue.sync import sync
from airflow_peach.settings import load_settings
sync(load_settings(home=Path(sys.argv[1]), platform_file=Path(sys.argv[2])))
"""


def test_two_at_once_and_one_killed_in_the_middle(gitlab: GitLabServer, with_gitlab: Settings) -> None:
    for number in range(6):
        configure(gitlab.repository(f"g/{number}", visibility="internal"), "debr", f"t{number}")
    sync(with_gitlab)
    versions = {current_snapshot(with_gitlab.home)}
    argv = [sys.executable, "-c", SYNC, str(with_gitlab.home), str(with_gitlab.platform_file)]
    for number, delay_seconds in enumerate((0.6, 1.0, 1.5)):
        configure(gitlab.repositories["g/3"], "debr", f"changed{number}")
        killed, other = subprocess.Popen(argv), subprocess.Popen(argv)
        time.sleep(delay_seconds)
        killed.kill()
        killed.wait()
        assert other.wait(120) == 0
        expected = ["t0", "t1", "t2", f"changed{number}", "t4", "t5"]
        assert tasks(with_gitlab) == expected
        versions.add(current_snapshot(with_gitlab.home))
    assert len(versions) == 4
