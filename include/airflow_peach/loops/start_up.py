"""What the log of a starting component of Airflow says of us: which isolation is in force, and why no better one."""

from __future__ import annotations

import logging

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: object) -> None:
    """Say it once for each scheduler, DAG processor and the like; a task's own process is none."""
    if type(component).__name__ == "TaskRunnerMarker":
        return
    from airflow_peach.execution.isolation import Level, isolation_in_force  # noqa: PLC0415 - each process loads plugins
    from airflow_peach.settings import load_settings  # noqa: PLC0415 - the same

    try:
        isolation = isolation_in_force(load_settings())
    except Exception:
        # Whatever is wrong with the settings, the component starts; who needs them says so again.
        log.exception("the isolation of executions could not be found out")
        return
    weak = isolation.level in (None, Level.NONE)
    log.log(logging.WARNING if weak else logging.INFO, "isolation of executions on this machine: %s", isolation)
