"""What code of strangers is run with: the same for tasks and for what builds their environments."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_peach.execution import accounts
from airflow_peach.execution.isolation import Level, isolation_in_force
from airflow_peach.execution.sandbox import wrap
from airflow_peach.settings import airflow_home

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_peach.execution.accounts import Account
    from airflow_peach.execution.sandbox import Content
    from airflow_peach.settings import Settings

# Of the home, what organisations have a part of. All else is the platform's; made here, so that it is closed from
# its first moment.
_SHARED = ("executions", "environments")
_PLATFORMS = ("mirrors", "catalogue", "snapshots", "artefacts", "locks", "logs")
# Of Airflow's directory, what holds its secrets and what others did. SQLite's files beside the database, too.
_AIRFLOWS = ("airflow.cfg", "airflow.db*", "logs", "webserver_config.py", "*password*")
_OTHERS = 0o007


@dataclass(frozen=True)
class Confinement:
    """How the code of one organisation is kept away from the platform and from other organisations.

    Attributes:
        level: in force.
        hidden: directories of the platform, of which it sees nothing but what is its own (``bubblewrap``).
        account: under which it runs (``user``).
        why: there is no better level.
        shared_memory_limit_bytes: of its files in ``/dev/shm`` (``bubblewrap``); 0 is none.
    """

    level: Level
    hidden: tuple[Path, ...] = ()
    account: Account | None = None
    why: str = ""
    shared_memory_limit_bytes: int = 0

    @property
    def sandboxed(self) -> bool:
        """Whether ``command_line`` begins with bubblewrap."""
        return self.level is Level.BUBBLEWRAP

    @property
    def uid(self) -> int | None:
        """The user that it runs under; None for our own."""
        return self.account.uid if self.account else None

    @property
    def warning(self) -> str:
        """What a log has to say of it, or nothing."""
        if self.level is Level.NONE and self.why:
            return f"WARNING: this execution can see the platform's files: {self.why}"
        return ""

    def command_line(
        self, content: Content, *, writable: Iterable[Path], temporary: Path, accounts: Path
    ) -> tuple[str, ...]:
        """Return the command line that runs ``content``; see ``sandbox.wrap``."""
        if not self.sandboxed:
            return content.argv
        return wrap(
            content,
            writable=writable,
            hidden=self.hidden,
            temporary=temporary,
            accounts=accounts,
            shared_memory_limit_bytes=self.shared_memory_limit_bytes,
        )

    def give(self, *trees: Path) -> None:
        """Make directories the confined code's own, with all that is in them. One look when they are already."""
        owner = self.account or accounts.Account(os.geteuid())
        for tree in trees:
            if tree.stat().st_uid != owner.uid:
                accounts.hand_over(tree, owner)

    def let_in(self, directory: Path) -> None:
        """Let the confined code through a directory, to what lies in it."""
        if self.account is not None:
            accounts.let_in(directory, self.account)

    def lend(self, tree: Path) -> None:
        """Let the confined code read ``tree``, and not change it. Costs one look when it was lent before."""
        if self.account is not None:
            state = tree.stat()
            if (state.st_uid, state.st_gid) != (0, self.account.gid):
                accounts.lend(tree, self.account)

    def remove_left(self) -> None:
        """Remove what confined code left where the next execution could find it."""
        if self.account is not None:
            accounts.remove_left(self.account)


def unconfined(_: str) -> Confinement:
    """Return that nothing is confined: for who only looks at environments."""
    return Confinement(Level.NONE)


def confinement(settings: Settings, codops: str) -> Confinement:
    """Return how code of ``codops`` is confined on this machine, and prepare the home for it.

    At the level ``user`` the platform's own files are closed to other users, each time: they may have been made
    since.

    Raises:
        IsolationError: the setting asks for more than works here.
        AccountError: there is no user id for the organisation.
    """
    isolation = isolation_in_force(settings)
    level = isolation.demand()
    hidden = (airflow_home(), settings.home)
    if level is not Level.USER:
        shared_memory = settings.shared_memory_limit_bytes
        return Confinement(level, hidden, why=isolation.why, shared_memory_limit_bytes=shared_memory)
    _close(settings.home)
    account = accounts.organisation_account(settings.home, codops, settings.isolation_uids)
    return Confinement(level, hidden, account, isolation.why)


def _close(home: Path) -> None:
    """Take from all other users what is not an organisation's: in the home, and in Airflow's directory."""
    home.mkdir(parents=True, exist_ok=True)
    for name in (*_PLATFORMS, *_SHARED):
        (home / name).mkdir(mode=0o711 if name in _SHARED else 0o700, exist_ok=True)
    for entry in home.iterdir():
        _restrict(entry, 0o001 if entry.name in _SHARED else 0)
    for organisation in (home / "environments").iterdir():
        _restrict(organisation, 0)
    for pattern in _AIRFLOWS:
        for entry in airflow_home().glob(pattern):
            _restrict(entry, 0)
    _restrict(home, 0o001)


def _restrict(path: Path, others: int) -> None:
    # Somebody else may remove or rename it meanwhile; a link is not ours to follow.
    with contextlib.suppress(FileNotFoundError):
        state = path.lstat()
        wanted = state.st_mode & ~_OTHERS | others
        if not path.is_symlink() and state.st_mode != wanted:
            path.chmod(wanted & 0o7777)
