"""What one repository gives to a sync: its status, and its configuration at its head.

Nothing that goes wrong with one repository reaches another.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.configuration_cache import UnreadableRepositoryError, cached
from airflow_peach.catalogue.model import RepositoryStatus
from airflow_peach.catalogue.reading import read_in_child
from airflow_peach.errors import PeachError
from airflow_peach.repositories.mirror import CorruptMirrorError, FetchError, Head, Mirror

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import RepositoryConfiguration
    from airflow_peach.repositories.address import RepositoryAddress
    from airflow_peach.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Harvest:
    """One repository after fetching and reading. Without a configuration it keeps what it had."""

    status: RepositoryStatus
    configuration: RepositoryConfiguration | None = None


def harvest(address: RepositoryAddress, settings: Settings, before: RepositoryStatus | None) -> Harvest:
    """Fetch one repository and read its configuration at its head. Never raises.

    Args:
        address: where it is.
        settings: home, branch and time limit.
        before: its status after the last sync.
    """
    status = replace(before or RepositoryStatus(address.name, ""), url=address.url, source=address.source)
    try:
        return _harvest(address, settings, status)
    except OSError as error:
        return Harvest(replace(status, error=f"{address.name}: {error.filename}: {error.strerror}"))
    except Exception as error:
        # One repository must not stop the others, and its author must see that it is not his fault.
        log.exception("%s: could not be read", address.name)
        problem = Problem(
            Place(address.name, status.head[:8]),
            "",
            f"cannot be read: {type(error).__name__}: {error}; this is a bug of airflow-peach",
            "report it, with the log of the sync",
        )
        return Harvest(replace(status, problems=(problem,)))


def _harvest(address: RepositoryAddress, settings: Settings, status: RepositoryStatus) -> Harvest:
    mirror = Mirror(settings.home, address, settings.branch)
    status, head = _fetch(mirror, settings, status)
    if head is None:
        return Harvest(status)
    try:
        return _read(mirror, settings, status, head)
    except CorruptMirrorError as error:
        log.warning("%s", error)
    status, head = _fetch(mirror, settings, status)
    try:
        return _read(mirror, settings, status, head) if head is not None else Harvest(status)
    except CorruptMirrorError as error:
        return Harvest(replace(status, error=str(error)))


def _fetch(mirror: Mirror, settings: Settings, status: RepositoryStatus) -> tuple[RepositoryStatus, Head | None]:
    """Return the status after a fetch, and the newest head known, be it an old one."""
    try:
        head: Head | None = mirror.fetch(settings.fetch_timeout_seconds)
        status = replace(status, error="", fetched_at=dt.datetime.now(dt.timezone.utc))
    except FetchError as error:
        log.info("%s", error)  # told by the status
        head = mirror.head()
        status = replace(status, error=str(error))
    return (status if head is None else replace(status, head=head.commit, branch=head.branch)), head


def _read(mirror: Mirror, settings: Settings, status: RepositoryStatus, head: Head) -> Harvest:
    home, name, commit = settings.home, mirror.address.name, head.commit
    try:
        return Harvest(status, cached(home, name, commit, lambda: read_in_child(mirror, home, commit)))
    except UnreadableRepositoryError as error:
        problem = Problem(Place(name, head.version), "", error.cause, error.remedy)
        return Harvest(replace(status, problems=(problem,)))
    except CorruptMirrorError:
        raise
    except PeachError as error:
        return Harvest(replace(status, error=str(error)))
