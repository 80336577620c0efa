"""Executions of tasks: single ones, pages of them, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.xcom import XComModel
from airflow.utils.state import TaskInstanceState
from sqlalchemy import and_, func, select, tuple_

from airflow_peach.monitoring.queries.records import read_record, record_of_instance

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session

    from airflow_peach.monitoring.queries.records import Rows

ENDED = (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED)
# Anything else never ran, or is between two tries.
EXECUTED = (*ENDED, TaskInstanceState.RUNNING)


@dataclass(frozen=True)
class ExecutionRow:
    """One execution as Airflow knows it. Times are UTC.

    Attributes:
        run_key: ``LoopRun.key`` of its run.
        status: ``running``, ``success`` or ``failed``.
        record: what the operator recorded (XCom ``peach``); empty when it was killed before it could, and for earlier
            tries, whose record Airflow deletes.
    """

    run_key: int
    dag_id: str
    task_id: str
    run_id: str
    try_number: int
    status: str
    queued: dt.datetime | None
    start: dt.datetime | None
    end: dt.datetime | None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_seconds(self) -> float | None:
        """From start to end as Airflow saw it; None while it runs."""
        if self.status == TaskInstanceState.RUNNING or self.end is None:
            return None
        return (self.end - self.start).total_seconds() if self.start else 0.0


def executions_at(session: Session, places: Collection[tuple[str, int]]) -> dict[tuple[str, int], ExecutionRow]:
    """Return the executions at these places: task id and ``LoopRun.key``."""
    if not places:
        return {}
    rows = session.execute(executions_at_query(places))
    return {(row.task_id, row.run_key): _execution(row) for row in rows}


def executions_at_query(places: Collection[tuple[str, int]]) -> Rows:
    """Return the query of ``executions_at``."""
    return _with_records().where(
        DagRun.id.in_({run for _, run in places}),
        tuple_(TaskInstance.task_id, DagRun.id).in_(sorted(places)),
        TaskInstance.state.in_(EXECUTED),
    )


def executions_in(session: Session, dag_id: str, task_id: str, runs: Collection[int]) -> list[ExecutionRow]:
    """Return the executions of one task in these runs (``LoopRun.key``), earlier tries too, newest first."""
    if not runs:
        return []
    latest = session.execute(latest_tries_query(dag_id, task_id, runs))
    earlier = session.execute(earlier_tries_query(dag_id, task_id, runs))
    found = [*(_execution(row) for row in latest), *(_execution(row) for row in earlier)]
    return sorted(found, key=lambda one: (one.run_key, one.try_number), reverse=True)


def latest_tries_query(dag_id: str, task_id: str, runs: Collection[int]) -> Rows:
    """Return the query of the last try in each run."""
    return _with_records().where(
        DagRun.id.in_(list(runs)),
        TaskInstance.dag_id == dag_id,
        TaskInstance.task_id == task_id,
        TaskInstance.state.in_(EXECUTED),
    )


def earlier_tries_query(dag_id: str, task_id: str, runs: Collection[int]) -> Rows:
    """Return the query of the tries before: of tasks that were cleared, or whose worker was lost."""
    return (
        _columns(TaskInstanceHistory)
        .join(DagRun, and_(DagRun.dag_id == TaskInstanceHistory.dag_id, DagRun.run_id == TaskInstanceHistory.run_id))
        .where(
            DagRun.id.in_(list(runs)),
            TaskInstanceHistory.dag_id == dag_id,
            TaskInstanceHistory.task_id == task_id,
            TaskInstanceHistory.state.in_(ENDED),
        )
    )


def counts(session: Session, dag_id: str, task_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return how many executions of these tasks ended, by task id and status; all that Airflow still knows."""
    if not task_ids:
        return {}
    rows = session.execute(counts_query(dag_id, task_ids))
    return {(row.task_id, str(row.state)): row.executions for row in rows}


def counts_query(dag_id: str, task_ids: Sequence[str]) -> Rows:
    """Return the query of ``counts``; the index ``ti_state_lkp`` holds all that it needs."""
    return (
        select(TaskInstance.task_id, TaskInstance.state, func.count().label("executions"))
        .where(
            TaskInstance.dag_id == dag_id,
            TaskInstance.task_id.in_(task_ids),
            TaskInstance.state.in_(ENDED),
        )
        .group_by(TaskInstance.task_id, TaskInstance.state)
    )


def _columns(table: type[TaskInstance | TaskInstanceHistory], *more: Any) -> Rows:  # noqa: ANN401 - columns
    return select(
        DagRun.id.label("run_key"),
        table.dag_id,
        table.task_id,
        table.run_id,
        table.try_number,
        table.state,
        table.queued_dttm,
        table.start_date,
        table.end_date,
        *more,
    )


def _with_records() -> Rows:
    return (
        _columns(TaskInstance, XComModel.value.label("record"))
        .join(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
        .join(XComModel, record_of_instance(), isouter=True)
    )


def _execution(row: Any) -> ExecutionRow:  # noqa: ANN401 - a row
    return ExecutionRow(
        run_key=row.run_key,
        dag_id=row.dag_id,
        task_id=row.task_id,
        run_id=row.run_id,
        try_number=row.try_number,
        status=str(row.state),
        queued=row.queued_dttm,
        start=row.start_date,
        end=row.end_date,
        record=read_record(getattr(row, "record", None)),
    )
