"""The processes below this one, as ``/proc`` shows them: found, measured, ended.

Standard library only: the guard runs it without site-packages. Linux only.
"""

# This is done many times a second: no pathlib.
# ruff: noqa: PTH208

from __future__ import annotations

import contextlib
import os
import signal
import time

# The real one is in `typing`, which takes longer to import than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Rounds of the sweep without a pause: what forks as fast as it can is only caught by looking again at once.
_EAGER_ROUNDS = 200
_PAUSE_SECONDS = 0.01
# Between two looks at all of /proc (milliseconds), looks at our own children only (microseconds).
_QUICK_LOOKS = 50
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


def resident_bytes(pid: int) -> int:
    """Return the memory of one process, shared pages counted in full; 0 when it is gone. Costs microseconds."""
    fields = _read_file(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


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
