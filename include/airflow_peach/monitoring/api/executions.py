"""``GET /api/organisations/{codops}/tasks/{task}/executions``: one task's executions, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Depends, Query

from airflow_peach.execution.artefacts import artefact_path, execution_label
from airflow_peach.execution.reasons import TIMED_OUT
from airflow_peach.monitoring import links
from airflow_peach.monitoring.api.answers import ExecutionAnswer, ExecutionsAnswer
from airflow_peach.monitoring.api.found import CurrentView, SeenTask  # noqa: TC001 - FastAPI reads the annotations
from airflow_peach.monitoring.queries.executions import executions_in
from airflow_peach.monitoring.queries.loops import newest_runs
from airflow_peach.monitoring.record import integer_of, number_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_peach.catalogue.model import RepositoryStatus
    from airflow_peach.monitoring.api.answers import ExecutionStatus
    from airflow_peach.monitoring.api.found import TaskSeen
    from airflow_peach.monitoring.queries.executions import ExecutionRow

LARGEST_PAGE = 500

router = APIRouter()


@dataclass(frozen=True)
class Page:
    """Which executions: those in the ``limit`` runs before the run ``before``."""

    before: int | None = None
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100


@router.get("/api/organisations/{codops}/tasks/{task}/executions")
def executions(seen: SeenTask, page: Annotated[Page, Depends()], view: CurrentView) -> ExecutionsAnswer:
    """Return a page of executions, newest first.

    A page may have fewer of them than runs, or none, where runs left the task out; there are older ones while
    ``before`` is not null.
    """
    runs = newest_runs(view.session, seen.dag_id, page.limit, before=page.before)
    rows = executions_in(view.session, seen.dag_id, seen.task_id, [run.key for run in runs])
    home = view.settings.home if view.reader.may_read_logs(seen.dag_id) else None
    return ExecutionsAnswer(
        codops=seen.codops,
        task=seen.name,
        executions=[execution_answer(row, seen, view.catalogue.repositories, home) for row in rows],
        before=runs[-1].key if len(runs) == page.limit else None,
    )


def execution_answer(
    row: ExecutionRow, seen: TaskSeen, repositories: Mapping[str, RepositoryStatus], home: Path | None
) -> ExecutionAnswer:
    """Turn a row into an answer; ``home`` is where artefacts are looked for, None for nowhere."""
    record = row.record
    name = text_of(record, "repository") or (seen.task.repository if seen.task else None)
    repository = repositories.get(name) if name else None
    commit = text_of(record, "commit")
    reason = text_of(record, "reason") if row.status == "failed" else None
    kept = (
        home is not None
        and artefact_path(home, seen.codops, seen.name, execution_label(row.run_id, row.try_number)).is_file()
    )
    endpoint = (seen.codops, seen.name, row.run_id, str(row.try_number))
    return ExecutionAnswer(
        run_id=row.run_id,
        try_number=row.try_number,
        dag_id=row.dag_id,
        task_id=row.task_id,
        version=text_of(record, "version"),
        commit=commit,
        commit_url=links.commit_page(repository.url, commit) if repository else None,
        repository=name,
        notebook=text_of(record, "notebook"),
        status=cast("ExecutionStatus", row.status),
        timed_out=reason is not None and reason.startswith(TIMED_OUT),
        reason=reason,
        start=row.start,
        end=row.end if row.status != "running" else None,
        duration_seconds=row.duration_seconds,
        queue_seconds=(row.start - row.queued).total_seconds() if row.start and row.queued else None,
        environment_seconds=number_of(record, "environment_seconds"),
        run_seconds=number_of(record, "run_seconds"),
        cpu_seconds=number_of(record, "cpu_seconds"),
        peak_memory_bytes=integer_of(record, "peak_memory_bytes"),
        exit_code=integer_of(record, "exit_code"),
        environment=text_of(record, "environment"),
        has_artefact=kept,
        artefact_url=links.artefact_endpoint(*endpoint, kind="artefact") if kept else None,
        artefact_page_url=links.artefact_endpoint(*endpoint, kind="artefact.html") if kept else None,
        log_url=links.log_endpoint(row.dag_id, row.run_id, row.task_id, row.try_number),
        url=links.execution_page(row.dag_id, row.run_id, row.task_id, row.try_number),
    )
