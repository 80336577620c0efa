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

from .forked import end_everything, ending_at, start, start_on_host

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.settings import Settings

# How often a sync is killed, each time a tenth of a second later in its life.
KILLS = int(os.environ.get("PEACH_TEST_KILLS", "20")) // 2

# Every how many steps of a sync it is killed; 1: at each of them.
STRIDE = int(os.environ.get("PEACH_TEST_STRIDE", "13"))

# What a sync leaves when it is killed, and clears away when it is not.
LEFT = (".*@*", ".new-*", "*.corrupt", ".*.json.*", ".current.*")

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
    assert [path for pattern in LEFT for path in settings.home.rglob(pattern)] == []


class TwoTeams:
    """Two teams that speak for three organisations; each change renames all tasks, and takes one or gives it back."""

    def __init__(self, source: Path) -> None:
        self._teams = [make_team(source / name, {"job.py": CODE}) for name in ("one", "two")]
        self.states: list[list[str]] = [[]]

    def change(self) -> list[str]:
        """Commit the next state; return the names of the tasks that a sync publishes from now on."""
        number = len(self.states)
        own = [["debr", "sesr"] if number % 2 else ["debr"], ["zzebu"]]
        names = [f"{codops}-{number}" for each in own for codops in each]
        for team, organisations in zip(self._teams, own, strict=True):
            stays = set(organisations)
            files = {f"peach.conf/{codops}.yaml": configured(codops, number) for codops in organisations}
            gone = [path for path in team.path.glob("peach.conf/*.yaml") if path.stem not in stays]
            team.commit({**files, **{f"peach.conf/{path.name}": None for path in gone}})
        self.states.append(sorted(names))
        return self.states[-1]


def configured(codops: str, number: int) -> str:
    task = "{notebook: job.py, method: task, args: {file: log}}"
    return f"codops: {codops}\ntasks: {{{codops}-{number}: {task}}}\n"


def test_killed_at_each_step_the_catalogue_is_one_that_a_sync_made(tmp_path: Path) -> None:
    """The first sync and each after it, with organisations that come and go."""
    settings, teams = load_settings(home=tmp_path / "home"), TwoTeams(tmp_path / "source")
    work = partial(sync, settings, source=tmp_path / "source")
    point = 1
    while True:
        teams.change()
        syncing = start(ending_at(point, work))
        syncing.join(60)
        code = syncing.exitcode
        end_everything(syncing, str(settings.home))

        assert code in {0, 137}
        assert sorted(published(settings)) in (teams.states[-1:] if code == 0 else teams.states)
        if code == 0:
            break
        point += STRIDE
    assert point > 60, "a sync has more steps"
    assert [path for pattern in LEFT for path in settings.home.rglob(pattern)] == []


def test_one_of_two_hosts_is_killed_at_a_step(tmp_path: Path) -> None:
    settings, teams = load_settings(home=tmp_path / "home"), TwoTeams(tmp_path / "source")
    work = partial(sync, settings, source=tmp_path / "source")
    teams.change()
    work()
    for point in (5, 25, 45):
        expected = teams.change()
        hosts = [start_on_host("north", ending_at(point, work)), start_on_host("south", work)]
        while any(host.is_alive() for host in hosts):
            assert sorted(published(settings)) in teams.states[-2:]
            hosts[1].join(0.01)
        codes = [host.exitcode for host in hosts]
        if codes == [77, 77]:
            no_other_host()
        assert codes[0] in {0, 137}
        assert codes[1] == 0
        assert sorted(published(settings)) == expected
    assert [path for pattern in LEFT for path in settings.home.rglob(pattern)] == []


def no_other_host() -> None:
    reason = "no other host can be imitated here: unshare is not permitted"
    pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


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
        no_other_host()
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
