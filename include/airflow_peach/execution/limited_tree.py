"""A command and all it starts, held to its limits of memory, processes and disk.

Standard library only: the guard runs it without site-packages. Linux only.
"""

from __future__ import annotations

import os
import resource
import time

from airflow_peach.execution import process_tree

# The real one is in `typing`, which takes longer to import than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from airflow_peach.execution.disk_use import DiskUse

_FASTEST_LOOK_SECONDS = 0.1
_SLOWEST_LOOK_SECONDS = 1.0
# With a memory limit: between two looks at the processes that are known, microseconds each.
_GLANCE_SECONDS = 0.02
# Of one look, for the files.
_DISK_SECONDS = 0.01
# Measuring may use this part of one core: it is done the more seldom the more processes there are.
_LOOK_SHARE = 0.02


class Tree:
    """A command and all it starts: its statuses, its memory, its processor time.

    Args:
        command: its pid; a child of this process, which must be the subreaper of all below it.
        memory_limit_bytes: of all of them together; 0 is none.
        process_limit: how many there may be.
        disk_limit_bytes: of what they have on disk; 0 is none.
        disk_use: measures that.
    """

    def __init__(
        self, command: int, *, memory_limit_bytes: int, process_limit: int, disk_limit_bytes: int, disk_use: DiskUse
    ) -> None:
        self.command = command
        self._peak_bytes = 0
        self._cpu_seconds = 0.0
        self.statuses: dict[int, int] = {}
        self.all_gone = False
        self._limit_bytes = memory_limit_bytes
        self._process_limit = process_limit
        self._disk_limit_bytes = disk_limit_bytes
        self._disk_use = disk_use
        self._next_look = 0.0
        self._next_glance = 0.0
        self._known: list[int] = []

    def reap(self) -> None:
        """Collect what has ended."""
        ended, self.all_gone = process_tree.reap()
        self.statuses.update(ended)

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, negative for a signal; None while it runs."""
        status = self.statuses.get(self.command)
        return None if status is None else os.waitstatus_to_exitcode(status)

    def look(self) -> str:
        """Measure when it is time to; return which limit is crossed, or nothing."""
        begin = time.monotonic()
        if begin < self._next_look and not self._glance(begin):
            return ""
        crossed = self.measure()
        now = time.monotonic()
        self._next_look = now + min(_SLOWEST_LOOK_SECONDS, max(_FASTEST_LOOK_SECONDS, (now - begin) / _LOOK_SHARE))
        return crossed

    def measure(self) -> str:
        """Measure now; return which limit is crossed, or nothing."""
        processes = process_tree.descendants(os.getpid())
        self._known = [process.pid for process in processes]
        resident = sum(process.resident_bytes for process in processes)
        if 0 < self._limit_bytes < resident:
            # Twice: while processes that share memory end one after the other, the shares read so far are too small
            # for those that are left, and their sum is too large.
            resident = min(
                process_tree.proportional_bytes(processes),
                process_tree.proportional_bytes(process_tree.descendants(os.getpid())),
            )
        self._peak_bytes = max(self._peak_bytes, resident)
        reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
        running = sum(process.cpu_seconds for process in processes)
        self._cpu_seconds = max(self._cpu_seconds, running + reaped.ru_utime + reaped.ru_stime)
        if len(processes) > self._process_limit:
            return "processes"
        if 0 < self._limit_bytes < resident:
            return "memory"
        if self._disk_limit_bytes:
            used = self._disk_use.measure(self._known, budget_seconds=_DISK_SECONDS)
            return "disk" if used > self._disk_limit_bytes else ""
        return ""

    def _glance(self, now: float) -> bool:
        """Return whether the processes of the last look may have crossed the memory limit: what allocates is fast."""
        if not self._limit_bytes or now < self._next_glance:
            return False
        resident = sum(map(process_tree.resident_bytes, self._known))
        after = time.monotonic()
        self._next_glance = after + min(_SLOWEST_LOOK_SECONDS, max(_GLANCE_SECONDS, (after - now) / _LOOK_SHARE))
        return resident > self._limit_bytes

    def figures(self) -> dict[str, float]:
        """Return what it used, once all of it has been reaped.

        The kernel forgets the processor time of what dies with its pid namespace, so the last measure counts, too.
        """
        reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "cpu_seconds": max(self._cpu_seconds, reaped.ru_utime + reaped.ru_stime),
            "peak_memory_bytes": max(self._peak_bytes, reaped.ru_maxrss * 1024),
        }

    def seconds_to_look(self) -> float:
        """Return how long until ``look`` measures again."""
        next_ = min(self._next_look, self._next_glance) if self._limit_bytes else self._next_look
        return max(0.0, next_ - time.monotonic())
