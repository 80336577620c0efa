"""A listener that times the runs of loops. Contains every exception, as ``run_state`` does and for the same reason."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from airflow_peach.loops.identifiers import TAG

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)


# Last: ``run_state`` may have turned the success into a failure.
@hookimpl(trylast=True)
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001 - Airflow's names
    """Time a run that Airflow calls successful."""
    _time(dag_run)


@hookimpl(trylast=True)
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:  # noqa: ARG001 - Airflow's names
    """Time a run that Airflow calls failed."""
    _time(dag_run)


def _time(dag_run: DagRun) -> None:
    try:
        if TAG not in (getattr(dag_run.get_dag(), "tags", None) or ()):
            return
        # Not in task processes, which load plugins too.
        from airflow_peach.loops.identifiers import loop_of  # noqa: PLC0415
        from airflow_peach.loops.metrics import loop_ended  # noqa: PLC0415
        from airflow_peach.settings import load_settings  # noqa: PLC0415

        if dag_run.start_date is not None:
            end = dag_run.end_date or dt.datetime.now(dt.timezone.utc)
            loop = loop_of(load_settings().dag_id_prefix, dag_run.dag_id) or dag_run.dag_id
            loop_ended(loop, str(dag_run.state), (end - dag_run.start_date).total_seconds())
    except Exception:
        # The scheduler must live.
        log.exception("run %s of %s could not be timed", dag_run.run_id, dag_run.dag_id)
