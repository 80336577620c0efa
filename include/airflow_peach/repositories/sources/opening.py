"""From what the platform's file says of a source to the source itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.platform.definitions import (
    DirectorySourceSettings,
    GitLabSourceSettings,
    GitSourceSettings,
)
from airflow_peach.repositories.sources.directory import DirectorySource
from airflow_peach.repositories.sources.urls import UrlSource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_peach.authoring.platform.definitions import SourceSettings
    from airflow_peach.repositories.login import Credentials, Login
    from airflow_peach.repositories.sources.discovery import Source


def open_source(settings: SourceSettings, home: Path, credentials: Credentials | None = None) -> Source:
    """Return the source; nothing is read or asked yet.

    Args:
        settings: what the platform's file says.
        home: the library's home directory.
        credentials: gives user and password of an Airflow connection; None where there are none.
    """
    if isinstance(settings, DirectorySourceSettings):
        return DirectorySource(settings.path)
    if isinstance(settings, GitSourceSettings):
        return UrlSource(settings.urls)
    # Imported where there is one: HTTP and the clients take a third of a second.
    if isinstance(settings, GitLabSourceSettings):
        from airflow_peach.repositories.sources.gitlab import GitLabSource  # noqa: PLC0415

        return GitLabSource(settings, home, credentials)
    from airflow_peach.repositories.sources.github import GitHubSource  # noqa: PLC0415

    return GitHubSource(settings, home, credentials)


def open_sources(
    settings: Iterable[SourceSettings], home: Path, credentials: Credentials | None = None
) -> list[Source]:
    """Return the sources in their order; see ``open_source``."""
    return [open_source(each, home, credentials) for each in settings]


def login_of(
    source: str, settings: Iterable[SourceSettings], home: Path, credentials: Credentials | None
) -> Login | None:
    """Return what the repositories of the source with this id are fetched with; None where that needs nothing.

    Raises:
        PeachError: the platform's file names a login that is missing.
    """
    return next((each.login() for each in open_sources(settings, home, credentials) if each.id == source), None)
