"""When a component of Airflow starts: the isolation in force is said, and what its children need is loaded."""

from __future__ import annotations

import importlib
import logging

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: object) -> None:
    """Do so once for each scheduler, DAG processor and the like; a task's own process is none."""
    if type(component).__name__ == "TaskRunnerMarker":
        return
    _say_which_isolation_is_in_force()
    _load_what_executions_need()


def _say_which_isolation_is_in_force() -> None:
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


def _load_what_executions_need() -> None:
    try:
        importlib.import_module("airflow_peach.loops.execution_preload")
    except Exception:
        # It starts all the same: each task's process then meets the same, and its log says so.
        log.exception("what executions need could not be loaded beforehand")
