"""From what the platform's file says of a source to the source itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_peach.authoring.platform.definitions import DirectorySourceSettings
from airflow_peach.repositories.sources.directory import DirectorySource
from airflow_peach.repositories.sources.urls import UrlSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_peach.authoring.platform.definitions import SourceSettings
    from airflow_peach.repositories.sources.discovery import Source


def open_source(settings: SourceSettings) -> Source:
    """Return the source; nothing is read or asked yet."""
    if isinstance(settings, DirectorySourceSettings):
        return DirectorySource(settings.path)
    return UrlSource(settings.urls)


def open_sources(settings: Iterable[SourceSettings]) -> list[Source]:
    """Return the sources in their order."""
    return [open_source(each) for each in settings]
