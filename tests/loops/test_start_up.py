"""What a starting component says."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from airflow_peach.loops import start_up
from airflow_peach.plugin import PeachPlugin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class TaskRunnerMarker:
    """As Airflow's is named."""


def test_the_isolation_is_said_once_for_each_component(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert start_up in PeachPlugin.listeners
    monkeypatch.setenv("AIRFLOW__PEACH__HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__PEACH__ISOLATION", "none")
    with caplog.at_level(logging.INFO):
        start_up.on_starting(TaskRunnerMarker())
        assert caplog.messages == []
        start_up.on_starting(object())
    assert caplog.messages == ["isolation of executions on this machine: none"]
    assert caplog.records[0].levelname == "WARNING"


def test_a_setting_that_cannot_be_read_stops_no_component(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PEACH__ISOLATION", "strong")
    start_up.on_starting(object())
    assert "could not be found out" in caplog.text


def test_what_cannot_be_loaded_stops_no_component(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "airflow_peach.loops.execution_preload", None)
    start_up.on_starting(object())
    assert "could not be loaded beforehand" in caplog.text
