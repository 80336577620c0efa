"""Durable files: written beside and renamed, locked per key.

Everything the library keeps on disk goes through here, so that a ``kill -9`` at any line leaves either the
old file or the new one, and two processes never write one thing at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_SECONDS = 0.05


class LockedError(PeachError):
    """Another process holds the lock and did not let go in time."""


class ForeignFileError(PeachError):
    """What stands in the place of a file is none that can be taken over."""


def read_foreign(path: Path, *, limit_bytes: int) -> bytes:
    """Read a file from a directory in which others could put anything in its place; its directory is to be trusted.

    A link would lead to somebody else's file, a second name of one shows it, a pipe would hold us up.

    Raises:
        ForeignFileError: it is not a plain file of one name, is larger than ``limit_bytes``, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ForeignFileError(os.strerror(error.errno or 0)) from error
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1:
            raise ForeignFileError("it is not a file of its own")
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ForeignFileError(f"it has over {limit_bytes >> 20} MiB")
    return content


def write_text(path: Path, text: str) -> bool:
    """Write ``text`` to ``path`` atomically, only when it differs; return whether it was written.

    The folder is made when it is missing. On failure (disk full, read-only) the old file stays as it was.
    """
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> bool:
    """Write ``content`` to ``path``, as ``write_text`` does."""
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return True


def write_json(path: Path, data: Any) -> bool:  # noqa: ANN401 - any JSON
    """Write ``data`` as JSON with sorted keys, as ``write_text`` does."""
    return write_text(path, json_text(data))


def json_text(data: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the text that ``write_json`` writes."""
    return json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


@contextlib.contextmanager
def locked(path: Path, *, timeout_seconds: float | None = None) -> Iterator[int]:
    """Hold the exclusive lock of the file at ``path`` (made when missing, never removed).

    The kernel lets go when the process dies, however it dies. What is yielded is the lock's descriptor: a
    child that is given it (``processes.run(..., inherited=[descriptor])``) keeps the lock until it ends too,
    even when we are killed.

    Args:
        path: the lock file; one per key.
        timeout_seconds: how long to wait; None waits for ever, 0 does not wait.

    Raises:
        LockedError: somebody else still holds it after ``timeout_seconds``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    # O_CLOEXEC is Python's default: a child never inherits, and so never keeps, a lock of ours.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if deadline is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _lock_before(descriptor, path, deadline)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_before(descriptor: int, path: Path, deadline: float) -> None:
    while not _lock_now(descriptor):
        if time.monotonic() >= deadline:
            raise LockedError(f"{path}: held by another process; wait for it to end, then try again")
        time.sleep(POLL_SECONDS)


def _lock_now(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
