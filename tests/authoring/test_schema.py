"""The published schema: made from the models, and of the same mind as the reader of files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from airflow_peach.authoring.configuration import read_configuration
from airflow_peach.authoring.schema import FILE, IDENTIFIER, configuration_schema, text
from airflow_peach.resources import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASK = {"notebook": "n.ipynb", "method": "task"}
VALID: list[dict[str, Any]] = [
    {"codops": "debr", "tasks": {"a": TASK}},
    {"tasks": {"a": {**TASK, "loop": "metadata", "executor": "python", "full_notebook": True, "args": {"x": [1, {}]}}}},
    {"codops": "debr", "dependencies": ["numpy"], "tasks": {"dependencies": ["pandas"]}},
    {"codops": "debr", "endpoints": {"anything": ["at", "all"]}},
    {"codops": "debr", "tasks": {"a": {**TASK, "args": None}}, "dependencies": None},
]
INVALID: list[dict[str, Any]] = [
    {"codops": "debr", "task": {}},
    {"codops": "DEBR", "tasks": {"a": TASK}},
    {"codops": "debr", "tasks": {"a": {"notebok": "n.ipynb", "method": "task"}}},
    {"codops": "debr", "tasks": {"a": {"notebook": "n.ipynb"}}},
    {"codops": "debr", "tasks": {"a": {**TASK, "loop": "other"}}},
    {"codops": "debr", "tasks": {"a": {**TASK, "full_notebook": "yes"}}},
    {"codops": "debr", "tasks": {"a": {**TASK, "args": [1]}}},
    {"codops": "debr", "tasks": {"a b": TASK}},
    {"codops": "debr", "tasks": {"environment": TASK}},
    {"codops": "debr", "dependencies": "numpy"},
]


def descriptions(node: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for name, property_ in node.get("properties", {}).items():
            yield f"{path}.{name}", property_
        for name, inner in node.items():
            yield from descriptions(inner, f"{path}.{name}")


def test_the_published_file_is_what_the_models_say() -> None:
    """After a change of the models: ``python -m airflow_peach.authoring.schema``."""
    assert FILE.read_text(encoding="utf-8") == text()


def test_it_is_a_schema_with_a_name_and_a_version() -> None:
    schema = configuration_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    assert (schema["$schema"], schema["$id"]) == ("https://json-schema.org/draft/2020-12/schema", IDENTIFIER)


def test_each_field_has_a_description_and_examples() -> None:
    found = dict(descriptions(configuration_schema()))

    assert len(found) == 11
    assert [name for name, field in found.items() if not field.get("description") or not field.get("examples")] == []


@pytest.mark.parametrize("valid", [True, False])
def test_it_agrees_with_the_reader(valid: bool) -> None:  # noqa: FBT001 - a parameter of the test
    validator = jsonschema.Draft202012Validator(configuration_schema())
    for data in VALID if valid else INVALID:
        read = read_configuration(yaml.safe_dump(data).encode(), repository="r", version="", path="peach.yaml")

        assert (validator.is_valid(data), not read.problems) == (valid, valid), data


def check_jsonschema(*files: Path) -> int:
    argv = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(FILE), *map(str, files)]
    return subprocess.run(argv, capture_output=True, check=False, timeout=60).returncode


def test_check_jsonschema_takes_the_examples_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    files = [*examples().glob("*/peach.yaml"), *examples().glob("*/peach.conf/**/*.yaml")]
    bad = tmp_path / "peach.yaml"
    bad.write_text(json.dumps(INVALID[2]))

    assert len(files) >= 2
    assert check_jsonschema(*files) == 0
    assert check_jsonschema(bad) == 1
