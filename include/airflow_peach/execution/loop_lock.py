"""One execution at a time in each loop, even when Airflow loses track of one."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError
from airflow_peach.execution.guarded import ParentGoneError
from airflow_peach.storage import LockedError, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# How often a waiting execution looks whether anybody still waits for it.
TICK_SECONDS = 1.0


class LoopBusyError(PeachError):
    """An earlier execution of the loop has not ended within the time limit of this one."""


@contextlib.contextmanager
def loop_lock(home: Path, loop: str, *, deadline: float, emit: Callable[[str], None]) -> Iterator[int]:
    """Hold the lock of ``loop``; wait for the execution that holds it.

    What is yielded is the lock's descriptor. The guard is given it too, and the lock is free only when both have
    ended: a killed Airflow process leaves it to the guard, which lets go when nothing of the execution is alive.

    Args:
        home: the platform's; ``<home>/locks/loop-<loop>`` is the lock file.
        loop: the codops or ``metadata``.
        deadline: until when to wait, on the monotonic clock.
        emit: is told, once, that it waits.

    Raises:
        LoopBusyError: the lock is still held at ``deadline``.
        ParentGoneError: the process above ours ended while we waited.
        PeachError: the lock file cannot be made.
    """
    path = home / "locks" / f"loop-{loop}"
    with contextlib.ExitStack() as stack:
        try:
            descriptor = _take(stack, path, deadline, emit)
        except OSError as error:
            raise PeachError(f"not started: {error.filename}: {error.strerror}; check the disk") from error
        yield descriptor


def _take(stack: contextlib.ExitStack, path: Path, deadline: float, emit: Callable[[str], None]) -> int:
    parent = os.getppid()
    with contextlib.suppress(LockedError):
        return stack.enter_context(locked(path, timeout_seconds=0))
    emit("waiting: an earlier execution of this loop has not ended yet")
    while (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(LockedError):
            return stack.enter_context(locked(path, timeout_seconds=min(left, TICK_SECONDS)))
        if os.getppid() != parent:
            raise ParentGoneError("the process that supervises this execution has ended; it was not started")
    raise LoopBusyError("not started: an earlier execution of this loop has not ended")
