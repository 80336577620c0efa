"""The door into Airflow: the plugin, registered by the wheel's ``airflow.plugins`` entry point.

Every process of Airflow loads it, task processes included: nothing heavy is imported here.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_peach.loops import run_state


class PeachPlugin(AirflowPlugin):
    """Registers the listener that keeps the states of runs true, and the API."""

    name = "peach"
    listeners = [run_state]  # noqa: RUF012 - as the base class declares it

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The API; imported, which takes a second, only by who asks for it: Airflow's API server."""
        from airflow_peach.monitoring.api.app import URL_PREFIX, create_app  # noqa: PLC0415

        return [{"name": "peach", "app": create_app(), "url_prefix": URL_PREFIX}]
