"""``peach demo``."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import click

from airflow_peach.cli import options
from airflow_peach.errors import PeachError


@click.command(
    "demo",
    epilog=options.examples(
        "peach demo",
        "peach demo --loops 2 --format json",
        "peach demo --source ~/my-repositories --home ~/try --port 8081",
    ),
)
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
    """Run the example organisations in an Airflow of their own, on this machine.

    Makes git repositories from the examples, starts Airflow on SQLite, prints its address and how to log in, then
    one line for each execution as it ends. Commit to a repository and watch it run. Ctrl-C or SIGTERM ends every
    process; what was done stays in --home, and the next demo goes on from there.

    With --format json, each execution is an object on a line of its own: codops, task, loop, status, version,
    repository, notebook, start, duration, reason, log.

    Exit code 0 when it was ended, or when every loop completed its --loops (a failed task is no failure of the
    demo), 1 when Airflow or a loop did not run.
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
