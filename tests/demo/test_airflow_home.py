"""The demo's Airflow home, as Airflow reads it."""

from __future__ import annotations

import configparser
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.demo.airflow_home import USER, AirflowHome

if TYPE_CHECKING:
    from pathlib import Path

# What Airflow makes of it, in a process of its own: it reads its home when it is imported.
READ = """
import configparser, json, os
from airflow.configuration import conf
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow import settings
from airflow_peach.settings import load_settings
peach = load_settings()
written = configparser.RawConfigParser()
written.read(os.path.join(os.environ["AIRFLOW_HOME"], "airflow.cfg"))
known = conf.configuration_description
(bundle,) = DagBundlesManager().get_all_dag_bundles()
print(json.dumps({
    "executor": conf.get("core", "executor"),
    "unknown": [f"{section}.{option}" for section in written.sections() for option in written[section]
                if option not in known.get(section, {}).get("options", {})],
    "examples": conf.getboolean("core", "load_examples"),
    "interval": conf.getint("core", "min_serialized_dag_update_interval"),
    "database": conf.get("database", "sql_alchemy_conn"),
    "engine": settings.engine.url.database,
    "logs": conf.get("logging", "base_log_folder"),
    "bundle": [bundle.name, type(bundle).__name__, bundle.refresh_interval],
    "home": str(peach.home),
    "platform_file": str(peach.platform_file),
    "sync": [peach.sync, peach.sync_interval_seconds, peach.loop_min_interval_seconds],
}))
"""


def written(path: Path) -> AirflowHome:
    home = AirflowHome(path / "airflow", path / "peach", 18080)
    home.write(platform_file=path / "platform.yaml", loop_min_interval_seconds=5.0)
    return home


def as_airflow_reads_it(home: AirflowHome) -> dict[str, Any]:
    environment = home.environment()
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    read: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return read


def configuration(home: AirflowHome) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read(home.path / "airflow.cfg", encoding="utf-8")
    return parser


@pytest.mark.parametrize("name", ["plain", "100% of Ada's own"])
def test_airflow_and_the_library_read_what_was_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    home = written(path)
    read = as_airflow_reads_it(home)
    assert (read["executor"], read["examples"], read["unknown"]) == ("LocalExecutor", False, [])
    assert read["database"] == f"sqlite:///{path}/airflow/airflow.db"
    assert read["engine"] == f"{path}/airflow/airflow.db"
    assert read["logs"] == str(path / "airflow" / "logs")
    assert read["bundle"] == ["peach", "PeachBundle", 1]
    assert (read["home"], read["platform_file"]) == (str(path / "peach"), str(path / "platform.yaml"))
    assert read["sync"] == ["external", 2.0, 5.0]
    assert read["interval"] == 1


def test_airflows_own_command_works_in_any_other_terminal(tmp_path: Path) -> None:
    home = written(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow", "config", "get-value", "peach", "home"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(home.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip().endswith(str(tmp_path / "peach"))


def test_what_is_secret_is_its_owners_alone(tmp_path: Path) -> None:
    home = written(tmp_path)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    for name in ("airflow.cfg", "secrets.json", "passwords.json"):
        assert stat.S_IMODE((home.path / name).stat().st_mode) == 0o600, name


def test_secrets_and_password_are_made_once(tmp_path: Path) -> None:
    home = written(tmp_path)
    before = {path.name: path.read_text(encoding="utf-8") for path in home.path.iterdir()}
    password = home.password()
    again = written(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in home.path.iterdir()} == before
    assert again.password() == password
    assert len(password) >= 16
    assert json.loads(home.password_file.read_text(encoding="utf-8")) == {USER: password}


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    one, other = configuration(written(tmp_path / "one")), configuration(written(tmp_path / "other"))
    for section, option in (("core", "fernet_key"), ("api", "secret_key"), ("api_auth", "jwt_secret")):
        assert len(one[section][option]) >= 40
        assert one[section][option] != other[section][option]


def test_a_new_port_and_interval_are_taken_up_and_nothing_else_changes(tmp_path: Path) -> None:
    before = configuration(written(tmp_path))
    home = AirflowHome(tmp_path / "airflow", tmp_path / "peach", 18081)
    home.write(platform_file=tmp_path / "platform.yaml", loop_min_interval_seconds=9.0)
    after = configuration(home)
    changed = {
        f"{section}.{option}"
        for section in after.sections()
        for option in after[section]
        if after[section][option] != before[section][option]
    }
    assert changed == {"core.execution_api_server_url", "api.port", "api.base_url", "peach.loop_min_interval"}
    assert after["api"]["base_url"] == home.url == "http://127.0.0.1:18081"


def test_a_password_that_the_user_chose_stays(tmp_path: Path) -> None:
    home = written(tmp_path)
    home.password_file.write_text('{"admin": "chosen"}', encoding="utf-8")
    assert written(tmp_path).password() == "chosen"


def test_the_environment_has_this_airflow_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = AirflowHome(tmp_path / "airflow", tmp_path / "peach", 18080)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "SequentialExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_X", "x")
    monkeypatch.setenv("_AIRFLOW__AS_LIBRARY", "1")
    monkeypatch.setenv("KEPT", "yes")
    environment = home.environment()
    assert [name for name in environment if "AIRFLOW" in name] == ["AIRFLOW_HOME"]
    assert environment["AIRFLOW_HOME"] == str(home.path)
    assert environment["KEPT"] == "yes"
