"""Syncs that are killed with all they started, and two hosts that share a home."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.execution.conftest import marked_processes, wait_until
from tests.team import make_team

from airflow_peach.catalogue.store import current_snapshot, read_organisation, read_organisations, snapshot_path
from airflow_peach.catalogue.sync import sync
from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.task_run import TaskRun, run_task
from airflow_peach.settings import load_settings

from .forked import end_everything, start, start_on_host

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.settings import Settings

# How often a sync is killed, each time a tenth of a second later in its life.
KILLS = int(os.environ.get("PEACH_TEST_KILLS", "20")) // 2

CODE = """
import os, time

def task(file):
    began = time.monotonic()
    time.sleep(0.2)
    with open(file, "a") as log:
        log.write(f"{os.uname().nodename} {began} {time.monotonic()}\\n")
"""


def published(settings: Settings) -> list[str]:
    """Return the tasks that the DAG bundle reads; all of its files are whole."""
    version = current_snapshot(settings.home)
    organisations, warnings = read_organisations(snapshot_path(settings.home, version)) if version else ({}, [])
    assert warnings == []
    return [task.name for organisation in organisations.values() for task in organisation.tasks]


def test_first_syncs_killed_with_all_they_started(tmp_path: Path) -> None:
    """From an empty home on: each goes on from what the one before it left."""
    settings, source = load_settings(home=tmp_path / "home"), tmp_path / "source"
    expected = [f"task-{number}" for number in range(4)]
    for name in expected:
        lines = f"codops: debr\ntasks: {{{name}: {{notebook: job.py, method: task, args: {{file: log}}}}}}\n"
        make_team(source / name, {"peach.yaml": lines, "job.py": CODE})
    for number in range(1, KILLS + 1):
        syncing = start(partial(sync, settings, source=source))
        syncing.join(number * 0.1)
        end_everything(syncing, str(settings.home))

        assert set(published(settings)) <= set(expected)
        wait_until(lambda: marked_processes(str(settings.home)) == [], seconds=60)

    report = sync(settings, source=source)

    assert (published(settings), report.problems) == (expected, ())
    assert [status.error for status in report.repositories] == [""] * 4
    left = [path for pattern in (".*@*", ".new-*", "*.corrupt", ".*.json.*") for path in settings.home.rglob(pattern)]
    assert left == []


def test_two_hosts_share_a_home(tmp_path: Path) -> None:
    """They know nothing of each other's processes: only the locks of the home's files tell."""
    settings = load_settings(home=tmp_path / "home", isolation="none")
    source, log = tmp_path / "source", tmp_path / "log.txt"
    task = f"first: {{notebook: job.py, method: task, args: {{file: {log}}}}}"
    make_team(source / "team", {"peach.yaml": f"codops: debr\ntasks: {{{task}}}\n", "job.py": CODE})

    def work(name: str) -> None:
        sync(settings, source=source)
        organisation, said = read_organisation(settings.home / "catalogue", "debr"), list[str]()
        for number, loop in enumerate(["debr", "metadata", "debr"]):
            outcome = run_task(
                TaskRun(organisation, organisation.tasks[0], loop, f"{name}-{number}", 120.0),
                settings,
                PlatformEnvironments(settings),
                emit=said.append,
                keep=lambda _: None,
            )
            assert outcome.status == "success", said

    hosts = [start_on_host(name, partial(work, name)) for name in ("north", "south")]
    for host in hosts:
        host.join(240)

    if {host.exitcode for host in hosts} == {77}:
        reason = "no other host can be imitated here: unshare is not permitted"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    assert [host.exitcode for host in hosts] == [0, 0]
    runs = [line.split() for line in log.read_text().splitlines()]
    assert sorted(name for name, _, _ in runs) == ["north"] * 3 + ["south"] * 3
    # Two loops: never more than two at once.
    events = sorted([(float(began), 1) for _, began, _ in runs] + [(float(ended), -1) for _, _, ended in runs])
    assert max(sum(change for _, change in events[: place + 1]) for place in range(len(events))) <= 2
    assert published(settings) == ["first"]
    assert list((settings.home / "executions").iterdir()) == []
    environments = [path for path in (settings.home / "environments" / "debr").iterdir() if len(path.name) == 64]
    assert len(environments) == 1
