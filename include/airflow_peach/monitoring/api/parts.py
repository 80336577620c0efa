"""Parts that several answers have: loops, environments, problems. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from airflow_peach.loops.identifiers import ENVIRONMENT_TASK, parse_task_id
from airflow_peach.monitoring import links
from airflow_peach.monitoring.api.answers import EnvironmentState, Isolation, Loop, ProblemAnswer, Run
from airflow_peach.monitoring.queries.loops import NO_STATE

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.model import RepositoryStatus
    from airflow_peach.execution import isolation
    from airflow_peach.monitoring.api.answers import LoopState, RunState
    from airflow_peach.monitoring.home_state import EnvironmentStanding
    from airflow_peach.monitoring.queries.loops import LoopRun, TaskMark

SHOWN_RUNS = 10
# States of a task instance in a running run whose turn is still to come. Names are Airflow's (TaskInstanceState).
WAITING = frozenset({NO_STATE, "scheduled", "queued", "up_for_retry", "up_for_reschedule", "deferred", "restarting"})
EXECUTING = "running"


def age_seconds(then: dt.datetime | None, now: dt.datetime) -> float | None:
    """Return how long ago that was; 0 for what is still to come, after the clock was set back."""
    return max(0.0, (now - then).total_seconds()) if then else None


def is_environment(loop: str, task_id: str) -> bool:
    """Whether a task of a DAG is one of ours that make an environment ready."""
    return parse_task_id(loop, task_id).task == ENVIRONMENT_TASK


def loop_answer(name: str, dag_id: str, *, is_paused: bool, runs: Sequence[LoopRun], marks: Iterable[TaskMark]) -> Loop:
    """Say where a loop stands, from its newest runs (newest first) and where its tasks stand in them."""
    open_runs = [run for run in runs if run.state in {"running", "queued"}]
    # A triggered run waits queued while another is running.
    run = next((one for one in open_runs if one.state == "running"), open_runs[0] if open_runs else None)
    state = cast("LoopState", run.state if run else "paused" if is_paused else "idle")
    in_run = [mark for mark in marks if mark.open_state is not None] if state == "running" else []
    tasks = [mark for mark in in_run if not is_environment(name, mark.task_id)]
    over = sum(mark.open_state not in WAITING | {EXECUTING} for mark in tasks)
    return Loop(
        name=name,
        dag_id=dag_id,
        state=state,
        run=_run_answer(run) if run else None,
        position=min(over + 1, len(tasks)) if tasks else None,
        length=len(tasks) if tasks else None,
        task=next((mark.task_id for mark in in_run if mark.open_state == EXECUTING), None),
        last_runs=[_run_answer(one) for one in runs if one.state in {"success", "failed"}][:SHOWN_RUNS],
        url=links.dag_page(dag_id),
    )


def environment_answer(standing: EnvironmentStanding) -> EnvironmentState:
    """Turn what is on disk into an answer."""
    return EnvironmentState(**dataclasses.asdict(standing))


def isolation_answer(found: isolation.Isolation) -> Isolation:
    """Turn what is in force into an answer."""
    level = found.level.value if found.level else None
    return Isolation(setting=found.setting, level=level, why=found.why)


def problem_answer(problem: Problem, repositories: Mapping[str, RepositoryStatus]) -> ProblemAnswer:
    """Turn a problem into an answer, with the address of its file."""
    place = problem.place
    repository = repositories.get(place.repository)
    return ProblemAnswer(
        text=str(problem),
        repository=place.repository,
        version=place.version,
        file=place.file,
        line=place.line,
        column=place.column,
        about=problem.about,
        cause=problem.cause,
        remedy=problem.remedy,
        file_url=links.file_page(repository.url, place.version, place.file, place.line) if repository else None,
    )


def _run_answer(run: LoopRun) -> Run:
    duration = (run.end - run.start).total_seconds() if run.start and run.end else None
    return Run(
        run_id=run.run_id,
        state=cast("RunState", run.state),
        start=run.start,
        end=run.end,
        duration_seconds=duration,
        url=links.run_page(run.dag_id, run.run_id),
    )
