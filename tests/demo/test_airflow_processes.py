"""Starting, restarting and ending services, with small ones in the place of Airflow's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.free_port import free_port

from airflow_peach.demo import airflow_processes
from airflow_peach.demo.airflow_home import AirflowHome
from airflow_peach.demo.airflow_processes import AirflowProcesses, AirflowProcessesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Modules that are found in the services' working directory, as `python -m` finds them.
MODULES = {
    # Answers as the API server does, once the others have said that they run.
    "standin_api": """
        import http.server, json, os, sys
        class Health(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.path == "/api/v2/monitor/health", self.path
                state = lambda name: {"status": "healthy" if os.path.exists(name + ".up") else "unhealthy"}
                answer = {"metadatabase": {"status": "healthy"},
                          "scheduler": state("scheduler"), "dag_processor": state("processor")}
                self.send_response(200); self.end_headers(); self.wfile.write(json.dumps(answer).encode())
            def log_message(self, *_): pass
        print("api up", flush=True)
        http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
        """,
    # Runs for ever, with a child that ignores everything and is in a session of its own.
    "standin_service": """
        import os, subprocess, sys, time
        sleeper = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", sleeper, os.getcwd()], start_new_session=True)
        open(sys.argv[1] + ".pid", "w").write(f"{os.getpid()} {child.pid}")
        open(sys.argv[1] + ".up", "w").close()
        print(sys.argv[1], "up", os.environ["AIRFLOW_HOME"], flush=True)
        time.sleep(600)
        """,
    "standin_broken": "print('cannot start', flush=True); raise SystemExit(3)",
    "airflow": "import sys; print(sys.argv); open('airflow.db', 'w').close()",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AirflowHome:
    home = AirflowHome(tmp_path / "airflow", tmp_path / "peach", free_port())
    home.path.mkdir()
    for name, code in MODULES.items():
        (home.path / f"{name}.py").write_text(textwrap.dedent(code), encoding="utf-8")
    monkeypatch.setattr(
        airflow_processes,
        "SERVICES",
        {
            "processor": ["standin_service", "processor"],
            "api-server": ["standin_api", str(home.port)],
            "scheduler": ["standin_service", "scheduler"],
        },
    )
    monkeypatch.setattr(airflow_processes, "GRACE_SECONDS", 1.0)
    return home


@pytest.fixture
def processes(home: AirflowHome, tmp_path: Path) -> Iterator[AirflowProcesses]:
    with AirflowProcesses(home, tmp_path / "logs") as processes:
        yield processes


def pids(home: AirflowHome, service: str) -> list[int]:
    return [int(pid) for pid in (home.path / f"{service}.pid").read_text(encoding="utf-8").split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_all_services_run_until_the_block_is_left_and_nothing_survives(home: AirflowHome, tmp_path: Path) -> None:
    with AirflowProcesses(home, tmp_path / "logs") as processes:
        assert processes.start(threading.Event()) is True
        assert processes.ended() == ""
        started = [*pids(home, "scheduler"), *pids(home, "processor")]
        assert all(map(alive, started))
    assert not any(map(alive, started))
    log = processes.log("scheduler")
    assert log == tmp_path / "logs" / "airflow-scheduler.log"
    assert log.read_text(encoding="utf-8") == f"scheduler up {home.path}\n"


def test_leaving_by_an_exception_ends_them_too(home: AirflowHome, tmp_path: Path) -> None:
    def interrupted() -> None:
        with AirflowProcesses(home, tmp_path / "logs") as processes:
            processes.start(threading.Event())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(map(alive, pids(home, "scheduler")))


def test_a_kill_of_the_demo_ends_them_too(home: AirflowHome, tmp_path: Path) -> None:
    """The pipe to each guard is its lifeline."""
    code = """
        import pathlib, sys, threading
        from airflow_peach.demo import airflow_processes
        from airflow_peach.demo.airflow_home import AirflowHome
        airflow_processes.GRACE_SECONDS = 1.0
        airflow_processes.SERVICES = {"processor": ["standin_service", "processor"]}
        home = AirflowHome(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]), 1)
        with airflow_processes.AirflowProcesses(home, pathlib.Path(sys.argv[2])) as processes:
            processes.start(threading.Event())
        """
    demo = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(home.path), str(tmp_path / "logs")])
    wait_until((home.path / "processor.up").exists)
    started = pids(home, "processor")
    demo.kill()
    demo.wait()
    wait_until(lambda: not any(map(alive, started)))


def test_a_service_that_ends_is_named_and_can_be_started_again(processes: AirflowProcesses, home: AirflowHome) -> None:
    processes.start(threading.Event())
    before = pids(home, "scheduler")
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: processes.ended() == "scheduler")
    # What it had started is gone with it: the next one finds nothing of it.
    wait_until(lambda: not alive(before[1]))
    processes.restart("scheduler")
    assert processes.ended() == ""
    wait_until(lambda: pids(home, "scheduler") != before)
    assert all(map(alive, pids(home, "scheduler")))
    assert processes.log("scheduler").read_text(encoding="utf-8").count("scheduler up") == 2


def test_a_service_that_ends_again_and_again_is_given_up(
    processes: AirflowProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.start(threading.Event())
    monkeypatch.setitem(airflow_processes.SERVICES, "scheduler", ["standin_broken"])
    for _ in range(airflow_processes.RESTARTS_AT_MOST):
        processes.restart("scheduler")
        wait_until(lambda: processes.ended() == "scheduler")
    with pytest.raises(AirflowProcessesError, match=r"Airflow's scheduler ends again and again; its log is .*\.log"):
        processes.restart("scheduler")
    assert processes.log("scheduler").read_text(encoding="utf-8").count("cannot start") == 3


def test_restarts_of_long_ago_do_not_count(processes: AirflowProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    processes.start(threading.Event())
    monkeypatch.setattr(airflow_processes, "RESTARTS_WITHIN_SECONDS", 0.0)
    for _ in range(airflow_processes.RESTARTS_AT_MOST + 1):
        processes.restart("processor")
    assert processes.ended() == ""


def test_a_service_that_cannot_start_ends_the_start_with_its_log(
    processes: AirflowProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(airflow_processes.SERVICES, "processor", ["standin_broken"])
    with pytest.raises(AirflowProcessesError, match="Airflow's processor ended; its log is ") as raised:
        processes.start(threading.Event())
    log = Path(str(raised.value).partition("its log is ")[2])
    assert log.read_text(encoding="utf-8") == "cannot start\n"


def test_a_start_that_takes_too_long_is_an_error(processes: AirflowProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_processes, "START_SECONDS", 0.5)
    monkeypatch.setitem(airflow_processes.SERVICES, "api-server", ["standin_service", "silent"])
    with pytest.raises(AirflowProcessesError, match=r"Airflow is not healthy after 0\.5 s; see "):
        processes.start(threading.Event())


def test_a_start_that_is_called_off_ends_at_once(processes: AirflowProcesses) -> None:
    stop = threading.Event()
    stop.set()
    assert processes.start(stop) is False


def test_the_scheduler_waits_for_the_api(
    processes: AirflowProcesses, home: AirflowHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that starts before the API answers tries again after ever longer pauses."""
    monkeypatch.setitem(airflow_processes.SERVICES, "api-server", ["standin_service", "silent"])
    stop = threading.Event()
    starting = threading.Thread(target=processes.start, args=(stop,))
    starting.start()
    wait_until((home.path / "silent.up").exists)
    time.sleep(0.3)
    assert not (home.path / "scheduler.up").exists()
    stop.set()
    starting.join()


def test_the_database_is_migrated_by_airflow(processes: AirflowProcesses, home: AirflowHome) -> None:
    processes.migrate_database(threading.Event())
    assert (home.path / "airflow.db").exists()
    assert "'db', 'migrate'" in processes.log("db-migrate").read_text(encoding="utf-8")


@pytest.mark.parametrize("database_is_there", [False, True])
def test_a_migration_that_fails_is_an_error_with_its_log(
    processes: AirflowProcesses, home: AirflowHome, *, database_is_there: bool
) -> None:
    (home.path / "airflow.py").write_text("raise SystemExit('disk full')", encoding="utf-8")
    if database_is_there:
        (home.path / "airflow.db").touch()
    with pytest.raises(AirflowProcessesError, match=r"Airflow's database could not be made; see .*db-migrate\.log"):
        processes.migrate_database(threading.Event())
    assert "disk full" in processes.log("db-migrate").read_text(encoding="utf-8")


def test_a_migration_that_is_called_off_is_none(processes: AirflowProcesses, home: AirflowHome) -> None:
    (home.path / "airflow.py").write_text("import time; time.sleep(600)", encoding="utf-8")
    stop = threading.Event()
    stop.set()
    begin = time.monotonic()
    processes.migrate_database(stop)
    assert time.monotonic() - begin < 30
