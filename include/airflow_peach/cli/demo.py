"""``peach demo``."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import click

from airflow_peach.cli import options
from airflow_peach.errors import PeachError


@click.command("demo")
@click.option(
    "--source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory whose subfolders are git repositories, instead of the examples.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of all state, Airflow's included.  [default: airflow-peach-demo in the user's cache]",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port of Airflow's pages.")
@click.option(
    "--loops", type=click.IntRange(1), help="End when every loop has completed so many runs; exit 0 if all ran."
)
@options.output_format
def command(source: Path | None, home: Path | None, port: int, loops: int | None, output_format: str) -> int:
    r"""Run the example organisations in an Airflow of their own, on this machine.

    Makes git repositories from the examples, starts Airflow on SQLite, prints its address and how to log in,
    then one line for each execution as it ends. Ctrl-C ends everything; what was done stays in --home.

    \b
    Examples:
      peach demo
      peach demo --loops 2 --format json
      peach demo --source ~/my-repositories --home /tmp/try
    """
    if importlib.util.find_spec("airflow") is None:
        raise PeachError("the demo needs Airflow: pip install 'airflow-peach[airflow]'")
    from airflow_peach.demo.run import DemoOptions, run_demo  # noqa: PLC0415 - it needs the extra

    return run_demo(
        DemoOptions(
            home=(home or _default_home()).expanduser().absolute(),
            source=source.absolute() if source else None,
            port=port,
            loops=loops,
            as_json=output_format == "json",
        ),
        sys.stdout,
    )


def _default_home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "airflow-peach-demo"
