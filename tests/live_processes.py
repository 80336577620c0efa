"""Processes as ``/proc`` shows them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def parent_of(pid: int) -> int:
    """Return the pid of the process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def wait_until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Return as soon as ``condition`` holds; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def marked_processes(mark: str) -> list[int]:
    """Return the live processes with ``mark`` on their command line, other than this one."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                command_line = (directory / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if mark.encode() in command_line and is_alive(int(directory.name)):
                found.append(int(directory.name))
    return found


def marked_environments(marks: Sequence[str]) -> list[set[int]]:
    """Return for each mark the live processes that were started with it in an environment variable."""
    found: list[set[int]] = [set() for _ in marks]
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit() or int(directory.name) == os.getpid():
            continue
        try:
            variables = (directory / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for mark, pids in zip(marks, found, strict=True):
            if mark.encode() in variables and is_alive(int(directory.name)):
                pids.add(int(directory.name))
    return found
