"""What stands in the home directory, for who monitors: environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_peach.catalogue.freshness import modified
from airflow_peach.errors import PeachError
from airflow_peach.execution.environments.folder import EnvironmentFolder

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path


@dataclass(frozen=True)
class EnvironmentStanding:
    """An organisation's environment.

    Attributes:
        state: ``failed``: the last build failed; there may be an older environment all the same.
        digest: of the environment in use.
        built_at: UTC.
        reason: one line; why the last build failed.
    """

    state: Literal["ok", "failed", "none"]
    digest: str | None = None
    built_at: dt.datetime | None = None
    reason: str | None = None


def environment_standing(home: Path, codops: str) -> EnvironmentStanding:
    """Look at an organisation's environment; a few files are touched."""
    folder = EnvironmentFolder(codops, home / "environments" / codops)
    current, failure = folder.current(), folder.last_failure()
    if current is None and failure is None:
        return EnvironmentStanding("none")
    return EnvironmentStanding(
        state="ok" if failure is None else "failed",
        digest=current.digest if current else None,
        built_at=modified(current.lock_path) if current else None,
        reason=None if failure is None else PeachError(failure).one_line(),
    )
