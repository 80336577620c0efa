"""What stands in the home directory, for who monitors: catalogue, environments, the last sync, isolation."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_peach.catalogue.store import REPOSITORIES_FILE
from airflow_peach.errors import PeachError
from airflow_peach.execution.environments.folder import EnvironmentFolder
from airflow_peach.execution.sandbox import IsolationError, Level, bubblewrap_failure, isolation_level

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class IsolationStanding:
    """How executions are kept away from the platform, as far as this machine tells.

    Attributes:
        level: in force; None when executions are refused.
        why: it is not better; empty when it is as asked for.
    """

    setting: str
    level: str | None
    why: str


def environment_standing(home: Path, codops: str) -> EnvironmentStanding:
    """Look at an organisation's environment; a few files are touched."""
    folder = EnvironmentFolder(codops, home / "environments" / codops)
    current, failure = folder.current(), folder.last_failure()
    if current is None and failure is None:
        return EnvironmentStanding("none")
    return EnvironmentStanding(
        state="ok" if failure is None else "failed",
        digest=current.digest if current else None,
        built_at=_modified(current.lock_path) if current else None,
        reason=None if failure is None else PeachError(failure).one_line(),
    )


def last_sync(home: Path) -> dt.datetime | None:
    """Return when the last sync wrote what it found (UTC), None before the first."""
    # It changes with each answer of a remote; a sync that reaches nothing is as old as the last that did.
    return _modified(home / "catalogue" / REPOSITORIES_FILE)


def isolation_standing(setting: str) -> IsolationStanding:
    """Return what the setting ``isolation`` comes to on this machine."""
    try:
        level = isolation_level(setting)
    except IsolationError as error:
        return IsolationStanding(setting, None, str(error))
    return IsolationStanding(
        setting, level.value, bubblewrap_failure() if level is Level.NONE and setting != "none" else ""
    )


def _modified(path: Path) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(path.stat().st_mtime, tz=dt.timezone.utc)
    except OSError:
        return None
