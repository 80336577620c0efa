"""A list of git URLs and absolute paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.repositories.address import AddressError, RepositoryAddress, address_of
from airflow_peach.repositories.git_environment import redact
from airflow_peach.repositories.local_refs import local_heads
from airflow_peach.repositories.sources.discovery import Discovery, clash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_peach.repositories.remote import RemoteHead


class UrlSource:
    """The repositories at ``urls``; implements ``Source``. Listing them asks no remote."""

    id = "git"

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls

    def login(self) -> None:
        """Return None: ssh has its keys, and https URLs of this list are public."""

    def discover(self, deadline: float) -> Discovery:  # noqa: ARG002 - nobody is asked
        """Name each URL."""
        return _discover(self._urls)

    def heads(self, addresses: Sequence[RepositoryAddress], branch: str, deadline: float) -> Mapping[str, RemoteHead]:  # noqa: ARG002 - the same
        """Read the heads of those on this machine from their own files."""
        return local_heads([each for each in addresses if each.url.startswith("/")], branch)


def _discover(urls: Iterable[str]) -> Discovery:
    addresses: dict[str, RepositoryAddress] = {}
    problems: list[Problem] = []
    unusable: set[str] = set()
    for url in urls:
        try:
            address = address_of(url)
        except AddressError as error:
            problems.append(Problem(Place(redact(url)), "", str(error)))
            unusable.add(_name_of_refused(url))
            continue
        first = addresses.setdefault(address.name, address)
        if first.url != url:
            problems.append(clash(first, address))
    return Discovery(
        tuple(addresses[name] for name in sorted(addresses)), tuple(problems), unusable=frozenset(unusable)
    )


def _name_of_refused(url: str) -> str:
    try:
        return address_of(redact(url)).name
    except AddressError:
        return redact(url)
