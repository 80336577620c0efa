"""Nothing escapes from a real Airflow: marked failed, cleared, or with Airflow's own processes killed.

One Airflow runs every hostile kind at once, each in an organisation of its own. What is there is seen in ``/proc``
by the folder of its execution, which every process of it has in its environment.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.live_processes import is_alive, parent_of

from airflow_peach.settings import load_settings

from .airflow_platform import AirflowPlatform, running_airflow
from .hostile import KINDS, SILENT, make_hostile_teams, make_ready, silent_server
from .kernel_index import kernel_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Measured

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]

AFTER_MARK_SECONDS = 10.0
AFTER_KILL_SECONDS = 3.0
SLACK_SECONDS = 8.0
# A supervisor's end is noticed by its missing heartbeats.
HEARTBEAT_TIMEOUT_SECONDS = 15
GOES_ON_SECONDS = 180.0


@dataclass
class World:
    """The Airflow, and what is seen of the executions."""

    airflow: AirflowPlatform
    silent_port: int
    overlaps: list[str] = field(default_factory=list)
    samples: int = 0

    def task(self, kind: str) -> str:
        """The task of the kind's loop that hangs."""
        return "environment" if kind == "index" else "job"

    def look(self) -> dict[str, dict[str, set[int]]]:
        """Return for each kind its executions that have processes, by their folders."""
        seen: dict[str, dict[str, set[int]]] = {kind: {} for kind in KINDS}
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit() and (found := self._identify(directory)):
                kind, execution = found
                seen[kind].setdefault(execution, set()).add(int(directory.name))
        self.samples += 1
        self.overlaps += [f"{kind}: {sorted(found)}" for kind, found in seen.items() if len(found) > 1]
        return seen

    def _identify(self, directory: Path) -> tuple[str, str] | None:
        try:
            variables = (directory / "environ").read_bytes()
            arguments = (directory / "cmdline").read_bytes()
        except OSError:
            return None
        home = str(self.airflow.home.peach_home).encode()
        if b"127.0.0.1:%d/remote.git" % self.silent_port in arguments:
            return ("remote", f"git of {task_process_of(int(directory.name))}")
        if b"UV_CACHE_DIR=" + home + b"/environments/index/" in variables and is_alive(int(directory.name)):
            return ("index", f"uv of {task_process_of(int(directory.name))}")
        kind = re.search(rb"VIRTUAL_ENV=%b/environments/([a-z]+)/" % re.escape(home), variables)
        folder = re.search(rb"HOME=%b/executions/([^/]+)/" % re.escape(home), variables)
        if kind and folder and is_alive(int(directory.name)):
            return (kind[1].decode(), folder[1].decode())
        return None

    def all_begun(self) -> dict[str, str]:
        """Wait until each kind does what it does; return the execution of each."""
        found: dict[str, str] = {}

        def begun() -> bool:
            seen = self.look()
            for kind in KINDS:
                log = logs[-1].read_text(errors="replace") if (logs := self.airflow.logs(kind, "job")) else ""
                if seen[kind] and (kind in SILENT or '"began"' in log):
                    found[kind] = next(iter(seen[kind]))
                else:
                    found.pop(kind, None)
            return len(found) == len(KINDS)

        self.airflow.wait_until(begun, seconds=GOES_ON_SECONDS, what=lambda: set(KINDS) - set(found))
        return found

    def seconds_until_gone(self, executions: dict[str, str], *, within: float) -> dict[str, float]:
        began = time.monotonic()
        gone: dict[str, float] = {}
        while len(gone) < len(executions):
            seen = self.look()
            now = time.monotonic() - began
            gone.update({kind: now for kind, one in executions.items() if kind not in gone and one not in seen[kind]})
            assert now < within, {kind: seen[kind] for kind in executions if kind not in gone}
            time.sleep(0.02)
        return gone


def task_process_of(pid: int) -> int:
    """Return the Airflow task process above a process: the child of a worker of the executor."""
    with contextlib.suppress(OSError):
        while pid > 1:
            parent = parent_of(pid)
            if b"airflow worker" in Path(f"/proc/{parent}/cmdline").read_bytes():
                return pid
            pid = parent
    return 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("airflow-limits")
    options = {
        "core": {"parallelism": str(2 * len(KINDS))},
        "scheduler": {
            "task_instance_heartbeat_timeout": str(HEARTBEAT_TIMEOUT_SECONDS),
            "task_instance_heartbeat_timeout_detection_interval": "2",
        },
        "peach": {"execution_fetch_timeout": "600", "grace": "2"},
    }
    with silent_server() as port, kernel_index(directory / "index") as index:
        requirement = f"silent @ http://127.0.0.1:{port}/silent-1.0-py3-none-any.whl"
        make_hostile_teams(directory / "source", requirement=requirement)

        def before(_: object) -> None:
            settings = load_settings(home=directory / "peach")
            make_ready(settings, directory / "source", silent_port=port)

        platform = f"indexes: ['{index}']\n"
        with running_airflow(directory, platform, options, before=before) as airflow:
            yield World(airflow, port)


def running_run(world: World, kind: str) -> str:
    answer = world.airflow.ask(f"/dags/{kind}/dagRuns?state=running&limit=1")
    return str(answer["dag_runs"][0]["dag_run_id"])


def mark_failed(world: World, kind: str) -> None:
    run, task = running_run(world, kind), world.task(kind)
    world.airflow.ask(f"/dags/{kind}/dagRuns/{run}/taskInstances/{task}", {"new_state": "failed"}, method="PATCH")


def clear(world: World, kind: str) -> None:
    body = {"dry_run": False, "only_failed": False, "task_ids": [world.task(kind)]}
    world.airflow.ask(f"/dags/{kind}/clearTaskInstances", {**body, "dag_run_id": running_run(world, kind)})


@pytest.mark.parametrize("end", [mark_failed, clear])
def test_what_is_marked_failed_or_cleared_is_gone(
    world: World, measured: Measured, end: Callable[[World, str], None]
) -> None:
    executions = world.all_begun()
    for kind in KINDS:
        end(world, kind)
    taken = world.seconds_until_gone(executions, within=AFTER_MARK_SECONDS + SLACK_SECONDS)
    measured(f"Airflow: gone after {end.__name__.replace('_', ' ')}", taken)


def kill(world: World, victims: dict[str, tuple[bool, bool]], executions: dict[str, str]) -> None:
    """For each kind, kill its task process, its supervisor, or both."""
    seen = world.look()
    for kind, (task, supervisor) in victims.items():
        process = task_process_of(next(iter(seen[kind][executions[kind]])))
        assert process, kind
        for pid in [parent_of(process)] * supervisor + [process] * task:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("above", [False, True], ids=["task process", "supervisor, or both"])
def test_when_airflows_processes_are_killed_it_is_gone_and_the_loop_goes_on(
    world: World, measured: Measured, *, above: bool
) -> None:
    executions = world.all_begun()
    victims = {kind: (not above or number % 2 == 0, above) for number, kind in enumerate(KINDS)}
    kill(world, victims, executions)
    taken = world.seconds_until_gone(executions, within=AFTER_KILL_SECONDS + SLACK_SECONDS)
    measured(
        f"Airflow: gone after SIGKILL of the {'supervisor (of every other, both)' if above else 'task process'}", taken
    )
    again = world.all_begun()
    assert not set(again.values()) & set(executions.values())


def test_no_loop_had_two_executions_at_once(world: World) -> None:
    assert world.samples > 50
    assert world.overlaps == []
