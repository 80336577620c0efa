"""``GET /api/organisations/{codops}``: the tasks of one organisation, its loops, problems and repositories."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from fastapi import APIRouter

from airflow_peach.loops import identifiers
from airflow_peach.monitoring import home_state, links
from airflow_peach.monitoring.api.answers import OrganisationAnswer, RepositoryAnswer
from airflow_peach.monitoring.api.found import CurrentView, SeenOrganisation  # noqa: TC001 - FastAPI reads the annotations
from airflow_peach.monitoring.api.parts import (
    age_seconds,
    environment_answer,
    is_environment,
    loop_answer,
    problem_answer,
)
from airflow_peach.monitoring.api.tasks import LoopTasks, task_answers
from airflow_peach.monitoring.queries import executions
from airflow_peach.monitoring.queries import loops as query
from airflow_peach.monitoring.visibility import visible_loops, visible_problems, visible_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from airflow_peach.catalogue.model import Organisation, RepositoryStatus, Task
    from airflow_peach.monitoring.api.access import Reader
    from airflow_peach.monitoring.api.answers import Loop

# A task that ran in none of so many runs counts as one that never ran; a removed one is forgotten.
LOOKED_AT_RUNS = 100

router = APIRouter()


@router.get("/api/organisations/{codops}")  # noqa: FAST003 - the dependency takes it
def organisation(found: SeenOrganisation, view: CurrentView) -> OrganisationAnswer:
    """Return one organisation; 404 when there is none of that name that the user may read."""
    reader, catalogue, settings = view.reader, view.catalogue, view.settings
    codops = found.codops
    now = dt.datetime.now(dt.timezone.utc)
    tasks = visible_tasks(found, reader.may_read_loop)
    loops = [
        _loop(view.session, name, found, [task for task in tasks if task.loop == name], reader)
        for name in visible_loops(found, reader.may_read_loop)
    ]
    own = [catalogue.repositories[name] for name in found.repositories if name in catalogue.repositories]
    return OrganisationAnswer(
        codops=codops,
        loops=[loop for loop, _ in loops],
        tasks=task_answers([tasks for _, tasks in loops], catalogue.repositories),
        environment=environment_answer(home_state.environment_standing(settings.home, codops)),
        problems=[
            problem_answer(problem, catalogue.repositories) for problem in visible_problems(found, reader.may_read_loop)
        ],
        repositories=[_repository(each, now) for each in own] if reader.may_read_loop(codops) else [],
        requirements=sorted({requirement.text for requirement in found.requirements}),
        ended=found.tombstone_until is not None,
        now=now,
    )


def _loop(
    session: Session, name: str, organisation: Organisation, tasks: Sequence[Task], reader: Reader
) -> tuple[Loop, LoopTasks]:
    """Return where a loop stands, and what there is to say of the organisation's tasks in it."""
    dag_id = identifiers.dag_id(reader.dag_id_prefix, name)
    runs = query.newest_runs(session, dag_id, LOOKED_AT_RUNS)
    marks = query.task_marks(session, [run.key for run in runs])
    own = {
        mark.task_id: mark
        for mark in marks
        if identifiers.parse_task_id(name, mark.task_id).codops == organisation.codops
        and not is_environment(name, mark.task_id)
    }
    places = {(mark.task_id, run) for mark in own.values() for run in (mark.executing, mark.ended) if run is not None}
    known = {identifiers.task_id(name, organisation.codops, task.name): task for task in tasks}
    is_paused = query.paused(session, [dag_id]).get(dag_id, False)
    return (
        loop_answer(name, dag_id, is_paused=is_paused, runs=runs, marks=marks),
        LoopTasks(
            loop=name,
            codops=organisation.codops,
            dag_id=dag_id,
            known=known,
            marks=own,
            executions=executions.executions_at(session, places),
            counts=executions.counts(session, dag_id, sorted({*known, *own})),
            may_trigger=reader.may_trigger(dag_id),
        ),
    )


def _repository(status: RepositoryStatus, now: dt.datetime) -> RepositoryAnswer:
    return RepositoryAnswer(
        name=status.name,
        repository_url=links.repository_page(status.url),
        branch=status.branch,
        head=status.head,
        commit_url=links.commit_page(status.url, status.head),
        fetched_at=status.fetched_at,
        age_seconds=age_seconds(status.fetched_at, now),
        error=status.error,
    )
