"""The catalogue: the validated, merged picture of all organisations that DAGs are built from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.definitions import METADATA_LOOP

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from airflow_peach.authoring.problems import Problem
    from airflow_peach.settings import Settings


@dataclass(frozen=True)
class Requirement:
    """A PEP 508 requirement and who asked for it; the same text asked for in two places is there twice.

    Attributes:
        asked_by: ``repository:file:line``, without version, or ``platform file``.
        repository: that asks for it; empty for the platform's file.
        file: that asks for it.
    """

    text: str
    asked_by: str
    repository: str = ""
    file: str = ""


@dataclass(frozen=True)
class Task:
    """One task of one organisation, ready to be built into a DAG. Holds no version: the head is run.

    Attributes:
        loop: the codops, or ``metadata``.
        stale: its definition is invalid now; this is the last valid one.
    """

    codops: str
    name: str
    loop: str
    repository: str
    file: str
    line: int
    notebook: str
    method: str
    full_notebook: bool = False
    executor: str = "python"
    args: Mapping[str, Any] = field(default_factory=dict)
    stale: bool = False

    @property
    def in_metadata_loop(self) -> bool:
        """Whether it runs in the shared loop."""
        return self.loop == METADATA_LOOP


@dataclass(frozen=True)
class Terms:
    """What the platform's file grants one organisation; None or empty: the setting holds.

    They travel in the catalogue because a DAG parse reads nothing else.
    """

    queue: str = ""
    pool: str = ""
    time_limit_seconds: float | None = None
    metadata_time_limit_seconds: float | None = None
    memory_limit_bytes: int | None = None

    def limit_seconds(self, settings: Settings, *, in_metadata_loop: bool) -> float:
        """Return the time limit of one execution."""
        if in_metadata_loop:
            return self.metadata_time_limit_seconds or settings.metadata_time_limit_seconds
        return self.time_limit_seconds or settings.time_limit_seconds


@dataclass(frozen=True)
class Organisation:
    """One organisation: its tasks in the order of their loop, the union of its requirements, its problems.

    Attributes:
        repositories: names of the repositories that speak for it.
        terms: queue, pool and limits that the platform's file grants it.
        tombstone_until: UTC; set when its last task is gone: its DAG stays, without a schedule, until then.
    """

    codops: str
    tasks: tuple[Task, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    repositories: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    tombstone_until: dt.datetime | None = None
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True)
class RepositoryStatus:
    """What is known of one repository after a sync. Times are UTC.

    Attributes:
        name: unique among all sources; what messages call it.
        url: where it is fetched from, without credentials.
        branch: the one that is executed.
        head: full hash of its newest commit, empty before the first fetch.
        fetched_at: last time the remote answered.
        error: why the last fetch failed, empty when it did not.
        codops: organisations it speaks for.
        problems: of its files.
        source: id of where it was found; when that cannot be listed, the repository stays.
        silent: its host said nothing in time when it was last asked.
    """

    name: str
    url: str
    branch: str = ""
    head: str = ""
    fetched_at: dt.datetime | None = None
    error: str = ""
    codops: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    source: str = ""
    silent: bool = False


@dataclass(frozen=True)
class Catalogue:
    """All organisations, by codops, and the repositories they come from, by name.

    Attributes:
        problems: of the sources, so of no repository.
    """

    organisations: Mapping[str, Organisation] = field(default_factory=dict)
    repositories: Mapping[str, RepositoryStatus] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
