"""How old what we know is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_peach.catalogue.store import REPOSITORIES_FILE

if TYPE_CHECKING:
    from pathlib import Path


def last_sync(home: Path) -> dt.datetime | None:
    """Return when the last sync wrote what it found (UTC), None before the first.

    What is written changes with each answer of a remote; after a sync that reached nothing this is the time of the
    last one that did.
    """
    return modified(home / "catalogue" / REPOSITORIES_FILE)


def modified(path: Path) -> dt.datetime | None:
    """Return when a file was last written (UTC), None when it is not there."""
    try:
        return dt.datetime.fromtimestamp(path.stat().st_mtime, tz=dt.timezone.utc)
    except OSError:
        return None
