"""One execution from beginning to end: real repositories, environments and processes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.team import Team, make_team, notebook, synced

from airflow_peach.catalogue.sync import sync
from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.environments.store import EnvironmentBuildError
from airflow_peach.execution.task_run import (
    Outcome,
    TaskRun,
    needs_kernel,
    run_task,
)
from airflow_peach.settings import Settings, load_settings
from airflow_peach.storage import locked

from .conftest import marked_processes, needs_bubblewrap, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_peach.catalogue.model import Organisation

CONFIGURATION = """
    codops: debr
    tasks:
      first: {notebook: job.py, method: task, args: {word: one}}
"""
CODE = "def task(word):\n    print('the word is', word)\n    return word\n"


@dataclass
class Ran:
    """What one call of ``run_task`` did."""

    log: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    outcome: Outcome | None = None

    @property
    def reason(self) -> str:
        assert self.outcome is not None
        return self.outcome.reason

    @property
    def status(self) -> str:
        assert self.outcome is not None
        return self.outcome.status

    @property
    def value(self) -> Any:
        assert self.outcome is not None
        return self.outcome.value


@dataclass
class World:
    """A platform with one repository."""

    settings: Settings
    source: Path
    team: Team

    def organisation(self) -> Organisation:
        return synced(self.settings, self.source)

    def run(
        self,
        organisation: Organisation | None = None,
        *,
        limit_seconds: float = 60.0,
        label: str = "manual-1",
        loop: str = "debr",
        args: Mapping[str, Any] | None = None,
        into: Ran | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Ran:
        """Run the first task of ``organisation`` as a loop that began with it would."""
        organisation = organisation or self.organisation()
        ran = into or Ran()

        def emit(line: str) -> None:
            ran.log.append(line)
            if on_line is not None:
                on_line(line)

        ran.outcome = run_task(
            TaskRun(organisation, organisation.tasks[0], loop, label, limit_seconds, args or {}),
            self.settings,
            PlatformEnvironments(self.settings),
            emit=emit,
            keep=lambda record: ran.records.append(dict(record)),
        )
        return ran

    def folders(self) -> list[Path]:
        """The folders of executions that are there now."""
        return sorted((self.settings.home / "executions").iterdir())


@pytest.fixture
def world(tmp_path: Path) -> World:
    source = tmp_path / "source"
    team = make_team(source / "work", {"peach.yaml": CONFIGURATION, "job.py": CODE})
    return World(load_settings(home=tmp_path / "home", grace_seconds=0.5), source, team)


def test_each_run_executes_the_head_of_its_moment_without_any_sync(world: World) -> None:
    organisation = world.organisation()
    first = world.run(organisation)
    version = world.team.commit({"job.py": CODE.replace("the word is", "changed:")})[:8]
    second = world.run(organisation)
    assert (first.status, first.reason, first.value) == ("success", "ok", "one")
    assert "the word is one" in first.log
    assert "changed: one" in second.log
    assert f"debr/first: work@{version}:job.py task()" in second.log
    assert first.records[-1]["version"] != second.records[-1]["version"] == version


def test_an_environment_that_is_missing_is_built_on_the_spot_and_then_found(world: World) -> None:
    organisation = world.organisation()
    first = world.run(organisation)
    assert "there is no environment yet: building it first" in first.log
    second = world.run(organisation)
    assert not [line for line in second.log if "environment" in line and "WARNING" not in line]
    assert first.records[-1]["environment"] == second.records[-1]["environment"]
    assert first.records[-1]["environment_seconds"] > second.records[-1]["environment_seconds"]


def test_the_record_has_all_figures_in_the_end(world: World) -> None:
    ran = world.run()
    first, *_, last = ran.records
    assert {"repository", "notebook", "version", "commit"} == set(first)
    assert (last["repository"], last["notebook"], last["reason"]) == ("work", "job.py", "ok")
    assert last["commit"].startswith(last["version"])
    assert (last["exit_code"], len(last["environment"])) == (0, 64)
    assert 0 < last["cpu_seconds"] < 30
    assert 0 < last["run_seconds"] < 60
    assert last["peak_memory_bytes"] > 1_000_000
    assert "value" not in last
    json.dumps(last, allow_nan=False)


def test_arguments_are_merged_and_keep_their_types(world: World) -> None:
    world.team.commit(
        {
            "peach.yaml": """
            codops: debr
            tasks:
              first:
                notebook: job.py
                method: task
                args: {day: 2024-02-29, at: 2024-02-29T12:30:00, ratio: .nan, word: one, nested: {a: [1, 2.5, text]}}
            """,
            "job.py": """
            import datetime, math
            def task(day, at, ratio, word, nested, more=None):
                assert type(day) is datetime.date, day
                assert type(at) is datetime.datetime, at
                assert math.isnan(ratio) and math.isinf(more)
                return [str(day), word, nested]
            """,
        }
    )
    ran = world.run(args={"word": "given", "more": math.inf})
    assert ran.value == ["2024-02-29", "given", {"a": [1, 2.5, "text"]}], ran.log
    day = world.organisation().tasks[0].args["day"]
    assert day == dt.date(2024, 2, 29)


def test_an_unreachable_remote_changes_nothing_but_the_log(world: World) -> None:
    organisation = world.organisation()
    world.team.path.rename(world.team.path.with_name("elsewhere"))
    ran = world.run(organisation)
    assert ran.status == "success"
    (warning,) = [line for line in ran.log if "cannot be fetched" in line]
    assert warning.startswith("WARNING: work: ")
    assert f"running the last known commit {ran.records[-1]['version']} of " in warning


def test_a_repository_that_is_no_source_any_more_fails_with_a_sentence(world: World) -> None:
    organisation = world.organisation()
    world.team.path.rename(world.source.with_name("taken-out"))
    sync(world.settings, source=world.source)
    ran = world.run(organisation)
    assert ran.status == "failed"
    assert ran.reason.startswith("repository work is no longer among the platform's sources; ")
    assert ran.log == [f"debr/first: {ran.reason}"]
    assert ran.records == [{"repository": "work", "notebook": "job.py", "reason": ran.reason}]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"job.py": None, "jobs/job.py": CODE}, "job.py: no such file in the repository; did you mean 'jobs/job.py'?"),
        (
            {"job.py": "def tasks(word): pass\n"},
            "entry function 'task' not found in job.py; did you mean 'tasks'?; functions there: tasks (line 1)",
        ),
    ],
    ids=["notebook", "entry function"],
)
def test_what_is_missing_at_the_head_is_said_with_place_and_remedy(
    world: World, files: dict[str, str | None], reason: str
) -> None:
    organisation = world.organisation()
    version = world.team.commit(files)[:8]
    ran = world.run(organisation)
    assert (ran.status, ran.reason) == ("failed", f"work@{version}: {reason}")
    assert ran.log == [f"debr/first: {ran.reason}"]
    assert ran.records[-1]["version"] == version


def test_a_definition_that_was_replaced_in_the_meantime_is_no_failure(world: World) -> None:
    organisation = world.organisation()
    version = world.team.commit({"job.py": None, "peach.yaml": "codops: debr\ntasks: {}\n"})[:8]
    ran = world.run(organisation)
    assert ran.status == "superseded"
    assert ran.reason.startswith(f"task first is no longer defined in work@{version}: ")
    assert ran.log == []
    assert ran.records[-1]["reason"] == ran.reason


def test_a_failure_says_where_in_the_authors_code(world: World) -> None:
    world.team.commit({"job.py": "def task(word):\n    raise ValueError(word)\n"})
    ran = world.run()
    assert (ran.status, ran.reason) == ("failed", "ValueError: one (job.py, line 2)")
    assert ran.log[-1] == ran.reason
    assert '  File "job.py", line 2, in task' in ran.log
    assert ran.records[-1]["exit_code"] == 1


def test_the_record_is_kept_before_the_users_code_runs(world: World) -> None:
    """Whatever then kills this very process, the version is known."""

    class KilledError(BaseException):
        pass

    world.team.commit({"job.py": "import time\ndef task(word):\n    print('up')\n    time.sleep(600)\n"})
    ran, seen = Ran(), []

    def kill(line: str) -> None:
        if line == "up":
            seen.extend(ran.records)
            raise KilledError

    with pytest.raises(KilledError):
        world.run(into=ran, on_line=kill)
    assert len(seen[0]["version"]) == 8
    assert ran.records == seen
    assert world.folders() == []


@pytest.mark.parametrize("body", ["return 1", "raise ValueError", "import os; os.kill(os.getpid(), 9)"])
def test_nothing_of_the_execution_stays_on_disk(world: World, body: str) -> None:
    world.team.commit(
        {"job.py": f"def task(word):\n    open('written.txt', 'w').close()\n    {body}\n", "data.csv": "1"}
    )
    seen: list[list[Path]] = []
    world.run(on_line=lambda line: seen.append(world.folders()) if "task()" in line else None)
    assert len(seen[0]) == 1
    assert world.folders() == []


def test_the_time_limit_is_of_the_whole(world: World) -> None:
    """Fetch, checkout and environment are within it, and the sentence names the limit that was given."""
    world.team.commit({"job.py": "import time\ndef task(word):\n    time.sleep(600)\n"})
    organisation = world.organisation()
    # The environment is made first: how long that takes is another test's.
    PlatformEnvironments(world.settings).ensure("debr", (), with_kernel=False, emit=print, time_limit_seconds=60)
    begin = time.monotonic()
    ran = world.run(organisation, limit_seconds=4)
    took = time.monotonic() - begin
    assert (ran.status, ran.reason) == ("failed", "timed out after 4 s")
    assert ran.log[-1] == ran.reason
    assert ran.records[-1]["run_seconds"] < 4.0 + world.settings.grace_seconds
    assert 4.0 <= took < 20


def test_a_limit_that_the_preparation_used_up_runs_nothing_for_long(world: World) -> None:
    world.team.commit({"job.py": "import time\ndef task(word):\n    time.sleep(600)\n"})
    organisation = world.organisation()
    PlatformEnvironments(world.settings).ensure("debr", (), with_kernel=False, emit=print, time_limit_seconds=60)
    ran = world.run(organisation, limit_seconds=0.001)
    assert ran.reason == "timed out after 0.001 s"


WAITING = "waiting: an earlier execution of this loop has not ended yet"


def test_two_executions_of_one_loop_wait_for_each_other(world: World, tmp_path: Path) -> None:
    end = tmp_path / "end"
    slow = f"""
        import os, time
        def task(word):
            print("begin")
            while not os.path.exists({str(end)!r}):
                time.sleep(0.02)
            print("end")
            return "old"
        """
    world.team.commit({"job.py": slow})
    world = dataclasses.replace(world, settings=dataclasses.replace(world.settings, isolation="none"))
    organisation = world.organisation()
    order: list[str] = []

    def note(number: int) -> Callable[[str], None]:
        def seen(line: str) -> None:
            if line in {"begin", "end"}:
                order.append(f"{line} {number}")
            if line == WAITING:
                # The head of the moment at which it starts, not of the one at which it began to wait.
                world.team.commit({"job.py": slow.replace("old", "new")})
                end.touch()

        return seen

    first, second = Ran(), Ran()
    other = threading.Thread(target=world.run, args=(organisation,), kwargs={"into": first, "on_line": note(1)})
    other.start()
    wait_until(lambda: order == ["begin 1"], seconds=60)
    world.run(organisation, into=second, on_line=note(2))
    other.join()
    assert order == ["begin 1", "end 1", "begin 2", "end 2"]
    assert second.log[0] == WAITING
    assert WAITING not in first.log
    assert (first.value, second.value) == ("old", "new")


def test_waiting_is_within_the_limit(world: World) -> None:
    organisation = world.organisation()
    begin = time.monotonic()
    with locked(world.settings.home / "locks" / "loop-debr"):
        ran = world.run(organisation, limit_seconds=1.5)
    assert 1.5 <= time.monotonic() - begin < 15
    reason = "not started: an earlier execution of this loop has not ended"
    assert (ran.status, ran.reason) == ("failed", reason)
    assert ran.log == [WAITING, f"debr/first: {reason}"]
    assert ran.records == [{"repository": "work", "notebook": "job.py", "reason": reason}]


def test_locks_that_cannot_be_made_are_told(world: World) -> None:
    organisation = world.organisation()
    shutil.rmtree(world.settings.home / "locks", ignore_errors=True)
    (world.settings.home / "locks").touch()
    ran = world.run(organisation)
    assert ran.reason == f"not started: {world.settings.home}/locks: File exists; check the disk"


KILLED = """
    import sys
    from pathlib import Path
    from airflow_peach.catalogue.sync import sync
    from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
    from airflow_peach.execution.task_run import TaskRun, run_task
    from airflow_peach.settings import load_settings
    from tests.team import synced
    settings = load_settings(home=Path({home!r}), grace_seconds=0.5)
    organisation = synced(settings, Path({source!r}))
    run_task(
        TaskRun(organisation, organisation.tasks[0], "debr", "killed", 600.0),
        settings,
        PlatformEnvironments(settings),
        emit=lambda line: print(line, flush=True),
        keep=lambda _: None,
    )
    """


def test_the_folder_of_a_killed_execution_is_removed_by_the_next(world: World, tmp_path: Path) -> None:
    mark = f"a-mark-of-{tmp_path.name}"
    waits = f"""
        import subprocess, sys
        def task(word):
            print("up")
            subprocess.run([sys.executable, "-c", "import time; time.sleep(600)", {mark!r}])
        """
    world.team.commit({"job.py": waits})
    organisation = world.organisation()
    script = textwrap.dedent(KILLED).format(home=str(world.settings.home), source=str(world.source))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as killed:
        assert killed.stdout is not None
        assert any(line == "up\n" for line in killed.stdout)
        wait_until(lambda: bool(marked_processes(mark)))
        (folder,) = world.folders()

        metadata = Ran()
        world.team.commit({"job.py": "def task(word):\n    return 'ran'\n"})
        world.run(organisation, into=metadata, loop="metadata")
        assert metadata.value == "ran"
        assert world.folders() == [folder]  # it is alive

        killed.kill()
    assert world.folders() == [folder]
    ran = world.run(organisation)
    assert ran.value == "ran"
    assert marked_processes(mark) == []
    assert world.folders() == []


def test_variables_reach_the_task_and_not_the_log(world: World) -> None:
    world.team.commit({"job.py": "import os\ndef task(word):\n    print('it is', os.environ['TOKEN'])\n"})
    organisation = world.organisation()
    log: list[str] = []
    outcome = run_task(
        TaskRun(organisation, organisation.tasks[0], "debr", "x", 60, variables={"TOKEN": "sesame-123"}),
        world.settings,
        PlatformEnvironments(world.settings),
        emit=log.append,
        keep=lambda _: None,
    )
    assert outcome.status == "success"
    assert log[-1] == "it is ***"


@needs_bubblewrap
def test_airflows_home_is_hidden_wherever_it_is(
    world: World, below_a_system_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(below_a_system_directory))
    world.team.commit(
        {"job.py": f"import os\ndef task(word):\n    return os.listdir({str(below_a_system_directory)!r})\n"}
    )
    ran = world.run()
    assert (ran.status, ran.value) == ("success", [])


def test_a_submodule_that_is_left_out_is_said(world: World) -> None:
    world.team.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    world.team.git("commit", "--quiet", "--message", "submodule")
    ran = world.run()
    assert ran.status == "success"
    assert "WARNING: lib: left out: a submodule; submodules are not fetched" in ran.log


class TestEnvironments:
    """DESIGN §9: nothing good is taken down by something bad."""

    UNKNOWN = "dependencies: [no-such-package-of-peach==1]\n"

    @pytest.fixture
    def offline(self, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
        """No index is asked."""
        monkeypatch.setenv("UV_NO_INDEX", "1")
        return world

    def ensure(self, world: World, organisation: Organisation) -> None:
        PlatformEnvironments(world.settings).ensure(
            "debr", organisation.requirements, with_kernel=False, emit=print, time_limit_seconds=60
        )

    def test_a_task_runs_in_the_last_good_one_and_says_so(self, offline: World) -> None:
        offline.run()
        offline.team.commit(
            {"peach.yaml": self.UNKNOWN + "codops: debr\ntasks: {first: {notebook: job.py, method: t}}"}
        )
        offline.team.commit({"job.py": "def t(): return 'ran'\n"})
        organisation = offline.organisation()
        with pytest.raises(EnvironmentBuildError, match="its requirements cannot be resolved"):
            self.ensure(offline, organisation)
        ran = offline.run(organisation)
        assert (ran.status, ran.value) == ("success", "ran")
        (warning,) = [line for line in ran.log if "last environment that could be built" in line]
        assert "debr: its requirements cannot be resolved" in warning

    def test_without_any_a_task_fails_with_the_explanation(self, offline: World) -> None:
        offline.team.commit(
            {"peach.yaml": self.UNKNOWN + "codops: debr\ntasks: {first: {notebook: job.py, method: t}}"}
        )
        offline.team.commit({"job.py": "def t(): return 'ran'\n"})
        organisation = offline.organisation()
        # Tried by the first task of the loop: the next one only says why.
        for _ in range(2):
            ran = offline.run(organisation)
            assert ran.status == "failed"
            assert "debr: its requirements cannot be resolved" in ran.reason
            assert "\n" not in ran.reason
            log = "\n".join(ran.log)
            assert "no-such-package-of-peach" in log
            assert "asked for by work:peach.yaml:1" in log
        assert "building it first" not in log


@pytest.mark.slow
def test_the_executed_notebook_is_kept(world: World) -> None:
    world.team.commit(
        {
            "n.ipynb": notebook("print('a cell')", "def task(): return 'whole'"),
            "peach.yaml": """
                codops: debr
                tasks:
                  first: {notebook: n.ipynb, method: task, full_notebook: true}
            """,
        }
    )
    organisation = world.organisation()
    assert needs_kernel(organisation)
    ran = world.run(organisation, label="scheduled__2024-01-01T00:00:00+00:00-1")
    assert (ran.status, ran.value) == ("success", "whole"), ran.log
    folder = world.settings.home / "artefacts" / "debr" / "first"
    (artefact,) = folder.iterdir()
    assert artefact.name == "scheduled__2024-01-01T00:00:00+00:00-1.ipynb"
    assert "a cell" in artefact.read_text(encoding="utf-8")
