"""The head of a repository on this machine, read from its files: a twentieth of what asking git costs.

Only what git has written since ever is understood: ``HEAD``, loose refs, ``packed-refs``. Everything else (a
linked work tree, another ref storage, a symbolic link) gives None, and git is asked.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.repositories.remote import HEADS, RemoteHead

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_peach.repositories.address import RepositoryAddress

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PACKED_LIMIT_BYTES = 16 * 1024 * 1024


def local_heads(addresses: Iterable[RepositoryAddress], branch: str) -> dict[str, RemoteHead]:
    """Return, by name, the heads of the repositories at absolute paths, as far as their files tell."""
    found = ((address.name, local_head(Path(address.url), branch)) for address in addresses)
    return {name: head for name, head in found if head is not None}


def local_head(repository: Path, branch: str) -> RemoteHead | None:
    """Return the head of ``branch``, else of the default branch; None when the files do not say it plainly."""
    folder = repository / ".git"
    folder = folder if folder.is_dir() else repository
    if (folder / "reftable").exists():
        return None
    commit = read_ref(folder, HEADS + branch)
    if commit is not None:
        return RemoteHead(commit, HEADS + branch, branch)
    if os.path.lexists(folder / HEADS / branch):
        return None  # it is there, in a form that only git understands
    default = (_read(folder / "HEAD") or "").removeprefix("ref: ")
    if not default.startswith(HEADS) or ".." in default or (commit := read_ref(folder, default)) is None:
        return None
    return RemoteHead(commit, default, default.removeprefix(HEADS))


def read_ref(folder: Path, ref: str) -> str | None:
    """Return the commit of ``ref`` in the bare repository or ``.git`` at ``folder``; None if it is not plain."""
    loose = _read(folder / ref)
    if loose is not None:
        return loose if _COMMIT.fullmatch(loose) else None
    packed = _read(folder / "packed-refs") or ""
    ending = f" {ref}"
    commit = next((line[: -len(ending)] for line in packed.splitlines() if line.endswith(ending)), "")
    return commit if _COMMIT.fullmatch(commit) else None


def _read(path: Path) -> str | None:
    """Return a small regular file's text; never waits (a pipe), never follows a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, _PACKED_LIMIT_BYTES).decode("utf-8", errors="replace").strip()
    except OSError:
        return None
    finally:
        os.close(descriptor)
