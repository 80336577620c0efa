"""The DAGs are the users' page's: one chain, its limits, its operators."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from airflow.providers.standard.operators.python import PythonVirtualenvOperator
from airflow.serialization.serialized_objects import DagSerialization

from airflow_peach.catalogue.model import Organisation, Requirement, Task, Terms
from airflow_peach.loops.factory import build_dags
from airflow_peach.loops.operators import NotebookOperator
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from airflow.sdk import DAG


def task(name: str, codops: str = "debr", loop: str | None = None, **fields: object) -> Task:
    defaults: dict[str, object] = {
        "repository": "recommender",
        "file": "peach.yaml",
        "line": 3,
        "notebook": "demo.ipynb",
        "method": "train",
    }
    return Task(codops=codops, name=name, loop=loop or codops, **(defaults | fields))  # type: ignore[arg-type]


def dags(*organisations: Organisation, **settings: object) -> dict[str, DAG]:
    return build_dags({one.codops: one for one in organisations}, load_settings(**settings))


def chain(dag: DAG) -> list[str]:
    """The order of the tasks; fails unless each has exactly the one before it upstream."""
    ordered = [one.task_id for one in dag.topological_sort()]  # type: ignore[no-untyped-call]
    for before, after in pairwise(ordered):
        assert dag.get_task(after).upstream_task_ids == {before}
    assert dag.get_task(ordered[0]).upstream_task_ids == set()
    return ordered


DEBR = Organisation("debr", (task("b"), task("a"), task("fetch", loop="metadata"), task("more", loop="metadata")))
SESR = Organisation("sesr", (task("x", "sesr"), task("fetch", "sesr", loop="metadata")))


def test_one_dag_for_each_organisation_and_the_metadata_dag() -> None:
    assert set(dags(DEBR, SESR)) == {"debr", "sesr", "metadata"}


def test_the_tasks_are_one_chain_in_the_catalogues_order_and_the_environment_is_first() -> None:
    built = dags(DEBR, SESR)
    assert chain(built["debr"]) == ["environment", "b", "a"]
    assert chain(built["sesr"]) == ["environment", "x"]


def test_the_metadata_loop_takes_one_organisation_after_the_other() -> None:
    assert chain(dags(DEBR, SESR)["metadata"]) == [
        "debr.environment",
        "debr.fetch",
        "debr.more",
        "sesr.environment",
        "sesr.fetch",
    ]


def test_the_limits_are_the_users_pages() -> None:
    built = dags(DEBR)
    assert built["debr"].get_task("a").execution_timeout == dt.timedelta(hours=1)
    assert built["metadata"].get_task("debr.fetch").execution_timeout == dt.timedelta(minutes=5)
    assert built["metadata"].get_task("debr.environment").execution_timeout == dt.timedelta(minutes=5)


def test_every_task_is_a_python_virtualenv_operator_and_runs_whatever_became_of_the_one_before() -> None:
    for dag in dags(DEBR, SESR).values():
        for operator in dag.tasks:
            assert isinstance(operator, PythonVirtualenvOperator)
            assert operator.trigger_rule.value == "all_done"
            assert operator.retries == 0
            assert operator.template_fields == ()


def test_the_loop_is_one_run_at_a_time_for_ever() -> None:
    dag = dags(DEBR)["debr"]
    assert (dag.max_active_runs, dag.max_active_tasks, dag.catchup) == (1, 1, False)
    assert dag.is_paused_upon_creation is False
    assert dag.schedule == dt.timedelta(seconds=60)
    continuous: object = dags(DEBR, loop_min_interval_seconds=0.0)["debr"].schedule
    assert continuous == "@continuous"


def test_the_tags_say_whose_loop_it_is() -> None:
    assert dags(DEBR, SESR)["metadata"].tags == {"peach", "codops:debr", "codops:sesr"}


def test_requirements_are_where_users_of_the_operator_look_for_them() -> None:
    organisation = Organisation("debr", (task("a"),), (Requirement("orjson==3.3.1", "r:peach.yaml:3"),))
    operator = dags(organisation)["debr"].get_task("a")
    assert isinstance(operator, PythonVirtualenvOperator)
    assert operator.requirements == ["orjson==3.3.1"]


def test_the_platforms_terms_hold() -> None:
    terms = Terms(queue="big", pool="gpu", time_limit_seconds=60, metadata_time_limit_seconds=7)
    built = dags(Organisation("debr", (task("a"), task("fetch", loop="metadata")), terms=terms))
    operator = built["debr"].get_task("a")
    assert (operator.queue, operator.pool, operator.execution_timeout) == ("big", "gpu", dt.timedelta(minutes=1))
    assert built["metadata"].get_task("debr.fetch").execution_timeout == dt.timedelta(seconds=7)


def test_an_organisation_without_tasks_keeps_a_dag_that_starts_no_run() -> None:
    built = dags(Organisation("debr", tombstone_until=dt.datetime.now(dt.timezone.utc)))
    assert built["debr"].schedule is None
    assert built["metadata"].schedule is None
    assert built["metadata"].tasks == []


def test_a_prefix_stands_before_every_id() -> None:
    assert set(dags(DEBR, dag_id_prefix="peach_")) == {"peach_debr", "peach_metadata"}


@pytest.mark.parametrize(
    "changed",
    [task("a", args={"x": {"y": [1, 2.5]}}), task("a", full_notebook=True), task("a", method="other")],
)
def test_any_change_of_a_task_changes_the_serialised_dag(changed: Task) -> None:
    """Else Airflow would see the same DAG, and a run in progress would take the change up in its middle."""
    before = DagSerialization.to_dict(dags(Organisation("debr", (task("a"),)))["debr"])
    after = DagSerialization.to_dict(dags(Organisation("debr", (changed,)))["debr"])
    assert before != after


def test_a_change_of_requirements_changes_the_serialised_dag() -> None:
    before = DagSerialization.to_dict(dags(Organisation("debr", (task("a"),)))["debr"])
    organisation = Organisation("debr", (task("a"),), (Requirement("numpy", "r:peach.yaml:1"),))
    assert before != DagSerialization.to_dict(dags(organisation)["debr"])


def test_arguments_are_data_and_survive_serialisation_whatever_they_hold() -> None:
    hostile = task("a", args={"t": "{{ 7*7 }}", "u": "{% raw", "d": dt.date(2024, 2, 29), "n": float("nan")})
    dag = dags(Organisation("debr", (hostile,)))["debr"]
    DagSerialization.from_dict(DagSerialization.to_dict(dag))
    operator = dag.get_task("a")
    assert isinstance(operator, NotebookOperator)
    assert operator.peach_task.args["t"] == "{{ 7*7 }}"


def test_one_loop_that_cannot_be_built_hides_no_other_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    twice = Organisation("debr", (task("a"), task("a")))
    built = dags(twice, SESR)
    assert set(built) == {"debr", "sesr", "metadata"}
    assert built["debr"].tasks == []
    assert built["debr"].schedule is None
    assert "The loop debr cannot be built" in str(built["debr"].doc_md)
    assert "the DAG of loop debr cannot be built" in caplog.text
    assert len(built["sesr"].tasks) == 2


def test_only_the_dag_that_is_asked_for_is_built() -> None:
    organisations = {"debr": DEBR, "sesr": SESR}
    assert set(build_dags(organisations, load_settings(), loop="sesr")) == {"sesr"}
    assert set(build_dags(organisations, load_settings(), loop="metadata")) == {"metadata"}
