"""A directory whose subfolders are git repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.repositories.address import AddressError, RepositoryAddress, check_name
from airflow_peach.repositories.local_refs import local_heads
from airflow_peach.repositories.sources.discovery import Discovery, clash, failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_peach.repositories.remote import RemoteHead


class DirectorySource:
    """Every subfolder of ``path`` that is a repository, bare or not; implements ``Source``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.id = str(path)

    def login(self) -> None:
        """Return None: the files are readable, or they are not."""

    def discover(self, deadline: float) -> Discovery:  # noqa: ARG002 - a disk is not waited for
        """List the subfolders."""
        return _discover(self._path)

    def heads(self, addresses: Sequence[RepositoryAddress], branch: str, deadline: float) -> Mapping[str, RemoteHead]:  # noqa: ARG002 - the same
        """Read the heads from the repositories' own files."""
        return local_heads(addresses, branch)


def _discover(directory: Path) -> Discovery:
    source = str(directory)
    try:
        folders = sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
        is_repository = _is_repository(directory)
    except OSError as error:
        return failed(source, f"cannot be listed: {error.strerror}; its repositories stay as they were")
    if is_repository:
        return failed(source, "is itself a git repository; name the folder that it is in")
    addresses: dict[str, RepositoryAddress] = {}
    problems: list[Problem] = []
    unusable: set[str] = set()
    for folder in folders:
        address = RepositoryAddress(folder.name.removesuffix(".git"), str(folder), source)
        try:
            if not _is_repository(folder):
                continue
            check_name(address.name, repr(str(folder)))
        except (OSError, AddressError) as error:
            cause = str(error) if isinstance(error, AddressError) else f"cannot be read: {error.strerror}"
            problems.append(Problem(Place(address.name), "", cause))
            unusable.add(address.name)
            continue
        first = addresses.setdefault(address.name, address)
        if first is not address:
            problems.append(clash(first, address))
    found = tuple(addresses[name] for name in sorted(addresses))
    return Discovery(found, tuple(problems), unusable=frozenset(unusable - set(addresses)))


def _is_repository(folder: Path) -> bool:
    """Whether ``folder`` is a work tree or a bare repository. Raises ``OSError`` when it cannot be read."""
    if not folder.is_dir():
        return False
    names = {entry.name for entry in folder.iterdir()}
    return ".git" in names or {"HEAD", "objects", "refs"} <= names
