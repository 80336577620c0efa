"""What sources say they hold, and how the answers of several become one.

A source that cannot be listed is a failed discovery, never an empty one: its repositories stay as they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from airflow_peach.authoring.problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_peach.repositories.address import RepositoryAddress
    from airflow_peach.repositories.login import Login
    from airflow_peach.repositories.remote import RemoteHead


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


class Source(Protocol):
    """A place where repositories are found. Its methods raise nothing that is expected."""

    @property
    def id(self) -> str:
        """What statuses and messages call it; the same for as long as it means the same place."""

    def login(self) -> Login | None:
        """Return what its repositories are fetched with; None for nothing. Raises ``PeachError``: it is missing."""

    def discover(self, deadline: float) -> Discovery:
        """List its repositories, before ``deadline`` (in ``time.monotonic()``)."""

    def heads(self, addresses: Sequence[RepositoryAddress], branch: str, deadline: float) -> Mapping[str, RemoteHead]:
        """Return, by name, the heads that one cheap question tells; the others are asked one by one."""


def combine(found: Iterable[Discovery]) -> Discovery:
    """Return what several sources hold; of two repositories with one name the first is used, the second a problem."""
    addresses: dict[str, RepositoryAddress] = {}
    problems: list[Problem] = []
    failed: set[str] = set()
    unusable: set[str] = set()
    for each in found:
        problems += each.problems
        failed |= each.failed_sources
        unusable |= each.unusable
        for address in each.addresses:
            first = addresses.setdefault(address.name, address)
            if first.url != address.url:
                problems.append(clash(first, address))
    return Discovery(
        tuple(addresses.values()), tuple(problems), frozenset(failed), frozenset(unusable - set(addresses))
    )


def failed(source: str, cause: str, remedy: str = "") -> Discovery:
    """Return what is known of a source that could not be listed."""
    return Discovery(problems=(Problem(Place(source), "", cause, remedy),), failed_sources=frozenset({source}))


def clash(first: RepositoryAddress, second: RepositoryAddress) -> Problem:
    """Return the problem of two repositories with one name."""
    return Problem(
        Place(first.name),
        "",
        f"{first.url} and {second.url} are both called '{first.name}'; the first is used",
        "rename one of them, or take it out of the sources",
    )
