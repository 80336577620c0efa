"""The door into Airflow: the plugin, registered by the wheel's ``airflow.plugins`` entry point.

Every process of Airflow loads it, task processes included: nothing heavy is imported here.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_peach.loops import run_metrics, run_state, start_up


class PeachPlugin(AirflowPlugin):
    """Registers the listeners (states of runs, metrics, what is said at the start), the API, and the Tasks page."""

    name = "peach"
    listeners = [run_state, run_metrics, start_up]  # noqa: RUF012 - as the base class declares it

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The API and the page's files; imported, which takes a second, only by who asks: Airflow's API server."""
        from airflow_peach.monitoring.api.app import URL_PREFIX, create_app  # noqa: PLC0415
        from airflow_peach.monitoring.page.files import URL_PREFIX as PAGE_URL_PREFIX  # noqa: PLC0415
        from airflow_peach.monitoring.page.serving import PageFiles  # noqa: PLC0415

        return [
            {"name": "peach", "app": create_app(), "url_prefix": URL_PREFIX},
            {"name": "peach-page", "app": PageFiles(), "url_prefix": PAGE_URL_PREFIX},
        ]

    @cached_property
    def react_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The Tasks page; its address holds a hash of its files, so they are read by who asks."""
        from airflow_peach.monitoring.page.files import react_app  # noqa: PLC0415

        return [react_app()]
