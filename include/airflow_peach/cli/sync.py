"""``peach sync``: read every repository and write the catalogue, once or for ever."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
from typing import TYPE_CHECKING

import click

from airflow_peach.catalogue import sync as catalogue_sync
from airflow_peach.cli import options
from airflow_peach.settings import load_settings
from airflow_peach.storage import LockedError

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.catalogue.sync import SyncReport


@click.command("sync")
@options.home
@options.source
@click.option("--watch", is_flag=True, help="Go on for ever, every [peach] sync_interval seconds.")
@click.option("--no-wait", is_flag=True, help="End at once, with exit 0, when another sync is running.")
@options.output_format
def command(*, home: Path | None, source: Path | None, watch: bool, no_wait: bool, output_format: str) -> int:
    r"""Read every repository of the platform's sources and write the catalogue that Airflow's DAGs are built from.

    Exit 0 when there is no problem in any repository, 1 when there is; the valid tasks are in the catalogue in
    either case.

    \b
    Examples:
      peach sync
      peach sync --home /tmp/peach --source ~/repositories
      peach sync --watch
    """
    settings = load_settings(home=home.absolute() if home else None)
    if watch:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        catalogue_sync.watch(settings, stop, source=source, on_report=lambda one: _show(one, output_format))
        return 0
    try:
        report = catalogue_sync.sync(settings, source=source, wait=not no_wait)
    except LockedError:
        if no_wait:
            return 0
        raise
    _show(report, output_format)
    return 1 if report.problems else 0


def _show(report: SyncReport, output_format: str) -> None:
    if output_format == "json":
        click.echo(json.dumps(dataclasses.asdict(report), default=str))
        return
    for problem in report.problems:
        click.echo(f"{click.style('✘', fg='red')} {problem}")
    changed = f"; changed: {', '.join(report.changed)}" if report.changed else ""
    click.echo(
        f"{len(report.repositories)} repositories in {report.seconds:.1f} s, {len(report.problems)} problems{changed}"
    )
