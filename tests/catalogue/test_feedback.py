from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.catalogue.test_gathering import configure
from tests.git_host import Failure

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue import feedback
from airflow_peach.catalogue.feedback import commit_status
from airflow_peach.catalogue.model import Catalogue, Organisation, RepositoryStatus, Task
from airflow_peach.catalogue.store import read_organisations
from airflow_peach.catalogue.sync import sync
from airflow_peach.repositories.sources.commit_status import CommitStatus

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gitlab_server import GitLabServer

    from airflow_peach.settings import Settings

REPOSITORY = RepositoryStatus("team/x", "", head="a" * 40, codops=("debr",))


def task(name: str, loop: str = "debr", repository: str = "team/x") -> Task:
    return Task("debr", name, loop, repository, "peach.yaml", 1, "n.ipynb", "task")


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "no tasks"),
        ([task("a")], "1 task in loop debr"),
        ([task("a"), task("b"), task("c", "metadata")], "2 tasks in loop debr, 1 task in loop metadata"),
        ([task("a"), task("b", repository="team/y")], "1 task in loop debr"),
    ],
)
def test_what_is_said_of_a_good_commit(tasks: list[Task], said: str) -> None:
    catalogue = Catalogue({"debr": Organisation("debr", tasks=tuple(tasks))})

    assert commit_status(REPOSITORY, catalogue, "") == CommitStatus(True, said)
    assert commit_status(REPOSITORY, catalogue, "https://a.org/x").target_url == "https://a.org/x?org=debr"


def test_what_is_said_of_a_bad_commit() -> None:
    place = Place("team/x", "aaaaaaaa", "peach.yaml", 3, 5)
    first = Problem(place, "tasks.x.notebok", "unknown key", "did you mean 'notebook'?")
    second = Problem(replace(place, line=9), "", "y" * 300)

    assert commit_status(replace(REPOSITORY, problems=(first,)), Catalogue(), "") == CommitStatus(
        False, "peach.yaml:3:5: tasks.x.notebok: unknown key; did you mean 'notebook'?"
    )
    said = commit_status(replace(REPOSITORY, problems=(second, first)), Catalogue(), "").description
    assert said.endswith("did you mean 'notebook'? (and 1 more)")
    assert len(commit_status(replace(REPOSITORY, problems=(second,)), Catalogue(), "").description) == 140


@pytest.fixture
def told(gitlab: GitLabServer, settings: Settings, tmp_path: Path) -> Settings:
    platform_file = tmp_path / "platform.yaml"
    platform_file.write_text(
        f"sources: [{{gitlab: {{url: '{gitlab.url}', token_variable: GITLAB_TOKEN, feedback: true}}}}]\n"
        "organisations: {debr: {repositories: [team/*]}}\n"
    )
    return replace(settings, platform_file=platform_file, tasks_page="https://a.org/tasks")


def said(gitlab: GitLabServer) -> list[tuple[str, str, str]]:
    return [(path, data["state"], data["description"]) for path, _, data in gitlab.statuses]


def test_each_head_is_told_once(gitlab: GitLabServer, told: Settings, caplog: pytest.LogCaptureFixture) -> None:
    good = gitlab.repository("team/good", members={"pipe"})
    first = configure(good, "debr", "a", "b")
    foreign = gitlab.repository("other/x", members={"pipe"})
    configure(foreign, "debr", "c")

    for _ in range(2):
        sync(told)

    assert caplog.text.count("ALERT: other/x@") == 1  # to the operator
    assert read_organisations(told.home / "catalogue")[0].keys() == {"debr"}
    (other, state, description), about_good = sorted(said(gitlab))
    assert about_good == ("team/good", "success", "2 tasks in loop debr")
    assert (other, state) == ("other/x", "failed")
    assert "codops: repository other/x may not speak for debr; ask the platform's operator to add it" in description
    assert {each[1] for each in gitlab.statuses if each[0] == "team/good"} == {first}
    (target,) = {each[2].get("target_url") for each in gitlab.statuses if each[0] == "team/good"}
    assert target == "https://a.org/tasks?org=debr"

    gitlab.statuses.clear()
    good.commit({"peach.yaml": "codops: debr\ntasks: {a: {notebok: n.ipynb, method: task}}\n"})
    sync(told)
    ((path, state, description),) = said(gitlab)
    assert (path, state) == ("team/good", "failed")
    assert "tasks.a.notebok: unknown key; did you mean 'notebook'?" in description


def test_what_cannot_be_said_is_logged_and_said_later_and_fails_nothing(
    gitlab: GitLabServer, told: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(gitlab.repository("team/x", members={"pipe"}), "debr", "a")
    gitlab.failures.append(Failure("statuses", status=403, body='{"message": "403 Forbidden"}'))

    report = sync(told)

    assert (report.organisations, report.problems) == (("debr",), ())
    assert "1 of 1 commit statuses could not be set; the first: forbids it (403, 403 Forbidden)" in caplog.text
    asked = len(gitlab.requests("statuses"))
    sync(told)  # not again at once
    assert len(gitlab.requests("statuses")) == asked

    monkeypatch.setattr(feedback, "_FIRST_RETRY_SECONDS", 0.0)
    kept: Any = json.loads((told.home / "feedback.json").read_text())
    kept["team/x"]["again_at"] = 0
    (told.home / "feedback.json").write_text(json.dumps(kept))
    gitlab.failures.clear()
    sync(told)
    assert said(gitlab) == [("team/x", "success", "1 task in loop debr")]


def test_a_damaged_memory_says_everything_once_more(gitlab: GitLabServer, told: Settings) -> None:
    configure(gitlab.repository("team/x", members={"pipe"}), "debr", "a")
    sync(told)
    (told.home / "feedback.json").write_text('{"team/x": ')

    sync(told)
    sync(told)

    assert len(gitlab.statuses) == 2
