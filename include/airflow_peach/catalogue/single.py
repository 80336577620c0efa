"""The catalogue of one repository alone, as its author has it before anybody else's is known."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_peach.authoring.problems import did_you_mean
from airflow_peach.catalogue.merge import merge
from airflow_peach.catalogue.model import Catalogue, RepositoryStatus
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import RepositoryConfiguration
    from airflow_peach.authoring.platform.file import Platform
    from airflow_peach.catalogue.model import Organisation, Task


class NoTaskError(PeachError):
    """The repository has no such valid task; the message says which there are, or what is wrong with it."""


def catalogue_of(configuration: RepositoryConfiguration, platform: Platform) -> Catalogue:
    """Return what the loops would be if this were the only repository."""
    status = RepositoryStatus(configuration.repository, "")
    now = dt.datetime.now(tz=dt.timezone.utc)
    return merge([configuration], {configuration.repository: status}, Catalogue(), platform, now)


def find_task(catalogue: Catalogue, name: str, configuration: RepositoryConfiguration) -> tuple[Organisation, Task]:
    """Return the task called ``name`` or ``<codops>.<name>``, and its organisation.

    Raises:
        NoTaskError: there is none, it has problems, or several organisations have one of this name.
    """
    tasks = [(each, task) for each in catalogue.organisations.values() for task in each.tasks]
    found = [(each, task) for each, task in tasks if name in {task.name, f"{task.codops}.{task.name}"}]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoTaskError(f"several organisations have a task '{name}'; name one: {_names(found)}")
    about = [problem for problem in configuration.problems if problem.about.startswith(f"tasks.{name}")]
    if about:
        raise NoTaskError("\n".join(map(str, about)))
    unreadable = [problem for file in configuration.files if not file.readable for problem in file.problems]
    if unreadable or (configuration.problems and not tasks):
        raise NoTaskError("\n".join(map(str, unreadable or configuration.problems)))
    if not configuration.files:
        raise NoTaskError(f"{configuration.repository}: no configuration file; peach init writes a first one")
    known = [task.name for _, task in tasks]
    remedy = did_you_mean(name, known) or (f"there are: {', '.join(sorted(known))}" if known else "there are none")
    raise NoTaskError(f"{configuration.repository} has no valid task '{name}'; {remedy}")


def _names(found: list[tuple[Organisation, Task]]) -> str:
    return ", ".join(f"{task.codops}.{task.name}" for _, task in found)
