"""One sync: discover, fetch, read, merge, write. And the loop that does it again and again."""

from __future__ import annotations

import datetime as dt
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_peach.authoring.platform.file import DirectorySourceSettings, read_platform_file
from airflow_peach.catalogue.harvest import Harvest, harvest
from airflow_peach.catalogue.merge import merge
from airflow_peach.catalogue.model import RepositoryStatus
from airflow_peach.catalogue.store import prune_snapshots, read_catalogue, write_catalogue
from airflow_peach.errors import PeachError
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.sources.discovery import Discovery, combine
from airflow_peach.repositories.sources.opening import open_sources
from airflow_peach.storage import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Event

    from airflow_peach.authoring.platform.file import Platform
    from airflow_peach.authoring.problems import Problem
    from airflow_peach.catalogue.model import Catalogue
    from airflow_peach.repositories.login import Credentials
    from airflow_peach.repositories.sources.discovery import Source
    from airflow_peach.settings import Settings

log = logging.getLogger(__name__)

# Fetches wait for the network, mostly.
_PARALLEL_FETCHES = 16


class SyncError(PeachError):
    """The sync could not begin or could not be written; the last catalogue stays."""


@dataclass(frozen=True)
class SyncReport:
    """What one sync found.

    Attributes:
        repositories: status of each, sorted by name.
        organisations: codops of all, sorted.
        changed: codops of those whose catalogue was written or removed.
        problems: of the sources and of all repositories.
        version: of the snapshot.
        seconds: that it took.
    """

    repositories: tuple[RepositoryStatus, ...]
    organisations: tuple[str, ...]
    changed: tuple[str, ...]
    problems: tuple[Problem, ...]
    version: str
    seconds: float


def sync(
    settings: Settings,
    *,
    source: Path | None = None,
    progress: Callable[[str], None] | None = None,
    wait: bool = True,
    credentials: Credentials | None = None,
) -> SyncReport:
    """Bring ``<home>`` up to date with the repositories, and publish a snapshot.

    Args:
        settings: where, and how long one remote may take.
        source: a directory of repositories, instead of the platform file's sources.
        progress: gets a line for each repository, from several threads.
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
            return _sync(settings, platform, sources, progress or _say_nothing, started)
    except OSError as error:
        where = error.filename or settings.home
        raise SyncError(
            f"{where}: {error.strerror}; the home directory {settings.home} must be writable and have space"
        ) from error


def watch(
    settings: Settings,
    stop: Event,
    *,
    source: Path | None = None,
    progress: Callable[[str], None] | None = None,
    on_report: Callable[[SyncReport], None] | None = None,
    credentials: Credentials | None = None,
) -> None:
    """Sync every ``sync_interval_seconds`` until ``stop`` is set. A sync that fails is logged; the next follows."""
    while not stop.is_set():
        started = time.monotonic()
        try:
            report = sync(settings, source=source, progress=progress, credentials=credentials)
        except PeachError as error:
            log.error("%s", error)  # noqa: TRY400 - expected: the message says it all
        except Exception:
            log.exception("the sync failed; this is a bug of airflow-peach")
        else:
            if on_report is not None:
                on_report(report)
        stop.wait(max(0.0, started + settings.sync_interval_seconds - time.monotonic()))


def _sync(
    settings: Settings,
    platform: Platform,
    sources: Sequence[Source],
    progress: Callable[[str], None],
    started: float,
) -> SyncReport:
    now = dt.datetime.now(dt.timezone.utc)
    previous = read_catalogue(settings.home)
    discovery = combine(source.discover(started + settings.fetch_timeout_seconds) for source in sources)
    harvests = _harvest_all(_addresses(discovery, previous), settings, previous, progress)
    statuses = {each.status.name: each.status for each in harvests}
    configurations = [each.configuration for each in harvests if each.configuration is not None]
    merged = merge(configurations, {**_kept(discovery, previous), **statuses}, previous, platform, now)
    catalogue = replace(merged, problems=discovery.problems)
    written = write_catalogue(settings.home, catalogue)
    prune_snapshots(settings.home)
    repositories = tuple(catalogue.repositories.values())
    return SyncReport(
        repositories=repositories,
        organisations=tuple(catalogue.organisations),
        changed=written.changed,
        problems=(*catalogue.problems, *(problem for each in repositories for problem in each.problems)),
        version=written.version,
        seconds=time.monotonic() - started,
    )


def _addresses(discovery: Discovery, previous: Catalogue) -> list[RepositoryAddress]:
    """Return what is to be fetched: what was found, and what is known of sources that cannot be listed."""
    addresses = {
        status.name: RepositoryAddress(status.name, status.url, status.source)
        for status in previous.repositories.values()
        if status.source in discovery.failed_sources and status.url
    }
    addresses |= {address.name: address for address in discovery.addresses}
    return [addresses[name] for name in sorted(addresses)]


def _kept(discovery: Discovery, previous: Catalogue) -> dict[str, RepositoryStatus]:
    """Return the repositories that are still there, but cannot be fetched as they are."""
    kept = {
        name: replace(status, error=f"{name}: cannot be fetched: see the problems of its source")
        for name, status in previous.repositories.items()
        if name in discovery.unusable
    }
    if discovery.failed_sources:
        # repositories.json may be lost: then only their tasks tell that they exist.
        for organisation in previous.organisations.values():
            for name in organisation.repositories:
                if name not in previous.repositories or not previous.repositories[name].url:
                    kept[name] = RepositoryStatus(name, url="", error=f"{name}: its source cannot be listed")
    return kept


def _harvest_all(
    addresses: list[RepositoryAddress],
    settings: Settings,
    previous: Catalogue,
    progress: Callable[[str], None],
) -> list[Harvest]:
    def one(address: RepositoryAddress) -> Harvest:
        result = harvest(address, settings, previous.repositories.get(address.name))
        status = result.status
        progress(status.error or f"{status.name}: {status.branch} at {status.head[:8]}")
        return result

    executor = ThreadPoolExecutor(max_workers=_PARALLEL_FETCHES, thread_name_prefix="peach-fetch")
    try:
        return list(executor.map(one, addresses))
    finally:
        executor.shutdown(cancel_futures=True)


def _say_nothing(_: str) -> None:
    """Take a progress line that nobody asked for."""
