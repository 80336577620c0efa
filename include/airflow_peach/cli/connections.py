"""Airflow's connections, for the commands that may need one: Airflow is imported when one is asked for."""

from __future__ import annotations

from airflow_peach.errors import PeachError


class NoAirflowError(PeachError):
    """The platform's file names a connection, and there is no Airflow here to ask."""


def connection_login(connection_id: str) -> tuple[str, str]:
    """Return login and password of a connection of the Airflow that is configured here.

    Raises:
        NoAirflowError: Airflow is not installed.
        PeachError: it has no such connection.
    """
    try:
        from airflow_peach.loops.connections import server_connection_login  # noqa: PLC0415 - takes seconds
    except ImportError as error:
        raise NoAirflowError(
            f"the platform's file names the Airflow connection {connection_id}, and Airflow cannot be imported here "
            f"({error}); install airflow-peach[airflow], or name a token_variable"
        ) from error
    return server_connection_login(connection_id)
