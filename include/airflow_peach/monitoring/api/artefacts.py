"""``…/executions/{run_id}/artefact``: the executed notebook of a ``full_notebook`` task, as a file and as a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response, status

from airflow_peach.execution.artefacts import artefact_path, execution_label
from airflow_peach.monitoring.api.access import CurrentReader, CurrentSettings  # noqa: TC001 - FastAPI reads the annotations
from airflow_peach.monitoring.api.found import SeenTask  # noqa: TC001 - the same
from airflow_peach.monitoring.artefact_page import PAGE_HEADERS, PageError, render_in_child

router = APIRouter()
_EXECUTION = "/api/organisations/{codops}/tasks/{task}/executions/{run_id}"


@dataclass(frozen=True)
class Artefact:
    """An executed notebook, and a file name for it."""

    content: bytes
    file_name: str


def artefact_seen(
    run_id: str,
    task: SeenTask,
    reader: CurrentReader,
    settings: CurrentSettings,
    try_number: Annotated[int, Query(ge=0)] = 1,
) -> Artefact:
    """Return what a path names; raises 404, and 403 for who may not read the task's log: it shows what that does."""
    if not reader.may_read_logs(task.dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"you may not read the logs of {task.dag_id}")
    label = execution_label(run_id, try_number)
    try:
        content = artefact_path(settings.home, task.codops, task.name, label).read_bytes()
    except (OSError, ValueError):  # a name no file can have
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no executed notebook is kept of this execution") from None
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{task.codops}-{task.name}-{label}")
    return Artefact(content, f"{name}.ipynb")


SeenArtefact = Annotated[Artefact, Depends(artefact_seen)]


@router.get(f"{_EXECUTION}/artefact", response_class=Response)
def artefact(seen: SeenArtefact) -> Response:
    """Return the executed notebook as a file to keep."""
    disposition = f'attachment; filename="{seen.file_name}"'
    return Response(
        seen.content,
        media_type="application/x-ipynb+json",
        headers={**PAGE_HEADERS, "Content-Disposition": disposition},
    )


@router.get(f"{_EXECUTION}/artefact.html", response_class=Response)
def artefact_page(seen: SeenArtefact) -> Response:
    """Return the executed notebook as a page for a frame; nothing in it runs."""
    try:
        page = render_in_child(seen.content)
    except PageError as error:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error)) from None
    return Response(page, media_type="text/html", headers=PAGE_HEADERS)
