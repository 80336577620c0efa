"""A run's state is true: a listener that turns a run with failed tasks into a failed run.

In a chain of ``all_done`` tasks Airflow calls a run successful when its last task is, whatever became of the
others. This listener corrects that in the transaction in which the scheduler decides. It runs inside the
scheduler, where a listener that raises or opens a session of its own can end the scheduler's loop: so it uses
the run's own session, and contains every exception. Only a run that has none (``airflow dags test`` works on a
detached one, in a process of its own) is looked up, and corrected, in a session of ours.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from airflow_peach.loops.identifiers import TAG

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

# What DagRun.update_state says (airflow/models/dagrun.py); a person who marks a run successful says otherwise
# and keeps their word.
DECIDED_BY_SCHEDULER = "success"


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Set the run to failed when it is one of ours and a task of it failed."""
    if msg != DECIDED_BY_SCHEDULER:
        return
    try:
        _tell_the_truth(dag_run)
    except Exception:
        # The scheduler must live; the run then shows Airflow's own verdict.
        log.exception("the state of run %s of %s could not be checked", dag_run.run_id, dag_run.dag_id)


def _tell_the_truth(dag_run: DagRun) -> None:
    # Airflow's modules are in the scheduler already; a task process, which loads plugins too, must not pay for them.
    from airflow.utils.session import create_session  # noqa: PLC0415
    from airflow.utils.state import DagRunState  # noqa: PLC0415
    from sqlalchemy.orm import object_session  # noqa: PLC0415

    if TAG not in (getattr(dag_run.get_dag(), "tags", None) or ()):
        return
    session = object_session(dag_run)
    if session is not None:
        if _has_failed_task(session, dag_run):
            dag_run.set_state(DagRunState.FAILED)
        return
    with create_session() as own:
        if _has_failed_task(own, dag_run):
            # The caller merges the run into its session when we are done.
            dag_run.set_state(DagRunState.FAILED)


def _has_failed_task(session: Session, dag_run: DagRun) -> bool:
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 - as above
    from airflow.utils.state import State  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    failed = (
        select(TaskInstance.task_id)
        .where(
            TaskInstance.dag_id == dag_run.dag_id,
            TaskInstance.run_id == dag_run.run_id,
            TaskInstance.state.in_(State.failed_states),
        )
        .limit(1)
    )
    with session.no_autoflush:
        return session.scalar(failed) is not None
