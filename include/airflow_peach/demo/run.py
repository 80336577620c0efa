"""The demo from beginning to end."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from airflow_peach.catalogue.sync import sync
from airflow_peach.demo.airflow_home import USER, AirflowHome
from airflow_peach.demo.airflow_processes import AirflowProcesses
from airflow_peach.demo.example_repositories import make_repositories
from airflow_peach.demo.problems import Problems
from airflow_peach.demo.report import Reporter
from airflow_peach.errors import PeachError
from airflow_peach.resources import examples
from airflow_peach.settings import load_settings
from airflow_peach.storage import LockedError, locked, write_text

if TYPE_CHECKING:
    from airflow_peach.demo.follower import Follower

LOOP_MIN_INTERVAL_SECONDS = 5.0
POLL_SECONDS = 0.5


class DemoError(PeachError):
    """The demo cannot start."""


@dataclass(frozen=True)
class DemoOptions:
    """What ``peach demo`` was asked.

    Attributes:
        home: directory of all state.
        source: directory of git repositories, None for the examples.
        port: of the web interface.
        loops: end after so many runs of each loop; None runs until it is ended.
        as_json: one JSON object a line and nothing else.
    """

    home: Path
    source: Path | None
    port: int
    loops: int | None
    as_json: bool


def run_demo(options: DemoOptions, output: TextIO) -> int:
    """Run the demo; return its exit code. SIGTERM and Ctrl-C end every process it started.

    Raises:
        DemoError: it cannot start: the port is taken, another demo has this home, or it cannot be written.
    """
    if unusable := sorted(set("?#\n") & set(str(options.home))):
        # SQLite's address is a URL, in which these end the path.
        raise DemoError(
            f"{options.home}: a home must not have {' or '.join(map(repr, unusable))} in it; choose another"
        )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with locked(options.home / "demo.lock", timeout_seconds=0):
            return _run(options, output, stop)
    except LockedError as error:
        raise DemoError(f"a demo runs in {options.home} already; end it, or choose another --home") from error
    except OSError as error:
        where = error.filename or options.home
        raise DemoError(f"{where}: {error.strerror}; choose another --home") from error


def _run(options: DemoOptions, output: TextIO, stop: threading.Event) -> int:
    _require_free_port(options.port)
    airflow = AirflowHome(options.home / "airflow", options.home / "peach", options.port)
    reporter = Reporter(
        output, as_json=options.as_json, airflow_logs=airflow.logs, text_logs=options.home / "logs" / "executions"
    )
    repositories = options.source or options.home / "repositories"
    if options.source is None:
        make_repositories(examples(), repositories)
    platform_file = options.home / "platform.yaml"
    write_text(platform_file, f"sources:\n  - directory: {_quoted(repositories)}\n")
    airflow.write(platform_file=platform_file, loop_min_interval_seconds=LOOP_MIN_INTERVAL_SECONDS)
    # From here on this process is one of this Airflow: its settings and its database are the demo's.
    os.environ.update(airflow.environment())
    settings = load_settings()

    reporter.say(f"Repositories  {repositories}")
    reporter.say("Starting Airflow; this takes half a minute ...")
    with AirflowProcesses(airflow, options.home / "logs") as processes:
        processes.migrate_database(stop)
        problems = Problems(settings.home, reporter)
        sync(settings)
        problems.report()
        began = dt.datetime.now(dt.timezone.utc)
        if not processes.start(stop):
            return 0
        _greet(reporter, airflow)
        # Airflow is imported only now: it reads the configuration that was just written.
        from airflow_peach.demo.follower import Follower  # noqa: PLC0415

        return _follow(
            options,
            follower=Follower(settings, began),
            processes=processes,
            problems=problems,
            reporter=reporter,
            stop=stop,
        )


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error


def _greet(reporter: Reporter, airflow: AirflowHome) -> None:
    reporter.say(f"Airflow       {airflow.url}   user {USER}, password {airflow.password()}")
    program = Path(sys.executable).with_name("airflow")
    reporter.say(f"Commands      AIRFLOW_HOME={shlex.quote(str(airflow.path))} {shlex.quote(str(program))} dags list")
    reporter.say("Commit to a repository and watch it run. Ctrl-C ends everything.\n")


def _follow(
    options: DemoOptions,
    *,
    follower: Follower,
    processes: AirflowProcesses,
    problems: Problems,
    reporter: Reporter,
    stop: threading.Event,
) -> int:
    while not stop.is_set():
        if ended := processes.ended():
            click.echo(f"Airflow's {ended} ended; starting it again. Its log is {processes.log(ended)}", err=True)
            processes.restart(ended)
        problems.report()
        _report(follower, reporter)
        if options.loops is not None and follower.every_loop_ran(options.loops):
            time.sleep(follower.SETTLE_SECONDS)
            _report(follower, reporter)
            reporter.say(f"Every loop completed {options.loops} {'run' if options.loops == 1 else 'runs'}.")
            return 0
        stop.wait(POLL_SECONDS)
    reporter.say("Ending Airflow ...")
    return 0 if options.loops is None else 1


def _report(follower: Follower, reporter: Reporter) -> None:
    for ended in follower.ended():
        reporter.execution(ended)
