from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from airflow_peach import __version__
from airflow_peach.provider import get_provider_info
from airflow_peach.settings import SECTION, Settings, load_settings, option_name

if TYPE_CHECKING:
    from pathlib import Path


def test_airflows_own_schema_accepts_it() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text(encoding="utf-8"))

    jsonschema.Draft7Validator(schema).validate(get_provider_info())


def test_it_names_this_distribution_and_its_version() -> None:
    information = get_provider_info()

    assert (information["package-name"], information["versions"]) == ("airflow-peach", [__version__])


def test_it_declares_every_setting() -> None:
    options = get_provider_info()["config"][SECTION]["options"]

    assert list(options) == [option_name(declared.name) for declared in dataclasses.fields(Settings)]
    assert [option["description"] for option in options.values() if not option["description"].endswith(".")] == []


def test_it_imports_no_airflow() -> None:
    code = "import sys, airflow_peach.provider; print('airflow' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def airflow(home: Path, *arguments: str) -> str:
    # In a process of its own, with nothing configured: Airflow reads its configuration once.
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "AIRFLOW_HOME": str(home)}
    argv = [sys.executable, "-m", "airflow", *arguments]
    return subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.airflow
def test_airflow_lists_the_section_with_its_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = airflow(tmp_path, "config", "list", "--section", SECTION, "--show-values")

    shown = dict(re.findall(r"^(\w+) = (.*)$", listed, flags=re.MULTILINE))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    for declared in dataclasses.fields(Settings):
        default = declared.metadata["default"].replace("{AIRFLOW_HOME}", str(tmp_path))
        assert shown.pop(option_name(declared.name)) == default
    assert shown == {}


@pytest.mark.airflow
def test_airflow_and_we_read_the_same_home(tmp_path: Path) -> None:
    value = airflow(tmp_path, "config", "get-value", SECTION, "home")

    assert value == f"{tmp_path / 'peach'}\n"
    code = "from airflow_peach.settings import load_settings; print(load_settings().home)"
    both = f"import airflow.configuration; {code}"
    for each in (code, both):
        env = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path)}
        assert subprocess.check_output([sys.executable, "-c", each], env=env, text=True) == value


def test_the_defaults_make_settings() -> None:
    assert load_settings().branch == "master"
