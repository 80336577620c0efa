"""The machine's clock set back, or far forward and back again: only the clock is not the real one.

Waiting and limits are on the monotonic clock, which nobody sets. What is left are ages: of locks, tombstones,
snapshots, environments, of what is remembered and shown.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.execution.environments.conftest import Platform, write_wheel
from tests.team import make_team

from airflow_peach.catalogue import harvest
from airflow_peach.catalogue import sync as catalogue_sync
from airflow_peach.catalogue.store import read_catalogue
from airflow_peach.catalogue.sync import SyncReport, sync, watch
from airflow_peach.cli.output import age
from airflow_peach.execution.environments import requirement_lock
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

YEARS = dt.timedelta(days=3650)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.timedelta], None]:
    """Return what sets the clock, by how much it is wrong."""
    wrong = [dt.timedelta(0)]
    real = time.time

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return dt.datetime.now(tz) + wrong[0]

    module = SimpleNamespace(**{**vars(dt), "datetime": Clock})
    for user in (catalogue_sync, harvest, requirement_lock):
        monkeypatch.setattr(user, "dt", module)
    monkeypatch.setattr(time, "time", lambda: real() + wrong[0].total_seconds())

    def set_to(difference: dt.timedelta) -> None:
        wrong[0] = difference

    return set_to


def configuration(codops: str, *tasks: str) -> dict[str, str | None]:
    lines = [f"  {task}: {{notebook: job.py, method: task}}" for task in tasks]
    return {"peach.yaml": "\n".join([f"codops: {codops}", "tasks:", *lines, ""])}


def test_syncs_by_a_wrong_clock_lose_nothing_and_the_right_clock_mends_the_rest(
    tmp_path: Path, set_clock: Callable[[dt.timedelta], None]
) -> None:
    code = {"job.py": "def task():\n    return 7\n"}
    stays, leaves = (make_team(tmp_path / "source" / name, code) for name in ("stays", "leaves"))
    stays.commit(configuration("debr", "x"))
    leaves.commit(configuration("sesr", "y"))
    settings, source = load_settings(home=tmp_path / "home"), tmp_path / "source"
    versions = {sync(settings, source=source).version}

    set_clock(YEARS)
    leaves.commit(configuration("sesr"))
    versions.add(sync(settings, source=source).version)

    # Far in the future no age is small, and the version that a run is pinned to is still there.
    assert versions <= {path.name for path in (settings.home / "snapshots").glob("[!.]*/")}
    set_clock(-YEARS)
    stays.commit(configuration("debr", "x", "z"))
    sync(settings, source=source)

    catalogue = read_catalogue(settings.home)
    assert [task.name for task in catalogue.organisations["debr"].tasks] == ["x", "z"]
    until = catalogue.organisations["sesr"].tombstone_until
    now = dt.datetime.now(dt.timezone.utc)
    assert until is not None
    assert until - (now - YEARS) <= dt.timedelta(days=1)

    set_clock(dt.timedelta(0))
    report = sync(settings, source=source)
    catalogue = read_catalogue(settings.home)
    assert report.organisations == ("debr",)
    for status in catalogue.repositories.values():
        assert status.fetched_at is not None
        assert abs(now - status.fetched_at) < dt.timedelta(hours=1)
        assert age(status.fetched_at, now - YEARS) == "0 s"
        assert status.error == ""


def test_a_lock_of_the_future_is_resolved_again_and_the_environment_stays(
    tmp_path: Path, set_clock: Callable[[dt.timedelta], None]
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "tool-box", "1.0")
    platform = Platform(tmp_path / "home", wheels)
    set_clock(YEARS)
    first = platform.ensure("tool-box")
    resolved = sum(line.startswith("Resolving") for line in platform.said)

    for difference in (dt.timedelta(0), -YEARS, dt.timedelta(0), YEARS):
        set_clock(difference)
        assert platform.ensure("tool-box") == first
        assert platform.store().prune(["debr"], keep_days=30) == []

    assert sum(line.startswith("Resolving") for line in platform.said) == resolved + 4
    assert sum(line.startswith("Building environment") for line in platform.said) == 1


def test_a_sync_is_due_by_the_clock_that_nobody_sets(tmp_path: Path, set_clock: Callable[[dt.timedelta], None]) -> None:
    """Set back by years, the next sync does not wait for years."""
    make_team(tmp_path / "source" / "team", configuration("debr"))  # type: ignore[arg-type]  # none is None
    settings = replace(load_settings(home=tmp_path / "home"), sync_interval_seconds=0.1)
    stop, reports = threading.Event(), []

    def on_report(report: SyncReport) -> None:
        reports.append(report)
        set_clock(-len(reports) * YEARS)
        if len(reports) == 3:
            stop.set()

    watching = threading.Thread(
        target=watch, args=(settings, stop), kwargs={"source": tmp_path / "source", "on_report": on_report}
    )
    watching.start()
    watching.join(120)

    assert len(reports) == 3
