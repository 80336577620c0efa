"""The newest runs of loops, and where each task stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import DagRunState, TaskInstanceState
from sqlalchemy import and_, case, func, select, true, union_all

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from airflow_peach.monitoring.queries.records import Rows

# Of a task instance without a state, in the aggregate below.
NO_STATE = "none"


@dataclass(frozen=True)
class LoopRun:
    """One run of a loop. Times are UTC.

    Attributes:
        key: of Airflow's row; a later run has a greater one.
        state: ``queued``, ``running``, ``success`` or ``failed``.
    """

    key: int
    dag_id: str
    run_id: str
    state: str
    start: dt.datetime | None
    end: dt.datetime | None


@dataclass(frozen=True)
class TaskMark:
    """Where one task stands in some runs. The runs are given by ``LoopRun.key``.

    Attributes:
        succeeded: newest run in which it did, None when it did in none.
        failed: the same for failures.
        executing: newest run in which it executes now.
        open_state: its state in the run that is running now (``none`` when it has none yet); None when it is not in
            such a run.
    """

    dag_id: str
    task_id: str
    succeeded: int | None
    failed: int | None
    executing: int | None
    open_state: str | None

    @property
    def ended(self) -> int | None:
        """The newest run in which it ended."""
        return max((run for run in (self.succeeded, self.failed) if run is not None), default=None)

    @property
    def is_failing(self) -> bool:
        """Whether its last ended execution failed."""
        return self.failed is not None and self.ended == self.failed


def paused(session: Session, dag_ids: Collection[str]) -> dict[str, bool]:
    """Return whether each of these DAGs is paused; what Airflow does not know is not there."""
    rows = session.execute(select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(dag_ids)))
    return {row.dag_id: bool(row.is_paused) for row in rows}


def newest_runs(session: Session, dag_id: str, count: int, *, before: int | None = None) -> list[LoopRun]:
    """Return the ``count`` newest runs of one loop, newest first; those before the run ``before`` (its key)."""
    return _runs(session, newest_runs_query(dag_id, count, before=before))


def newest_runs_query(dag_id: str, count: int, *, before: int | None = None) -> Rows:
    """Return the query of ``newest_runs``."""
    query = _run_columns().where(DagRun.dag_id == dag_id)
    if before is not None:
        query = query.where(DagRun.id < before)
    return query.order_by(DagRun.id.desc()).limit(count)


def newest_runs_of_each(session: Session, dag_ids: Collection[str], count: int) -> dict[str, list[LoopRun]]:
    """Return the ``count`` newest runs of each loop, newest first, in one query that reads no others.

    By logical dates, of which there is an index for each DAG, so that a loop that stopped long ago costs no more than
    a busy one: a run that somebody triggered for a date in the past is not among the newest. SQLite, which has no
    LATERAL and is never far away, is asked for one loop after the other.
    """
    if session.get_bind().dialect.name == "sqlite":
        return {dag_id: newest_runs(session, dag_id, count) for dag_id in dag_ids}
    runs: dict[str, list[LoopRun]] = {dag_id: [] for dag_id in dag_ids}
    for run in _runs(session, newest_runs_of_each_query(dag_ids, count)):
        runs[run.dag_id].append(run)
    return {dag_id: sorted(found, key=lambda run: -run.key)[:count] for dag_id, found in runs.items()}


def newest_runs_of_each_query(dag_ids: Collection[str], count: int) -> Rows:
    """Return the query of ``newest_runs_of_each``, for dialects with LATERAL."""
    of_loop = _run_columns().where(DagRun.dag_id == DagModel.dag_id).correlate(DagModel)
    dated = of_loop.where(DagRun.logical_date.is_not(None)).order_by(DagRun.logical_date.desc()).limit(count)
    # Triggered runs may have no logical date.
    undated = of_loop.where(DagRun.logical_date.is_(None)).order_by(DagRun.id.desc()).limit(count)
    newest = union_all(dated, undated).lateral("newest")
    return select(*newest.c).select_from(DagModel).join(newest, true()).where(DagModel.dag_id.in_(dag_ids))


def task_marks(session: Session, runs: Iterable[int]) -> list[TaskMark]:
    """Return where each task stands in these runs (``LoopRun.key``), environments included."""
    return [
        TaskMark(row.dag_id, row.task_id, row.succeeded, row.failed, row.executing, row.open_state)
        for row in session.execute(task_marks_query(runs))
    ]


def task_marks_query(runs: Iterable[int]) -> Rows:
    """Return the query of ``task_marks``."""

    def newest(state: TaskInstanceState) -> ColumnElement[int | None]:
        return func.max(case((TaskInstance.state == state, DagRun.id)))

    open_state = case((DagRun.state == DagRunState.RUNNING, func.coalesce(TaskInstance.state, NO_STATE)))
    return (
        select(
            TaskInstance.dag_id,
            TaskInstance.task_id,
            newest(TaskInstanceState.SUCCESS).label("succeeded"),
            newest(TaskInstanceState.FAILED).label("failed"),
            newest(TaskInstanceState.RUNNING).label("executing"),
            func.max(open_state).label("open_state"),
        )
        .join(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
        .where(DagRun.id.in_(list(runs)))
        .group_by(TaskInstance.dag_id, TaskInstance.task_id)
    )


def _run_columns() -> Rows:
    return select(DagRun.id, DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.end_date)


def _runs(session: Session, query: Rows) -> list[LoopRun]:
    return [
        LoopRun(row.id, row.dag_id, row.run_id, str(row.state), row.start_date, row.end_date)
        for row in session.execute(query)
    ]
