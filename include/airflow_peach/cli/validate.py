"""``peach validate``: everything the catalogue checks and more, before the commit."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.authoring.work_tree import (
    CONFIGURATION_FOLDER,
    MAIN_FILE,
    WorkTreeFiles,
    enclosing_repository,
    repository_of,
)
from airflow_peach.cli import options
from airflow_peach.cli.reports import text
from airflow_peach.cli.reports.findings import Finding, Findings
from airflow_peach.settings import author_home, load_settings

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import RepositoryConfiguration

_FORMATS = {"text": "text", "json": "json_lines", "gitlab": "gitlab", "sarif": "sarif", "github": "github"}


@click.command(
    "validate",
    epilog=options.examples(
        "peach validate",
        "peach validate ~/my-repository",
        "peach validate --resolve",
        "peach validate --format gitlab > gl-code-quality-report.json",
    ),
)
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--resolve", is_flag=True, help="Ask the package index whether all requirements can be had together.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(list(_FORMATS)),
    default="text",
    show_default=True,
    help="For a person; a JSON object a line; GitLab Code Quality; SARIF 2.1.0; annotations of GitHub Actions.",
)
def command(*, paths: tuple[Path, ...], resolve: bool, output_format: str) -> int:
    """Check the configuration files and notebooks of a repository.

    Each of PATHS is a repository, or any file or folder in one; without any, it is the current directory. Read are
    peach.yaml and peach.conf/ as they are on disk, committed or not, and each notebook they name. Every problem is
    told with its place and what to do: also a cell that needs names from other cells, or magics that a task cannot
    have. An import that no requirement names is a hint.

    Exit code 0 when there is no problem, 1 when there is; hints do not count.
    """
    findings = Findings()
    for root in dict.fromkeys(repository_of(path.resolve()) for path in paths or (Path(),)):
        configuration = foreseen(root)
        problems = [*configuration.problems, *_general(configuration, root)]
        if resolve:
            problems += _unresolvable(configuration)
        findings.found += (Finding(problem, root) for problem in problems)
        hints = [*configuration.hints, *_not_the_root(configuration, root)]
        findings.found += (Finding(hint, root, "hint") for hint in hints)
        findings.tasks += (task for file in configuration.files for task in file.tasks)
    if output_format == "text" and sys.stdout.isatty():
        text.show(findings)
    else:
        module = importlib.import_module(f"airflow_peach.cli.reports.{_FORMATS[output_format]}")
        rendered: str = module.render(findings, Path.cwd().resolve())
        if rendered:
            click.echo(rendered)
    return 1 if findings.errors else 0


def foreseen(root: Path) -> RepositoryConfiguration:
    """Read the work tree at ``root``, and look ahead at what its tasks would do."""
    from airflow_peach.authoring.foresight import Foresight  # noqa: PLC0415 - help needs none of it
    from airflow_peach.authoring.repository import read_repository  # noqa: PLC0415 - the same
    from airflow_peach.execution.magic_support import magic_support  # noqa: PLC0415 - the same

    return read_repository(WorkTreeFiles(root), repository=root.name, version="", foresight=Foresight(magic_support()))


def _general(configuration: RepositoryConfiguration, root: Path) -> list[Problem]:
    if configuration.files:
        return []
    remedy = f"create {MAIN_FILE}, or a .yaml file in {CONFIGURATION_FOLDER}/"
    return [Problem(Place(root.name), "", "no configuration file", remedy)]


def _not_the_root(configuration: RepositoryConfiguration, root: Path) -> list[Problem]:
    outer = enclosing_repository(root)
    if outer is None or not configuration.files:
        return []
    cause = f"is in a folder of the repository {outer.name}, and only files in its root are configuration files"
    place = Place(root.name, "", configuration.files[0].path, 1, 1)
    return [Problem(place, "", cause, "move it there, unless this folder is to be a repository of its own")]


def _unresolvable(configuration: RepositoryConfiguration) -> list[Problem]:
    from airflow_peach.execution.environments.platform_environments import PlatformEnvironments  # noqa: PLC0415 - uv
    from airflow_peach.execution.environments.resolution import unresolvable  # noqa: PLC0415 - the same

    settings = load_settings(home=author_home())
    return unresolvable(
        configuration, PlatformEnvironments(settings), time_limit_seconds=settings.environment_time_limit_seconds
    )
