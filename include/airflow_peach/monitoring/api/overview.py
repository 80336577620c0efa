"""``GET /api/organisations``: all organisations that the user may read, and the platform."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from fastapi import APIRouter

from airflow_peach import __version__
from airflow_peach.authoring.definitions import METADATA_LOOP
from airflow_peach.catalogue.freshness import last_sync
from airflow_peach.catalogue.store import current_snapshot
from airflow_peach.execution.isolation import isolation_in_force
from airflow_peach.loops import identifiers
from airflow_peach.monitoring import home_state
from airflow_peach.monitoring.api.answers import OrganisationSummary, Overview, Platform
from airflow_peach.monitoring.api.found import CurrentView  # noqa: TC001 - FastAPI reads the annotations
from airflow_peach.monitoring.api.parts import (
    SHOWN_RUNS,
    age_seconds,
    environment_answer,
    isolation_answer,
    loop_answer,
    problem_answer,
)
from airflow_peach.monitoring.queries import loops as query
from airflow_peach.monitoring.visibility import may_see, visible_problems, visible_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from airflow_peach.catalogue.model import Catalogue, Organisation
    from airflow_peach.monitoring.api.access import Reader
    from airflow_peach.monitoring.api.answers import Loop
    from airflow_peach.settings import Settings

# What fails is told from so many of the newest runs of each loop: the one that runs, and some before it.
LOOKED_AT_RUNS = 4

router = APIRouter()


@router.get("/api/organisations")
def organisations(view: CurrentView) -> Overview:
    """Return the overview."""
    reader, catalogue, settings = view.reader, view.catalogue, view.settings
    seen = [each for each in catalogue.organisations.values() if may_see(each, reader.may_read_loop)]
    names = [name for name in (*(each.codops for each in seen), METADATA_LOOP) if reader.may_read_loop(name)]
    found = _loops(view.session, {name: identifiers.dag_id(settings.dag_id_prefix, name) for name in names})
    failing = {
        identifiers.parse_task_id(name, mark.task_id)
        for name, (_, marks) in found.items()
        for mark in marks
        if mark.is_failing
    }
    loops = {name: loop for name, (loop, _) in found.items()}
    return Overview(
        organisations=[_summary(each, reader, loops, failing, settings.home) for each in seen],
        metadata=loops.get(METADATA_LOOP),
        platform=_platform(settings, catalogue, reader),
        now=dt.datetime.now(dt.timezone.utc),
    )


def _loops(session: Session, dag_ids: Mapping[str, str]) -> dict[str, tuple[Loop, list[query.TaskMark]]]:
    """Return each loop, by its name, and where its tasks stand in its newest runs."""
    paused = query.paused(session, dag_ids.values())
    runs = query.newest_runs_of_each(session, list(dag_ids.values()), SHOWN_RUNS)
    marks: dict[str, list[query.TaskMark]] = {dag_id: [] for dag_id in dag_ids.values()}
    for mark in query.task_marks(session, [run.key for found in runs.values() for run in found[:LOOKED_AT_RUNS]]):
        marks[mark.dag_id].append(mark)
    return {
        name: (
            loop_answer(name, dag_id, is_paused=paused.get(dag_id, False), runs=runs[dag_id], marks=marks[dag_id]),
            marks[dag_id],
        )
        for name, dag_id in dag_ids.items()
    }


def _summary(
    organisation: Organisation,
    reader: Reader,
    loops: Mapping[str, Loop],
    failing: Iterable[identifiers.TaskName],
    home: Path,
) -> OrganisationSummary:
    tasks = visible_tasks(organisation, reader.may_read_loop)
    failed = set(failing)
    return OrganisationSummary(
        codops=organisation.codops,
        loop=loops.get(organisation.codops),
        tasks=len(tasks),
        failing_tasks=[
            task.name for task in tasks if identifiers.TaskName(task.loop, task.codops, task.name) in failed
        ],
        stale_tasks=[task.name for task in tasks if task.stale],
        environment=environment_answer(home_state.environment_standing(home, organisation.codops)),
        problems=len(visible_problems(organisation, reader.may_read_loop)),
        ended=organisation.tombstone_until is not None,
    )


def _platform(settings: Settings, catalogue: Catalogue, reader: Reader) -> Platform:
    synced = last_sync(settings.home)
    # What is wrong with sources, and with repositories that speak for nobody yet, is the platform's affair.
    nobodys = [problem for each in catalogue.repositories.values() if not each.codops for problem in each.problems]
    problems = [*catalogue.problems, *nobodys] if reader.may_read_loop(METADATA_LOOP) else []
    return Platform(
        isolation=isolation_answer(isolation_in_force(settings)),
        synced_at=synced,
        sync_age_seconds=age_seconds(synced, dt.datetime.now(dt.timezone.utc)),
        catalogue_version=current_snapshot(settings.home),
        problems=[problem_answer(problem, catalogue.repositories) for problem in problems],
        version=__version__,
    )
