"""The door into Airflow: the plugin, registered by the wheel's ``airflow.plugins`` entry point.

Every process of Airflow loads it, task processes included: nothing heavy is imported here.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_peach.loops import run_state


class PeachPlugin(AirflowPlugin):
    """Registers the listener that keeps the states of runs true."""

    name = "peach"
    listeners = [run_state]  # noqa: RUF012 - as the base class declares it
