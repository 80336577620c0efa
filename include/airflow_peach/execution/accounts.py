"""Accounts of the level ``user``: a user id for each organisation, and what its files look like.

An id needs no line in ``/etc/passwd``. Once given it is never given again: files of an organisation may lie about
for longer than it is known. Everything here follows no link: names below an account's directories are its own to
choose, while we look.
"""

from __future__ import annotations

import contextlib
import functools
import grp
import json
import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach import processes
from airflow_peach.errors import PeachError
from airflow_peach.removal import remove
from airflow_peach.storage import LockedError, locked, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE_SECONDS = 10.0
REGISTRY = "accounts.json"
_REGISTRY_LOCK_SECONDS = 30.0
# Where every user may write, so where one execution could leave something for the next.
SHARED_DIRECTORIES = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")))  # noqa: S108

# Becomes the user for good, as the guard's command does, looks at what it needs, and ends as Python.
_PROBE = """
import os, sys
uid, python, launcher, directory = int(sys.argv[1]), *sys.argv[2:]
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
if not os.access(launcher, os.R_OK):
    sys.exit(f"{launcher} cannot be read by other users")
if not os.access(directory, os.X_OK):
    sys.exit(f"{directory} cannot be entered by other users: set [peach] home to a directory that can")
try:
    os.execv(python, [python, "-I", "-S", "-c", ""])
except OSError as error:
    sys.exit(f"{python} cannot be executed by other users: {error.strerror}")
"""


class AccountError(PeachError):
    """There is no user id for an organisation."""


@dataclass(frozen=True)
class Account:
    """A user and the group of the same number; nobody else is in it."""

    uid: int

    @property
    def gid(self) -> int:
        """The group."""
        return self.uid


@functools.cache
def user_failure(uid: int, *, python: Path, launcher: Path, home: Path) -> str:
    """Return why executions cannot run under ids of their own here, or nothing. Tried once, by really doing it.

    Args:
        uid: one of them.
        python: the interpreter that environments are built on.
        launcher: a file of ours that executions read.
        home: the platform's; each directory above it has to be one that everybody may enter.
    """
    if os.geteuid() != 0:
        return f"only root can run executions under other users, and this is uid {os.geteuid()}"
    above = next(path for path in home.resolve().parents if path.is_dir())
    argv = [sys.executable, "-I", "-S", "-c", _PROBE, str(uid), str(python), str(launcher), str(above)]
    try:
        tried = processes.run(argv, cwd=Path("/"), env={"PATH": "/usr/bin:/bin"}, timeout_seconds=PROBE_SECONDS)
    except PeachError as error:
        return f"other users cannot be tried: {error}"
    if tried.returncode:
        return (tried.error_text.splitlines() or [f"exit code {tried.returncode}"])[-1]
    return ""


def organisation_account(home: Path, codops: str, uids: range) -> Account:
    """Return the account of ``codops``: the one it always had, else the first of ``uids`` that nobody has.

    Kept in ``<home>/accounts.json``. Ids that the machine's own accounts have are left out.

    Raises:
        AccountError: all are taken, or the file cannot be used.
    """
    try:
        with locked(home / "locks" / "accounts", timeout_seconds=_REGISTRY_LOCK_SECONDS):
            registered = _registered(home / REGISTRY)
            if codops not in registered:
                registered[codops] = _first_free(uids, set(registered.values()))
                write_json(home / REGISTRY, registered)
    except (OSError, LockedError) as error:
        raise AccountError(f"{home / REGISTRY}: {error}; check the disk") from error
    return Account(registered[codops])


def _registered(path: Path) -> dict[str, int]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        content = None
    if (
        not isinstance(content, dict)
        or not all(type(uid) is int and uid > 0 for uid in content.values())
        or len(set(content.values())) != len(content)
    ):
        # Starting afresh would give one organisation's files to another.
        raise AccountError(
            f"{path}: expected a JSON object of codops and user ids, each once; restore it from a backup, or end all "
            "executions, remove it together with the directories executions and environments beside it, and start anew"
        )
    return {str(codops): uid for codops, uid in content.items()}


def _first_free(uids: range, taken: set[int]) -> int:
    for uid in uids:
        if uid not in taken and not _is_known(uid):
            return uid
    raise AccountError(
        f"[peach] isolation_uids = {uids.start}-{uids.stop - 1}: all of them are taken; name a larger range"
    )


def _is_known(number: int) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(number))
    with contextlib.suppress(KeyError):
        return bool(grp.getgrgid(number))
    return False


def hand_over(tree: Path, account: Account) -> None:
    """Make ``tree``, and all that is in it, the account's own, and private."""
    for path, _ in _entries(tree):
        os.chown(path, account.uid, account.gid)
    tree.chmod(0o700)


def lend(tree: Path, account: Account) -> None:
    """Let the account read ``tree`` and execute what is in it: root's own, for others nothing, written by nobody."""
    for path, mode in _entries(tree):
        os.chown(path, 0, account.gid)
        if not stat.S_ISLNK(mode):
            # What the owner may, but write; no set-user-id.
            os.chmod(path, (mode & 0o700) | (mode >> 3 & 0o050))  # noqa: PTH101 - a descriptor's path


def let_in(directory: Path, account: Account) -> None:
    """Let the account through ``directory``, to names that it knows; nobody else."""
    os.chown(directory, 0, account.gid)
    directory.chmod(0o710)


def _entries(tree: Path) -> Iterator[tuple[str, int]]:
    """Yield all that is in ``tree``, then itself: a path that leads to exactly this file, also a link; and its mode."""
    for _, directories, files, descriptor in os.fwalk(tree, follow_symlinks=False):
        for name in (*directories, *files):
            with contextlib.suppress(FileNotFoundError):  # removed while we look
                yield from _entry(name, descriptor)
    yield from _entry(str(tree), None)


def _entry(name: str, directory: int | None) -> Iterator[tuple[str, int]]:
    opened = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        yield f"/proc/self/fd/{opened}", os.fstat(opened).st_mode
    finally:
        os.close(opened)


def remove_left(account: Account) -> None:
    """Remove what the account left where everybody may write, unless a process of it is alive to use it."""
    if _has_processes(account):
        return
    for directory in SHARED_DIRECTORIES:
        if not directory.is_dir() or directory.is_symlink():
            continue
        for entry in directory.iterdir():
            with contextlib.suppress(OSError):
                if entry.lstat().st_uid != account.uid:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    remove(entry)
                else:
                    entry.unlink()


def _has_processes(account: Account) -> bool:
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            line = next(line for line in status.read_bytes().splitlines() if line.startswith(b"Uid:"))
            if int(line.split()[1]) == account.uid:
                return True
    return False
