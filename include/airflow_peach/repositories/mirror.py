"""Our bare local copy of one repository: its branch's newest commit, and the one before.

A mirror is ``<home>/mirrors/<name>.git``. ``refs/peach/head`` is the newest commit known; ``HEAD`` only notes
the name of the branch it came from (it is never born). Who writes holds ``<home>/locks/mirrors/<name>``, and
so do the git processes it starts; readers need no lock, because a commit's objects never change.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_peach.errors import PeachError
from airflow_peach.processes import ProcessTimeoutError, ProgramMissingError
from airflow_peach.repositories import upkeep
from airflow_peach.repositories.git_environment import (
    GitError,
    RemoteGitError,
    SilentRemoteError,
    open_git,
    redact,
)
from airflow_peach.repositories.local_refs import read_ref
from airflow_peach.repositories.remote import RemoteHead, ask_remote, remaining_seconds
from airflow_peach.storage import LockedError, locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_peach.repositories.address import RepositoryAddress
    from airflow_peach.repositories.git_command import RepositoryGit

log = logging.getLogger(__name__)

HEAD_REF = "refs/peach/head"
# Keeps the objects of the head before, for an execution that started just before the last fetch.
PREVIOUS_REF = "refs/peach/previous"

VERSION_CHARACTERS = 8
# Between a mirror's name and what is temporary of it; no name has it (``_safe``), so none is the beginning of another.
_TEMPORARY = "@"
_NAME_LIMIT_BYTES = 200


class FetchError(PeachError):
    """The repository could not be fetched; its last head stays."""


class NoAnswerError(FetchError):
    """The remote did not say anything in time: its host hangs, or is not there."""


class CorruptMirrorError(PeachError):
    """git cannot read something that the mirror must hold; the next fetch makes the mirror anew."""


@dataclass(frozen=True)
class Head:
    """The newest commit of a repository's branch. ``committed_at`` is UTC."""

    commit: str
    branch: str
    committed_at: dt.datetime

    @property
    def version(self) -> str:
        """The commit's short hash: the version of what runs."""
        return self.commit[:VERSION_CHARACTERS]


class Mirror:
    """The mirror of one repository. Making the object touches nothing.

    Args:
        home: the library's home directory.
        address: of the repository.
        branch: the one that is executed; without it in the remote, the remote's default branch.
    """

    def __init__(self, home: Path, address: RepositoryAddress, branch: str) -> None:
        self.address = address
        self.branch = branch
        self.path = home / "mirrors" / f"{_safe(address.name)}.git"
        self._lock = home / "locks" / "mirrors" / _safe(address.name)
        self._aside = self.path.with_suffix(".corrupt")
        self._suspect = self.path / "peach-suspect"

    def git(self, *, inherited: Sequence[int] = ()) -> RepositoryGit:
        """Return git on this mirror. Raises ``ProgramMissingError`` when there is no git here."""
        return open_git(self.path, inherited=inherited)

    def head(self) -> Head | None:
        """Return the last head known, without asking the network; None before the first fetch."""
        if not self.path.is_dir():
            return None
        try:
            return _read_head(self.git(), self.path)
        except GitError as error:
            log.warning("%s: the mirror %s cannot be read: %s", self.address.name, self.path, error)
            return None

    def holds(self, remote: RemoteHead) -> bool:
        """Whether the mirror's newest commit is this one: a look at three files, no git."""
        is_commit = _is_of_branch(self.path, remote.branch) and read_ref(self.path, HEAD_REF) == remote.commit
        return is_commit and not self._suspect.exists()

    def ask(self, timeout_seconds: float) -> RemoteHead:
        """Ask the remote for its head; nothing is fetched.

        Raises:
            NoAnswerError: not within ``timeout_seconds``.
            FetchError: unreachable, emptied, or without such a branch.
        """
        with self._told(timeout_seconds):
            return self._ask(timeout_seconds)

    def fetch(self, timeout_seconds: float, remote: RemoteHead | None = None) -> Head:
        """Ask the remote for its head, bring it here when it is new, and return it.

        An unchanged remote costs one ``git ls-remote``. Safe for any number of processes at once. A mirror
        that git cannot fetch into although the remote answers is made anew beside and then swapped; the old
        one is moved to ``<name>.corrupt``.

        Args:
            timeout_seconds: for all of it.
            remote: its head, where that is known: it is not asked again.

        Raises:
            NoAnswerError: the remote was asked, and said nothing within ``timeout_seconds``.
            FetchError: unreachable, emptied, without such a branch, or not within ``timeout_seconds``.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._told(timeout_seconds):
            if not self.path.exists() and self._aside.exists():
                with self._locked(deadline):
                    self._restore()
            remote = remote or self._ask(timeout_seconds)
            if (head := self._unchanged(remote)) is not None:
                return head
            with self._locked(deadline) as lock:
                return self._unchanged(remote) or self._bring(remote, deadline, lock)

    def _ask(self, timeout_seconds: float) -> RemoteHead:
        try:
            deadline = time.monotonic() + timeout_seconds
            return ask_remote(self.address.url, self.branch, deadline, self.address.login)
        except ProcessTimeoutError as error:
            raise NoAnswerError(str(self._error(f"no answer within {timeout_seconds:g} s"))) from error

    @contextmanager
    def _told(self, timeout_seconds: float) -> Iterator[None]:
        """Turn what is expected to go wrong into a ``FetchError``."""
        try:
            yield
        except SilentRemoteError as error:
            raise NoAnswerError(str(self._error(str(error)))) from error
        except (GitError, LockedError, ProgramMissingError) as error:
            raise self._error(str(error)) from error
        except ProcessTimeoutError as error:
            raise self._error(f"no answer within {timeout_seconds:g} s") from error
        except OSError as error:
            raise self._error(f"{error.filename or self.path}: {error.strerror}") from error

    def report_corrupt(self, reason: str) -> CorruptMirrorError:
        """Note that the mirror cannot be read, so that the next fetch makes it anew; return the error."""
        if self.path.is_dir():
            self._suspect.touch()
        return CorruptMirrorError(
            f"{self.address.name}: the mirror {self.path} is damaged ({reason}); the next fetch makes it anew"
        )

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[int]:
        with locked(self._lock, timeout_seconds=max(0.0, deadline - time.monotonic())) as descriptor:
            yield descriptor

    def _error(self, cause: str) -> FetchError:
        return FetchError(f"{self.address.name}: cannot be fetched from {redact(self.address.url)}: {cause}")

    def _unchanged(self, remote: RemoteHead) -> Head | None:
        # The files first: git is started only where it will be right, to say whether the commit can be read.
        if not self.holds(remote) or (head := self.head()) is None:
            return None
        return head if (head.commit, head.branch) == (remote.commit, remote.branch) else None

    def _bring(self, remote: RemoteHead, deadline: float, lock: int) -> Head:
        """Bring the remote's head into the mirror, whose lock is held."""
        self._clear_leftovers()
        if self.path.exists() and not self._suspect.exists():
            try:
                return self._update(self.path, remote, deadline, lock)
            except RemoteGitError:
                raise  # it would refuse the same for a new mirror, or be silent as long
            except GitError as error:
                log.warning("%s: making the mirror %s anew: %s", self.address.name, self.path, error)
        return self._make_anew(remote, deadline, lock)

    def _update(self, path: Path, remote: RemoteHead, deadline: float, lock: int) -> Head:
        git = open_git(path, inherited=[lock], login=self.address.login)
        if (before := read_ref(path, HEAD_REF)) is not None:
            git.update_ref(PREVIOUS_REF, before)  # fails when it is not there
        git.fetch(
            "--depth=1",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--update-shallow",
            "--quiet",
            "--",
            self.address.url,
            f"+{remote.ref}:{HEAD_REF}",
            kill_after_timeout=remaining_seconds(deadline),
        )
        if not _is_of_branch(path, remote.branch):
            git.symbolic_ref("HEAD", f"refs/heads/{remote.branch}")
        head = _read_head(git, path)
        if head is None:
            raise self._error("git fetched nothing and said nothing")
        upkeep.compact(git, path)
        return head

    def _make_anew(self, remote: RemoteHead, deadline: float, lock: int) -> Head:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=self.path.parent, prefix=f".{self.path.name}{_TEMPORARY}"))
        try:
            open_git(beside, inherited=[lock]).init("--bare", "--quiet", "--template=", str(beside))
            head = self._update(beside, remote, deadline, lock)
            if self.path.exists():
                upkeep.remove(self._aside)
                self.path.rename(self._aside)
            beside.rename(self.path)
        finally:
            upkeep.remove(beside)
        return head

    def _clear_leftovers(self) -> None:
        """Remove what a killed fetch left. We hold the lock, and a git that still ran would hold it too."""
        self._restore()
        for beside in self.path.parent.glob(f".{self.path.name}{_TEMPORARY}*"):
            upkeep.remove(beside)
        upkeep.clear_leftovers(self.path)

    def _restore(self) -> None:
        """Undo a swap of mirrors that was killed half-way."""
        if not self.path.exists() and self._aside.exists():
            self._aside.rename(self.path)


def _read_head(git: RepositoryGit, path: Path) -> Head | None:
    """Return what ``HEAD_REF`` holds. Raises ``GitError`` when it or its commit cannot be read."""
    line = str(git.for_each_ref("--format=%(objectname) %(committerdate:unix)", HEAD_REF))
    if not line:
        return None
    commit, _, seconds = line.partition(" ")
    try:
        branch = (path / "HEAD").read_text(encoding="utf-8").strip().removeprefix("ref: refs/heads/")
    except OSError as error:
        raise GitError(f"{error.filename}: {error.strerror}") from error
    return Head(commit, branch, _utc(seconds))


def _is_of_branch(path: Path, branch: str) -> bool:
    """Whether the mirror at ``path`` notes that its head came from ``branch``."""
    try:
        return (path / "HEAD").read_text(encoding="utf-8").strip() == f"ref: refs/heads/{branch}"
    except (OSError, UnicodeDecodeError):
        return False


def _utc(seconds: str) -> dt.datetime:
    """Return the time of a commit; the beginning of 1970 for one that says nothing sensible: authors write it."""
    try:
        return dt.datetime.fromtimestamp(int(seconds), dt.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return dt.datetime.fromtimestamp(0, dt.timezone.utc)


def _safe(name: str) -> str:
    """Return a file name for a repository's name; different names give different ones."""
    safe = quote(name, safe=" ")
    if len(safe) <= _NAME_LIMIT_BYTES and not safe.startswith("."):
        return safe
    return f"{safe.lstrip('.')[:_NAME_LIMIT_BYTES]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
