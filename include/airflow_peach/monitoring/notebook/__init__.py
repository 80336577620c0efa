"""The information notebook: an organisation's tasks in Jupyter, over the plugin's API. Needs no Airflow here.

``pip install 'airflow-peach[notebook]'`` brings what it needs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from airflow_peach.monitoring.notebook.panel import TasksPanel

DEFAULT_URL = "http://localhost:8080"


def initialize_tasks_info(url: str | None = None, *, organisation: str | None = None) -> TasksPanel:
    """Show organisations, their tasks, executions, durations and logs below the cell.

    Args:
        url: of Airflow; None for the environment variable ``PEACH_URL``, else ``http://localhost:8080``.
        organisation: codops of the one to show first; None for the first there is.

    Returns:
        What is shown; it need not be kept.

    Logs in with ``PEACH_TOKEN``, or with ``PEACH_USERNAME`` and ``PEACH_PASSWORD``, from the environment; without them
    it asks.

    Raises:
        PeachError: ipywidgets or httpx are missing, or ``url`` is none.
    """
    try:
        from IPython.display import display  # noqa: PLC0415 - only where there is a notebook

        from airflow_peach.monitoring.notebook.client import Client  # noqa: PLC0415
        from airflow_peach.monitoring.notebook.panel import TasksPanel  # noqa: PLC0415
    except ImportError as error:
        raise PeachError(f"{error.name} is missing: pip install 'airflow-peach[notebook]'") from error
    client = Client(url or os.environ.get("PEACH_URL") or DEFAULT_URL, os.environ)
    panel = TasksPanel(client, organisation=organisation)
    display(panel.widget)  # type: ignore[no-untyped-call]
    panel.start()
    return panel
