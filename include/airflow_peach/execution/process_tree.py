"""The processes below this one, as ``/proc`` shows them: found, measured, ended.

Standard library only: the guard runs it without site-packages. Linux only.
"""

# This is done many times a second: no pathlib.
# ruff: noqa: PTH208

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time

# The real one is in `typing`, which takes longer to import than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_peach.execution.disk_use import DiskUse

# Rounds of the sweep without a pause: what forks as fast as it can is only caught by looking again at once.
_EAGER_ROUNDS = 200
_PAUSE_SECONDS = 0.01
# Between two looks at all of /proc (milliseconds), looks at our own children only (microseconds).
_QUICK_LOOKS = 50
_FASTEST_LOOK_SECONDS = 0.1
_SLOWEST_LOOK_SECONDS = 1.0
# With a memory limit: between two looks at the processes that are known, microseconds each.
_GLANCE_SECONDS = 0.02
# Of one look, for the files.
_DISK_SECONDS = 0.01
# Measuring may use this part of one core: it is done the more seldom the more processes there are.
_LOOK_SHARE = 0.02
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Process:
    """One process of ``/proc``.

    Attributes:
        group: of which it is.
        state: the letter that ``ps`` shows.
        cpu_seconds: its own, and those of its children that it has waited for.
        resident_bytes: its memory, shared pages counted in full.
    """

    __slots__ = ("cpu_seconds", "group", "parent", "pid", "resident_bytes", "state")

    def __init__(self, pid: int, stat: bytes) -> None:
        # proc(5): the name, in parentheses, may hold anything, also ") ".
        fields = stat.rpartition(b")")[2].split()
        self.pid = pid
        self.state = fields[0].decode("ascii")
        self.parent = int(fields[1])
        self.group = int(fields[2])
        self.cpu_seconds = sum(map(int, fields[11:15])) / _TICKS_PER_SECOND
        self.resident_bytes = int(fields[21]) * _PAGE_BYTES


def descendants(root: int) -> list[Process]:
    """Return the live processes below ``root``, parents first; zombies are left out, what is below them is not."""
    children: dict[int, list[Process]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _read_file(f"/proc/{name}/stat")):
            process = Process(int(name), stat)
            children.setdefault(process.parent, []).append(process)
    found = list(children.get(root, ()))
    for process in found:  # grows while it is walked: breadth first
        found.extend(children.get(process.pid, ()))
    return [process for process in found if process.state not in "ZX"]


def proportional_bytes(processes: Iterable[Process]) -> int:
    """Return the memory of ``processes`` in bytes, a page that several share counted once.

    Costly (the kernel walks the page tables), so only for when ``resident_bytes`` alarms.
    """
    return sum(_proportional(process) for process in processes)


def signal_all(processes: Iterable[Process], number: int) -> None:
    """Send a signal to each process that is still there."""
    for process in processes:
        _signal(process.pid, number)


def reap() -> tuple[dict[int, int], bool]:
    """Collect what has ended; return the wait statuses by pid, and whether no child is left."""
    statuses: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return statuses, True
        if pid == 0:
            return statuses, False
        statuses[pid] = status


def end_all(timeout_seconds: float) -> tuple[dict[int, int], list[int]]:
    """End every descendant of this process, which must be their subreaper.

    Each is stopped before any is killed, so that none forks while the others are looked for, again and again
    until ``waitpid`` says that there is no child left. However a process daemonised, it is a child of the
    subreaper as soon as its parent is gone.

    Returns:
        The wait statuses by pid, and the pids that were still there after ``timeout_seconds`` (a process that
        waits for a dead disk cannot be killed).
    """
    deadline = time.monotonic() + timeout_seconds
    statuses: dict[int, int] = {}
    rounds = 0
    while True:
        found = descendants(os.getpid())
        _kill_groups(found)
        signal_all(found, signal.SIGSTOP)
        signal_all(found, signal.SIGKILL)
        _kill_children()
        ended, all_gone = reap()
        statuses.update(ended)
        if all_gone:
            return statuses, []
        if time.monotonic() >= deadline:
            return statuses, [process.pid for process in found]
        rounds += 1
        if rounds > _EAGER_ROUNDS or not found:
            time.sleep(_PAUSE_SECONDS)


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
        ended, self.all_gone = reap()
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
        processes = descendants(os.getpid())
        self._known = [process.pid for process in processes]
        resident = sum(process.resident_bytes for process in processes)
        if 0 < self._limit_bytes < resident:
            # Twice: while processes that share memory end one after the other, the shares read so far are too small
            # for those that are left, and their sum is too large.
            resident = min(proportional_bytes(processes), proportional_bytes(descendants(os.getpid())))
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
        resident = sum(map(_resident, self._known))
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


def _kill_groups(processes: Iterable[Process]) -> None:
    # The kernel kills a group in one go, and lets nobody in it fork meanwhile: thousands die of one call. The
    # command began in a session of its own, so no group below us has a member that is not.
    for group in {process.group for process in processes} - {0, 1, os.getpgrp()}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _kill_children() -> None:
    # A chain of processes, each of which forks the next and ends, is faster than a walk over /proc. Its living
    # link is our child, though, and the kernel lists those in one short file.
    path = f"/proc/self/task/{os.getpid()}/children"
    for _ in range(_QUICK_LOOKS):
        listed = _read_file(path)
        if not listed:
            return
        for pid in listed.split():
            _signal(int(pid), signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    # Gone meanwhile, or (another uid) not ours to signal: the caller looks again and reports what stays.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _resident(pid: int) -> int:
    fields = _read_file(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


def _proportional(process: Process) -> int:
    for line in _read_file(f"/proc/{process.pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return process.resident_bytes


def _read_file(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the process ended between open and read
        return b""
    finally:
        os.close(descriptor)
