"""``airflow peach``: Airflow finds the commands, and they do what those of ``peach`` do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airflow.cli import cli_parser
from tests.team import make_team, synced

from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = "codops: debr\ntasks:\n  first: {notebook: job.py, method: task, loop: metadata}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_team(tmp_path / "source" / "work", {"peach.yaml": CONFIGURATION, "job.py": "def task(): pass"})
    synced(load_settings(home=tmp_path / "home"), tmp_path / "source")
    return tmp_path / "home"


def airflow(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """Call ``airflow`` with Airflow's own parser; return exit code and output."""
    parsed = cli_parser.get_parser().parse_args(list(arguments))
    code: object = 0
    try:
        parsed.func(parsed)
    except SystemExit as exit_:
        code = exit_.code
    return code, capsys.readouterr().out


def test_organisations(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = airflow(capsys, "peach", "organisations", "--home", str(home), "--format", "json")

    (row,) = json.loads(output)
    assert (code, row["codops"], row["dag_id"], row["tasks"], row["metadata_tasks"]) == (0, "debr", "debr", 1, 1)
    assert "DAG debr, tasks: 1" in airflow(capsys, "peach", "organisations", "--home", str(home))[1]


def test_status_and_prune(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = airflow(capsys, "peach", "status", "--home", str(home), "--format", "json")
    assert (code, [each["codops"] for each in json.loads(output)["organisations"]]) == (0, ["debr"])

    assert airflow(capsys, "peach", "prune", "--home", str(home), "--dry-run") == (0, "no things to remove, 0.0 MiB\n")


def test_sync(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With Airflow's own settings: the platform's file is named in its configuration."""
    platform = home.parent / "platform.yaml"
    platform.write_text(f"sources: [{{directory: {home.parent / 'source'}}}]\n")
    monkeypatch.setenv("AIRFLOW__PEACH__PLATFORM_FILE", str(platform))

    code, output = airflow(capsys, "peach", "sync", "--home", str(home), "--format", "json")

    assert (code, [each["name"] for each in json.loads(output)["repositories"]]) == (0, ["work"])
