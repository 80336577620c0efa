"""Which repository has which task: what is claimed, what is kept, who gets a name. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.admission import refusal
from airflow_peach.catalogue.model import Task

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_peach.authoring.definitions import ConfigurationFile, TaskEntry
    from airflow_peach.authoring.platform.file import Platform
    from airflow_peach.catalogue.model import Catalogue


@dataclass(frozen=True)
class Claim:
    """A task that wants its name, and the place that says so."""

    task: Task
    place: Place


def claims(repository: str, files: Iterable[ConfigurationFile]) -> Iterator[Claim]:
    """Yield the valid tasks of a repository's files."""
    for file in files:
        if file.codops is not None:
            for entry in file.tasks:
                yield Claim(_task(file.codops, repository, file.path, entry), entry.place)


def _task(codops: str, repository: str, file: str, entry: TaskEntry) -> Task:
    return Task(
        codops=codops,
        name=entry.name,
        loop=entry.loop or codops,
        repository=repository,
        file=file,
        line=entry.place.line or 0,
        notebook=entry.notebook,
        method=entry.method,
        full_notebook=entry.full_notebook,
        executor=entry.executor,
        args=entry.args,
    )


def kept(
    defined: Iterable[Claim],
    files: Mapping[str, tuple[ConfigurationFile, ...]],
    repositories: Collection[str],
    previous: Catalogue,
    platform: Platform,
) -> Iterator[Claim]:
    """Yield the previous tasks that stay although no file defines them validly now.

    Args:
        defined: the valid claims.
        files: of each repository that was read; the tasks of the others stay as they are.
        repositories: names of all there are: the tasks of others are gone.
        previous: the last catalogue.
        platform: says which repositories may speak for an organisation.
    """
    valid = {(claim.task.codops, claim.task.name, claim.task.repository) for claim in defined}
    for organisation in previous.organisations.values():
        for task in organisation.tasks:
            if task.repository not in repositories or (task.codops, task.name, task.repository) in valid:
                continue
            if refusal(task.codops, task.repository, platform)[0]:
                continue
            place = Place(task.repository, file=task.file, line=task.line)
            if task.repository not in files:
                yield Claim(task, place)
            elif any(may_still_define(file, task) for file in files[task.repository]):
                yield Claim(replace(task, stale=True), place)


def may_still_define(file: ConfigurationFile, task: Task) -> bool:
    """Whether ``file``, as it is now, leaves the last valid definition of ``task`` standing."""
    if not file.readable:
        return file.path == task.file
    return file.codops == task.codops and task.name in file.invalid_tasks


def settle(all_claims: Iterable[Claim], previous: Catalogue) -> tuple[dict[str, list[Task]], list[Problem]]:
    """Give each name to one claim; return the tasks by codops in the order of their loops, and problems.

    Who had the name keeps it; else the first in the order repository, file, position.
    """
    by_name: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in sorted(all_claims, key=_position):
        by_name[claim.task.codops, claim.task.name].append(claim)
    holders = {
        (task.codops, task.name): task
        for organisation in previous.organisations.values()
        for task in organisation.tasks
    }
    settled: list[Claim] = []
    problems: list[Problem] = []
    for key, rivals in by_name.items():
        holder = holders.get(key)
        winner = min(rivals, key=lambda claim: _distance(claim.task, holder))
        settled.append(winner)
        problems += [_collision(claim, winner.task) for claim in rivals if claim is not winner]
    tasks: dict[str, list[Task]] = defaultdict(list)
    for claim in sorted(settled, key=_position):
        tasks[claim.task.codops].append(claim.task)
    return tasks, problems


def _position(claim: Claim) -> tuple[str, str, int]:
    return claim.task.repository, claim.task.file, claim.task.line


def _distance(task: Task, holder: Task | None) -> int:
    if holder is None or task.repository != holder.repository:
        return 2
    return int(task.file != holder.file)


def _collision(claim: Claim, winner: Task) -> Problem:
    return Problem(
        claim.place,
        f"tasks.{claim.task.name}",
        f"the name '{claim.task.name}' in {claim.task.codops} is taken by {winner.repository}:{winner.file}:"
        f"{winner.line}; {claim.task.repository} cannot have it too",
        "rename one of them",
        codops=claim.task.codops,
    )
