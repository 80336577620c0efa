"""A real Airflow whose settings, database and repositories are a test's: the demo's home and processes, without it."""

from __future__ import annotations

import configparser
import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.free_port import free_port

from airflow_peach.demo import airflow_processes
from airflow_peach.demo.airflow_home import USER, AirflowHome
from airflow_peach.demo.airflow_processes import AirflowProcesses
from airflow_peach.storage import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

START_SECONDS = 400.0


@dataclass
class AirflowPlatform:
    """A running Airflow, and its API as an administrator uses it."""

    home: AirflowHome
    processes: AirflowProcesses
    _token: str = ""

    def ask(self, path: str, body: Mapping[str, object] | None = None, *, method: str = "") -> Any:
        """Call the REST API (``/api/v2`` is put before) and return its answer."""
        return self._call(f"/api/v2{path}", body, method, {"Authorization": f"Bearer {self._token}"})

    def log_in(self) -> None:
        answer = self._call("/auth/token", {"username": USER, "password": self.home.password()}, "POST", {})
        self._token = answer["access_token"]

    def restart_what_ended(self) -> None:
        """Do what whoever runs Airflow's services does: start one that ended again."""
        if ended := self.processes.ended():
            self.processes.restart(ended)

    def wait_until(self, holds: Callable[[], object], *, seconds: float, what: Callable[[], object] = str) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, what()
            self.restart_what_ended()
            time.sleep(0.1)

    def logs(self, dag: str, task: str) -> list[Path]:
        """Airflow's log files of a task, the newest last."""
        found = self.home.logs.glob(f"dag_id={dag}/*/task_id={task}/attempt=*.log")
        return sorted(found, key=lambda log: log.stat().st_mtime)

    def _call(self, path: str, body: Mapping[str, object] | None, method: str, headers: Mapping[str, str]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.home.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method or ("GET" if body is None else "POST"),
            headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - the same
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:1000]!r}") from error


@contextlib.contextmanager
def running_airflow(
    directory: Path,
    platform: str,
    options: Mapping[str, Mapping[str, str]],
    *,
    before: Callable[[AirflowHome], object] = lambda _: None,
) -> Iterator[AirflowPlatform]:
    """Start Airflow, without a sync; yield when it is healthy.

    Args:
        directory: for all of it.
        platform: content of the platform's file.
        options: of ``airflow.cfg``, over the demo's.
        before: called when the configuration stands and nothing runs yet: to sync.
    """
    home = AirflowHome(directory / "airflow", directory / "peach", free_port())
    write_text(directory / "platform.yaml", platform)
    home.write(platform_file=directory / "platform.yaml", loop_min_interval_seconds=0)
    file = home.path / "airflow.cfg"
    parser = configparser.RawConfigParser()
    parser.read(file)
    parser.read_dict(options)
    with file.open("w") as target:
        parser.write(target)
    before(home)
    with pytest.MonkeyPatch.context() as patch, AirflowProcesses(home, directory / "logs") as processes:
        services = {name: argv for name, argv in airflow_processes.SERVICES.items() if name != "sync"}
        patch.setattr(airflow_processes, "SERVICES", services)
        patch.setattr(airflow_processes, "RESTARTS_AT_MOST", 20)
        patch.setattr(airflow_processes, "START_SECONDS", START_SECONDS)
        stop = threading.Event()
        processes.migrate_database(stop)
        assert processes.start(stop)
        platform_ = AirflowPlatform(home, processes)
        platform_.log_in()
        yield platform_
