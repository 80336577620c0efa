"""The folder of an execution: its own while it lives, removed when it ends, however it ends."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.errors import PeachError
from airflow_peach.removal import remove
from airflow_peach.storage import LockedError, locked

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = "lock"


@dataclass(frozen=True)
class ExecutionFolder:
    """A folder and its lock.

    Attributes:
        path: the folder; ``lock`` in it is the lock file.
        lock_descriptor: of the lock. Who is given it keeps the folder from being removed by others.
    """

    path: Path
    lock_descriptor: int


@contextlib.contextmanager
def execution_folder(home: Path) -> Iterator[ExecutionFolder]:
    """Make a folder in ``<home>/executions``, and remove it at the end.

    Folders of executions that were killed, and so could not remove theirs, are removed first.

    Raises:
        PeachError: it cannot be made.
    """
    executions = home / "executions"
    with contextlib.ExitStack() as stack:
        try:
            executions.mkdir(parents=True, exist_ok=True)
            # A new folder has no lock for a moment, in which it looks like one that was left behind.
            with contextlib.ExitStack() as others:
                with locked(home / "locks" / "executions"):
                    left_behind = _left_behind(executions, others)
                    path = Path(tempfile.mkdtemp(dir=executions))
                    descriptor = stack.enter_context(locked(path / LOCK))
                for folder in left_behind:
                    remove(folder)
        except OSError as error:
            raise PeachError(f"{executions}: {error.strerror}; check the disk and its permissions") from error
        try:
            yield ExecutionFolder(path, descriptor)
        finally:
            remove(path)


@contextlib.contextmanager
def left_behind(home: Path) -> Iterator[list[Path]]:
    """Give the folders of executions that were killed; their locks are held meanwhile, and no new one is made."""
    executions = home / "executions"
    with contextlib.ExitStack() as held:
        if not executions.is_dir():
            yield []
            return
        held.enter_context(locked(home / "locks" / "executions"))
        yield _left_behind(executions, held)


def _left_behind(executions: Path, held: contextlib.ExitStack) -> list[Path]:
    """Return the folders whose lock nobody holds; ``held`` does now."""
    found = []
    for folder in executions.iterdir():
        # Held: alive. Another user's, or removed by this moment: not ours to remove.
        with contextlib.suppress(LockedError, OSError):
            held.enter_context(locked(folder / LOCK, timeout_seconds=0))
            found.append(folder)
    return found
