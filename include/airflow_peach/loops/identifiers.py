"""How organisations and tasks are called in Airflow, and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_peach.authoring.definitions import METADATA_LOOP

TAG = "peach"
ENVIRONMENT_TASK = "environment"
XCOM_KEY = "peach"


def codops_tag(codops: str) -> str:
    """Return the tag that a DAG has for each organisation with tasks in it."""
    return f"codops:{codops}"


def dag_id(prefix: str, loop: str) -> str:
    """Return the id of a loop's DAG; ``loop`` is a codops or ``metadata``."""
    return f"{prefix}{loop}"


def loop_of(prefix: str, identifier: str) -> str | None:
    """Return the loop whose DAG has this id, or None when the id lacks the prefix."""
    return identifier[len(prefix) :] if identifier.startswith(prefix) and len(identifier) > len(prefix) else None


def task_id(loop: str, codops: str, task: str) -> str:
    """Return a task's id: its name, in the metadata loop ``<codops>.<name>`` (a task group's prefix)."""
    return f"{codops}.{task}" if loop == METADATA_LOOP else task


@dataclass(frozen=True)
class TaskName:
    """What a task's id in a DAG stands for."""

    loop: str
    codops: str
    task: str


def parse_task_id(loop: str, identifier: str) -> TaskName:
    """Return what ``task_id`` was given. A codops has no dot, so the first dot is the border."""
    if loop == METADATA_LOOP and "." in identifier:
        codops, task = identifier.split(".", 1)
        return TaskName(loop, codops, task)
    return TaskName(loop, loop, identifier)
