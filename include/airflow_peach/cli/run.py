"""``peach run``: one task, here, exactly as its loop would run it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airflow_peach.authoring.work_tree import repository_of
from airflow_peach.authoring.yaml.documents import DocumentError, read_document
from airflow_peach.cli import options, output
from airflow_peach.settings import author_home, load_settings

if TYPE_CHECKING:
    from airflow_peach.execution.local_run import Finished


@click.command(
    "run",
    epilog=options.examples(
        "peach run tf_task",
        "peach run tf_task --args '{rounds: 3}'",
        "peach run debr.tf_task --commit HEAD~1 --format json 2>log.txt",
        "peach run tf_task --debug",
    ),
)
@click.argument("task")
@click.option(
    "--path",
    type=click.Path(exists=True, path_type=Path),
    default=Path(),
    help="The repository, or any file or folder in it, instead of the current directory.",
)
@click.option("--args", "args", metavar="MAPPING", default="", help="YAML or JSON, merged over the task's own args.")
@click.option("--commit", metavar="REV", default="", help="A commit, as git names it, instead of the files on disk.")
@click.option("--env", "passed", metavar="NAME", multiple=True, help="An environment variable that the task gets.")
@click.option("--keep", is_flag=True, help="Keep the execution's directory, and say where it is.")
@click.option(
    "--debug", is_flag=True, help="Without sandbox and limits, in this terminal: breakpoint(), pdb, a prompt."
)
@options.author_home
@options.output_format
def command(
    *,
    task: str,
    path: Path,
    args: str,
    commit: str,
    passed: tuple[str, ...],
    keep: bool,
    debug: bool,
    home: Path | None,
    output_format: str,
) -> int:
    """Run one task here, exactly as its loop would.

    TASK is its name, or <codops>.<name>. The files on disk are run, committed or not, but not those that git ignores:
    laid out in a directory of their own, in an environment of the requirements of this repository, under the guard,
    the sandbox, the limits and with the log of a loop. The organisation's secrets are on the platform; what the task
    needs of them is taken from this environment with --env.

    With --format json the log goes to standard error, and one object to standard output: status, reason, value,
    record (version, times, memory), kept.

    Exit code 0 when the task succeeded, 1 when it failed or could not be run.
    """
    from airflow_peach.execution.debugging import debug as in_debugger  # noqa: PLC0415 - help needs none of it
    from airflow_peach.execution.execute import execute  # noqa: PLC0415 - the same
    from airflow_peach.execution.local_run import LocalRun, run_here  # noqa: PLC0415 - the same

    if debug and not sys.stdin.isatty():
        raise click.UsageError("--debug needs a terminal")
    settings = load_settings(home=(home or author_home()).absolute())
    kept = settings.home / "kept" / f"{task}-{dt.datetime.now(tz=dt.timezone.utc):%Y%m%dT%H%M%S%f}" if keep else None
    as_json = output_format == "json"
    root = repository_of(path.resolve())
    finished = run_here(
        LocalRun(root, task, args=_arguments(args), revision=commit, passed=passed, kept=kept),
        settings,
        emit=lambda line: click.echo(line, err=as_json),
        perform=in_debugger if debug else execute,
    )
    if as_json:
        data = {**dataclasses.asdict(finished.outcome), "record": dict(finished.record)}
        click.echo(json.dumps({**data, "kept": str(kept) if kept else None}))
    else:
        _show(finished, kept)
        if finished.outcome.status != "success" and not commit:
            _show_what_validate_says(root, finished.task)
    return 0 if finished.outcome.status == "success" else 1


def _arguments(text: str) -> dict[str, Any]:
    try:
        root = read_document(text.encode()) if text else None
    except DocumentError as error:
        raise click.BadParameter(f"{error.cause}; {error.remedy}", param_hint="--args") from None
    data = root.data() if root else {}
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise click.BadParameter("write a mapping, such as '{rounds: 3}'", param_hint="--args")
    return data


def _show(finished: Finished, kept: Path | None) -> None:
    outcome, record = finished.outcome, finished.record
    name = f"{finished.codops}/{finished.task}"
    if outcome.status == "success":
        shown = "" if outcome.value is None else f"  result: {json.dumps(outcome.value, ensure_ascii=False)}"
        click.echo(output.good(f"{name} {record.get('version', '')}{shown}"))
    else:
        click.echo(output.bad(f"{name} {record.get('version', '')}: {outcome.reason}"))
    if "run_seconds" in record:
        click.echo(
            f"  ran {record['run_seconds']:.1f} s, processor {record.get('cpu_seconds', 0.0):.1f} s, "
            f"memory {record.get('peak_memory_bytes', 0) / 2**20:.0f} MiB"
        )
    if kept:
        click.echo(f"  directory: {kept}")


def _show_what_validate_says(root: Path, task: str) -> None:
    """Show why it may have failed: names of other cells, magics, imports that no requirement names."""
    from airflow_peach.cli.validate import foreseen  # noqa: PLC0415 - a task that succeeds needs none of it

    read = foreseen(root)
    for problem in (*read.problems, *read.hints):
        if problem.about.startswith(f"tasks.{task}."):
            click.echo(f"  peach validate says: {problem}")
