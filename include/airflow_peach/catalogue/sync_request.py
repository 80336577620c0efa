"""A wish for a sync at once: a file whose time of change says when it was last wished for.

Whoever syncs looks at it: ``peach sync --watch``, and the DAG bundle. Many wishes at once are one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "sync-requested"


def request_sync(home: Path) -> None:
    """Wish for a sync of ``home``: one that begins after now, so that it sees what was just pushed."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / _FILE
    path.touch()
    os.utime(path)


def last_request(home: Path) -> int:
    """Return what changes with each wish; 0 when there was none. Take it before a sync begins, and compare after."""
    try:
        return (home / _FILE).stat().st_mtime_ns
    except OSError:
        return 0
