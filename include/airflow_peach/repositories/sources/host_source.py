"""What GitLab and GitHub have in common: a host that names its repositories, their heads, and takes statuses."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.errors import PeachError
from airflow_peach.repositories.address import AddressError, RepositoryAddress, check_name
from airflow_peach.repositories.login import find_login
from airflow_peach.repositories.remote import HEADS, RemoteHead
from airflow_peach.repositories.sources.discovery import Discovery, failed
from airflow_peach.repositories.sources.host_session import (
    PAUSE,
    SILENCE_SECONDS,
    BusyHostError,
    HostError,
    HostSession,
    SilentHostError,
    told_failures,
)
from airflow_peach.repositories.sources.pause import Pause

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_peach.authoring.platform.definitions import HostSourceSettings
    from airflow_peach.repositories.login import Credentials, Login
    from airflow_peach.repositories.sources.commit_status import CommitStatus

# Both hosts' limit of a page, and of nodes in one GraphQL question.
PAGE = 100
_PARALLEL_QUESTIONS = 4
# How long a host that said nothing the last time may say nothing this time.
_PROBE_SECONDS = 5.0
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True)
class Found:
    """A repository as its host names it: its path, and the id its API asks for."""

    path: str
    remote_id: str


class HostSource(ABC):
    """The repositories with ``settings.topic`` that the token's user can read; implements ``Source``.

    Args:
        settings: what the platform's file says.
        home: the library's home directory: there it is remembered that the host asked for a pause.
        credentials: gives user and token of an Airflow connection; None where there are none.
    """

    # What the host takes as the user's name beside a token.
    username: ClassVar[str]

    def __init__(self, settings: HostSourceSettings, home: Path, credentials: Credentials | None) -> None:
        self.settings = settings
        self.id = " ".join((settings.url, *settings.groups))
        self._credentials = credentials
        self.wants_feedback = settings.feedback
        self._pause = Pause(home, self.id)
        self._silence_seconds = SILENCE_SECONDS

    @abstractmethod
    def find(self, login: Login | None, deadline: float) -> Iterable[Found]:
        """List the repositories. Raises ``HostError`` when that was not the whole list."""

    @abstractmethod
    def ask_heads(
        self, ids: Sequence[str], branch: str, login: Login | None, deadline: float
    ) -> Mapping[str, RemoteHead]:
        """Ask for the heads of at most ``PAGE`` repositories, by id; as far as the host tells. Raises ``HostError``."""

    @abstractmethod
    def set_status(
        self, address: RepositoryAddress, commit: str, status: CommitStatus, login: Login | None, deadline: float
    ) -> None:
        """Set the commit status ``peach``. Raises ``HostError``."""

    def login(self) -> Login | None:
        """Return the login with the token. Raises ``PeachError`` when the platform's file names one that is missing."""
        return find_login(self.settings, self.username, self._credentials)

    def discover(self, deadline: float) -> Discovery:
        """List the repositories. Whatever goes wrong is a failed discovery."""
        # Of a host that is away each sync would wait for its full time, and what is asked for meanwhile with it.
        was_silent = self._pause.was_silent()
        self._silence_seconds = _PROBE_SECONDS if was_silent else SILENCE_SECONDS
        try:
            self._keep_pause()
            login = self.login()
            found = list(self.find(login, deadline))
        except BusyHostError as error:
            self._pause.begin(error.pause_seconds)
            return self._failed(error)
        except SilentHostError as error:
            if not was_silent:
                self._pause.note_silence()
            return self._failed(error)
        except PeachError as error:
            return self._failed(error)
        self._pause.note_answer()
        return self._discovery(found, login)

    def heads(self, addresses: Sequence[RepositoryAddress], branch: str, deadline: float) -> Mapping[str, RemoteHead]:
        """Ask for the heads, a hundred at once. Raises ``PeachError``: the host is to be left alone, or silent."""
        names = {each.remote_id: each.name for each in addresses if each.remote_id}
        ids = list(names)
        batches = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
        login = self.login()
        heads: dict[str, RemoteHead] = {}
        try:
            self._keep_pause()
            with ThreadPoolExecutor(_PARALLEL_QUESTIONS, thread_name_prefix="peach-heads") as executor:
                for answer in executor.map(lambda batch: self.ask_heads(batch, branch, login, deadline), batches):
                    heads |= {names[each]: head for each, head in answer.items() if each in names}
        except BusyHostError as error:
            self._pause.begin(error.pause_seconds)
            raise
        return heads

    def say(self, address: RepositoryAddress, commit: str, status: CommitStatus, deadline: float) -> None:
        """Set the commit status ``peach`` of a commit. Raises ``PeachError`` when that is not possible now."""
        try:
            self._keep_pause()
            self.set_status(address, commit, status, self.login(), deadline)
        except BusyHostError as error:
            self._pause.begin(error.pause_seconds)
            raise

    @contextmanager
    def session(self, url: str, deadline: float) -> Iterator[HostSession]:
        """Yield HTTP with the host at ``url``; all that it raises becomes a ``HostError``."""
        with HostSession(url, deadline, self._silence_seconds) as session, told_failures():
            yield session

    def token_place(self) -> str:
        """Return where the token comes from, in words; empty where there is none."""
        if self.settings.connection:
            return f"the Airflow connection {self.settings.connection}"
        return f"the environment variable {self.settings.token_variable}" if self.settings.token_variable else ""

    def _keep_pause(self) -> None:
        if self._pause.remaining_seconds():
            raise HostError(PAUSE)

    def _failed(self, error: PeachError) -> Discovery:
        return failed(self.id, f"cannot be listed: {error}; its repositories stay as they were")

    def _discovery(self, found: Iterable[Found], login: Login | None) -> Discovery:
        addresses: list[RepositoryAddress] = []
        problems: list[Problem] = []
        for each in found:
            name = self.settings.prefix + each.path
            try:
                check_name(name, repr(name))
            except AddressError as error:
                problems.append(Problem(Place(self.id), "", str(error)))
                continue
            # Built here, not taken from the answer: the token goes to this host and no other.
            url = f"{self.settings.url}/{quote(each.path)}.git"
            addresses.append(RepositoryAddress(name, url, self.id, remote_id=each.remote_id, login=login))
        return Discovery(tuple(sorted(addresses, key=lambda each: each.name)), tuple(problems))


def remote_head(branch: object, commit: object) -> RemoteHead | None:
    """Return the head that an answer tells, None for what is none."""
    if isinstance(branch, str) and branch and isinstance(commit, str) and _COMMIT.fullmatch(commit):
        return RemoteHead(commit, HEADS + branch, branch)
    return None
