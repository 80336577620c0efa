"""Asks all sources, and all repositories, at once. A host that hangs holds up no other.

Each host has threads of its own. What a cheap question about many tells (``Source.heads``) is not asked of each.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.harvest import Harvest, Question, harvest
from airflow_peach.catalogue.model import RepositoryStatus
from airflow_peach.catalogue.workers import Workers
from airflow_peach.errors import PeachError
from airflow_peach.repositories.address import host_of
from airflow_peach.repositories.sources.discovery import Discovery, combine, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_peach.authoring.definitions import RepositoryConfiguration
    from airflow_peach.catalogue.model import Catalogue
    from airflow_peach.repositories.address import RepositoryAddress
    from airflow_peach.repositories.remote import RemoteHead
    from airflow_peach.repositories.sources.discovery import Source
    from airflow_peach.settings import Settings

log = logging.getLogger(__name__)

# Fetches wait for the network, mostly; a host should not take us for an attack.
_PARALLEL_PER_HOST = 8
# How long a host may say nothing before the others are gone on with.
PATIENCE_SECONDS = 3.0
# How long a host that said nothing in the last sync may take this time.
_PROBE_SECONDS = 5.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """How far a sync is: ``line`` is about the repository that is done now."""

    line: str
    done: int
    total: int


@dataclass(frozen=True)
class Gathered:
    """What is known at one moment.

    Attributes:
        statuses: of all repositories there are, by name, asked or not.
        configurations: of those that could be read.
        problems: of the sources.
        found: addresses of the repositories that the sources named.
        complete: whether everybody has answered, or has let the time pass.
    """

    statuses: Mapping[str, RepositoryStatus]
    configurations: tuple[RepositoryConfiguration, ...]
    problems: tuple[Problem, ...]
    found: tuple[RepositoryAddress, ...]
    complete: bool


class Gathering:
    """One round of questions.

    Args:
        sources: in the platform file's order; of two repositories with one name, the earlier source's is used.
        settings: home, branch and time limits.
        previous: the last catalogue.
        progress: called for each repository that is done, from several threads.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        settings: Settings,
        previous: Catalogue,
        progress: Callable[[Progress], None],
    ) -> None:
        self._sources = sources
        self._settings = settings
        self._previous = previous
        self._progress = progress
        self._deadline = time.monotonic() + settings.fetch_timeout_seconds
        self._changed = threading.Condition(threading.RLock())
        self._hosts: dict[str, Workers] = {}
        self._found: dict[int, Discovery] = {}
        self._asked: set[str] = set()
        self._harvests: dict[str, Harvest] = {}
        self._unasked: dict[str, Problem] = {}
        self._silent_before = {host_of(each.url) for each in previous.repositories.values() if each.silent}

    def run(self) -> Iterator[Gathered]:
        """Ask, and yield what is known: at the end, and before it when all that is missing are hosts that hang."""
        for index, source in enumerate(self._sources):
            threading.Thread(target=self._discover, args=[index, source], name="peach-discover", daemon=True).start()
        self._wait(lambda: len(self._found) == len(self._sources), until=time.monotonic() + PATIENCE_SECONDS)
        self._ask_repositories()
        self._wait(self._only_silent_left)
        if len(self._found) < len(self._sources) or self._is_busy():
            yield self._so_far(complete=False)
            # A host that sends a byte now and then is met by no limit of its own.
            self._wait(lambda: len(self._found) == len(self._sources), until=self._deadline + PATIENCE_SECONDS)
            self._ask_repositories()
            self._wait(lambda: not self._is_busy())
        yield self._so_far(complete=True)

    def _wait(self, condition: Callable[[], bool], until: float = float("inf")) -> None:
        with self._changed:
            while not condition() and (remaining := until - time.monotonic()) > 0:
                self._changed.wait(min(_POLL_SECONDS, remaining))

    def _is_busy(self) -> bool:
        return any(host.pending for host in self._hosts.values())

    def _only_silent_left(self) -> bool:
        silent_since = time.monotonic() - PATIENCE_SECONDS
        return all(host.heard_at < silent_since for host in self._hosts.values() if host.pending)

    def _discover(self, index: int, source: Source) -> None:
        try:
            found = source.discover(self._deadline)
        except Exception as error:
            log.exception("%s: could not be listed", source.id)
            found = failed(source.id, f"cannot be listed: {error!r}; this is a bug of airflow-peach")
        with self._changed:
            self._found[index] = found
            self._changed.notify_all()

    def _combined(self, *, complete: bool) -> Discovery:
        """Return what the sources hold; one that has not answered counts as failed."""
        with self._changed:
            found = dict(self._found)
        return combine(
            found.get(index)
            or (
                failed(source.id, "did not answer in time; its repositories stay as they were")
                if complete
                # Not a problem yet: what was wrong the last time is said until it is known better.
                else Discovery(failed_sources=frozenset({source.id}), problems=self._problems_before(source))
            )
            for index, source in enumerate(self._sources)
        )

    def _problems_before(self, source: Source) -> tuple[Problem, ...]:
        return tuple(each for each in self._previous.problems if each.place.repository == source.id)

    def _ask_repositories(self) -> None:
        """Ask the repositories that the sources named by now, and that were not asked yet."""
        discovery = self._combined(complete=False)
        kept = _kept(discovery, self._previous)
        by_source: dict[str, list[RepositoryAddress]] = defaultdict(list)
        for address in discovery.addresses:
            # A name that a source that cannot be listed has is not another source's to take.
            if address.name not in self._asked and address.name not in kept:
                self._asked.add(address.name)
                by_source[address.source].append(address)
        for source in self._sources:
            if addresses := by_source.pop(source.id, []):
                self._host(addresses[0].url).submit(lambda source=source, own=addresses: self._ask_heads(source, own))  # type: ignore[misc]

    def _host(self, url: str) -> Workers:
        with self._changed:
            return self._hosts.setdefault(host_of(url), Workers(_PARALLEL_PER_HOST, self._changed))

    def _ask_heads(self, source: Source, addresses: Sequence[RepositoryAddress]) -> None:
        heads: Mapping[str, RemoteHead] = {}
        try:
            heads = source.heads(addresses, self._settings.branch, self._deadline)
            self._host(addresses[0].url).heard()
        except PeachError as error:
            cause = f"cannot be asked for its heads: {error}; its repositories stay as they were"
            self._unasked[source.id] = Problem(Place(source.id), "", cause)
            for address in addresses:
                self._done(address, Harvest(self._question(address, None).status))
            return
        except Exception:
            log.exception("%s: could not be asked for its heads; each repository is asked", source.id)
        for address in addresses:
            question = self._question(address, heads.get(address.name))
            self._host(address.url).submit(lambda question=question: self._ask(question))  # type: ignore[misc]

    def _question(self, address: RepositoryAddress, remote: RemoteHead | None) -> Question:
        limit = self._settings.fetch_timeout_seconds
        if host_of(address.url) in self._silent_before:
            limit = min(limit, _PROBE_SECONDS)
        return Question(address, self._previous.repositories.get(address.name), remote, limit)

    def _ask(self, question: Question) -> None:
        host, name = self._host(question.address.url), question.address.name
        if host.silent:
            error = f"{name}: not asked: {host_of(question.address.url)} does not answer"
            self._done(question.address, Harvest(replace(question.status, error=error, silent=True)))
            return
        began = time.monotonic()
        result = harvest(question, self._settings)
        if result.status.silent:
            host.not_heard(began)
        else:
            host.heard()
        self._done(question.address, result)

    def _done(self, address: RepositoryAddress, result: Harvest) -> None:
        with self._changed:
            self._harvests[address.name] = result
            done, total = len(self._harvests), len(self._asked)
        status = result.status
        self._progress(Progress(status.error or f"{status.name}: {status.branch} at {status.head[:8]}", done, total))

    def _so_far(self, *, complete: bool) -> Gathered:
        discovery = self._combined(complete=complete)
        with self._changed:
            harvests = dict(self._harvests)
        statuses = dict(_kept(discovery, self._previous))
        for address in discovery.addresses:
            known = self._previous.repositories.get(address.name)
            if address.name in harvests:
                statuses[address.name] = harvests[address.name].status
            elif known is not None:
                statuses.setdefault(address.name, known)
        configurations = (each.configuration for name, each in harvests.items() if name in statuses)
        return Gathered(
            statuses=statuses,
            configurations=tuple(each for each in configurations if each is not None),
            problems=(*discovery.problems, *self._unasked.values()),
            found=discovery.addresses,
            complete=complete,
        )


def _kept(discovery: Discovery, previous: Catalogue) -> dict[str, RepositoryStatus]:
    """Return the repositories that are still there, but are not asked: what they had stays."""
    hosts = {_host_of_source(source) for source in discovery.failed_sources}
    found = {address.name: address for address in discovery.addresses}
    kept = {
        name: status
        for name, status in previous.repositories.items()
        if status.source in discovery.failed_sources
        # The source may have been described otherwise the last time: other groups of the same host.
        or (name not in found and status.source and _host_of_source(status.source) in hosts)
    }
    kept |= {
        name: replace(status, error=f"{name}: cannot be fetched: see the problems of its source")
        for name, status in previous.repositories.items()
        if name in discovery.unusable
    }
    if discovery.failed_sources:
        # repositories.json may be lost: then only their tasks tell that they exist.
        for organisation in previous.organisations.values():
            for name in organisation.repositories:
                if name not in found and (name not in previous.repositories or not previous.repositories[name].url):
                    kept[name] = RepositoryStatus(name, url="", error=f"{name}: its source cannot be listed")
    return kept


def _host_of_source(source: str) -> str:
    return source.partition(" ")[0]
