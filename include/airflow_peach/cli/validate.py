"""``peach validate``: everything the catalogue checks, before the commit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.authoring.repository import MAIN_FILE, read_repository
from airflow_peach.authoring.work_tree import CONFIGURATION_FOLDER, WorkTreeFiles
from airflow_peach.cli import options, output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_peach.authoring.definitions import TaskEntry


@click.command(
    "validate",
    epilog=options.examples(
        "peach validate", "peach validate ~/my-repository", "peach validate --format json | jq -r .message"
    ),
)
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@options.output_format
def command(paths: tuple[Path, ...], output_format: str) -> int:
    """Check the configuration files and notebooks of a repository.

    Each of PATHS is a repository, or any file or folder in one; without any, it is the current directory. Read are
    peach.yaml and peach.conf/ as they are on disk, committed or not, and each notebook they name. Every problem is
    told with its place and what to do.

    With --format json, each problem is an object on a line of its own.

    Exit code 0 when there is no problem, 1 when there is.
    """
    tasks: list[TaskEntry] = []
    problems: list[Problem] = []
    for root in dict.fromkeys(_repository_of(path.resolve()) for path in paths or (Path(),)):
        configuration = read_repository(WorkTreeFiles(root), repository=root.name, version="")
        tasks += (task for file in configuration.files for task in file.tasks)
        problems += configuration.problems
        if not configuration.files:
            remedy = f"create {MAIN_FILE}, or a .yaml file in {CONFIGURATION_FOLDER}/"
            problems.append(Problem(Place(root.name), "", "no configuration file", remedy))
    if output_format == "json":
        for problem in problems:
            click.echo(json.dumps(output.problem_data(problem)))
    else:
        _show(tasks, problems)
    return 1 if problems else 0


def _repository_of(path: Path) -> Path:
    """Return the root of the repository that ``path`` is in; where there is no sign of one, its own folder."""
    folder = path if path.is_dir() else path.parent
    for candidate in (folder, *folder.parents):
        in_configuration = CONFIGURATION_FOLDER in (candidate.name, candidate.parent.name)
        signs = (candidate / name for name in (MAIN_FILE, CONFIGURATION_FOLDER, ".git"))
        if not in_configuration and any(sign.exists() for sign in signs):
            return candidate
    return folder


def _show(tasks: list[TaskEntry], problems: Iterable[Problem]) -> None:
    problems = list(problems)
    for problem in problems:
        click.echo(output.bad(problem))
    for task in tasks:
        loop = "the metadata loop" if task.loop else "its organisation's loop"
        click.echo(output.good(f"{task.place}: {task.name} in {loop}"))
    click.echo(f"{output.count(len(tasks), 'valid task')}, {output.count(len(problems), 'problem')}")
