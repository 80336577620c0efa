"""Remembers from one sync to the next, which may be another process, that a host asked for a pause, or said nothing."""

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
# For so long a host that said nothing is only asked whether it is back; then it gets its full time again.
SILENCE_LASTS_SECONDS = 300.0


class Pause:
    """The pause, or the silence, of one source. Making the object touches nothing.

    Args:
        home: the library's home directory.
        source: id of the source.
    """

    def __init__(self, home: Path, source: str) -> None:
        self._path = home / "sources" / f"{hashlib.sha256(source.encode()).hexdigest()}.json"
        self._source = source

    def remaining_seconds(self) -> float:
        """Return how long the host is to be left alone; 0 when it may be asked."""
        return max(0.0, min(self._read("until") - time.time(), LONGEST_SECONDS))

    def begin(self, seconds: float) -> None:
        """Remember a pause that begins now."""
        write_json(self._path, {"source": self._source, "until": time.time() + min(seconds, LONGEST_SECONDS)})

    def was_silent(self) -> bool:
        """Whether the host said nothing when it last had its full time, and that is not long ago."""
        return 0.0 <= time.time() - self._read("silent_at") < SILENCE_LASTS_SECONDS

    def note_silence(self) -> None:
        """Remember that it had its full time and said nothing."""
        write_json(self._path, {"source": self._source, "silent_at": time.time()})

    def note_answer(self) -> None:
        """Remember that it answers."""
        if self._read("silent_at"):
            write_json(self._path, {"source": self._source})

    def _read(self, key: str) -> float:
        try:
            return float(json.loads(self._path.read_bytes())[key])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0
