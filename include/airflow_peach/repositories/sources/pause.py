"""Remembers that a host asked for a pause, from one sync to the next: they are processes of their own."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from airflow_peach.storage import write_json

if TYPE_CHECKING:
    from pathlib import Path

# A host that asks for more is asked again after this.
LONGEST_SECONDS = 3600.0


class Pause:
    """The pause of one source. Making the object touches nothing.

    Args:
        home: the library's home directory.
        source: id of the source.
    """

    def __init__(self, home: Path, source: str) -> None:
        self._path = home / "sources" / f"{hashlib.sha256(source.encode()).hexdigest()}.json"
        self._source = source

    def remaining_seconds(self) -> float:
        """Return how long the host is to be left alone; 0 when it may be asked."""
        try:
            until = float(json.loads(self._path.read_bytes())["until"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0
        return max(0.0, min(until - time.time(), LONGEST_SECONDS))

    def begin(self, seconds: float) -> None:
        """Remember a pause that begins now."""
        write_json(self._path, {"source": self._source, "until": time.time() + min(seconds, LONGEST_SECONDS)})
