"""One sync: discover, fetch, read, merge, write. And the loop that does it again and again."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_peach.authoring.platform.file import DirectorySourceSettings, read_platform_file
from airflow_peach.catalogue.admission import is_refusal
from airflow_peach.catalogue.feedback import tell
from airflow_peach.catalogue.gathering import Gathering
from airflow_peach.catalogue.merge import merge
from airflow_peach.catalogue.reading import start_readers
from airflow_peach.catalogue.store import prune_snapshots, read_catalogue, write_catalogue
from airflow_peach.catalogue.sync_request import last_request
from airflow_peach.errors import PeachError
from airflow_peach.repositories.sources.opening import open_sources
from airflow_peach.storage import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Event

    from airflow_peach.authoring.platform.file import Platform
    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.gathering import Gathered, Progress
    from airflow_peach.catalogue.model import Catalogue, RepositoryStatus
    from airflow_peach.repositories.login import Credentials
    from airflow_peach.repositories.sources.discovery import Source
    from airflow_peach.settings import Settings

log = logging.getLogger(__name__)


# How often a watch looks for a request.
_LOOK_SECONDS = 0.2


class SyncError(PeachError):
    """The sync could not begin or could not be written; the last catalogue stays."""


@dataclass(frozen=True)
class Gone:
    """A repository that its source no longer names: deleted, archived, without the label, or without access.

    Attributes:
        tasks: that leave the loops with it, as ``codops/task``.
    """

    name: str
    source: str
    tasks: tuple[str, ...]

    def __str__(self) -> str:
        what = f"{self.name} is no longer in {self.source}: deleted, archived, without the label or without access"
        return f"{what}; its tasks leave the loops: {', '.join(self.tasks)}" if self.tasks else what


@dataclass(frozen=True)
class SyncReport:
    """What one sync found.

    Attributes:
        repositories: status of each, sorted by name.
        organisations: codops of all, sorted.
        changed: codops of those whose catalogue was written or removed.
        gone: repositories that were there after the last sync.
        problems: of the sources and of all repositories.
        version: of the snapshot.
        seconds: that it took.
    """

    repositories: tuple[RepositoryStatus, ...]
    organisations: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[Gone, ...]
    problems: tuple[Problem, ...]
    version: str
    seconds: float


def sync(
    settings: Settings,
    *,
    source: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    wait: bool = True,
    credentials: Credentials | None = None,
) -> SyncReport:
    """Bring ``<home>`` up to date with the repositories, and publish a snapshot.

    Args:
        settings: where, and how long one remote may take.
        source: a directory of repositories, instead of the platform file's sources.
        progress: called for each repository that is done, from several threads.
        wait: for another sync of the same home to end; else that is a ``LockedError`` at once.
        credentials: gives user and password of an Airflow connection; None where there are none.

    Raises:
        SyncError: there is no source, or the home directory cannot be written.
        PlatformFileError: the platform file has problems; nothing changes.
        LockedError: another sync is running and ``wait`` is False.
    """
    started = time.monotonic()
    platform = read_platform_file(settings.platform_file)
    if source is not None:
        platform = replace(platform, sources=(DirectorySourceSettings(source.absolute()),))
    if not platform.sources:
        raise SyncError("no source of repositories: name one with --source, or in the platform file's sources")
    try:
        with locked(settings.home / "locks" / "sync", timeout_seconds=None if wait else 0):
            sources = open_sources(platform.sources, settings.home, credentials)
            report, catalogue, gathered = _sync(settings, platform, sources, progress or _say_nothing, started)
    except OSError as error:
        where = error.filename or settings.home
        raise SyncError(
            f"{where}: {error.strerror}; the home directory {settings.home} must be writable and have space"
        ) from error
    # Without the lock: the next sync need not wait for what a host does with a remark.
    tell(sources, gathered.found, [each.repository for each in gathered.configurations], catalogue, settings)
    return report


def watch(
    settings: Settings,
    stop: Event,
    *,
    source: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_report: Callable[[SyncReport], None] | None = None,
    credentials: Credentials | None = None,
) -> None:
    """Sync every ``sync_interval_seconds``, and when one is requested, until ``stop`` is set.

    A sync that fails is logged; the next follows.
    """
    while not stop.is_set():
        started, request = time.monotonic(), last_request(settings.home)
        try:
            report = sync(settings, source=source, progress=progress, credentials=credentials)
        except PeachError as error:
            log.error("%s", error)  # noqa: TRY400 - expected: the message says it all
        except Exception:
            log.exception("the sync failed; this is a bug of airflow-peach")
        else:
            if on_report is not None:
                on_report(report)
        start_readers()  # the next change is not to wait for that
        next_start = started + settings.sync_interval_seconds
        while time.monotonic() < next_start and last_request(settings.home) == request:
            if stop.wait(min(_LOOK_SECONDS, max(0.0, next_start - time.monotonic()))):
                break


def _sync(
    settings: Settings,
    platform: Platform,
    sources: Sequence[Source],
    progress: Callable[[Progress], None],
    started: float,
) -> tuple[SyncReport, Catalogue, Gathered]:
    """Sync once; return the report, the catalogue, and what it was made from."""
    before = previous = read_catalogue(settings.home)
    changed: set[str] = set()
    for gathered in Gathering(sources, settings, previous, progress).run():
        now = dt.datetime.now(dt.timezone.utc)
        merged = merge(gathered.configurations, gathered.statuses, previous, platform, now)
        previous = replace(merged, problems=gathered.problems)
        written = write_catalogue(settings.home, previous)
        changed |= set(written.changed)
    prune_snapshots(settings.home)
    _alert(before, previous)
    repositories = tuple(previous.repositories.values())
    report = SyncReport(
        repositories=repositories,
        organisations=tuple(previous.organisations),
        changed=tuple(sorted(changed)),
        gone=_gone(before, previous),
        problems=(*previous.problems, *(problem for each in repositories for problem in each.problems)),
        version=written.version,
        seconds=time.monotonic() - started,
    )
    return report, previous, gathered


def _alert(before: Catalogue, after: Catalogue) -> None:
    """Tell the operator, once, of each repository that claims an organisation it may not speak for."""
    known = {(name, each.codops) for name, status in before.repositories.items() for each in status.problems}
    for name, status in after.repositories.items():
        for problem in status.problems:
            if is_refusal(problem) and (name, problem.codops) not in known:
                log.warning("ALERT: %s", problem)


def _gone(before: Catalogue, after: Catalogue) -> tuple[Gone, ...]:
    """Return the repositories that the sources no longer name."""
    tasks: dict[str, list[str]] = defaultdict(list)
    for organisation in before.organisations.values():
        for task in organisation.tasks:
            tasks[task.repository].append(f"{task.codops}/{task.name}")
    return tuple(
        Gone(name, status.source, tuple(tasks[name]))
        for name, status in before.repositories.items()
        if name not in after.repositories
    )


def _say_nothing(_: Progress) -> None:
    """Take a progress line that nobody asked for."""
