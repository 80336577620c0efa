"""The FAB auth manager: a role that may read some DAGs sees those, and what belongs to them, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.monitoring.conftest import FAB, PREFIX, Client, World, api_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

pytestmark = pytest.mark.filterwarnings("ignore")  # Airflow and its libraries warn of each other

EXECUTIONS = ("can_read", "Task Instances"), ("can_read", "DAG Runs")
LOGS = ("can_read", "Task Logs")
ALPHA, METADATA = f"DAG:{PREFIX}alpha", f"DAG:{PREFIX}metadata"


@pytest.fixture(scope="module")
def fab(airflow_database: None) -> Iterator[FastAPI]:  # noqa: ARG001 - makes the tables
    with api_server(FAB) as app:
        yield app


@pytest.fixture(scope="module")
def user_with(fab: FastAPI) -> Callable[..., Client]:
    """Make a user whose one role has these permissions: action and resource."""
    from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - it takes seconds to import

    manager: Any = get_auth_manager()

    def make(name: str, *permissions: tuple[str, str]) -> Client:
        with manager.flask_app.app_context():
            security = manager.security_manager
            role = security.add_role(name)
            for action, resource in permissions:
                security.add_permission_to_role(role, security.create_permission(action, resource))
            user = security.add_user(name, name, name, f"{name}@example.org", role, "password")
            return Client(fab, {"Authorization": f"Bearer {manager.generate_jwt(user)}"})

    return make


def codops(overview: Any) -> list[str]:
    return [one["codops"] for one in overview["organisations"]]


def test_a_role_for_one_organisation(world: World, user_with: Callable[..., Client]) -> None:
    user = user_with("one", ("can_read", ALPHA), *EXECUTIONS)
    overview = user.json("organisations")
    assert codops(overview) == ["alpha"]
    assert overview["metadata"] is None
    assert overview["platform"]["problems"] == []
    answer = user.json("organisations/alpha")
    # Its tasks in the shared loop are in a DAG that this role may not read.
    assert {task["loop"] for task in answer["tasks"]} == {"alpha"}
    assert [loop["name"] for loop in answer["loops"]] == ["alpha"]
    assert not any(task["may_trigger"] for task in answer["tasks"])
    for path in (
        "organisations/beta",
        "organisations/beta/tasks/only/executions",
        "organisations/alpha/tasks/meta/executions",
        "organisations/alpha/tasks/good/executions?loop=metadata",
    ):
        assert user(path).status_code == 404, path
    # Nor may it read logs, which an executed notebook is.
    (_, oldest) = user.json("organisations/alpha/tasks/full/executions")["executions"]
    assert not oldest["has_artefact"]
    for kind in ("artefact", "artefact.html"):
        assert user(f"organisations/alpha/tasks/full/executions/{world.first}/{kind}").status_code == 403


def test_a_role_that_may_read_logs_has_the_artefacts_too(world: World, user_with: Callable[..., Client]) -> None:
    user = user_with("logs", ("can_read", ALPHA), *EXECUTIONS, LOGS)
    assert user(f"organisations/alpha/tasks/full/executions/{world.first}/artefact").status_code == 200


def test_a_role_for_the_shared_loop_sees_the_shared_tasks_only(world: World, user_with: Callable[..., Client]) -> None:
    assert world
    user = user_with("shared", ("can_read", METADATA), *EXECUTIONS)
    overview = user.json("organisations")
    assert codops(overview) == ["alpha", "beta"]
    assert [one["loop"] for one in overview["organisations"]] == [None, None]
    assert [one["problems"] for one in overview["organisations"]] == [0, 0]
    answer = user.json("organisations/alpha")
    assert [task["name"] for task in answer["tasks"]] == ["meta"]
    assert (answer["problems"], answer["repositories"]) == ([], [])


def test_a_role_that_may_read_no_dag_sees_nothing(world: World, user_with: Callable[..., Client]) -> None:
    assert world
    user = user_with("none", *EXECUTIONS)
    answer = user("organisations")
    assert answer.status_code == 403 or codops(answer.json()) == []
    assert user("organisations/alpha").status_code in {403, 404}


def test_a_role_that_may_read_no_executions_is_refused(world: World, user_with: Callable[..., Client]) -> None:
    user = user_with("dags", ("can_read", ALPHA))
    assert user("organisations").status_code == 403
    assert user("organisations/alpha").status_code == 403
    assert user(f"organisations/alpha/tasks/full/executions/{world.first}/artefact").status_code == 403


def test_who_may_edit_a_dag_and_create_runs_may_trigger(world: World, user_with: Callable[..., Client]) -> None:
    assert world
    rights = (("can_read", ALPHA), ("can_edit", ALPHA), ("can_create", "DAG Runs"))
    answer = user_with("editor", *rights, *EXECUTIONS).json("organisations/alpha")
    assert {task["may_trigger"] for task in answer["tasks"] if not task["removed"]} == {True}


def test_a_role_for_all_dags_sees_all(world: World, user_with: Callable[..., Client]) -> None:
    assert world
    assert codops(user_with("all", ("can_read", "DAGs"), *EXECUTIONS).json("organisations")) == [
        "alpha",
        "beta",
        "ended",
    ]


def test_strangers_and_bad_tokens(fab: FastAPI) -> None:
    assert Client(fab, {})("organisations").status_code == 401
    assert Client(fab, {"Authorization": "Bearer x"})("organisations").status_code == 403
