"""Airflow's processes and the sync beside them, each under a guard: none outlives the demo, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError
from airflow_peach.execution.guarded import GUARD
from airflow_peach.execution.guarded_command import GuardedCommand

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

    from airflow_peach.demo.airflow_home import AirflowHome

SERVICES = {
    "sync": ["airflow_peach", "sync", "--watch"],
    "api-server": ["airflow", "api-server"],
    "dag-processor": ["airflow", "dag-processor"],
    "scheduler": ["airflow", "scheduler"],
}
# A task that starts before the API answers tries again after ever longer pauses.
NEEDS_API = "scheduler"

START_SECONDS = 120.0
MIGRATION_SECONDS = 180.0
GRACE_SECONDS = 8.0
RESTARTS_AT_MOST, RESTARTS_WITHIN_SECONDS = 3, 120.0
FOREVER_SECONDS = 100 * 365 * 86400.0
POLL_SECONDS = 0.2


class AirflowProcessesError(PeachError):
    """Airflow did not start."""


class AirflowProcesses:
    """Starts Airflow's services, and ends them when the block is left.

    Args:
        home: the demo's Airflow.
        logs: where each service's output goes, ``airflow-<service>.log``.
    """

    def __init__(self, home: AirflowHome, logs: Path) -> None:
        self._home = home
        self._logs = logs
        self._guards: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts: dict[str, list[float]] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log(self, service: str) -> Path:
        """Return the log of a service."""
        return self._logs / f"airflow-{service}.log"

    def migrate_database(self, stop: threading.Event) -> None:
        """Make or migrate the database. Raises ``AirflowProcessesError`` when that fails."""
        with tempfile.TemporaryFile() as report:
            guard = self._spawn("db-migrate", ["airflow", "db", "migrate"], report.fileno())
            deadline = time.monotonic() + MIGRATION_SECONDS
            while guard.poll() is None and not stop.is_set() and time.monotonic() < deadline:
                stop.wait(POLL_SECONDS)
            self._end(guard)
            report.seek(0)
            succeeded = any(json.loads(line).get("exit_code") == 0 for line in report)
        if not succeeded and not stop.is_set():
            raise AirflowProcessesError(f"Airflow's database could not be made; see {self.log('db-migrate')}")

    def start(self, stop: threading.Event) -> bool:
        """Start all services and wait until they report that they are healthy; False when asked to stop before.

        Raises:
            AirflowProcessesError: one ended, or it took too long.
        """
        for service, arguments in SERVICES.items():
            if service == NEEDS_API and not self._wait(stop, "metadatabase"):
                return False
            self._guards[service] = self._spawn(service, arguments)
        return self._wait(stop, "metadatabase", "scheduler", "dag_processor")

    def restart(self, service: str) -> None:
        """Start a service that ended again.

        Raises:
            AirflowProcessesError: it ended too often lately to be started again.
        """
        now = time.monotonic()
        lately = [one for one in self._restarts.get(service, []) if now - one < RESTARTS_WITHIN_SECONDS]
        if len(lately) >= RESTARTS_AT_MOST:
            raise AirflowProcessesError(f"Airflow's {service} ends again and again; its log is {self.log(service)}")
        self._restarts[service] = [*lately, now]
        self._end(self._guards.pop(service))
        self._guards[service] = self._spawn(service, SERVICES[service])

    def ended(self) -> str:
        """Return the name of a service that is no longer running, or nothing."""
        return next((name for name, guard in self._guards.items() if guard.poll() is not None), "")

    def _wait(self, stop: threading.Event, *parts: str) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy(parts):
            if stop.wait(POLL_SECONDS):
                return False
            if ended := self.ended():
                raise AirflowProcessesError(f"Airflow's {ended} ended; its log is {self.log(ended)}")
            if time.monotonic() > deadline:
                raise AirflowProcessesError(f"Airflow is not healthy after {START_SECONDS:g} s; see {self._logs}")
        return True

    def stop(self) -> None:
        """End every service and all it started: politely, then for certain."""
        for guard in self._guards.values():
            if guard.poll() is None:
                guard.send_signal(signal.SIGTERM)
        for guard in self._guards.values():
            self._end(guard)
        self._guards.clear()

    def _healthy(self, parts: Sequence[str]) -> bool:
        try:
            with urllib.request.urlopen(f"{self._home.url}/api/v2/monitor/health", timeout=5) as response:  # noqa: S310 - our own address
                health = json.load(response)
        except (urllib.error.URLError, OSError, ValueError):
            return False
        return all(health.get(part, {}).get("status") == "healthy" for part in parts)

    def _spawn(self, name: str, arguments: list[str], report: int | None = None) -> subprocess.Popen[bytes]:
        """Start ``python -m <arguments>`` under a guard; the pipe to the guard is its lifeline (see ``guard.py``)."""
        command = GuardedCommand(
            argv=(sys.executable, "-m", *arguments),
            environment=self._home.environment(),
            cwd=self._home.path,
            time_limit_seconds=FOREVER_SECONDS,
            grace_seconds=GRACE_SECONDS,
        )
        with self.log(name).open("ab") as log, Path(os.devnull).open("wb") as nowhere:
            output, report = log.fileno(), nowhere.fileno() if report is None else report
            guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(output, report),
                cwd="/",
                env={variable: os.environ[variable] for variable in ("LD_LIBRARY_PATH",) if variable in os.environ},
                start_new_session=True,
            )
        if guard.stdin is None:
            raise AssertionError("stdin=PIPE gives a pipe")
        guard.stdin.write(command.message(output=output, report=report, descriptors={}))
        guard.stdin.flush()
        return guard

    def _end(self, guard: subprocess.Popen[bytes]) -> None:
        if guard.poll() is None:
            guard.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):  # its lifeline is cut below: then it kills
            guard.wait(GRACE_SECONDS + 2)
        if guard.stdin is not None:
            guard.stdin.close()
        guard.wait()
