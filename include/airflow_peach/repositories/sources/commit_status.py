"""What is said of a commit on its host, and who can say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from airflow_peach.repositories.address import RepositoryAddress


@dataclass(frozen=True)
class CommitStatus:
    """What is said of a commit, on its own page and beside it everywhere.

    Attributes:
        good: whether all is well.
        description: one line.
        target_url: where to read more; empty for nowhere.
    """

    good: bool
    description: str
    target_url: str = ""


@runtime_checkable
class Teller(Protocol):
    """A source whose host shows statuses beside commits. ``wants_feedback``: the platform's file asks for them."""

    id: str
    wants_feedback: bool

    def say(self, address: RepositoryAddress, commit: str, status: CommitStatus, deadline: float) -> None:
        """Set the status ``peach``. Raises ``PeachError`` when that is not possible now."""
