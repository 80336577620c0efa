"""The JSON Schema of the configuration file, for editors: made from the models, kept beside them.

``python -m airflow_peach.authoring.schema`` writes the file anew; a test holds it to the models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_peach.authoring import rules
from airflow_peach.authoring.models import ConfigurationModel

# A name and no address: nobody has to serve it for ever. Another number when a file that was valid is so no more.
IDENTIFIER = "urn:airflow-peach:schema:configuration:1"
FILE = Path(__file__).with_name("configuration.schema.json")


def configuration_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12)."""
    schema = ConfigurationModel.model_json_schema()
    tasks = schema["$defs"]["TasksModel"]
    tasks["propertyNames"] = {"pattern": rules.TASK_NAME_PATTERN, "not": {"const": "environment"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": IDENTIFIER,
        **schema,
        "title": "Configuration file of airflow-peach",
    }


def text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(configuration_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
