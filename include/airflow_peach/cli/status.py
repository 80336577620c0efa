"""``peach status``: what stands in the home directory after the last sync."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airflow_peach.catalogue.store import current_snapshot, read_catalogue
from airflow_peach.cli import options, output
from airflow_peach.cli.status_text import plain, render
from airflow_peach.errors import PeachError
from airflow_peach.execution.environments.store import EnvironmentStore
from airflow_peach.execution.isolation import Isolation, isolation_in_force
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.model import Catalogue, Organisation, Task
    from airflow_peach.settings import Settings


@dataclass(frozen=True)
class EnvironmentStatus:
    """An organisation's environment.

    Attributes:
        digest: of the one in use; None where there is none.
        failure: why the last build failed; None when it did not.
    """

    digest: str | None
    failure: str | None


@dataclass(frozen=True)
class Status:
    """What ``peach status`` shows.

    Attributes:
        version: of the current snapshot; None before the first sync.
        environments: by codops, of each organisation.
    """

    home: Path
    version: str | None
    catalogue: Catalogue
    environments: dict[str, EnvironmentStatus]
    isolation: Isolation

    @property
    def problems(self) -> list[Problem]:
        """All of them, each once: of the sources, the repositories and the organisations."""
        found = [*self.catalogue.problems]
        found += (problem for each in self.catalogue.repositories.values() for problem in each.problems)
        found += (problem for each in self.catalogue.organisations.values() for problem in each.problems)
        return list(dict.fromkeys(found))

    @property
    def errors(self) -> list[str]:
        """What is wrong besides: fetches and builds that failed, isolation that does not work; a line each."""
        errors = [status.error for status in self.catalogue.repositories.values() if status.error]
        errors += (PeachError(each.failure).one_line() for each in self.environments.values() if each.failure)
        return errors if self.isolation.level else [*errors, self.isolation.why]


@click.command(
    "status",
    epilog=options.examples(
        "peach status",
        "peach status --home ~/.cache/airflow-peach-demo/peach",
        "peach status --format json | jq .problems",
    ),
)
@options.home
@click.option("--all", "everything", is_flag=True, help="Every repository and task, where there are more than 30.")
@options.output_format
def command(home: Path | None, *, everything: bool, output_format: str) -> int:
    """Show organisations, repositories, tasks, environments and problems.

    Reads what the last sync left in the home directory, and nothing else: no repository, no database, no Airflow.

    In a terminal tables are as wide as it is, and long cells are folded; elsewhere each row is one line.

    With --format json, all of it is one JSON object.

    Exit code 0 when there is no problem, 1 when there is.
    """
    status = read_status(load_settings(home=home.absolute() if home else None))
    if output_format == "json":
        click.echo(json.dumps(as_data(status)))
    else:
        shown = render(status, dt.datetime.now(dt.timezone.utc), everything=everything)
        if sys.stdout.isatty():
            from airflow_peach.cli.status_tables import show  # noqa: PLC0415 - rich takes long to import

            show(shown)
        else:
            click.echo("\n".join(plain(shown)))
    return 1 if status.problems or status.errors else 0


def read_status(settings: Settings) -> Status:
    """Read the state of ``settings.home``; writes nothing."""
    catalogue = read_catalogue(settings.home)
    store = EnvironmentStore(
        settings.home,
        interpreter=Path(settings.python or sys.executable),
        lock_max_age_seconds=settings.lock_max_age_seconds,
    )
    return Status(
        home=settings.home,
        version=current_snapshot(settings.home),
        catalogue=catalogue,
        environments={codops: _environment(store, codops) for codops in catalogue.organisations},
        isolation=isolation_in_force(settings),
    )


def _environment(store: EnvironmentStore, codops: str) -> EnvironmentStatus:
    current = store.current(codops)
    return EnvironmentStatus(current.digest if current else None, store.last_failure(codops))


def as_data(status: Status) -> dict[str, Any]:
    """Return all of it as JSON data."""
    catalogue = status.catalogue
    return {
        "home": str(status.home),
        "version": status.version,
        "isolation": _isolation_data(status.isolation),
        "organisations": [
            _organisation_data(organisation, status.environments[codops])
            for codops, organisation in catalogue.organisations.items()
        ],
        "repositories": [output.repository_data(each) for each in catalogue.repositories.values()],
        "problems": [output.problem_data(problem) for problem in status.problems],
        "errors": status.errors,
    }


def _isolation_data(isolation: Isolation) -> dict[str, Any]:
    level = isolation.level.value if isolation.level else None
    return {"setting": isolation.setting, "level": level, "why": isolation.why}


def _organisation_data(organisation: Organisation, environment: EnvironmentStatus) -> dict[str, Any]:
    until = organisation.tombstone_until
    return {
        "codops": organisation.codops,
        "environment": dataclasses.asdict(environment),
        "tombstone_until": until.isoformat() if until else None,
        "repositories": organisation.repositories,
        "requirements": sorted({requirement.text for requirement in organisation.requirements}),
        "tasks": [_task_data(task) for task in organisation.tasks],
    }


def _task_data(task: Task) -> dict[str, Any]:
    shown = ("name", "loop", "stale", "repository", "file", "line", "notebook", "method", "full_notebook")
    return {name: getattr(task, name) for name in shown}
