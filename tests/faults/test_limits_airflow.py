"""Nothing escapes from a real Airflow: every hostile kind hangs in a loop of its own, and each is ended every way.

The kinds are those of ``hostile.py``; ``test_limits.py`` has them at every level of isolation, without Airflow. Here
each kind goes its way in a thread, so that a test takes as long as the slowest of them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.compose_engine import postgres_programs
from tests.live_processes import is_alive, marked_environments, parent_of

from airflow_peach.execution.process_tree import descendants
from airflow_peach.execution.sandbox import bubblewrap_failure
from airflow_peach.settings import load_settings

from .airflow_platform import AirflowPlatform, running_airflow
from .hostile import KINDS, SILENT, make_hostile_teams, make_ready, silent_server
from .kernel_index import kernel_index
from .loop_watch import LoopWatch
from .postgresql import running_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .conftest import Measured

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

# Long enough for each to begin, and to be struck, on a machine that is busy with all of them.
LIMIT_SECONDS = 40.0
# git gives up by itself a server that is silent for 20 s.
REMOTE_LIMIT_SECONDS = 15.0
# Of the limit: what is older is left to it.
STRUCK_WITHIN = 0.6
GRACE_SECONDS = 1.0
# The promises' own figures, and what ten executions at once on two cores add.
AFTER_LIMIT_SECONDS = 3.0
AFTER_REQUEST_SECONDS = 10.0
AFTER_KILL_SECONDS = 3.0
SLACK_SECONDS = 5.0
# After this the scheduler takes a task for lost that it hears nothing of.
HEARTBEAT_TIMEOUT_SECONDS = 15
GOES_ON_SECONDS = 90.0

# What computes for as long as it may leaves the two cores to Airflow: it is the end of them that is looked at.
COMPUTING = ("busy", "regex", "forks")


@dataclass(frozen=True)
class Hanging:
    """A hostile execution that does what it does.

    Attributes:
        attempt: Airflow's number of the try.
        process: the task process; ``supervisor`` is above it.
        below: the processes below the task process, the guard with them.
        marks: variables that only processes of this execution have.
    """

    kind: str
    run: str
    task: str
    attempt: int
    process: int
    supervisor: int
    below: frozenset[int]
    marks: tuple[str, ...]

    @property
    def guard(self) -> int:
        (guard,) = (pid for pid in self.below if b"guard.py" in _read(pid, "cmdline"))
        return guard

    def left(self) -> set[int]:
        """Return what of it is still alive."""
        return {pid for pid in self.below if is_alive(pid)}.union(*marked_environments(self.marks))


class Loops:
    """The loops of all kinds, as Airflow's API and ``/proc`` show them; used by many threads."""

    def __init__(self, airflow: AirflowPlatform, watch: LoopWatch) -> None:
        self.airflow = airflow
        self.watch = watch
        self._lock = threading.Lock()
        self._requests = threading.Lock()
        self._asked_at = 0.0
        self._instances: list[dict[str, Any]] = []

    def instances(self, kind: str) -> list[dict[str, Any]]:
        """Return the task instances of a loop that began last, the newest first."""
        with self._lock:
            if time.monotonic() > self._asked_at + 0.3:
                answer = self.airflow.ask("/dags/~/dagRuns/~/taskInstances?order_by=-start_date&limit=100")
                self._instances, self._asked_at = answer["task_instances"], time.monotonic()
            return [one for one in self._instances if one["dag_id"] == kind and one["start_date"]]

    def hanging(self, kind: str) -> Hanging:
        """Wait until the loop hangs, with time left to strike."""
        found: list[Hanging] = []

        def looked() -> bool:
            for one in self.instances(kind):
                for begun in self._begun(kind, one) if one["state"] == "running" else ():
                    age = dt.datetime.now(dt.timezone.utc) - self.began_at(begun)
                    if age.total_seconds() < STRUCK_WITHIN * limit_of(kind):
                        found.append(begun)
            return bool(found)

        self.wait(looked, seconds=LIMIT_SECONDS + GOES_ON_SECONDS, what=lambda: (kind, self.instances(kind)[:3]))
        return found[0]

    def said(self, one: Hanging) -> list[str]:
        """Return what of an execution's log in Airflow is not Airflow's own."""
        return [line["event"] for line in self._log(one.kind, one.run, one.task, one.attempt) if _is_ours(line)]

    def began_at(self, one: Hanging) -> dt.datetime:
        """Return when Airflow, having started the task process, called our operator."""
        lines = self._log(one.kind, one.run, one.task, one.attempt)
        return next(dt.datetime.fromisoformat(line["timestamp"]) for line in lines if line["event"] == "::endgroup::")

    def request(self, path: str, body: Mapping[str, object], method: str) -> None:
        """Ask the API for a change; one after the other, as people do."""
        with self._requests:
            self.airflow.ask(path, body, method=method)

    def until_gone(self, one: Hanging, *, within: float) -> float:
        """Wait until nothing of it is left; return how many seconds that took from now."""
        began = time.monotonic()
        self.wait(lambda: not one.left(), seconds=within, what=lambda: (one, one.left(), self.said(one)))
        return time.monotonic() - began

    def until_it_goes_on(self, kind: str, since: dt.datetime) -> None:
        """Wait until another task of the loop, or the same one again, has started."""

        def goes_on() -> bool:
            return any(dt.datetime.fromisoformat(one["start_date"]) > since for one in self.instances(kind))

        self.wait(goes_on, seconds=GOES_ON_SECONDS, what=lambda: (kind, since, self.instances(kind)[:3]))

    def wait(self, holds: Callable[[], object], *, seconds: float, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, what()
            time.sleep(0.05)

    def _begun(self, kind: str, instance: Mapping[str, Any]) -> Iterator[Hanging]:
        process, run, task = instance["pid"], instance["dag_run_id"], instance["task_id"]
        # Of ``index`` the environment's task hangs, in uv; of all others, those that follow it.
        if (task == "environment") != (kind == "index") or not process or not is_alive(process):
            return
        below = frozenset(one.pid for one in descendants(process))
        if kind in SILENT:
            begun = bool({b"uv\n", b"git-remote-http\n"} & {_read(pid, "comm") for pid in below})
        else:
            begun = any(line["event"] == "began" for line in self._log(kind, run, task, instance["try_number"]))
        if begun:
            if kind in COMPUTING:
                _make_nice(below)
            marks = {
                mark.decode() for pid in below for mark in _read(pid, "environ").split(b"\0") if self._is_mark(mark)
            }
            supervisor = parent_of(process)
            yield Hanging(kind, run, task, instance["try_number"], process, supervisor, below, tuple(marks))

    def _is_mark(self, variable: bytes) -> bool:
        return variable.startswith(f"HOME={self.airflow.home.peach_home}/".encode())

    def _log(self, kind: str, run: str, task: str, attempt: int) -> list[dict[str, Any]]:
        file = (
            self.airflow.home.logs / f"dag_id={kind}" / f"run_id={run}" / f"task_id={task}" / f"attempt={attempt}.log"
        )
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]


def limit_of(kind: str) -> float:
    return REMOTE_LIMIT_SECONDS if kind == "remote" else LIMIT_SECONDS


def _is_ours(line: Mapping[str, Any]) -> bool:
    return ".airflow_peach." in str(line.get("logger"))


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _make_nice(pids: frozenset[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, 19)


def each(check: Callable[[str], float], kinds: Sequence[str] = KINDS) -> dict[str, float]:
    """Do ``check`` for all kinds at the same time."""
    with ThreadPoolExecutor(len(kinds)) as threads:
        return dict(zip(kinds, threads.map(check, kinds), strict=True))


@contextlib.contextmanager
def database_options() -> Iterator[dict[str, dict[str, str]]]:
    """PostgreSQL where there is one: ten loops at once are more than SQLite's one writer likes."""
    if not postgres_programs():
        yield {}
        return
    with running_postgresql(Path(postgres_programs())) as database:
        yield {"database": {"sql_alchemy_conn": database.address}}


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loops]:
    directory = tmp_path_factory.mktemp("limits")
    source = directory / "source"
    # One for each way to end it: no time is spent between two of them.
    make_hostile_teams(source, requirement="peach-silent", tasks=1 + len(STRIKES))
    options = {
        "core": {"parallelism": str(len(KINDS) + 4)},
        "peach": {
            "time_limit": str(LIMIT_SECONDS),
            "environment_time_limit": str(LIMIT_SECONDS),
            "execution_fetch_timeout": "600",
            "grace": str(GRACE_SECONDS),
        },
        "scheduler": {
            "task_instance_heartbeat_timeout": str(HEARTBEAT_TIMEOUT_SECONDS),
            "task_instance_heartbeat_timeout_detection_interval": "2",
        },
    }
    with (
        silent_server() as port,
        kernel_index(directory / "index") as index,
        database_options() as database,
    ):

        def before(_: object) -> None:
            settings = load_settings(home=directory / "peach", platform_file=directory / "platform.yaml")
            make_ready(settings, source, silent_port=port)

        terms = {"remote": {"time_limit": REMOTE_LIMIT_SECONDS}}
        platform = json.dumps({"indexes": [index], "organisations": terms})
        with (
            running_airflow(directory, platform, {**options, **database}, before=before) as airflow,
            LoopWatch(directory / "peach") as watch,
        ):
            yield Loops(airflow, watch)


def test_at_its_limit_every_execution_ends_whatever_it_does(loops: Loops, measured: Measured) -> None:
    def check(kind: str) -> float:
        one = loops.hanging(kind)

        def ended() -> list[dict[str, Any]]:
            same = (one.run, one.task)
            return [
                seen
                for seen in loops.instances(kind)
                if (seen["dag_run_id"], seen["task_id"]) == same and seen["state"] != "running"
            ]

        loops.wait(ended, seconds=LIMIT_SECONDS + 30, what=lambda: one)
        (instance,) = ended()
        assert instance["state"] == "failed", instance
        assert loops.said(one)[-1] == f"timed out after {limit_of(kind):g} s", loops.said(one)[-4:]
        loops.until_gone(one, within=SLACK_SECONDS)
        loops.until_it_goes_on(kind, dt.datetime.fromisoformat(instance["end_date"]))
        took = dt.datetime.fromisoformat(instance["end_date"]) - loops.began_at(one)
        return took.total_seconds() - limit_of(kind)

    late = each(check)
    measured(f"in Airflow, ended after its limit, with {GRACE_SECONDS:g} s of grace", late)
    assert max(late.values()) < GRACE_SECONDS + AFTER_LIMIT_SECONDS + SLACK_SECONDS


def mark_failed(loops: Loops, one: Hanging) -> None:
    run = urllib.parse.quote(one.run)
    loops.request(f"/dags/{one.kind}/dagRuns/{run}/taskInstances/{one.task}", {"new_state": "failed"}, "PATCH")


def clear(loops: Loops, one: Hanging) -> None:
    what = {"dry_run": False, "only_failed": False, "dag_run_id": one.run, "task_ids": [one.task]}
    loops.request(f"/dags/{one.kind}/clearTaskInstances", what, "POST")


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


Strike = tuple["Callable[[Loops, Hanging], None]", float]
STRIKES: dict[str, Strike] = {
    "cleared": (clear, AFTER_REQUEST_SECONDS),
    "marked failed": (mark_failed, AFTER_REQUEST_SECONDS),
    "SIGKILL to the task process": (lambda _, one: kill(one.process), AFTER_KILL_SECONDS),
    "SIGKILL to its supervisor": (lambda _, one: kill(one.supervisor), AFTER_KILL_SECONDS),
    "SIGKILL to both": (lambda _, one: kill(one.supervisor, one.process), AFTER_KILL_SECONDS),
    "SIGKILL to the guard": (lambda _, one: kill(one.guard), AFTER_KILL_SECONDS),
}


@pytest.mark.parametrize("name", STRIKES)
def test_whatever_strikes_it_nothing_is_left_and_its_loop_goes_on(loops: Loops, measured: Measured, name: str) -> None:
    strike, within = STRIKES[name]
    if "guard" in name and bubblewrap_failure():
        pytest.skip("the sandbox does not work here")

    def check(kind: str) -> float:
        one = loops.hanging(kind)
        since = dt.datetime.now(dt.timezone.utc)
        strike(loops, one)
        taken = loops.until_gone(one, within=within + SLACK_SECONDS)
        loops.until_it_goes_on(kind, since)
        return taken

    # git has no guard: it runs before anything of a team does.
    kinds = [kind for kind in KINDS if kind != "remote" or "guard" not in name]
    measured(f"in Airflow, gone after: {name}", each(check, kinds))


def test_in_all_this_no_loop_had_two_executions_at_once(loops: Loops) -> None:
    spans = loops.watch.spans()
    for kind in set(KINDS) - set(SILENT):
        assert len(spans[kind]) > len(STRIKES), spans
    assert loops.watch.overlaps == []


def test_the_start_up_log_says_which_isolation_is_in_force(loops: Loops) -> None:
    level = "none" if bubblewrap_failure() else "bubblewrap"
    for component in ("scheduler", "dag-processor"):
        said = loops.airflow.processes.log(component).read_text(errors="replace")
        assert f"isolation of executions on this machine: {level}" in said, component
