"""The environments as the settings and the platform's file want them."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.authoring.platform.file import read_platform_file
from airflow_peach.execution.confinement import confinement
from airflow_peach.execution.environments.store import Environment, EnvironmentStore, Index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_peach.catalogue.model import Requirement
    from airflow_peach.settings import Settings

Credentials = tuple[str, str]


class PlatformEnvironments:
    """The environments in ``settings.home``.

    The platform's file is read only when an environment is to be made: a mistake in it fails no task that has one.

    Args:
        settings: the platform's.
        credentials: gives user and password of a connection's id; None where there are no connections (an
            author's own machine): indexes are then asked without.
    """

    def __init__(self, settings: Settings, *, credentials: Callable[[str], Credentials] | None = None) -> None:
        self._settings = settings
        self._credentials = credentials

    def current(self, codops: str) -> Environment | None:
        """Return the last good environment of ``codops``, None when there is none."""
        return self._kept.current(codops)

    def last_failure(self, codops: str) -> str | None:
        """Return why the last ``ensure`` of ``codops`` failed; None when it did not, or there was none."""
        return self._kept.last_failure(codops)

    def ensure(
        self,
        codops: str,
        requirements: Sequence[Requirement],
        *,
        with_kernel: bool,
        emit: Callable[[str], None],
        time_limit_seconds: float,
    ) -> Environment:
        """Return the environment for these requirements, made first if need be; see ``EnvironmentStore.ensure``.

        Raises:
            EnvironmentBuildError: it could not be made.
            PlatformFileError: the platform's file has problems.
        """
        return self._asking().ensure(
            codops, requirements, with_kernel=with_kernel, emit=emit, time_limit_seconds=time_limit_seconds
        )

    def check(self, requirements: Sequence[Requirement], *, time_limit_seconds: float) -> None:
        """Ask the indexes whether these can be had together; see ``EnvironmentStore.check``.

        Raises:
            UvFailedError, RequirementRefusedError: they cannot.
            UvTimeoutError: not within the limit.
            PlatformFileError: the platform's file has problems.
        """
        self._asking().check(requirements, time_limit_seconds=time_limit_seconds)

    def _asking(self) -> EnvironmentStore:
        """Return the store that asks the platform file's indexes."""
        platform = read_platform_file(self._settings.platform_file)
        indexes = []
        for number, address in enumerate(platform.indexes):
            known = self._credentials(address.connection) if self._credentials and address.connection else ("", "")
            indexes.append(Index(f"platform{number}", address.url, username=known[0], password=known[1]))
        return self._store(indexes, direct_references=platform.direct_references)

    @cached_property
    def _kept(self) -> EnvironmentStore:
        return self._store((), direct_references=False)

    def _store(self, indexes: Sequence[Index], *, direct_references: bool) -> EnvironmentStore:
        return EnvironmentStore(
            self._settings.home,
            interpreter=Path(self._settings.python or sys.executable),
            indexes=indexes,
            direct_references=direct_references,
            lock_max_age_seconds=self._settings.lock_max_age_seconds,
            disk_limit_bytes=self._settings.environment_disk_limit_bytes,
            confine=lambda codops: confinement(self._settings, codops),
        )
