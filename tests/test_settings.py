from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_peach.settings import SettingError, Settings, as_environment, load_settings, option_name


@pytest.fixture(autouse=True)
def airflow_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Airflow home of its own, read as without Airflow in the process."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "airflow.configuration", raising=False)
    return tmp_path


def configure(airflow_home: Path, text: str) -> None:
    (airflow_home / "airflow.cfg").write_text(f"[peach]\n{text}\n", encoding="utf-8")


def test_defaults_are_the_users_pages(airflow_home: Path) -> None:
    settings = load_settings()

    assert settings.home == airflow_home / "peach"
    assert settings.platform_file is None
    assert settings.branch == "master"
    assert settings.time_limit_seconds == 3600
    assert settings.metadata_time_limit_seconds == 300


def test_the_configuration_file_then_the_environment_then_the_caller(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(airflow_home, "branch = file\nsync_interval = 5\nplatform_file = ~/p.yaml")
    monkeypatch.setenv("HOME", "/somebody")

    assert load_settings().branch == "file"
    assert load_settings().platform_file == Path("/somebody/p.yaml")
    monkeypatch.setenv("AIRFLOW__PEACH__BRANCH", "environment")
    assert load_settings().branch == "environment"
    assert load_settings(branch="caller").branch == "caller"
    assert load_settings(branch=None).branch == "environment"
    assert load_settings().sync_interval_seconds == 5.0


def test_the_file_is_read_as_airflow_reads_it(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEACH_DISK", "/srv/disk")
    configure(airflow_home, "dag_id_prefix = 100%%\nhome = $PEACH_DISK/peach")

    assert load_settings().dag_id_prefix == "100%"
    assert load_settings().home == Path("/srv/disk/peach")


def test_a_single_percent_sign_is_an_error_as_in_airflow(airflow_home: Path) -> None:
    configure(airflow_home, "dag_id_prefix = %(x)s")

    with pytest.raises(SettingError, match=r"\[peach\] dag_id_prefix: .* write '%' as '%%'"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sync_interval = soon", r"\[peach\] sync_interval = soon: expected a number"),
        ("sync_interval = -1", r"\[peach\] sync_interval = -1: expected a number of 0 or more"),
        ("sync_interval = inf", r"\[peach\] sync_interval = inf: expected a number of 0 or more"),
        ("sync_interval = nan", r"\[peach\] sync_interval = nan: expected a number of 0 or more"),
        ("log_limit = 1.5", r"\[peach\] log_limit = 1.5: expected a number"),
        ("isolation = no", r"\[peach\] isolation = no: expected one of auto, required, bubblewrap, user, none"),
        ("isolation_uids = 60000", r"\[peach\] isolation_uids = 60000: expected two numbers, the lower one first"),
        ("isolation_uids = 7-6", r"\[peach\] isolation_uids = 7-6: expected two numbers"),
        ("isolation_uids = 0-6", r"\[peach\] isolation_uids = 0-6: expected two numbers"),
        ("isolation_uids = 1-4294967295", r"expected two numbers"),
    ],
)
def test_a_bad_value_names_the_option(airflow_home: Path, text: str, message: str) -> None:
    configure(airflow_home, text)

    with pytest.raises(SettingError, match=message):
        load_settings()


def test_an_unknown_override_is_a_bug() -> None:
    with pytest.raises(TypeError, match="no such setting: brunch"):
        load_settings(brunch="x")


def test_another_process_gets_the_same_settings(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(home=airflow_home / "elsewhere", branch="x", grace_seconds=1.5)

    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)

    assert load_settings() == settings


def test_every_setting_says_what_it_is_and_in_which_unit() -> None:
    for declared in dataclasses.fields(Settings):
        assert declared.metadata["description"].endswith("."), declared.name
        unit = declared.name.removeprefix(option_name(declared.name)).strip("_")
        assert unit.removesuffix("s") in declared.metadata["description"].lower(), declared.name


def test_reading_them_does_not_import_airflow() -> None:
    script = (
        "import sys\n"
        "from airflow_peach.settings import load_settings\n"
        "load_settings()\n"
        "assert 'airflow' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.airflow
def test_airflows_own_reader_is_used_where_it_is_loaded(airflow_home: Path) -> None:
    script = (
        "from airflow.configuration import conf\n"
        "conf.set('peach', 'branch', 'of-airflow')\n"
        "from airflow_peach.settings import load_settings\n"
        "print(load_settings().branch)"
    )
    environment = {"AIRFLOW_HOME": str(airflow_home), "PATH": "/usr/bin:/bin"}

    answer = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert answer.stdout.strip().splitlines()[-1] == "of-airflow"
