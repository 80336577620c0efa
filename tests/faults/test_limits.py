"""Nothing escapes: what does not want to end is ended, whatever it does and whoever is killed.

Each test runs the whole set at both levels of isolation at once; ``task_processes.py`` is what stands above it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.live_processes import is_alive, marked_environments, wait_until

from airflow_peach.execution.environments.folder import EnvironmentFolder
from airflow_peach.execution.process_tree import descendants
from airflow_peach.execution.sandbox import bubblewrap_failure
from airflow_peach.settings import Settings, load_settings
from airflow_peach.storage import LockedError, locked

from .hostile import KINDS, SILENT, make_hostile_teams, make_ready, silent_server
from .kernel_index import kernel_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .conftest import Measured

pytestmark = [pytest.mark.slow]

LEVELS = ("none",) if bubblewrap_failure() else ("none", "bubblewrap")
SCRIPT = Path(__file__).with_name("task_processes.py")
# Long enough for each to begin; a kernel takes two seconds. On a machine that is busy with more, set it higher.
LIMIT_SECONDS = float(os.environ.get("PEACH_TEST_LIMIT_SECONDS", "10"))
LONGER_LIMIT_SECONDS = {"notebook": 2 * LIMIT_SECONDS}
GRACE_SECONDS = 1.0
# The promises' own figures, and what a busy machine adds when twenty executions end at once on two cores.
AFTER_LIMIT_SECONDS = 3.0
AFTER_KILL_SECONDS = 3.0
SLACK_SECONDS = 5.0
BEGIN_SECONDS = 120.0


@dataclass
class Execution:
    """One hostile execution, and the processes above it."""

    kind: str
    level: str
    home: Path
    log: Path
    seen: set[int] = field(default_factory=set)

    @property
    def loop(self) -> str:
        return self.log.name

    @property
    def supervisor(self) -> int:
        return self._pids()[0]

    @property
    def task(self) -> int:
        return self._pids()[1]

    def said(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def ended(self) -> dict[str, Any] | None:
        file = Path(f"{self.log}.ended")
        return json.loads(file.read_text()) if file.exists() else None

    def has_begun(self) -> bool:
        """Whether it does what it does; from then on ``seen`` are the processes below the task process."""
        if not Path(f"{self.log}.pids").exists():
            return False
        below = {process.pid for process in descendants(self.task)}
        if self.kind in SILENT:
            begun = bool({"uv", "git-remote-http"} & {_name(pid) for pid in below})
        else:
            begun = "began" in self.said()
        self.seen |= below if begun else set()
        return begun

    def is_gone(self, marked: set[int]) -> bool:
        """Whether nothing of it is left: none that has its environment, none of those seen, and its loop is free."""
        if marked or any(map(is_alive, self.seen)):
            return False
        with contextlib.suppress(LockedError), locked(self.home / "locks" / f"loop-{self.loop}", timeout_seconds=0):
            return True
        return False

    def _pids(self) -> list[int]:
        pids: list[int] = json.loads(Path(f"{self.log}.pids").read_text())
        return pids


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class Platform:
    """Hostile organisations, ready to run."""

    settings: Settings
    logs: Path

    @contextlib.contextmanager
    def running(self, *, limit_seconds: float = 0, levels: Sequence[str] = LEVELS) -> Iterator[list[Execution]]:
        """Start every kind at every level, with the kind's limit or this one; end what is left at the end."""
        logs = self.logs / str(time.monotonic_ns())
        logs.mkdir(parents=True)
        executions = [
            Execution(kind, level, self.settings.home, logs / f"{logs.name}-{kind}-{level}")
            for level in levels
            for kind in KINDS
            # An organisation's environment is built by one process at a time, and is the same at every level.
            if kind not in SILENT or level == levels[-1]
        ]
        # Its failure is remembered; here every execution shall try again.
        EnvironmentFolder("index", self.settings.home / "environments" / "index").forget_failure()
        with contextlib.ExitStack() as processes:
            try:
                # Kernels first: beside those that compute they would take a minute to begin.
                for wave in (["notebook"], [kind for kind in KINDS if kind != "notebook"]):
                    chosen = [one for one in executions if one.kind in wave]
                    processes.enter_context(self._started(chosen, limit_seconds))
                    if wave == ["notebook"]:
                        begun(chosen)
                yield executions
            finally:
                for one in executions:
                    with contextlib.suppress(OSError):
                        os.kill(one.task, signal.SIGKILL)

    @contextlib.contextmanager
    def _started(self, executions: Sequence[Execution], limit_seconds: float) -> Iterator[None]:
        cases = [self._case(one, limit_seconds or limit_of(one.kind)) for one in executions]
        with subprocess.Popen([sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            process.stdin.write(json.dumps(cases))
            process.stdin.close()
            try:
                yield
            finally:
                process.kill()

    def _case(self, execution: Execution, limit_seconds: float) -> dict[str, Any]:
        return {
            "home": str(self.settings.home),
            "platform_file": str(self.settings.platform_file),
            "codops": execution.kind,
            "environment_of": execution.kind if execution.kind in ("notebook", "index") else "sleeps",
            "loop": execution.loop,
            "isolation": execution.level,
            "log": str(execution.log),
            "limit_seconds": limit_seconds,
            "grace_seconds": GRACE_SECONDS,
        }


def limit_of(kind: str) -> float:
    return LONGER_LIMIT_SECONDS.get(kind, LIMIT_SECONDS)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    directory = tmp_path_factory.mktemp("limits")
    source = directory / "source"
    make_hostile_teams(source, requirement="peach-silent")
    platform_file = directory / "platform.yaml"
    settings = load_settings(home=directory / "home", platform_file=platform_file)
    with silent_server() as port:
        with kernel_index(directory / "index") as address:
            platform_file.write_text(f"indexes: ['{address}']\n")
            make_ready(settings, source, silent_port=port, environments=("sleeps", "notebook"))
        platform_file.write_text(f"indexes: ['http://127.0.0.1:{port}/simple']\n")
        yield Platform(settings, directory / "logs")


def begun(executions: Sequence[Execution]) -> None:
    waiting = list(executions)
    deadline = time.monotonic() + BEGIN_SECONDS
    while waiting := [one for one in waiting if not one.has_begun()]:
        assert time.monotonic() < deadline, [(one.loop, one.said()) for one in waiting]
        time.sleep(0.05)


def seconds_until_gone(executions: Sequence[Execution], *, within: float) -> dict[str, float]:
    """Return how long each took from now until nothing of it was left."""
    began = time.monotonic()
    gone: dict[str, float] = {}
    while len(gone) < len(executions):
        left = [one for one in executions if one.loop not in gone]
        marked = marked_environments([f"PEACH_TEST_MARK={one.loop}" for one in left])
        now = time.monotonic() - began
        gone.update({one.loop: now for one, pids in zip(left, marked, strict=True) if one.is_gone(pids)})
        assert now < within, [(one.loop, pids, one.said()) for one, pids in zip(left, marked, strict=True)]
        time.sleep(0.02)
    return {one.loop.partition("-")[2]: gone[one.loop] for one in executions}


def test_at_its_limit_every_execution_ends_whatever_it_does(platform: Platform, measured: Measured) -> None:
    with platform.running() as executions:
        longest = max(map(limit_of, KINDS))
        wait_until(lambda: all(one.ended() for one in executions), seconds=longest + 30)
        late = {}
        for one in executions:
            ended = one.ended()
            assert ended is not None
            reason = f"timed out after {limit_of(one.kind):g} s"
            assert (ended["status"], ended["reason"]) == ("failed", reason), one.said()
            assert one.said()[-1] == reason
            assert one.kind in SILENT or "began" in one.said()
            late[f"{one.kind}-{one.level}"] = ended["seconds"] - limit_of(one.kind)
        # Nothing is left, and the next task of each loop can start.
        seconds_until_gone(executions, within=SLACK_SECONDS)
        measured(f"ended after its limit, with {GRACE_SECONDS:g} s of grace", late)
        assert max(late.values()) < GRACE_SECONDS + AFTER_LIMIT_SECONDS + SLACK_SECONDS


KILLED: dict[str, Callable[[Execution], list[int]]] = {
    "the task process": lambda one: [one.task],
    "its supervisor": lambda one: [one.supervisor],
    "both": lambda one: [one.supervisor, one.task],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("victims", KILLED.values(), ids=KILLED.keys())
def test_when_what_is_above_it_is_killed_every_execution_ends(
    platform: Platform, measured: Measured, victims: Callable[[Execution], list[int]], request: pytest.FixtureRequest
) -> None:
    with platform.running(limit_seconds=600) as executions:
        begun(executions)
        for one in executions:
            for pid in victims(one):
                os.kill(pid, signal.SIGKILL)
        taken = seconds_until_gone(executions, within=AFTER_KILL_SECONDS + SLACK_SECONDS)
        measured(f"gone after SIGKILL: {request.node.callspec.id}", taken)


def guard_of(execution: Execution) -> list[int]:
    """The guard below the task process."""
    below = [process.pid for process in descendants(execution.task) if process.parent == execution.task]
    return [pid for pid in below if b"guard.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.timeout(600)
@pytest.mark.skipif("bubblewrap" not in LEVELS, reason="the sandbox does not work here")
def test_in_the_sandbox_nothing_survives_even_the_kill_of_its_guard(platform: Platform, measured: Measured) -> None:
    with platform.running(limit_seconds=600, levels=["bubblewrap"]) as executions:
        begun(executions)
        guarded = [one for one in executions if one.kind != "remote"]  # git has none: it runs before anything of a team
        for one in guarded:
            (guard,) = guard_of(one)
            os.kill(guard, signal.SIGKILL)
        measured(
            "gone after SIGKILL: the guard", seconds_until_gone(guarded, within=AFTER_KILL_SECONDS + SLACK_SECONDS)
        )
        wait_until(lambda: all(one.ended() for one in guarded), seconds=SLACK_SECONDS)
        for one in guarded:
            assert "the guard of this execution was killed" in one.said()[-1] or one.kind == "index", one.said()
