"""Credentials from Airflow's connections, so from any secrets backend."""

from __future__ import annotations

import os

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from airflow_peach.errors import PeachError


class ConnectionMissingError(PeachError):
    """The platform's file names a connection that Airflow does not have."""


def server_connection_login(connection_id: str) -> tuple[str, str]:
    """Return the same in a process beside the scheduler, which is no task: a sync.

    Airflow looks into its database only when told that this is one of its own processes, as its command line does.

    Raises:
        ConnectionMissingError: there is none of this id.
    """
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    return connection_login(connection_id)


def connection_login(connection_id: str) -> tuple[str, str]:
    """Return login and password of a connection; the password is masked in Airflow's logs.

    Raises:
        ConnectionMissingError: there is none of this id.
    """
    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        raise ConnectionMissingError(
            f"the platform's file names the connection {connection_id}, and Airflow has none of this id; "
            f"the platform's operator has to add it: airflow connections add {connection_id} …"
        ) from None
    if connection.password:
        mask_secret(connection.password)
    return connection.login or "", connection.password or ""
