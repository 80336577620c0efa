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
from airflow_peach.catalogue.reading import read_in_child, start_readers
from airflow_peach.errors import PeachError
from airflow_peach.repositories.mirror import VERSION_CHARACTERS, CorruptMirrorError, FetchError, Mirror, NoAnswerError

if TYPE_CHECKING:
    from airflow_peach.authoring.definitions import RepositoryConfiguration
    from airflow_peach.repositories.address import RepositoryAddress
    from airflow_peach.repositories.remote import RemoteHead
    from airflow_peach.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Harvest:
    """One repository after fetching and reading. Without a configuration it keeps what it had."""

    status: RepositoryStatus
    configuration: RepositoryConfiguration | None = None


@dataclass(frozen=True)
class Question:
    """What is asked about one repository.

    Attributes:
        address: where it is.
        before: its status after the last sync; None for a new one.
        remote: its head, where a question about many has told it.
        answer_seconds: how long the remote may take to say its head, where it is asked.
    """

    address: RepositoryAddress
    before: RepositoryStatus | None
    remote: RemoteHead | None
    answer_seconds: float

    @property
    def status(self) -> RepositoryStatus:
        """What is known before it is asked."""
        before = self.before or RepositoryStatus(self.address.name, "")
        return replace(before, url=self.address.url, source=self.address.source)


def harvest(question: Question, settings: Settings) -> Harvest:
    """Fetch one repository, if it has changed, and read its configuration at its head. Never raises.

    Args:
        question: which one.
        settings: home, branch and time limit.
    """
    address, status = question.address, question.status
    try:
        return _harvest(question, settings, status)
    except OSError as error:
        return Harvest(replace(status, error=f"{address.name}: {error.filename}: {error.strerror}"))
    except Exception as error:
        # One repository must not stop the others, and its author must see that it is not his fault.
        log.exception("%s: could not be read", address.name)
        problem = Problem(
            Place(address.name, status.head[:VERSION_CHARACTERS]),
            "",
            f"cannot be read: {type(error).__name__}: {error}; this is a bug of airflow-peach",
            "report it, with the log of the sync",
        )
        return Harvest(replace(status, problems=(problem,)))


def _harvest(question: Question, settings: Settings, status: RepositoryStatus) -> Harvest:
    mirror = Mirror(settings.home, question.address, settings.branch)
    status, known = _fetch(mirror, settings, status, question)
    if not known:
        return Harvest(status)
    try:
        return _read(mirror, settings, status)
    except CorruptMirrorError as error:
        log.warning("%s", error)
    status, known = _fetch(mirror, settings, status, question)
    try:
        return _read(mirror, settings, status) if known else Harvest(status)
    except CorruptMirrorError as error:
        return Harvest(replace(status, error=str(error)))


def _fetch(
    mirror: Mirror, settings: Settings, status: RepositoryStatus, question: Question
) -> tuple[RepositoryStatus, bool]:
    """Return the status after a fetch, and whether any head is known, be it an old one."""
    try:
        remote = question.remote or mirror.ask(question.answer_seconds)
        if not mirror.holds(remote):
            if question.remote is not None and status.silent:
                mirror.ask(question.answer_seconds)  # its API answers; whether git does again is asked before a fetch
            start_readers()  # what is fetched will be read
            head = mirror.fetch(settings.fetch_timeout_seconds, remote)
            remote = replace(remote, commit=head.commit, branch=head.branch)
    except FetchError as error:
        log.info("%s", error)  # told by the status
        known = mirror.head()
        status = replace(status, error=str(error), silent=isinstance(error, NoAnswerError))
        return (status if known is None else replace(status, head=known.commit, branch=known.branch)), known is not None
    now = dt.datetime.now(dt.timezone.utc)
    return replace(status, error="", silent=False, fetched_at=now, head=remote.commit, branch=remote.branch), True


def _read(mirror: Mirror, settings: Settings, status: RepositoryStatus) -> Harvest:
    home, name, commit = settings.home, mirror.address.name, status.head
    try:
        return Harvest(status, cached(home, name, commit, lambda: read_in_child(mirror, home, commit)))
    except UnreadableRepositoryError as error:
        problem = Problem(Place(name, commit[:VERSION_CHARACTERS]), "", error.cause, error.remedy)
        return Harvest(replace(status, problems=(problem,)))
    except CorruptMirrorError:
        raise
    except PeachError as error:
        return Harvest(replace(status, error=str(error)))
