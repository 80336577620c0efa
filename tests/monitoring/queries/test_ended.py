"""What the metadata database says of executions, on rows that Airflow itself wrote."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import event
from tests.loop_run import BUNDLES, recorded_run
from tests.loops.conftest import catalogue_of

from airflow_peach.catalogue.store import write_catalogue
from airflow_peach.loops.identifiers import XCOM_KEY
from airflow_peach.monitoring.queries.ended import Execution, ended_executions, ended_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

pytestmark = [
    pytest.mark.usefixtures("airflow_database"),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn of each other
]

# No other test's: all share one database.
CODOPS = "watched"
NOON = dt.datetime(2031, 5, 1, 12, tzinfo=dt.timezone.utc)
STATES = {"environment": "success", "first": "failed", "second": "success", "third": "skipped"}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session on a database where ``CODOPS`` is published and nothing of it is committed."""
    monkeypatch.setenv("AIRFLOW__PEACH__HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", BUNDLES)
    write_catalogue(tmp_path / "home", catalogue_of(CODOPS, "first", "second", "third"))
    with create_session() as session:
        yield session
        session.rollback()


def seconds(count: float) -> dt.timedelta:
    return dt.timedelta(seconds=count)


def ended(session: Session, name: str, states: dict[str, str], ends: dict[str, float]) -> DagRun:
    """Record a run whose tasks took two seconds and ended so many seconds after noon."""
    run = recorded_run(CODOPS, name, states, session)
    run.start_date = NOON
    for instance in run.get_task_instances(session=session):
        if instance.task_id in ends:
            instance.end_date = NOON + seconds(ends[instance.task_id])
            instance.start_date = instance.end_date - seconds(2)
    session.flush()
    return run


def push(session: Session, run: DagRun, task_id: str, value: Any, *, key: str = XCOM_KEY) -> None:
    XComModel.set(key, value, dag_id=run.dag_id, task_id=task_id, run_id=run.run_id, session=session)


def test_ended_executions_come_in_the_order_of_their_ends_with_their_records(session: Session) -> None:
    run = ended(session, "order", STATES, {"environment": 1, "first": 5, "second": 3, "third": 4})
    push(session, run, "first", {"version": "abc12345", "reason": "ValueError: x"})
    push(session, run, "first", {"not": "a record"}, key="return_value")
    push(session, run, "second", {"version": "abc12345", "run_seconds": 1.5})
    found = [one for one in ended_executions(session, [CODOPS], since=NOON) if one.run_id == "order"]
    assert [(one.task_id, one.status) for one in found] == [
        ("environment", "success"),
        ("second", "success"),
        ("first", "failed"),
    ]
    environment, second, first = found
    assert environment.record == {}
    assert second.record == {"version": "abc12345", "run_seconds": 1.5}
    assert first == Execution(
        dag_id=CODOPS,
        task_id="first",
        run_id="order",
        try_number=1,
        status="failed",
        start=NOON + seconds(3),
        end=NOON + seconds(5),
        record={"version": "abc12345", "reason": "ValueError: x"},
    )
    assert first.duration_seconds == 2
    assert first.key == (CODOPS, "order", "first", 1)


def test_since_is_a_border_that_belongs_to_it(session: Session) -> None:
    ended(session, "since", STATES, {"environment": 1, "first": 2, "second": 3})
    tasks = [one.task_id for one in ended_executions(session, [CODOPS], since=NOON + seconds(2))]
    assert tasks == ["first", "second"]


def test_what_has_not_ended_and_what_is_not_asked_for_is_not_there(session: Session) -> None:
    ended(session, "running", STATES | {"second": "running", "first": "removed"}, {"environment": 1, "second": 2})
    assert [one.task_id for one in ended_executions(session, [CODOPS], since=NOON)] == ["environment"]
    assert ended_executions(session, ["sesr"], since=NOON) == []
    assert ended_executions(session, [], since=NOON) == []


def test_an_execution_that_was_killed_before_its_start_was_noted_has_no_duration(session: Session) -> None:
    run = ended(session, "killed", STATES, {"first": 2})
    (instance,) = [one for one in run.get_task_instances(session=session) if one.task_id == "first"]
    instance.start_date = None
    session.flush()
    (killed,) = ended_executions(session, [CODOPS], since=NOON)
    assert (killed.start, killed.duration_seconds, killed.record) == (None, 0.0, {})


@pytest.mark.parametrize("value", ["text", ["a", "list"], 3, None])
def test_a_record_that_is_none_of_ours_is_as_good_as_none(session: Session, value: Any) -> None:
    """XComs can be written by anybody who may edit them."""
    run = ended(session, "foreign", STATES, {"first": 2})
    push(session, run, "first", value)
    (execution,) = ended_executions(session, [CODOPS], since=NOON)
    assert execution.record == {}


@pytest.mark.parametrize(
    ("stored", "record"), [("no json at all", {}), ('"text"', {}), ({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1})]
)
def test_records_are_read_however_they_were_stored(session: Session, stored: Any, record: dict[str, Any]) -> None:
    run = ended(session, "stored", STATES, {"first": 2})
    XComModel.set(
        XCOM_KEY,
        stored,
        dag_id=CODOPS,
        task_id="first",
        run_id=run.run_id,
        serialize=False,
        session=session,
    )
    (execution,) = ended_executions(session, [CODOPS], since=NOON)
    assert execution.record == record


def test_ended_runs_counts_those_that_began_and_ended_since(session: Session) -> None:
    good, bad = dict.fromkeys(STATES, "success"), STATES
    for name, states, state in (
        ("good", good, "success"),
        ("bad", bad, "failed"),
        ("open", bad, "running"),
        ("early", good, "success"),
    ):
        run = ended(session, name, states, {})
        run.state = state
        if name == "early":
            run.start_date = NOON - seconds(1)
    session.flush()
    assert ended_runs(session, [CODOPS, "sesr"], since=NOON) == {CODOPS: 2, "sesr": 0}
    assert ended_runs(session, [], since=NOON) == {}


def test_they_cost_two_small_queries(session: Session) -> None:
    """Not one a task: the page asks for a hundred runs at once."""
    ended(session, "one", STATES, {"environment": 1, "first": 2, "second": 3})
    ended(session, "two", STATES, {"environment": 1, "first": 2, "second": 3})
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert len(ended_executions(session, [CODOPS], since=NOON)) == 6
        ended_runs(session, [CODOPS], since=NOON)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 2
    assert all(statement.startswith("SELECT") for statement in statements)
