"""What of an organisation may be seen by whom. Pure.

A task is seen by who may read the DAG that it runs in, as everywhere in Airflow: tasks of the metadata loop by who may
read the metadata DAG, all others by who may read the organisation's own. An organisation is seen by who sees its own
DAG, or a task of it. Its problems and repositories are for who may read its own DAG.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.definitions import METADATA_LOOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.model import Organisation, Task

    MayReadLoop = Callable[[str], bool]


def may_see(organisation: Organisation, may_read_loop: MayReadLoop) -> bool:
    """Whether the organisation is there at all."""
    return may_read_loop(organisation.codops) or bool(visible_tasks(organisation, may_read_loop))


def visible_tasks(organisation: Organisation, may_read_loop: MayReadLoop) -> list[Task]:
    """Return the tasks that are seen, in the order of their loops: its own, then the shared one."""
    seen = [task for task in organisation.tasks if may_read_loop(task.loop)]
    return sorted(seen, key=lambda task: task.in_metadata_loop)


def visible_loops(organisation: Organisation, may_read_loop: MayReadLoop) -> list[str]:
    """Return the loops that are seen: its own, and the shared one when it has tasks there."""
    names = [organisation.codops]
    if any(task.in_metadata_loop for task in organisation.tasks):
        names.append(METADATA_LOOP)
    return [name for name in names if may_read_loop(name)]


def visible_problems(organisation: Organisation, may_read_loop: MayReadLoop) -> tuple[Problem, ...]:
    """Return the problems that are seen."""
    return organisation.problems if may_read_loop(organisation.codops) else ()
