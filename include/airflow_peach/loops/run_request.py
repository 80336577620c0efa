"""What a triggered run asks for: ``conf = {"tasks": [...], "args": {...}}``. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_peach.authoring.problems import did_you_mean
from airflow_peach.errors import PeachError


class RunRequestError(PeachError):
    """The configuration of a triggered run cannot be used; all that is wrong with it, in one line."""


@dataclass(frozen=True)
class RunRequest:
    """Which tasks a run executes, and with which arguments merged over the file's.

    Attributes:
        tasks: ids of the tasks to run; None for all of them.
        args: keyword arguments for each of the named tasks.
    """

    tasks: frozenset[str] | None = None
    args: Mapping[str, Any] = field(default_factory=dict)

    def includes(self, task_id: str) -> bool:
        """Whether the task runs."""
        return self.tasks is None or task_id in self.tasks


def read_run_request(conf: object, *, known_tasks: Collection[str]) -> RunRequest:
    """Read the ``conf`` of a run; ``known_tasks`` are the ids that it may name.

    Raises:
        RunRequestError: wrong shape, unknown key, unknown task.
    """
    if not conf:
        return RunRequest()
    if not isinstance(conf, Mapping):
        raise RunRequestError(f"conf: expected an object with 'tasks' and 'args', found {type(conf).__name__}")
    wrong = [
        f"conf.{key}: unknown key; {did_you_mean(str(key), ('tasks', 'args')) or 'known are tasks and args'}"
        for key in conf
        if key not in {"tasks", "args"}
    ]
    tasks = conf.get("tasks")
    args = conf.get("args", {})
    wrong += _problems_of_tasks(tasks, known_tasks) + _problems_of_args(args, tasks)
    if wrong:
        raise RunRequestError(f"this run's configuration cannot be used: {'; '.join(wrong)}")
    return RunRequest(None if tasks is None else frozenset(tasks), args)


def _problems_of_tasks(tasks: object, known: Collection[str]) -> list[str]:
    if tasks is None:
        return []
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, str) for task in tasks):
        return ['conf.tasks: expected a list of task names, as in {"tasks": ["tf_task"]}']
    known = sorted(known)
    return [
        f"conf.tasks: no task '{task}' in this loop; "
        f"{did_you_mean(task, known) or 'its tasks are ' + (', '.join(known) or '(none)')}"
        for task in tasks
        if task not in known
    ]


def _problems_of_args(args: object, tasks: object) -> list[str]:
    if not isinstance(args, Mapping):
        return ['conf.args: expected an object of keyword arguments, as in {"args": {"user": "x"}}']
    wrong = [f"conf.args: '{key}' is not a valid argument name" for key in args if not str(key).isidentifier()]
    if args and tasks is None:
        wrong.append("conf.args: name in conf.tasks the tasks that take these arguments")
    return wrong
