"""The head of the moment, and what of it is to run, on real repositories."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.team import Team, make_team, notebook, synced

from airflow_peach.catalogue.sync import sync
from airflow_peach.execution.head import NoHeadError, ProgramError, SupersededError, fetch_head, read_program
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.authoring.program import Program
    from airflow_peach.catalogue.model import Task
    from airflow_peach.execution.code_source import Code

CONFIGURATION = """
    codops: debr
    tasks:
      first:
        notebook: jobs/job.py
        method: task
        args: {word: one, ratio: .nan, day: 2024-02-29}
"""
CODE = "def task(word, ratio, day):\n    return word\n"


@dataclass
class World:
    """One repository that was synced, and the task of it that a loop knows."""

    settings: Settings
    source: Path
    team: Team
    said: list[str] = field(default_factory=list)

    @property
    def task(self) -> Task:
        (task,) = synced(self.settings, self.source).tasks
        return task

    def head(self) -> Code:
        return fetch_head(self.settings, "work", self.said.append)

    def program(self, task: Task, **args: Any) -> Program:
        return read_program(self.head(), task, {**task.args, **args})


@pytest.fixture
def world(tmp_path: Path) -> World:
    source = tmp_path / "source"
    team = make_team(source / "work", {"peach.yaml": CONFIGURATION, "jobs/job.py": CODE})
    return World(load_settings(home=tmp_path / "home"), source, team)


def test_the_head_is_that_of_the_moment(world: World) -> None:
    task = world.task
    assert [cell.source for cell in world.program(task).cells] == [CODE]
    version = world.team.commit({"jobs/job.py": CODE.replace("return word", "return 2")})[:8]
    head = world.head()
    assert (head.version, head.repository) == (version, "work")
    assert head.commit.startswith(version)
    (cell,) = read_program(head, task, task.args).cells
    assert "return 2" in cell.source
    assert world.said == []


def test_the_last_known_head_stands_in_for_a_remote_that_does_not_answer(world: World) -> None:
    task = world.task
    before = world.head()
    world.team.path.rename(world.team.path.with_name("elsewhere"))
    assert world.head().commit == before.commit
    (warning,) = world.said
    assert warning.startswith("WARNING: work: cannot be fetched from ")
    assert f"running the last known commit {before.version} of 20" in warning
    assert world.program(task).method == "task"


def test_a_repository_that_left_the_sources_has_no_head(world: World) -> None:
    assert world.task
    world.team.path.rename(world.source.with_name("taken-out"))
    sync(world.settings, source=world.source)
    with pytest.raises(NoHeadError, match="repository work is no longer among the platform's sources"):
        world.head()


@pytest.mark.parametrize("text", [None, "{", "[]", '{"repositories": {"work": {}}, "problems": []}'])
def test_the_last_known_head_stands_in_for_a_damaged_catalogue(world: World, text: str | None) -> None:
    before = (world.task, world.head())[1]
    file = world.settings.home / "catalogue" / "repositories.json"
    file.unlink() if text is None else file.write_text(text)

    assert world.head().commit == before.commit
    (warning,) = world.said
    assert warning.startswith(f"WARNING: {file}: ")
    assert f"running the last known commit {before.version} of 20" in warning

    (world.settings.home / "mirrors").rename(world.settings.home / "lost")
    with pytest.raises(NoHeadError, match=r"repositories\.json: .*; there is no earlier commit of work to run"):
        world.head()


def test_a_repository_that_was_never_fetched_has_no_head(world: World) -> None:
    assert world.task
    (world.settings.home / "mirrors").rename(world.settings.home / "lost")
    world.team.path.rename(world.team.path.with_name("elsewhere"))
    with pytest.raises(NoHeadError, match=r"cannot be fetched from .*; there is no earlier commit of work to run"):
        world.head()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            {"jobs/job.py": None, "other/job.py": CODE},
            "jobs/job.py: no such file in the repository; did you mean 'other/job.py'?",
            id="notebook missing",
        ),
        pytest.param(
            {"jobs/job.py": "def tusk(word, ratio, day): pass\n"},
            "entry function 'task' not found in jobs/job.py; did you mean 'tusk'?; functions there: tusk",
            id="function missing",
        ),
        pytest.param({"jobs/job.py": "def task(:\n"}, "has a syntax error at line 1", id="syntax"),
        pytest.param(
            {"jobs/job.py": "def task(word, ratio): pass\n"},
            "unexpected argument 'day' of task(); task() takes word, ratio",
            id="arguments",
        ),
    ],
)
def test_code_that_cannot_run_is_told_with_version_and_remedy(
    world: World, files: dict[str, str | None], message: str
) -> None:
    task = world.task
    version = world.team.commit(files)[:8]
    with pytest.raises(ProgramError) as raised:
        world.program(task)
    assert str(raised.value).startswith(f"work@{version}: ")
    assert message in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301 - our own


def test_a_notebook_that_is_not_json_is_told(world: World) -> None:
    world.team.commit({"n.ipynb": notebook(CODE), "peach.yaml": CONFIGURATION.replace("jobs/job.py", "n.ipynb")})
    task = world.task
    version = world.team.commit({"n.ipynb": "print(1)\n"})[:8]
    with pytest.raises(ProgramError, match=rf"work@{version}: n\.ipynb:1:1: not a notebook: not JSON"):
        world.program(task)


def test_arguments_of_a_triggered_run_are_checked_too(world: World) -> None:
    task = world.task
    with pytest.raises(ProgramError, match="unexpected argument 'wrod' of task\\(\\); did you mean 'word'\\?"):
        world.program(task, wrod="x")


# What took the place of the loop's definition, while that one can no longer run.
GONE: dict[str, str | None] = {"jobs/job.py": None}
OTHER_CODE: dict[str, str | None] = {"jobs/job.py": "def task(name): pass\n"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**GONE, "peach.yaml": "codops: debr\ntasks: {}\n"}, "is no longer defined in work@"),
        ({**GONE, "peach.yaml": None}, "is no longer defined in work@"),
        ({**GONE, "peach.yaml": CONFIGURATION.replace("debr", "sesr")}, "is no longer defined in work@"),
        (
            {**GONE, "new.py": CODE, "peach.yaml": CONFIGURATION.replace("jobs/job.py", "new.py")},
            "is defined otherwise in work@",
        ),
        (
            {
                **OTHER_CODE,
                "peach.yaml": CONFIGURATION.replace("{word: one, ratio: .nan, day: 2024-02-29}", "{name: x}"),
            },
            "is defined otherwise in work@",
        ),
    ],
    ids=["task removed", "file removed", "given to another organisation", "another notebook", "other arguments"],
)
def test_a_definition_that_changed_with_its_code_is_superseded(
    world: World, files: dict[str, str | None], message: str
) -> None:
    task = world.task
    version = world.team.commit(files)[:8]
    with pytest.raises(SupersededError) as raised:
        world.program(task)
    assert str(raised.value).startswith("task first ")
    assert message + version in str(raised.value)


def test_a_task_that_moved_to_another_file_is_the_same_task(world: World) -> None:
    task = world.task
    world.team.commit({"peach.yaml": None, "peach.conf/a.yaml": CONFIGURATION, **GONE})
    with pytest.raises(ProgramError, match="no such file"):
        world.program(task)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("codops: debr\ntasks: {first: [\n", id="with its codops"),
        pytest.param("\tcodops debr\n", id="without a codops"),
        pytest.param("", id="empty"),
        pytest.param("codops: debr\ntasks: {first: {notebook: other.py}}\n", id="invalid task"),
    ],
)
def test_an_unreadable_definition_hides_no_failure(world: World, broken: str) -> None:
    """The catalogue keeps the last valid one, so what is wrong with that one is to be seen."""
    task = world.task
    version = world.team.commit({**GONE, "peach.yaml": broken})[:8]
    with pytest.raises(ProgramError, match=f"work@{version}: jobs/job.py: no such file"):
        world.program(task)
    # As the next sync sees it.
    kept = world.task
    assert (kept.notebook, kept.stale) == ("jobs/job.py", True)


def test_another_file_that_is_broken_does_not_keep_a_removed_task(world: World) -> None:
    task = world.task
    broken = {"peach.yaml": "codops: debr\ntasks: {}\n", "peach.conf/b.yaml": "codops: debr\ntasks: ["}
    world.team.commit({**GONE, **broken})
    with pytest.raises(SupersededError, match="is no longer defined"):
        world.program(task)


def test_an_old_definition_that_still_runs_is_run(world: World) -> None:
    """A run keeps the definitions it began with; only the code is the head's."""
    task = world.task
    world.team.commit({"peach.yaml": CONFIGURATION.replace("word: one", "word: two")})
    assert world.program(task).method == "task"
