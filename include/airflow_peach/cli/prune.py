"""``peach prune``: remove what is no longer used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from airflow_peach.cli import options, output
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@click.command("prune", epilog=options.examples("peach prune --dry-run", "peach prune --keep-days 7"))
@options.home
@click.option(
    "--keep-days",
    type=click.FloatRange(1),
    default=30.0,
    show_default=True,
    help="How long a thing that nothing needs is kept; longer than any execution may last.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; show what would be.")
@options.output_format
def command(*, home: Path | None, keep_days: float, dry_run: bool, output_format: str) -> int:
    """Remove what is no longer used.

    These are mirrors of repositories that no source has any more, environments that were replaced, executed notebooks
    but the newest of each task, directories kept by peach run --keep, and what killed executions left. It may run at
    any time: what is running holds locks, and stays.

    With --format json, each thing is an object on a line of its own: kind, path, size_bytes.

    Exit code 0.
    """
    from airflow_peach.execution.pruning import prune  # noqa: PLC0415 - help needs none of it

    settings = load_settings(home=home.absolute() if home else None)
    found = prune(settings, keep_days=keep_days, dry_run=dry_run)
    if output_format == "json":
        for each in found:
            click.echo(json.dumps({"kind": each.kind, "path": str(each.path), "size_bytes": each.size_bytes}))
        return 0
    for each in found:
        click.echo(f"{each.kind} {each.path} ({each.size_bytes / 2**20:.1f} MiB)")
    total = sum(each.size_bytes for each in found) / 2**20
    click.echo(f"{output.count(len(found), 'thing')} {'to remove' if dry_run else 'removed'}, {total:.1f} MiB")
    return 0
