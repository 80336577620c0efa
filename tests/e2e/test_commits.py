"""A commit is all an author does; what it changes is seen in a real Airflow, without any restart."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.team import Team, make_team

from .conftest import Demo

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

CODE = """
    import time

    def task(word="one"):
        print(f"the word is {word}")
        return word

    def slow(seconds):
        time.sleep(seconds)
"""
TASKS = """
    codops: debr
    tasks:
      first: {notebook: job.py, method: task}
      second: {notebook: job.py, method: task, args: {word: two}}
"""


@pytest.fixture(scope="module")
def world(module_path: Path) -> Iterator[tuple[Demo, Team, Team]]:
    debr = make_team(module_path / "source" / "debr-work", {"peach.yaml": TASKS, "job.py": CODE})
    other = make_team(
        module_path / "source" / "other",
        {
            "peach.yaml": "codops: sesr\ntasks:\n  steady: {notebook: job.py, method: task}\n",
            "job.py": CODE,
        },
    )
    demo = Demo(module_path / "home", module_path / "source")
    try:
        demo.wait_for(of("steady", "sesr"), seconds=180)
        yield demo, debr, other
    finally:
        demo.stop()


def of(task: str, loop: str = "debr", **wanted: Any) -> Any:
    return lambda seen: (
        seen["task"] == task and seen["loop"] == loop and all(seen[name] == value for name, value in wanted.items())
    )


def database(demo: Demo, query: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{demo.home / 'airflow' / 'airflow.db'}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_report_says_all_that_was_promised(world: tuple[Demo, Team, Team]) -> None:
    demo, _, _ = world
    seen = demo.wait_for(of("first"), seconds=120)
    assert set(seen) == {
        *("codops", "task", "loop", "status", "version", "repository", "notebook"),
        *("start", "duration", "reason", "log"),
    }
    assert (seen["codops"], seen["status"], seen["reason"]) == ("debr", "success", "ok")
    assert (seen["repository"], seen["notebook"]) == ("debr-work", "job.py")
    assert "the word is one" in Path(seen["log"]).read_text(encoding="utf-8")
    environment = demo.wait_for(of("environment"))
    assert (environment["codops"], environment["status"]) == ("debr", "success")


def test_new_code_is_run_by_the_next_execution_and_its_version_is_that_commit(
    world: tuple[Demo, Team, Team],
) -> None:
    demo, debr, _ = world
    version = debr.commit({"job.py": CODE.replace('"one"', '"changed"')})[:8]
    position = len(demo.seen)
    seen = demo.wait_for(of("first", version=version), after=position)
    assert "the word is changed" in Path(seen["log"]).read_text(encoding="utf-8")
    # From then on no execution runs the old code.
    later = demo.wait_for(of("second"), after=demo.seen.index(seen))
    assert later["version"] == version


def test_a_new_task_runs_in_the_loop_after_next_at_the_latest(world: tuple[Demo, Team, Team]) -> None:
    demo, debr, _ = world
    debr.commit({"peach.conf/more.yaml": "tasks:\n  third: {notebook: job.py, method: task}\n"})
    position = len(demo.seen)
    seen = demo.wait_for(of("third"), after=position)
    loops = [one for one in demo.seen[position : demo.seen.index(seen)] if of("environment")(one)]
    # The one that was running, the next, and the one after next, whose environment task comes first.
    assert len(loops) <= 3
    assert seen["status"] == "success"


def test_a_broken_file_stops_nothing_and_is_shown_as_an_import_error(
    world: tuple[Demo, Team, Team],
) -> None:
    demo, debr, _ = world
    position = len(demo.seen)
    debr.commit({"peach.conf/broken.yaml": "tasks:\n  x: {notebok: job.py, method: task}\n  y: {notebook: [\n"})
    demo.wait_for(lambda _: bool(database(demo, "select 1 from import_error")), after=position)
    ((error,),) = database(demo, "select stacktrace from import_error")
    assert "debr-work@" in error
    assert "peach.conf/broken.yaml:" in error
    for task in ("first", "second", "third"):
        demo.wait_for(of(task, status="success"), after=len(demo.seen))
    demo.wait_for(of("steady", "sesr", status="success"), after=len(demo.seen))
    debr.commit({"peach.conf/broken.yaml": None})
    demo.wait_for(lambda _: not database(demo, "select 1 from import_error"), after=len(demo.seen))


def test_a_deleted_task_stops_and_its_history_stays(world: tuple[Demo, Team, Team]) -> None:
    demo, debr, _ = world
    debr.commit({"peach.conf/more.yaml": None})
    for _ in range(3):
        demo.wait_for(of("environment"), after=len(demo.seen))
    position = len(demo.seen)
    for _ in range(2):
        demo.wait_for(of("second"), after=len(demo.seen))
    assert not [one for one in demo.seen[position:] if of("third")(one)]
    ((count,),) = database(demo, "select count(*) from task_instance where task_id = 'third' and state = 'success'")
    assert count >= 1


def test_renamed_reordered_and_moved_to_the_metadata_loop(world: tuple[Demo, Team, Team]) -> None:
    demo, debr, _ = world
    debr.commit(
        {
            "peach.yaml": """
            codops: debr
            tasks:
              second: {notebook: job.py, method: task, args: {word: two}}
              renamed: {notebook: job.py, method: task}
              fetch: {notebook: job.py, method: task, loop: metadata}
            """
        }
    )
    renamed = demo.wait_for(of("renamed"), after=len(demo.seen))
    fetched = demo.wait_for(of("fetch", "metadata"), after=len(demo.seen))
    assert (renamed["status"], fetched["status"], fetched["codops"]) == ("success", "success", "debr")
    start = demo.seen.index(demo.wait_for(of("environment"), after=len(demo.seen)))
    demo.wait_for(of("renamed"), after=start)
    own = [one["task"] for one in demo.seen[start:] if one["loop"] == "debr"]
    assert own == ["environment", "second", "renamed"]


def test_what_changes_under_a_running_loop_fails_no_execution(world: tuple[Demo, Team, Team]) -> None:
    """The loop's definition is that of its beginning, its code is the head's: both may change in its middle."""
    demo, debr, _ = world
    slow = """
        codops: debr
        tasks:
          wait: {notebook: job.py, method: slow, args: {seconds: 6}}
          gone: {notebook: gone.py, method: task}
          changed: {notebook: job.py, method: task, args: {word: old}}
    """
    debr.commit({"peach.yaml": slow, "gone.py": CODE})
    demo.wait_for(of("changed"), after=len(demo.seen))
    # The next loop has begun, its first task waits: now the others are taken away and changed.
    demo.wait_for(of("environment"), after=len(demo.seen))
    position = len(demo.seen)
    debr.commit(
        {
            "peach.yaml": """
            codops: debr
            tasks:
              wait: {notebook: job.py, method: slow, args: {seconds: 0}}
              changed: {notebook: job.py, method: task, args: {name: new}}
            """,
            "job.py": CODE.replace("word", "name"),
            "gone.py": None,
        }
    )
    seen = demo.wait_for(of("changed"), after=position)
    assert seen["status"] == "success"
    assert "the name is new" in Path(seen["log"]).read_text(encoding="utf-8")
    assert all(one["status"] == "success" for one in demo.seen[position:])
    ((logs,),) = database(
        demo, "select count(*) from task_instance where task_id in ('gone', 'changed') and state = 'skipped'"
    )
    assert logs == 2


def test_an_organisation_whose_last_task_is_gone_ends_cleanly(world: tuple[Demo, Team, Team]) -> None:
    demo, debr, other = world
    other.commit({"peach.yaml": "codops: sesr\n"})
    for _ in range(6):
        demo.wait_for(of("environment"), after=len(demo.seen))
    running = database(demo, "select count(*) from dag_run where dag_id = 'sesr' and state = 'running'")
    assert running == [(0,)]
    ((schedule, stale),) = database(demo, "select timetable_summary, is_stale from dag where dag_id = 'sesr'")
    assert (schedule, stale) == ("None", 0)
    # And it begins again when there is a task again.
    other.commit({"peach.yaml": "codops: sesr\ntasks:\n  again: {notebook: job.py, method: task}\n"})
    assert demo.wait_for(of("again", "sesr"), after=len(demo.seen))["status"] == "success"
    del debr


def test_a_run_with_a_failed_task_is_failed_and_the_next_one_starts(world: tuple[Demo, Team, Team]) -> None:
    demo, debr, _ = world
    debr.commit(
        {
            "peach.yaml": """
            codops: debr
            tasks:
              breaks: {notebook: bad.py, method: task}
              works: {notebook: job.py, method: task}
            """,
            "bad.py": "def task():\n    raise ValueError('by design')\n",
            "job.py": CODE,
        }
    )
    broken = demo.wait_for(of("breaks"), after=len(demo.seen))
    assert (broken["status"], broken["reason"]) == ("failed", "ValueError: by design (bad.py, line 2)")
    log = Path(broken["log"]).read_text(encoding="utf-8")
    assert 'File "bad.py", line 2, in task' in log
    assert demo.wait_for(of("works"), after=demo.seen.index(broken))["status"] == "success"
    demo.wait_for(of("works"), after=len(demo.seen))
    states = database(
        demo,
        "select r.state from dag_run r join task_instance t on t.dag_id = r.dag_id and t.run_id = r.run_id "
        "where t.task_id = 'breaks' and r.state != 'running'",
    )
    assert states
    assert {state for (state,) in states} == {"failed"}


def test_airflows_own_commands_work(world: tuple[Demo, Team, Team]) -> None:
    demo, _, _ = world
    listed = json.loads(demo.airflow("dags", "list", "--output", "json").stdout.splitlines()[-1])
    assert {"debr", "sesr", "metadata"} <= {one["dag_id"] for one in listed}
    settings = demo.airflow("config", "get-value", "peach", "loop_min_interval").stdout
    assert settings.strip().endswith("5.0")
    assert "the word is one" in demo.airflow("tasks", "test", "debr", "works").stdout
    # Paused, else the scheduler takes up tasks of the test's run, too.
    demo.airflow("dags", "pause", "debr", "--yes")
    tested = demo.airflow("dags", "test", "debr", check=False)
    demo.airflow("dags", "unpause", "debr", "--yes")
    assert "by design" in tested.stdout + tested.stderr
    # Its last task succeeds, and the run is failed all the same.
    assert "DagRun failed" in tested.stdout + tested.stderr
    assert tested.returncode == 1


def test_a_triggered_run_executes_the_named_tasks_with_the_given_arguments(
    world: tuple[Demo, Team, Team],
) -> None:
    demo, _, _ = world
    position = len(demo.seen)
    demo.airflow("dags", "trigger", "debr", "--conf", '{"tasks": ["works"], "args": {"word": "given"}}')

    def given(seen: dict[str, Any]) -> bool:
        return of("works")(seen) and "the word is given" in Path(seen["log"]).read_text(encoding="utf-8")

    demo.wait_for(given, after=position)
    demo.airflow("dags", "trigger", "debr", "--conf", '{"tasks": ["wroks"]}')
    wrong = demo.wait_for(of("environment", status="failed"), after=position)
    assert "no task 'wroks' in this loop; did you mean 'works'?" in wrong["reason"]


def test_a_marked_execution_ends_and_a_paused_loop_starts_no_run(
    world: tuple[Demo, Team, Team],
) -> None:
    demo, _, other = world
    long = "codops: sesr\ntasks:\n  long: {notebook: job.py, method: slow, args: {seconds: 300}}\n"
    other.commit({"peach.yaml": long})
    running = "select run_id from task_instance where task_id = 'long' and state = 'running'"
    demo.wait_for(lambda _: bool(database(demo, running)), after=len(demo.seen))
    demo.airflow("dags", "pause", "sesr", "--yes")
    ((run,),) = database(demo, running)
    _mark_failed(demo, "sesr", run, "long")
    failed = demo.wait_for(of("long", "sesr"), seconds=60)
    assert failed["status"] == "failed"
    runs = "select count(*) from dag_run where dag_id = 'sesr'"
    before = database(demo, runs)
    demo.wait_for(of("environment"), after=len(demo.seen))
    demo.wait_for(of("environment"), after=len(demo.seen))
    assert database(demo, runs) == before
    other.commit({"peach.yaml": "codops: sesr\ntasks:\n  short: {notebook: job.py, method: task}\n"})
    demo.airflow("dags", "unpause", "sesr", "--yes")
    assert demo.wait_for(of("short", "sesr"), after=len(demo.seen))["status"] == "success"


def _mark_failed(demo: Demo, dag: str, run: str, task: str) -> None:
    url = f"http://127.0.0.1:{demo.port}"
    password = json.loads((demo.home / "airflow" / "passwords.json").read_text(encoding="utf-8"))["admin"]
    token = httpx.post(f"{url}/auth/token", json={"username": "admin", "password": password}).json()["access_token"]
    answer = httpx.patch(
        f"{url}/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}",
        json={"new_state": "failed"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200, answer.text
