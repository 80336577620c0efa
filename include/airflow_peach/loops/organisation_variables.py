"""An organisation's environment variables, its secrets among them: from Airflow, so from any secrets backend."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from airflow_peach.errors import PeachError


class OrganisationVariablesError(PeachError):
    """The variable or connection ``peach_<codops>`` cannot be used."""


def organisation_variables(codops: str) -> dict[str, str]:
    """Return the environment variables for the tasks of ``codops``; their values are masked in Airflow's logs.

    They stand as a JSON object of names and values in the Airflow variable ``peach_<codops>``, or in the extra
    of the connection of that name. The variable wins.

    Raises:
        OrganisationVariablesError: it is not such an object.
    """
    name = f"peach_{codops}"
    text = Variable.get(name, default=None)
    if text is None:
        text = _extra_of_connection(name)
    if text is None:
        return {}
    variables = _read(name, text)
    for value in variables.values():
        mask_secret(value)
    return variables


def _extra_of_connection(name: str) -> str | None:
    try:
        extra = Connection.get(name).extra
    except AirflowNotFoundException:
        return None
    return str(extra) if extra else None


def _read(name: str, kept: object) -> dict[str, str]:
    try:
        # Some backends (Airflow's local files) give what their JSON holds, not a text.
        content: Any = json.loads(kept) if isinstance(kept, str) else kept
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(_is_variable(*item) for item in content.items()):
        # The text may hold secrets: it is not shown.
        raise OrganisationVariablesError(
            f"Airflow variable or connection {name}: expected a JSON object of environment variables, "
            'as in {"REDIS_URL": "redis://…"}; the platform\'s operator has to mend it'
        )
    return {str(key): str(value) for key, value in content.items()}


def _is_variable(name: str, value: object) -> bool:
    # What a process can be started with: see execve(2).
    startable = bool(name) and "=" not in name and "\0" not in f"{name}{value}"
    return startable and isinstance(value, (str, int, float))
