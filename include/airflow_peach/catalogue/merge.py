"""From what the repositories say to what is to run. Pure.

Nothing good is taken down by something bad: a task that is invalid now keeps its last valid definition,
marked stale; a repository that could not be read keeps all that it had. Only a deletion deletes.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_peach.catalogue.admission import admitted
from airflow_peach.catalogue.claims import claims, kept, settle
from airflow_peach.catalogue.model import Catalogue, Organisation, Requirement, Terms
from airflow_peach.catalogue.requirements import requirements_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_peach.authoring.definitions import ConfigurationFile, RepositoryConfiguration
    from airflow_peach.authoring.platform.file import Platform
    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.model import RepositoryStatus, Task

# How long the DAG of an organisation without tasks stays, so that its live run can end.
TOMBSTONE_AGE = dt.timedelta(hours=24)


def merge(
    configurations: Sequence[RepositoryConfiguration],
    statuses: Mapping[str, RepositoryStatus],
    previous: Catalogue,
    platform: Platform,
    now: dt.datetime,
) -> Catalogue:
    """Return the new catalogue.

    Args:
        configurations: of the repositories that were read.
        statuses: of all repositories there are, by name. One without a configuration could not be read: it
            keeps what it had, its problems too. One that is not here is gone, with its tasks.
        previous: the last catalogue.
        platform: the platform's file.
        now: UTC.
    """
    read = {each.repository: each for each in sorted(configurations, key=lambda each: each.repository)}
    problems = {
        name: list(read[name].problems if name in read else status.problems)
        for name, status in sorted(statuses.items())
    }
    files: dict[str, tuple[ConfigurationFile, ...]] = {}
    for name, configuration in read.items():
        files[name], refusals = admitted(configuration, platform)
        problems[name] += refusals
    defined = [claim for name, accepted in files.items() for claim in claims(name, accepted)]
    tasks, collisions = settle([*defined, *kept(defined, files, statuses, previous, platform)], previous)
    for problem in collisions:
        problems[problem.place.repository].append(problem)
    requirements = requirements_of(files, statuses, previous, platform)
    speaking = _speaking(files, tasks, requirements)
    spoken_for: defaultdict[str, set[str]] = defaultdict(set)
    for codops, names in speaking.items():
        for name in names:
            spoken_for[name].add(codops)
    of_organisation = _by_organisation(problems, spoken_for)
    present = {
        codops: Organisation(
            codops,
            tasks=tuple(own),
            requirements=_with_platform(requirements.get(codops, ()), codops, platform),
            repositories=tuple(sorted(speaking[codops])),
            problems=tuple(of_organisation[codops]),
            terms=_terms(codops, platform),
        )
        for codops, own in tasks.items()
    }
    tombstones = {
        codops: Organisation(
            codops,
            repositories=tuple(sorted(speaking[codops])),
            problems=tuple(of_organisation[codops]),
            tombstone_until=until,
        )
        for codops, until in _tombstones(present, previous, now)
    }
    return Catalogue(
        organisations=dict(sorted({**present, **tombstones}.items())),
        repositories={
            name: replace(
                status,
                codops=tuple(sorted(spoken_for[name])),
                problems=tuple(problems[name]),
            )
            for name, status in sorted(statuses.items())
        },
    )


def _speaking(
    files: Mapping[str, tuple[ConfigurationFile, ...]],
    tasks: Mapping[str, Sequence[Task]],
    requirements: Mapping[str, Sequence[Requirement]],
) -> defaultdict[str, set[str]]:
    """Return the repositories that speak for each organisation."""
    speaking: defaultdict[str, set[str]] = defaultdict(set)
    for name, accepted in files.items():
        for file in accepted:
            if file.codops is not None:
                speaking[file.codops].add(name)
    for codops, own in tasks.items():
        speaking[codops] |= {task.repository for task in own}
    for codops, asked in requirements.items():
        speaking[codops] |= {requirement.repository for requirement in asked}
    return speaking


def _by_organisation(
    problems: Mapping[str, Sequence[Problem]], spoken_for: Mapping[str, Collection[str]]
) -> defaultdict[str, list[Problem]]:
    """Return organisations' problems: those that say whose they are, and of the others all their repositories'."""
    found: defaultdict[str, list[Problem]] = defaultdict(list)
    for name, own in problems.items():
        for problem in own:
            for codops in (problem.codops,) if problem.codops else spoken_for.get(name, ()):
                found[codops].append(problem)
    return found


def _tombstones(
    present: Mapping[str, Organisation], previous: Catalogue, now: dt.datetime
) -> Iterator[tuple[str, dt.datetime]]:
    """Yield the organisations that have no task any more, each with the time until which its DAG stays."""
    for codops, organisation in previous.organisations.items():
        # No later than a day from now: the clock may have been in the future when it was written.
        until = min(organisation.tombstone_until or now + TOMBSTONE_AGE, now + TOMBSTONE_AGE)
        if codops not in present and until > now:
            yield codops, until


def _with_platform(requirements: Iterable[Requirement], codops: str, platform: Platform) -> tuple[Requirement, ...]:
    added = (*platform.base_requirements, *platform.organisation(codops).requirements)
    return (*(Requirement(text, "platform file") for text in dict.fromkeys(added)), *requirements)


def _terms(codops: str, platform: Platform) -> Terms:
    terms = platform.organisation(codops)
    return Terms(
        queue=terms.queue or "",
        pool=terms.pool or "",
        time_limit_seconds=terms.time_limit_seconds,
        metadata_time_limit_seconds=terms.metadata_time_limit_seconds,
        memory_limit_bytes=terms.memory_limit_bytes,
    )
