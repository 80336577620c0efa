"""The environments as the settings and the platform's file want them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.authoring.platform.file import read_platform_file
from airflow_peach.execution.environments.store import EnvironmentStore, Index

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_peach.settings import Settings

Credentials = tuple[str, str]


def environment_store(
    settings: Settings, *, credentials: Callable[[str], Credentials] | None = None
) -> EnvironmentStore:
    """Return the store of the environments in ``settings.home``.

    Args:
        settings: the platform's.
        credentials: gives user and password of a connection's id; None where there are no connections (an
            author's own machine): indexes are then asked without.

    Raises:
        PlatformFileError: the platform's file has problems.
    """
    platform = read_platform_file(settings.platform_file)
    indexes = []
    for number, address in enumerate(platform.indexes):
        username, password = credentials(address.connection) if credentials and address.connection else ("", "")
        indexes.append(Index(f"platform{number}", address.url, username=username, password=password))
    return EnvironmentStore(
        settings.home,
        interpreter=Path(settings.python or sys.executable),
        indexes=indexes,
        direct_references=platform.direct_references,
        lock_max_age_seconds=settings.lock_max_age_seconds,
    )
