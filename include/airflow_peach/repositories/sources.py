"""Where repositories are found: a directory of them, or a list of git URLs.

A source that cannot be listed is a failed discovery, never an empty one: its repositories stay as they were.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_peach.authoring.platform.file import DirectorySourceSettings, GitSourceSettings
from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.errors import PeachError
from airflow_peach.repositories.git_environment import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEMES = ("file", "http", "https", "ssh")
# git's own rule: user@host:path, with no slash before the colon.
_SCP_LIKE = re.compile(r"^(?:[^/@:]+@)?[^/@:]+:(?P<path>[^:].*)$")


class AddressError(PeachError):
    """A URL or folder that cannot be a repository's address."""


@dataclass(frozen=True)
class RepositoryAddress:
    """A repository and where it is fetched from.

    Attributes:
        name: unique among all sources; what messages call it.
        url: what git is given: a URL or an absolute path, without credentials.
        source: the source it was found in (``Discovery.source``).
    """

    name: str
    url: str
    source: str = ""


@dataclass(frozen=True)
class Discovery:
    """What one or all sources hold.

    Attributes:
        addresses: of the repositories found, sorted by name within a source.
        problems: of the sources themselves; ``place.repository`` is the source or the repository.
        failed_sources: those that could not be listed: all their repositories stay.
        unusable: names of repositories that are there but cannot be fetched as they are: they stay too.
    """

    addresses: tuple[RepositoryAddress, ...] = ()
    problems: tuple[Problem, ...] = ()
    failed_sources: frozenset[str] = field(default_factory=frozenset)
    unusable: frozenset[str] = field(default_factory=frozenset)


def discover(source: DirectorySourceSettings | GitSourceSettings) -> Discovery:
    """List the repositories of one source. Reads the directory; asks no remote."""
    if isinstance(source, DirectorySourceSettings):
        return _discover_directory(source.path)
    return _discover_urls(source.urls)


def discover_all(sources: Iterable[DirectorySourceSettings | GitSourceSettings]) -> Discovery:
    """List the repositories of all sources; of two with one name the first is used, the second a problem."""
    addresses: dict[str, RepositoryAddress] = {}
    problems: list[Problem] = []
    failed: set[str] = set()
    unusable: set[str] = set()
    for source in sources:
        found = discover(source)
        problems += found.problems
        failed |= found.failed_sources
        unusable |= found.unusable
        for address in found.addresses:
            first = addresses.setdefault(address.name, address)
            if first.url != address.url:
                problems.append(_clash(first, address))
    return Discovery(
        tuple(addresses.values()), tuple(problems), frozenset(failed), frozenset(unusable - set(addresses))
    )


def address_of(url: str, *, source: str = "git") -> RepositoryAddress:
    """Return the address of a git URL or an absolute path.

    ``https://host/group/project.git`` and ``git@host:group/project`` are called ``group/project``;
    ``/srv/git/project.git`` and ``file:///srv/git/project.git`` are called ``project``.

    Raises:
        AddressError: it holds credentials, or is no URL that is fetched from.
    """
    if "::" in url:
        raise AddressError(f"{url}: a git remote helper; use an https, http, ssh or file URL")
    if "://" in url:
        path = _url_path(url)
    elif url.startswith("/"):
        path = PurePosixPath(url).name
    elif scp_like := _SCP_LIKE.match(url):
        path = scp_like["path"]
    else:
        raise AddressError(f"{url}: neither a URL nor an absolute path; write it in full")
    name = path.strip("/").removesuffix(".git")
    _check_name(name, redact(url))
    return RepositoryAddress(name, url, source)


def _url_path(url: str) -> str:
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None
    except ValueError as error:
        raise AddressError(f"{redact(url)}: not a URL: {error}") from None
    if parts.scheme not in _SCHEMES:
        raise AddressError(f"{redact(url)}: '{parts.scheme}' is not one of {', '.join(_SCHEMES)}")
    if has_password or (parts.scheme.startswith("http") and (parts.username is not None or parts.query)):
        raise AddressError(
            f"{redact(url)}: the URL holds credentials, which would be readable on disk and in the list of "
            "processes; remove them, and give the platform's account access to the repository (an ssh key)"
        )
    path = unquote(parts.path)
    return PurePosixPath(path).name if parts.scheme == "file" else path


def _check_name(name: str, where: str) -> None:
    if not name or not name.isprintable() or set(name.split("/")) & {"", ".", ".."}:
        raise AddressError(f"{where}: no name can be made of it; rename the repository")


def _discover_urls(urls: Iterable[str]) -> Discovery:
    addresses: dict[str, RepositoryAddress] = {}
    problems: list[Problem] = []
    unusable: set[str] = set()
    for url in urls:
        try:
            address = address_of(url)
        except AddressError as error:
            problems.append(_problem(redact(url), str(error)))
            unusable.add(_name_of_refused(url))
            continue
        first = addresses.setdefault(address.name, address)
        if first.url != url:
            problems.append(_clash(first, address))
    return Discovery(
        tuple(addresses[name] for name in sorted(addresses)), tuple(problems), unusable=frozenset(unusable)
    )


def _name_of_refused(url: str) -> str:
    try:
        return address_of(redact(url)).name
    except AddressError:
        return redact(url)


def _discover_directory(directory: Path) -> Discovery:
    source = str(directory)
    try:
        folders = sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
        is_repository = _is_repository(directory)
    except OSError as error:
        return _failed(source, f"cannot be listed: {error.strerror}; its repositories stay as they were")
    if is_repository:
        return _failed(source, "is itself a git repository; name the folder that it is in")
    addresses: dict[str, RepositoryAddress] = {}
    problems: list[Problem] = []
    unusable: set[str] = set()
    for folder in folders:
        address = RepositoryAddress(folder.name.removesuffix(".git"), str(folder), source)
        try:
            if not _is_repository(folder):
                continue
            _check_name(address.name, repr(str(folder)))
        except (OSError, AddressError) as error:
            cause = str(error) if isinstance(error, AddressError) else f"cannot be read: {error.strerror}"
            problems.append(_problem(address.name, cause))
            unusable.add(address.name)
            continue
        first = addresses.setdefault(address.name, address)
        if first is not address:
            problems.append(_clash(first, address))
    found = tuple(addresses[name] for name in sorted(addresses))
    return Discovery(found, tuple(problems), unusable=frozenset(unusable - set(addresses)))


def _failed(source: str, cause: str) -> Discovery:
    return Discovery(problems=(_problem(source, cause),), failed_sources=frozenset({source}))


def _is_repository(folder: Path) -> bool:
    """Whether ``folder`` is a work tree or a bare repository. Raises ``OSError`` when it cannot be read."""
    if not folder.is_dir():
        return False
    names = {entry.name for entry in folder.iterdir()}
    return ".git" in names or {"HEAD", "objects", "refs"} <= names


def _problem(repository: str, cause: str) -> Problem:
    return Problem(Place(repository), "", cause)


def _clash(first: RepositoryAddress, second: RepositoryAddress) -> Problem:
    return Problem(
        Place(first.name),
        "",
        f"{first.url} and {second.url} are both called '{first.name}'; the first is used",
        "rename one of them, or take it out of the sources",
    )
