"""What ended since a moment, whatever the loop: for who follows as it happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.state import DagRunState
from sqlalchemy import func, select

from airflow_peach.monitoring.queries.executions import ENDED
from airflow_peach.monitoring.queries.records import read_record, record_of_instance

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Execution:
    """One ended execution. Times are UTC.

    Attributes:
        status: ``success`` or ``failed``.
        record: what the operator recorded (XCom ``peach``); empty when it was killed before it could.
    """

    dag_id: str
    task_id: str
    run_id: str
    try_number: int
    status: str
    start: dt.datetime | None
    end: dt.datetime
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_seconds(self) -> float:
        """From start to end as Airflow saw it."""
        return (self.end - self.start).total_seconds() if self.start else 0.0

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What tells this execution from any other."""
        return (self.dag_id, self.run_id, self.task_id, self.try_number)


def ended_executions(session: Session, dag_ids: Collection[str], *, since: dt.datetime) -> list[Execution]:
    """Return the executions of these DAGs that ended at or after ``since`` (UTC), in the order of their ends."""
    rows = session.execute(
        select(
            TaskInstance.dag_id,
            TaskInstance.task_id,
            TaskInstance.run_id,
            TaskInstance.try_number,
            TaskInstance.state,
            TaskInstance.start_date,
            TaskInstance.end_date,
            XComModel.value,
        )
        .join(XComModel, record_of_instance(), isouter=True)
        .where(
            TaskInstance.dag_id.in_(dag_ids),
            TaskInstance.state.in_(ENDED),
            TaskInstance.end_date >= since,
        )
        .order_by(TaskInstance.end_date)
    )
    return [
        Execution(
            dag_id=row.dag_id,
            task_id=row.task_id,
            run_id=row.run_id,
            try_number=row.try_number,
            status=str(row.state),
            start=row.start_date,
            end=row.end_date,
            record=read_record(row.value),
        )
        for row in rows
    ]


def ended_runs(session: Session, dag_ids: Collection[str], *, since: dt.datetime) -> dict[str, int]:
    """Return how many runs of each DAG started at or after ``since`` (UTC) and have ended."""
    rows = session.execute(
        select(DagRun.dag_id, func.count())
        .where(
            DagRun.dag_id.in_(dag_ids),
            DagRun.state.in_([DagRunState.SUCCESS, DagRunState.FAILED]),
            DagRun.start_date >= since,
        )
        .group_by(DagRun.dag_id)
    )
    counts: dict[str, int] = dict.fromkeys(dag_ids, 0)
    counts.update({row[0]: row[1] for row in rows})
    return counts
