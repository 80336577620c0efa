"""One run of a loop through Airflow itself, in this process: what ``airflow dags test`` does.

The DAG comes from ``PeachBundle``, the tasks go through Airflow's task runner and its execution API, states and
XComs through the tests' own database.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.dagbag import DBDagBag
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select
from structlog.testing import capture_logs

from airflow_peach.loops.bundle import PeachBundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG
    from sqlalchemy.orm import Session

TRACEBACK = "(a traceback of the platform)"

BUNDLES = json.dumps([{"name": "peach", "classpath": "airflow_peach.loops.bundle.PeachBundle", "kwargs": {}}])


@dataclass(frozen=True)
class LoopRun:
    """What became of a run.

    Attributes:
        state: of the run.
        states: of each task.
        xcoms: of each task, by key.
        logs: of each task: its messages, and ``TRACEBACK`` after one that Airflow shows with a traceback of itself.
    """

    run_id: str
    state: str
    states: dict[str, str]
    xcoms: dict[str, dict[str, Any]]
    logs: dict[str, list[str]]


def published_dags() -> BundleDagBag:
    """Return the DAGs as Airflow parses them from the newest published catalogue."""
    bundle = PeachBundle(name="peach")
    bundle.initialize()
    file = bundle.path / "peach_loops.py"
    return BundleDagBag(file, safe_mode=False, load_op_links=False, bundle_path=bundle.path, bundle_name="peach")


def published_dag(name: str) -> DAG:
    """Return one of them."""
    return published_dags().dags[name]


def run_loop(
    name: str,
    *,
    conf: dict[str, Any] | None = None,
    limits_seconds: dict[str, float] | None = None,
) -> LoopRun:
    """Run the loop once. ``limits_seconds`` are time limits of single tasks, shorter than a setting can be."""
    dag = published_dag(name)
    for task_id, seconds in (limits_seconds or {}).items():
        dag.get_task(task_id).execution_timeout = dt.timedelta(seconds=seconds)
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        with capture_logs() as logged:
            run = dag.test(run_conf=conf)
    finally:
        signal.signal(signal.SIGTERM, terminated)  # Airflow's task runner sets its own
    with create_session() as session:
        states = session.execute(
            select(TaskInstance.task_id, TaskInstance.state).where(
                TaskInstance.dag_id == name, TaskInstance.run_id == run.run_id
            )
        ).all()
        pushed = session.execute(
            select(XComModel.task_id, XComModel.key, XComModel.value).where(
                XComModel.dag_id == name, XComModel.run_id == run.run_id
            )
        ).all()
    xcoms: dict[str, dict[str, Any]] = {task_id: {} for task_id, _ in states}
    for task_id, key, value in pushed:
        xcoms[task_id][key] = json.loads(value) if isinstance(value, str) else value
    return LoopRun(
        run_id=run.run_id,
        state=str(run.state),
        states={task_id: str(state) for task_id, state in states},
        xcoms=xcoms,
        logs=_log_of_each(dag, logged),
    )


def _log_of_each(dag: DAG, logged: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return each task's messages; one after the other, as the chain has it."""
    order = [task.task_id for task in dag.topological_sort()]  # type: ignore[no-untyped-call]
    logs: dict[str, list[str]] = {task_id: [] for task_id in order}
    begun: list[str] = []
    for entry in logged:
        event = entry["event"]
        if event == "Task started":
            begun = logs[order.pop(0)]
        elif not event.startswith("::") and event != "Task instance state updated":
            begun.append(event)
            begun += [TRACEBACK] if entry.get("exc_info") else []
    return logs


def recorded_run(name: str, run_id: str, states: Mapping[str, str], session: Session) -> DagRun:
    """Record a run of the newest published DAG ``name`` whose tasks have these states; none of them really ran."""
    DagBundlesManager().sync_bundles_to_db(session=session)  # type: ignore[no-untyped-call]
    session.commit()
    sync_bag_to_db(published_dags(), "peach", None, session=session)
    dag = DBDagBag().get_latest_version_of_dag(name, session=session)
    assert dag is not None
    now = dt.datetime.now(dt.timezone.utc)
    run = dag.create_dagrun(
        run_id=run_id,
        logical_date=now,
        data_interval=(now, now),
        run_after=now,
        start_date=now,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        session=session,
    )
    for instance in run.get_task_instances(session=session):
        instance.state = TaskInstanceState(states[instance.task_id])
        instance.try_number = 1
    session.flush()
    return run
