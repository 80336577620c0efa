"""What a change of one repository does to the loops. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from airflow_peach.catalogue.model import Catalogue, Organisation, Task
from airflow_peach.values import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_peach.authoring.problems import Problem

# Where a task stands is no change of what runs.
_NOT_COMPARED = frozenset({"codops", "name", "line", "repository"})


@dataclass(frozen=True)
class TaskChange:
    """One task that is not what it was.

    Attributes:
        kind: ``added``, ``removed``, ``changed``, or ``stale``: invalid now, so the last valid definition runs on.
        fields: names of what is another now, for ``changed``.
    """

    codops: str
    task: str
    loop: str
    kind: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is different.

    Attributes:
        requirements_added: by codops; with those removed, the environment is made anew.
        problems: that there were not before.
        solved: problems that are no more.
    """

    tasks: tuple[TaskChange, ...] = ()
    requirements_added: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requirements_removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    solved: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the loops stay as they are."""
        return not (self.tasks or self.requirements_added or self.requirements_removed)


def plan(before: Catalogue, after: Catalogue) -> Plan:
    """Return what is different in ``after``."""
    every = sorted({*before.organisations, *after.organisations})
    old = {codops: before.organisations.get(codops, Organisation(codops)) for codops in every}
    new = {codops: after.organisations.get(codops, Organisation(codops)) for codops in every}
    return Plan(
        tasks=tuple(change for codops in every for change in _tasks(old[codops], new[codops])),
        requirements_added=_more(old, new),
        requirements_removed=_more(new, old),
        problems=_problems(after, before),
        solved=_problems(before, after),
    )


def _tasks(old: Organisation, new: Organisation) -> list[TaskChange]:
    before = {task.name: task for task in old.tasks}
    changes = []
    for task in new.tasks:
        was = before.pop(task.name, None)
        if was is None:
            changes.append(TaskChange(task.codops, task.name, task.loop, "added"))
        elif task.stale and not was.stale:
            changes.append(TaskChange(task.codops, task.name, task.loop, "stale"))
        elif different := _different(was, task):
            changes.append(TaskChange(task.codops, task.name, task.loop, "changed", different))
    return [*changes, *(TaskChange(task.codops, name, task.loop, "removed") for name, task in before.items())]


def _different(was: Task, now: Task) -> tuple[str, ...]:
    names = (declared.name for declared in fields(Task) if declared.name not in _NOT_COMPARED)
    return tuple(name for name in names if _value(was, name) != _value(now, name))


def _value(task: Task, name: str) -> object:
    value = getattr(task, name)
    return encode(dict(value)) if name == "args" else value  # not-a-number is not equal to itself


def _more(old: Mapping[str, Organisation], new: Mapping[str, Organisation]) -> dict[str, tuple[str, ...]]:
    found = {}
    for codops, organisation in new.items():
        had = {requirement.text for requirement in old[codops].requirements}
        more = dict.fromkeys(each.text for each in organisation.requirements if each.text not in had)
        if more:
            found[codops] = tuple(more)
    return found


def _problems(these: Catalogue, others: Catalogue) -> tuple[Problem, ...]:
    known = {_key(problem) for status in others.repositories.values() for problem in status.problems}
    mine = (problem for status in these.repositories.values() for problem in status.problems)
    return tuple(problem for problem in mine if _key(problem) not in known)


def _key(problem: Problem) -> tuple[str, str, str]:
    return problem.place.file, problem.about, problem.cause
