"""What Airflow asks of a provider: the ``[peach]`` section with its defaults. Must not import Airflow."""

from __future__ import annotations

import dataclasses
from typing import Any

from airflow_peach import __version__
from airflow_peach.settings import SECTION, Settings, option_name


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata; entry point ``apache_airflow_provider``."""
    return {
        "package-name": "airflow-peach",
        "name": "PEACH",
        "description": "Notebooks in endless loops, from a committed YAML file.",
        "versions": [__version__],
        "cli": ["airflow_peach.airflow_commands.get_commands"],
        "config": {
            SECTION: {
                "description": "Notebooks in endless loops, from a committed YAML file.",
                "options": {
                    option_name(declared.name): {
                        "description": _description(declared.metadata),
                        "version_added": "0.1.0",
                        "type": _type_name(str(declared.type)),
                        "example": None,
                        "default": declared.metadata["default"],
                    }
                    for declared in dataclasses.fields(Settings)
                },
            }
        },
    }


def _description(metadata: Any) -> str:  # noqa: ANN401 - a field's metadata
    choices = metadata["choices"]
    return str(metadata["description"]) + (f" One of: {', '.join(choices)}." if choices else "")


def _type_name(declared: str) -> str:
    return {"float": "float", "int": "integer"}.get(declared, "string")
