"""``peach sync``: read every repository and write the catalogue, once or for ever."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import logging
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from airflow_peach.cli import options, output
from airflow_peach.cli.connections import connection_login
from airflow_peach.settings import load_settings
from airflow_peach.storage import LockedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_peach.catalogue.gathering import Progress
    from airflow_peach.catalogue.sync import SyncReport
    from airflow_peach.settings import Settings


@click.command(
    "sync",
    epilog=options.examples("peach sync", "peach sync --home ~/try --source ~/repositories", "peach sync --watch"),
)
@options.home
@options.source
@click.option("--watch", is_flag=True, help="Go on for ever, every [peach] sync_interval seconds.")
@click.option("--no-wait", is_flag=True, help="End at once, with exit code 0, when another sync is running.")
@options.output_format
def command(*, home: Path | None, source: Path | None, watch: bool, no_wait: bool, output_format: str) -> int:
    """Read every repository and write the catalogue.

    Repositories are those of the platform file's sources, or of --source. The catalogue is what Airflow's DAGs are
    built from; a running Airflow takes up a change within seconds.

    With --watch, until Ctrl-C or SIGTERM: a line is printed when something changes, with the problems that are new and
    those that are no longer; a sync that fails is told on standard error and tried again.

    With --format json, each sync is an object on a line of its own: repositories, organisations, changed (codops whose
    catalogue was written or removed), gone (repositories that their source no longer names, each with name, source, and
    the tasks that leave the loops), problems, version, seconds.

    Exit code 0 when all repositories were fetched and none has a problem, else 1; what is valid is in the catalogue
    either way.
    """
    if watch and no_wait:
        raise click.UsageError("--watch and --no-wait exclude each other")
    from airflow_peach.catalogue.sync import sync  # noqa: PLC0415 - help needs none of it

    settings = load_settings(home=home.absolute() if home else None)
    as_json = output_format == "json"
    if watch:
        _watch(settings, source, as_json=as_json)
        return 0
    try:
        with _progress_bar(output_format) as progress:
            report = sync(settings, source=source, progress=progress, wait=not no_wait, credentials=connection_login)
    except LockedError:
        if no_wait:
            return 0
        raise
    click.echo(_as_json(report) if as_json else _as_text(report))
    return 1 if _wrong(report) else 0


def _progress_bar(output_format: str) -> contextlib.AbstractContextManager[Callable[[Progress], None] | None]:
    if output_format != "text" or not sys.stderr.isatty():
        return contextlib.nullcontext()
    from airflow_peach.cli.progress_bar import ProgressBar  # noqa: PLC0415 - rich takes long to import

    return ProgressBar()


def _watch(settings: Settings, source: Path | None, *, as_json: bool) -> None:
    """Sync for ever. As text, after the first report, only what is new is shown."""
    from airflow_peach.catalogue.sync import watch  # noqa: PLC0415 - help needs none of it

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    repeated = _Repeated()
    for handler in logging.getLogger().handlers:
        handler.addFilter(repeated)
    before: SyncReport | None = None

    def on_report(report: SyncReport) -> None:
        nonlocal before
        if as_json:
            click.echo(_as_json(report))
        elif before is None or (report.version, _wrong(report)) != (before.version, _wrong(before)):
            click.echo(_as_text(report, before))
        before = report
        repeated.next_round()

    watch(settings, stop, source=source, on_report=on_report, credentials=connection_login)


class _Repeated(logging.Filter):
    """Leaves out what was logged in this round or the last one: a lasting failure is told once."""

    def __init__(self) -> None:
        super().__init__()
        self._now: set[str] = set()
        self._before: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        new = message not in self._now | self._before
        self._now.add(message)
        return new

    def next_round(self) -> None:
        self._before, self._now = self._now, set()


def _wrong(report: SyncReport) -> dict[object, str]:
    """Return a line for all that is wrong; by what stays the same while it is, whatever else is committed."""
    wrong: dict[object, str] = {status.error: status.error for status in report.repositories if status.error}
    for each in report.problems:
        wrong[replace(each, place=replace(each.place, version=""))] = str(each)
    return wrong


def _as_json(report: SyncReport) -> str:
    data = {
        **dataclasses.asdict(report),
        "repositories": [output.repository_data(status) for status in report.repositories],
        "problems": [output.problem_data(problem) for problem in report.problems],
    }
    return json.dumps(data)


def _as_text(report: SyncReport, before: SyncReport | None = None) -> str:
    """Return what went, what is wrong, and a line that counts; of what is wrong what was not so ``before``."""
    wrong, known = _wrong(report), _wrong(before) if before else {}
    lines = [f"- {gone}" for gone in report.gone]
    lines += [output.bad(line) for what, line in wrong.items() if what not in known]
    lines += [output.good(f"no longer: {line}") for what, line in known.items() if what not in wrong]
    repositories = output.count(len(report.repositories), "repository", "repositories")
    problems = output.count(len(wrong), "problem")
    changed = f", changed: {', '.join(report.changed)}" if report.changed else ""
    now = dt.datetime.now().astimezone()
    return "\n".join([*lines, f"{now:%H:%M:%S} {repositories}, {problems}{changed} ({report.seconds:.1f} s)"])
