"""The table of an organisation's tasks, from the catalogue and from what became of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from airflow_peach.loops.identifiers import parse_task_id
from airflow_peach.monitoring import links
from airflow_peach.monitoring.api.answers import TaskAnswer
from airflow_peach.monitoring.api.parts import EXECUTING, WAITING
from airflow_peach.monitoring.record import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_peach.catalogue.model import RepositoryStatus, Task
    from airflow_peach.monitoring.api.answers import Status, TaskState
    from airflow_peach.monitoring.queries.executions import ExecutionRow
    from airflow_peach.monitoring.queries.loops import TaskMark


@dataclass(frozen=True)
class LoopTasks:
    """What is known of an organisation's tasks in one loop; tasks by their id in the DAG.

    Attributes:
        known: those of the catalogue, in the order of the loop.
        marks: those with a task instance in the runs that were looked at.
        executions: by task id and run: of each mark the one that executes and the last that ended.
        counts: ended executions by task id and status.
    """

    loop: str
    codops: str
    dag_id: str
    known: Mapping[str, Task]
    marks: Mapping[str, TaskMark]
    executions: Mapping[tuple[str, int], ExecutionRow]
    counts: Mapping[tuple[str, str], int]
    may_trigger: bool

    @property
    def removed(self) -> list[str]:
        """Ids of tasks that have executed and are in no configuration file any more."""
        return sorted(
            task_id
            for task_id, mark in self.marks.items()
            if task_id not in self.known and (mark.ended is not None or mark.executing is not None)
        )


def task_answers(loops: Sequence[LoopTasks], repositories: Mapping[str, RepositoryStatus]) -> list[TaskAnswer]:
    """Return the rows: tasks in the order of their loops, removed ones last."""
    present = [_row(loop, task_id, task, repositories) for loop in loops for task_id, task in loop.known.items()]
    removed = [_row(loop, task_id, None, repositories) for loop in loops for task_id in loop.removed]
    return [*present, *removed]


def task_state(mark: TaskMark | None) -> TaskState | None:
    """Return a task's state as the users' page has it; None for one that never ran and is in no running loop.

    Only a running run counts: in one that is queued no task is pending yet.
    """
    if mark is None:
        return None
    if mark.executing is not None or mark.open_state == EXECUTING:
        return "RUNNING"
    if mark.open_state in WAITING:
        return "PENDING"
    return "FINISHED" if mark.ended is not None else None


def _row(loop: LoopTasks, task_id: str, task: Task | None, repositories: Mapping[str, RepositoryStatus]) -> TaskAnswer:
    mark = loop.marks.get(task_id)
    executing = _execution(loop, task_id, mark.executing if mark else None)
    ended = _execution(loop, task_id, mark.ended if mark else None)
    newest = executing or ended
    commit = text_of(newest.record, "commit") if newest else None
    repository = repositories.get(
        (text_of(newest.record, "repository") if newest else None) or (task.repository if task else "")
    )
    return TaskAnswer(
        name=parse_task_id(loop.loop, task_id).task,
        codops=loop.codops,
        loop=loop.loop,
        dag_id=loop.dag_id,
        task_id=task_id,
        repository=task.repository if task else "",
        file=task.file if task else "",
        line=task.line if task else 0,
        notebook=task.notebook if task else "",
        method=task.method if task else "",
        executor=task.executor if task else "",
        full_notebook=task.full_notebook if task else False,
        stale=task.stale if task else False,
        removed=task is None,
        never_run=newest is None,
        state=task_state(mark),
        status=cast("Status", ended.status) if ended else None,
        reason=text_of(ended.record, "reason") if ended and ended.status == "failed" else None,
        run_id=newest.run_id if newest else None,
        try_number=newest.try_number if newest else None,
        start=newest.start if newest else None,
        duration_seconds=newest.duration_seconds if newest else None,
        version=text_of(newest.record, "version") if newest else None,
        commit=commit,
        commit_url=links.commit_page(repository.url, commit) if repository else None,
        successes=loop.counts.get((task_id, "success"), 0),
        failures=loop.counts.get((task_id, "failed"), 0),
        may_trigger=loop.may_trigger and task is not None,
        trigger_url=links.trigger_endpoint(loop.dag_id),
        trigger_conf={"tasks": [task_id]},
        url=links.task_page(loop.dag_id, task_id),
    )


def _execution(loop: LoopTasks, task_id: str, run: int | None) -> ExecutionRow | None:
    return loop.executions.get((task_id, run)) if run is not None else None
