"""What the API says of organisations, tasks and executions, on rows that Airflow itself wrote."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from tests.monitoring.conftest import COMMIT, HTML, NOON, PREFIX, Client, World

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore")  # Airflow and its libraries warn of each other

COMMIT_URL = f"https://gitlab.example.org/team/work/-/commit/{COMMIT}"


@pytest.fixture(scope="module")
def overview(world: World, viewer: Client) -> Any:
    assert world
    return viewer.json("organisations")


@pytest.fixture(scope="module")
def alpha(world: World, viewer: Client) -> Any:
    assert world
    return viewer.json("organisations/alpha")


@pytest.fixture(scope="module")
def tasks(alpha: Any) -> dict[str, Any]:
    return {task["name"]: task for task in alpha["tasks"]}


def of(organisation: str, overview: Any) -> Any:
    (found,) = [one for one in overview["organisations"] if one["codops"] == organisation]
    return found


class TestOverview:
    def test_all_organisations_are_there(self, overview: Any) -> None:
        assert [one["codops"] for one in overview["organisations"]] == ["alpha", "beta", "ended"]

    def test_a_running_loop_says_where_it_is(self, overview: Any, world: World) -> None:
        loop = of("alpha", overview)["loop"]
        assert (loop["state"], loop["run"]["run_id"]) == ("running", world.second)
        # good, bad, slow and full are over, old, gone and next wait.
        assert (loop["position"], loop["length"], loop["task"]) == (5, 8, "now")
        assert loop["url"] == f"dags/{PREFIX}alpha"

    def test_the_last_loops_have_their_durations(self, overview: Any, world: World) -> None:
        (run,) = of("alpha", overview)["loop"]["last_runs"]
        assert (run["run_id"], run["state"], run["duration_seconds"]) == (world.first, "failed", 50)

    def test_a_queued_loop_has_no_position(self, overview: Any) -> None:
        loop = of("beta", overview)["loop"]
        assert (loop["state"], loop["run"]["run_id"], loop["position"]) == ("queued", "manual__waiting", None)

    def test_failing_and_stale_tasks_are_named(self, overview: Any) -> None:
        summary = of("alpha", overview)
        # The removed one failed last, too, and is nobody's worry any more.
        assert (summary["failing_tasks"], summary["stale_tasks"]) == (["bad", "slow"], ["old"])
        assert (summary["tasks"], summary["problems"], summary["ended"]) == (9, 1, False)
        assert of("beta", overview)["failing_tasks"] == []

    def test_an_organisation_that_ended_says_so(self, overview: Any) -> None:
        ended = of("ended", overview)
        assert (ended["ended"], ended["tasks"], ended["loop"]["state"]) == (True, 0, "idle")

    def test_the_platform(self, overview: Any) -> None:
        platform = overview["platform"]
        assert platform["isolation"]["setting"] == "auto"
        assert platform["isolation"]["level"]
        assert platform["sync_age_seconds"] >= 0
        assert [one["cause"] for one in platform["problems"]] == ["no peach.yaml"]
        assert overview["metadata"]["name"] == "metadata"
        assert overview["metadata"]["last_runs"][0]["duration_seconds"] == 20


class TestTasks:
    def test_they_come_in_the_order_of_their_loops_removed_ones_last(self, alpha: Any) -> None:
        names = ["good", "bad", "slow", "now", "next", "old", "full", "fresh", "meta", "gone"]
        assert [task["name"] for task in alpha["tasks"]] == names

    @pytest.mark.parametrize(
        ("name", "state", "status"),
        [
            ("good", "FINISHED", "success"),
            ("bad", "FINISHED", "failed"),
            ("slow", "FINISHED", "failed"),
            ("now", "RUNNING", "success"),
            ("next", "PENDING", "success"),
            ("old", "PENDING", "success"),
            ("fresh", None, None),
            ("gone", "PENDING", "failed"),
            ("meta", "FINISHED", "success"),
        ],
    )
    def test_states_are_those_of_the_users_page(
        self, tasks: dict[str, Any], name: str, state: str | None, status: str | None
    ) -> None:
        assert (tasks[name]["state"], tasks[name]["status"]) == (state, status)

    def test_in_a_queued_run_no_task_is_pending(self, world: World, viewer: Client) -> None:
        assert world
        states = {task["name"]: task["state"] for task in viewer.json("organisations/beta")["tasks"]}
        assert states == {"only": "FINISHED", "meta": "FINISHED"}

    def test_what_is_special_is_shown_as_such(self, tasks: dict[str, Any]) -> None:
        def named(kind: str) -> set[str]:
            return {name for name, task in tasks.items() if task[kind]}

        assert named("stale") == {"old"}
        assert named("removed") == {"gone"}
        assert named("never_run") == {"fresh"}
        assert named("full_notebook") == {"full"}

    def test_the_newest_execution_is_shown(self, tasks: dict[str, Any], world: World) -> None:
        good = tasks["good"]
        assert (good["run_id"], good["try_number"]) == (world.second, 1)
        assert dt.datetime.fromisoformat(good["start"]) == NOON + dt.timedelta(seconds=61)
        assert good["duration_seconds"] == 2
        assert (good["version"], good["commit_url"]) == (COMMIT[:8], COMMIT_URL)

    def test_a_running_one_has_a_start_and_no_duration_yet(self, tasks: dict[str, Any], world: World) -> None:
        now = tasks["now"]
        assert (now["run_id"], now["duration_seconds"]) == (world.second, None)
        assert dt.datetime.fromisoformat(now["start"]) == NOON + dt.timedelta(seconds=61)

    def test_a_failure_says_why(self, tasks: dict[str, Any]) -> None:
        assert tasks["bad"]["reason"] == f"ValueError: {HTML}"
        assert tasks["good"]["reason"] is None

    @pytest.mark.parametrize(
        ("name", "successes", "failures"),
        [("good", 2, 0), ("bad", 0, 1), ("slow", 0, 2), ("now", 1, 0), ("fresh", 0, 0), ("meta", 1, 0)],
    )
    def test_executions_are_counted(self, tasks: dict[str, Any], name: str, successes: int, failures: int) -> None:
        assert (tasks[name]["successes"], tasks[name]["failures"]) == (successes, failures)

    def test_a_task_of_the_metadata_loop_has_the_id_that_airflow_knows(self, tasks: dict[str, Any]) -> None:
        meta = tasks["meta"]
        assert (meta["loop"], meta["dag_id"], meta["task_id"]) == ("metadata", f"{PREFIX}metadata", "alpha.meta")
        assert meta["trigger_conf"] == {"tasks": ["alpha.meta"]}

    def test_the_loops_problems_and_repositories_are_there(self, alpha: Any) -> None:
        assert [loop["name"] for loop in alpha["loops"]] == ["alpha", "metadata"]
        (problem,) = alpha["problems"]
        assert problem["text"] == f"work@abcdef01:peach.yaml:3:7: tasks.old: {HTML} is wrong; mend it"
        assert problem["file_url"] == "https://gitlab.example.org/team/work/-/blob/abcdef01/peach.yaml#L3"
        (repository,) = alpha["repositories"]
        assert (repository["head"], repository["commit_url"]) == (COMMIT, COMMIT_URL)
        assert alpha["requirements"] == ["orjson==3.3.1"]
        assert alpha["environment"]["state"] == "none"


class TestExecutions:
    def test_an_execution_has_all_there_is_to_know(self, viewer: Client, world: World) -> None:
        newest, oldest = viewer.json("organisations/alpha/tasks/slow/executions")["executions"]
        assert (newest["run_id"], oldest["run_id"]) == (world.second, world.first)
        expected = {
            "try_number": 1,
            "dag_id": f"{PREFIX}alpha",
            "task_id": "slow",
            "version": COMMIT[:8],
            "commit_url": COMMIT_URL,
            "status": "failed",
            "timed_out": True,
            "reason": "timed out after 5 s",
            "duration_seconds": 2,
            "queue_seconds": 1,
            "environment_seconds": 0.25,
            "run_seconds": 1.5,
            "cpu_seconds": 0.5,
            "peak_memory_bytes": 1024,
            "has_artefact": False,
        }
        assert {name: oldest[name] for name in expected} == expected

    def test_a_running_one_is_there(self, viewer: Client, world: World) -> None:
        newest = viewer.json("organisations/alpha/tasks/now/executions")["executions"][0]
        assert (newest["run_id"], newest["status"], newest["end"]) == (world.second, "running", None)

    def test_what_never_ran_is_not(self, viewer: Client, world: World) -> None:
        (bad,) = viewer.json("organisations/alpha/tasks/bad/executions")["executions"]
        assert bad["run_id"] == world.first
        assert viewer.json("organisations/alpha/tasks/fresh/executions")["executions"] == []

    def test_a_removed_task_still_has_its_executions(self, viewer: Client, world: World) -> None:
        (gone,) = viewer.json("organisations/alpha/tasks/gone/executions")["executions"]
        assert gone["run_id"] == world.first

    def test_pages_follow_each_other_and_end(self, viewer: Client, world: World) -> None:
        path = "organisations/alpha/tasks/good/executions"
        first = viewer.json(path, limit=1)
        second = viewer.json(path, limit=1, before=first["before"])
        third = viewer.json(path, limit=1, before=second["before"])
        found = [one["run_id"] for page in (first, second, third) for one in page["executions"]]
        assert found == [world.second, world.first]
        assert third["before"] is None

    @pytest.mark.parametrize("limit", [0, 501, "x"])
    def test_a_page_has_a_limit(self, viewer: Client, world: World, limit: object) -> None:
        assert world
        assert viewer("organisations/alpha/tasks/good/executions", params={"limit": limit}).status_code == 422

    def test_the_log_is_where_it_says(self, viewer: Client, world: World) -> None:
        newest = viewer.json("organisations/alpha/tasks/good/executions")["executions"][0]
        assert world.second in newest["url"].replace("%3A", ":").replace("%2B", "+")
        answer = viewer(f"/{newest['log_url']}")
        assert answer.status_code == 200, answer.text

    def test_an_earlier_try_is_there_too(self, viewer: Client, world: World, cleared: Callable[[str], None]) -> None:
        cleared("meta")
        tries = viewer.json("organisations/alpha/tasks/meta/executions")["executions"]
        assert [(one["try_number"], one["status"]) for one in tries] == [(1, "success")]
        assert world


@pytest.fixture
def cleared() -> Callable[[str], None]:
    """Clears a task of alpha in the shared run, as a person does on Airflow's pages."""

    def clear(name: str) -> None:
        from airflow.models.taskinstance import TaskInstance, clear_task_instances  # noqa: PLC0415 - takes seconds
        from airflow.utils.session import create_session  # noqa: PLC0415
        from sqlalchemy import select  # noqa: PLC0415

        with create_session() as session:
            query = select(TaskInstance).where(
                TaskInstance.dag_id == f"{PREFIX}metadata", TaskInstance.task_id == f"alpha.{name}"
            )
            clear_task_instances(list(session.scalars(query)), session)

    return clear


@pytest.mark.parametrize(
    "path",
    [
        "organisations/nobody",
        "organisations/metadata",
        "organisations/..",
        "organisations/alpha/tasks/good/executions?loop=beta",
        "organisations/nobody/tasks/good/executions",
        "organisations/alpha/tasks/full/executions/nothing/artefact",
        "organisations/alpha/tasks/..%2f..%2fcatalogue/executions/repositories/artefact",
        "organisations/alpha/tasks/full/executions/%00/artefact.html",
    ],
)
def test_what_is_not_there_is_not_found(viewer: Client, world: World, path: str) -> None:
    assert world
    assert viewer(path).status_code == 404


class TestArtefacts:
    def test_a_full_notebook_has_one(self, viewer: Client, world: World) -> None:
        newest, oldest = viewer.json("organisations/alpha/tasks/full/executions")["executions"]
        assert (newest["has_artefact"], oldest["has_artefact"]) == (False, True)
        answer = viewer(f"/{oldest['artefact_url']}")
        assert answer.status_code == 200
        assert answer.json()["nbformat"] == 4
        assert answer.headers["content-disposition"].startswith('attachment; filename="alpha-full-manual__2031')
        page = viewer(f"/{oldest['artefact_page_url']}")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'")
        assert "allow-" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert world
