"""Tells authors where they work: a commit status ``peach`` on each head of a source with ``feedback: true``.

What was said is remembered in ``<home>/feedback.json``: nothing is said twice of the same commit. What could not be
said is logged, and tried again later, ever more seldom. It never fails a sync.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_peach.errors import PeachError
from airflow_peach.repositories.sources.commit_status import CommitStatus, Teller
from airflow_peach.storage import LockedError, locked, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_peach.catalogue.model import Catalogue, RepositoryStatus
    from airflow_peach.repositories.address import RepositoryAddress
    from airflow_peach.repositories.sources.discovery import Source
    from airflow_peach.settings import Settings

log = logging.getLogger(__name__)

# GitHub takes no more; GitLab 255.
DESCRIPTION_CHARACTERS = 140
_LIMIT_SECONDS = 15.0
_PARALLEL = 4
_FIRST_RETRY_SECONDS = 60.0
_LONGEST_RETRY_SECONDS = 6 * 3600.0


@dataclass(frozen=True)
class _Remark:
    """One status to be said: of what, and how often that failed."""

    address: RepositoryAddress
    commit: str
    status: CommitStatus
    failures: int

    @property
    def content(self) -> list[Any]:
        """What makes two of them the same."""
        return [self.commit, self.status.good, self.status.description, self.status.target_url]


def commit_status(repository: RepositoryStatus, catalogue: Catalogue, tasks_page: str) -> CommitStatus:
    """Return what is to be said of a repository's head: its first problem, or its tasks by loop. Pure."""
    target_url = ""
    if tasks_page:
        target_url = f"{tasks_page}?{urlencode({'org': repository.codops[0]})}" if repository.codops else tasks_page
    if repository.problems:
        first = min(repository.problems)
        text = str(first).removeprefix(f"{first.place.repository}@{first.place.version}:").strip()
        more = len(repository.problems) - 1
        return CommitStatus(False, _short(text, f" (and {more} more)" if more else ""), target_url)
    loops = Counter(
        task.loop
        for organisation in catalogue.organisations.values()
        for task in organisation.tasks
        if task.repository == repository.name
    )
    counts = [f"{count} {'task' if count == 1 else 'tasks'} in loop {loop}" for loop, count in sorted(loops.items())]
    return CommitStatus(True, _short(", ".join(counts) or "no tasks"), target_url)


def tell(
    sources: Iterable[Source],
    found: Sequence[RepositoryAddress],
    read: Iterable[str],
    catalogue: Catalogue,
    settings: Settings,
) -> None:
    """Say what is new; takes 15 seconds at most for each source. Raises nothing that is expected.

    Args:
        sources: of which those with ``feedback`` are told.
        found: the repositories that they named in this sync.
        read: names of those whose head was read.
        catalogue: the result.
        settings: home, and the address of the Tasks page.
    """
    tellers = {each.id: each for each in sources if isinstance(each, Teller) and each.wants_feedback}
    names = set(read)
    own = [each for each in found if each.source in tellers and each.name in names]
    if not own:
        return
    try:
        with locked(settings.home / "locks" / "feedback", timeout_seconds=0):
            _tell(tellers, own, catalogue, settings)
    except LockedError:
        log.info("another sync is telling")  # it will come round again
    except OSError as error:
        log.warning("commit statuses: %s: %s", error.filename, error.strerror)


def _tell(
    tellers: Mapping[str, Teller], own: Sequence[RepositoryAddress], catalogue: Catalogue, settings: Settings
) -> None:
    path = settings.home / "feedback.json"
    said = _read(path)
    remarks = _remarks(own, said, catalogue, settings.tasks_page)
    for source, teller in tellers.items():
        deadline = time.monotonic() + _LIMIT_SECONDS
        mine = [each for each in remarks if each.address.source == source]
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="peach-feedback") as executor:
            failures = list(
                executor.map(lambda remark, teller=teller, until=deadline: _say(teller, remark, until), mine)
            )
        for remark, failure in zip(mine, failures, strict=True):
            said[remark.address.name] = {"content": remark.content} if failure is None else _failed(remark)
        wrong = [failure for failure in failures if failure is not None]
        if wrong:
            log.warning(
                "%s: %d of %d commit statuses could not be set; the first: %s", source, len(wrong), len(mine), wrong[0]
            )
    if remarks:
        write_json(path, said)


def _remarks(
    own: Iterable[RepositoryAddress], said: Mapping[str, Any], catalogue: Catalogue, tasks_page: str
) -> list[_Remark]:
    remarks = []
    for address in own:
        repository = catalogue.repositories[address.name]
        before = said.get(address.name, {})
        status = commit_status(repository, catalogue, tasks_page)
        remark = _Remark(address, repository.head, status, 0)
        if before.get("content") == remark.content:
            if time.time() < before.get("again_at", float("inf")):
                continue
            remark = _Remark(address, repository.head, status, int(before.get("failures", 0)))
        remarks.append(remark)
    return remarks


def _say(teller: Teller, remark: _Remark, deadline: float) -> PeachError | None:
    try:
        teller.say(remark.address, remark.commit, remark.status, deadline)
    except PeachError as error:
        return error
    return None


def _failed(remark: _Remark) -> dict[str, Any]:
    pause_seconds = min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0**remark.failures)
    again_at = time.time() + pause_seconds
    return {"content": remark.content, "failures": min(remark.failures + 1, 20), "again_at": again_at}


def _read(path: Any) -> dict[str, Any]:  # noqa: ANN401 - a path
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s: is damaged (%s); everything is said once more", path, error)
        return {}
    return data if isinstance(data, dict) and all(isinstance(each, dict) for each in data.values()) else {}


def _short(text: str, ending: str = "") -> str:
    room = DESCRIPTION_CHARACTERS - len(ending)
    return (text if len(text) <= room else f"{text[: room - 1]}…") + ending
