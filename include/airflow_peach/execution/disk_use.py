"""What processes have on disk: the files of their directories, and those they removed and still hold open.

Standard library only: the guard runs it without site-packages. Linux only. A quota would be exact, and few machines
have one; a file system in memory would take the memory that it saves the disk.
"""

# This is done many times a second: no pathlib.
# ruff: noqa: PTH116, PTH208

from __future__ import annotations

import os
import stat
import time

# The real one is in `typing`, which takes longer to import than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLOCK_BYTES = 512
# Between two looks at the clock.
_ENTRIES_AT_ONCE = 100


class DiskUse:
    """Measures directories in small steps, so that who measures is never busy for long.

    Args:
        directories: all below them counts; links are not followed.
    """

    def __init__(self, directories: Iterable[str]) -> None:
        self._directories = tuple(directories)
        self._walk = self._sizes()
        self._counted = 0
        self._complete = 0

    def measure(self, pids: Iterable[int], *, budget_seconds: float) -> int:
        """Go on for ``budget_seconds`` and return the bytes seen: of the last whole walk, or of this if it is more."""
        until = time.monotonic() + budget_seconds
        for number, size in enumerate(self._walk, start=1):
            self._counted += size
            if number % _ENTRIES_AT_ONCE == 0 and time.monotonic() >= until:
                return max(self._complete, self._counted)
        total = self._counted
        # What is removed and open is in no directory.
        total += sum(_removed_bytes(pid) for pid in pids)
        self._walk, self._counted, self._complete = self._sizes(), 0, total
        return total

    def _sizes(self) -> Iterator[int]:
        seen: set[tuple[int, int]] = set()
        left = list(self._directories)
        while left:
            try:
                with os.scandir(left.pop()) as entries:
                    for entry in entries:
                        # Gone meanwhile: it counts for nothing.
                        try:
                            state = entry.stat(follow_symlinks=False)
                        except OSError:
                            continue
                        if stat.S_ISDIR(state.st_mode):
                            left.append(entry.path)
                        elif state.st_nlink > 1:
                            if (state.st_dev, state.st_ino) in seen:
                                continue
                            seen.add((state.st_dev, state.st_ino))
                        yield state.st_blocks * _BLOCK_BYTES
            except OSError:  # gone, or closed to us
                continue


def _removed_bytes(pid: int) -> int:
    folder = f"/proc/{pid}/fd"
    total = 0
    try:
        for name in os.listdir(folder):
            try:
                state = os.stat(f"{folder}/{name}")
            except OSError:
                continue
            if state.st_nlink == 0 and stat.S_ISREG(state.st_mode):
                total += state.st_blocks * _BLOCK_BYTES
    except OSError:  # it ended
        pass
    return total
