"""What a path names, as far as the user may read it; else 404, whether it is not there or not theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, status

from airflow_peach.authoring.definitions import METADATA_LOOP
from airflow_peach.catalogue.model import Catalogue, Organisation, Task
from airflow_peach.catalogue.store import read_catalogue
from airflow_peach.loops import identifiers
from airflow_peach.monitoring.api.access import CurrentReader, CurrentSettings, ReadSession  # noqa: TC001 - FastAPI reads the annotations
from airflow_peach.monitoring.visibility import may_see


@dataclass(frozen=True)
class TaskSeen:
    """A task's name in Airflow. It need not have executions.

    Attributes:
        task: its definition; None when it has none any more.
    """

    codops: str
    name: str
    dag_id: str
    task_id: str
    task: Task | None


def current_catalogue(settings: CurrentSettings) -> Catalogue:
    """Return the present catalogue."""
    return read_catalogue(settings.home)


CurrentCatalogue = Annotated[Catalogue, Depends(current_catalogue)]


@dataclass(frozen=True)
class View:
    """What a route answers from: who asks, what there is, and what became of it."""

    reader: CurrentReader
    catalogue: CurrentCatalogue
    session: ReadSession
    settings: CurrentSettings


CurrentView = Annotated[View, Depends()]


def organisation_seen(codops: str, catalogue: CurrentCatalogue, reader: CurrentReader) -> Organisation:
    """Return the organisation that a path names; raises 404."""
    found = catalogue.organisations.get(codops)
    if found is None or not may_see(found, reader.may_read_loop):
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no organisation '{codops}' that you may read")
    return found


SeenOrganisation = Annotated[Organisation, Depends(organisation_seen)]


def task_seen(organisation: SeenOrganisation, task: str, reader: CurrentReader, loop: str | None = None) -> TaskSeen:
    """Return the task that a path names, which may be one that was removed; raises 404.

    Args:
        organisation: whose.
        task: its name.
        reader: who asks.
        loop: codops or ``metadata``; None for the one that the task is in now, the own one for a removed task.
    """
    codops = organisation.codops
    defined = [one for one in organisation.tasks if one.name == task and loop in {None, one.loop}]
    wanted = loop or (defined[0].loop if defined else codops)
    if wanted not in {codops, METADATA_LOOP} or not reader.may_read_loop(wanted):
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"'{codops}' has no task '{task}' that you may read")
    return TaskSeen(
        codops=codops,
        name=task,
        dag_id=identifiers.dag_id(reader.dag_id_prefix, wanted),
        task_id=identifiers.task_id(wanted, codops, task),
        task=defined[0] if defined else None,
    )


SeenTask = Annotated[TaskSeen, Depends(task_seen)]
