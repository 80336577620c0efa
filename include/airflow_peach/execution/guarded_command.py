"""A command to run under the guard, and how it ended."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class GuardedCommand:
    """A command and its limits.

    Attributes:
        argv: program (absolute path) and arguments. Visible to everybody in ``ps``.
        environment: all of its environment variables.
        cwd: where it runs.
        time_limit_seconds: hard limit; then SIGTERM, ``grace_seconds``, SIGKILL.
        memory_limit_bytes: of all its processes together; 0 is none.
        disk_limit_bytes: of all files in ``directories`` and those that its processes removed and hold open, and a
            quarter more for any single file of theirs, wherever it is; 0 is none.
        directories: where it may write.
        log_limit_bytes: of its output; see ``Output``.
        lock_descriptors: open lock files of the caller's. The guard has them open, too, and never the command:
            the locks are free when both have closed them, so not while anything of the command is alive.
        sandboxed: ``argv`` is a bubblewrap command line: it takes its content down with it.
        uid: of the user, and of the group, that it runs under; None for the guard's own.
        specification: readable by the command as descriptor 3.
        result_limit_bytes: how much is kept of what it writes to descriptor 4; 0: there is no descriptor 4.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # secrets
    cwd: Path
    time_limit_seconds: float
    grace_seconds: float = 10.0
    memory_limit_bytes: int = 0
    disk_limit_bytes: int = 0
    directories: tuple[Path, ...] = ()
    log_limit_bytes: int = 20_000_000
    lock_descriptors: tuple[int, ...] = ()
    sandboxed: bool = False
    uid: int | None = None
    specification: bytes = field(default=b"", repr=False)
    result_limit_bytes: int = 0

    def message(self, *, output: int, report: int, descriptors: Mapping[int, int]) -> bytes:
        """Return what the guard reads first from its standard input; see ``guarded.py``.

        Args:
            output: the guard's descriptor that takes the command's standard output and error.
            report: the one that takes the guard's own report.
            descriptors: further ones of the command: its number to the guard's.
        """
        content = json.dumps(
            {
                "argv": list(self.argv),
                "environment": dict(self.environment),
                "cwd": str(self.cwd),
                "time_limit_seconds": self.time_limit_seconds,
                "grace_seconds": self.grace_seconds,
                "memory_limit_bytes": self.memory_limit_bytes,
                "disk_limit_bytes": self.disk_limit_bytes,
                "directories": list(map(str, self.directories)),
                "sandboxed": self.sandboxed,
                "uid": self.uid,
                "output": output,
                "report": report,
                "locks": list(self.lock_descriptors),
                "descriptors": dict(descriptors),
            }
        ).encode()
        return struct.pack(">Q", len(content)) + content


@dataclass(frozen=True)
class GuardReport:
    """How it ended.

    Attributes:
        kind: ``exited``, ``timed_out``, ``memory``, ``disk``, ``processes``, ``cancelled``, ``parent_gone``,
            ``not_started``, or ``guard_lost`` when the guard itself was killed.
        exit_code: negative for a signal; None when it never started or nothing is known.
        message: why it could not be started.
        survivors: pids that could not be killed.
        result: what it wrote to descriptor 4.
    """

    kind: str
    exit_code: int | None = None
    run_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    message: str = ""
    survivors: tuple[int, ...] = ()
    result: bytes = b""
