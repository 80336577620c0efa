"""The API as Airflow mounts it, in this process, on the tests' own database; users log in by real tokens."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI


@pytest.fixture(scope="session")
def airflow_app(airflow_database: None) -> Iterator[FastAPI]:  # noqa: ARG001 - makes the tables
    """Airflow's whole API server with all plugins, as an app."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        from airflow.api_fastapi.app import create_app, purge_cached_app  # noqa: PLC0415 - it takes seconds to import

        yield create_app(apps="core")
        purge_cached_app()
