"""``peach validate``: everything the catalogue checks, before the commit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.authoring.repository import read_repository
from airflow_peach.authoring.work_tree import WorkTreeFiles
from airflow_peach.cli import options

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import RepositoryConfiguration


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@options.output_format
def command(paths: tuple[Path, ...], output_format: str) -> int:
    r"""Check the configuration files and notebooks of repositories (PATHS; the current directory without any).

    Reads peach.yaml and peach.conf/ as they are on disk, committed or not, with each notebook they name, and
    tells every problem with its place and what to do. Exit 0 when there is none, 1 when there is.

    \b
    Examples:
      peach validate
      peach validate ~/my-repository --format json
    """
    found = False
    for path in paths or (Path(),):
        root = path.resolve()
        configuration = read_repository(WorkTreeFiles(root), repository=root.name, version="")
        problems = list(configuration.problems)
        if not configuration.files:
            problems.append(
                Problem(
                    Place(root.name),
                    "",
                    "no configuration file",
                    "create peach.yaml, or a .yaml file in peach.conf/",
                )
            )
        found = found or bool(problems)
        if output_format == "json":
            for problem in problems:
                click.echo(json.dumps({**dataclasses.asdict(problem), "message": str(problem)}))
        else:
            _show(configuration, problems)
    return 1 if found else 0


def _show(configuration: RepositoryConfiguration, problems: list[Problem]) -> None:
    for problem in problems:
        click.echo(f"{click.style('✘', fg='red')} {problem}")
    for file in configuration.files:
        for task in file.tasks:
            loop = "metadata loop" if task.loop else f"loop {file.codops}"
            click.echo(f"{click.style('✔', fg='green')} {file.path}: {task.name} in {loop}")
    if problems:
        click.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
