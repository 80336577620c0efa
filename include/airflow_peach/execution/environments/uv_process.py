"""Running uv: one command, with a clean environment, a deadline, and its words for the reader."""

from __future__ import annotations

import collections
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import uv

from airflow_peach.errors import PeachError
from airflow_peach.execution.guarded import run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_peach.execution.environments.building import Building
    from airflow_peach.execution.environments.package_indexes import IndexAccess
    from airflow_peach.execution.guarded_command import GuardedCommand

EXPLANATION_LIMIT_CHARACTERS = 6_000
# Of the output of a failed uv: the error is at its end.
_KEPT_LINES = 2_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")


class UvFailedError(PeachError):
    """uv ended with an error; the message is uv's own explanation, without colours and credentials."""


class UvDiskLimitError(UvFailedError):
    """uv, or code of a package, was ended at the disk limit."""


class UvTimeoutError(PeachError):
    """uv was stopped at the deadline."""


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code, and the end of what it said."""

    returncode: int
    output: str


class Runner(Protocol):
    """Runs one command to its end and hands on its output as it comes."""

    def __call__(self, command: GuardedCommand, *, emit: Callable[[str], None]) -> Finished:
        """Run ``command``; call ``emit`` with each line of its output.

        Raises:
            UvTimeoutError: it and all that it started were killed at the limit.
            UvDiskLimitError: they were killed at the disk limit.
            UvFailedError: it could not be started.
        """


def run_under_guard(command: GuardedCommand, *, emit: Callable[[str], None]) -> Finished:
    """Run so that nothing of it outlives its end, its limit or this process. A ``Runner``."""
    kept: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)

    def keep(line: str) -> None:
        kept.append(line)
        emit(line)

    report = run_guarded(command, emit=keep)
    if report.kind == "timed_out":
        raise UvTimeoutError(f"uv did not end within {command.time_limit_seconds:g} s")
    if report.kind == "disk":
        raise UvDiskLimitError(
            f"ended at [peach] environment_disk_limit: the environment and the package cache have more than "
            f"{command.disk_limit_bytes:,} bytes. The cache is emptied: the next build starts anew"
        )
    if report.kind == "processes":
        raise UvFailedError("ended: too many processes")
    if report.exit_code is None:
        raise UvFailedError(f"uv could not be run: {report.message or report.kind}")
    return Finished(report.exit_code, "\n".join(kept))


def find_uv() -> Path:
    """Return the binary that the ``uv`` package brought along: its version is in our own lock."""
    return Path(uv.find_uv_bin())


@dataclass(frozen=True)
class Uv:
    """uv with its indexes.

    Attributes:
        binary: absolute path of uv.
        access: to its indexes.
        run: runs it.
    """

    binary: Path
    access: IndexAccess
    run: Runner

    def __call__(
        self,
        *arguments: str | os.PathLike[str],
        building: Building,
        deadline: float,
        emit: Callable[[str], None],
    ) -> None:
        """Run ``uv`` with ``arguments``, confined to ``building``.

        Args:
            arguments: of the command line.
            building: where it works.
            deadline: when it is stopped, on the clock of ``time.monotonic``.
            emit: takes each line that uv says.

        Raises:
            UvDiskLimitError: it took more of the disk than ``building`` may.
            UvFailedError: uv ended with an error.
            UvTimeoutError: the deadline has passed.
        """
        argv = [
            str(self.binary),
            "--color=never",
            *(os.fspath(argument) for argument in arguments),
            *self.access.options,
        ]
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise UvTimeoutError("no time is left to run uv")
        command = building.command(
            argv,
            environment=self._environment(building.cache),
            readable=(self.binary, *self.access.readable),
            limit_seconds=remaining,
        )
        finished = self.run(command, emit=lambda line: emit(self._readable(line)))
        if finished.returncode != 0:
            raise UvFailedError(self._explanation(finished))

    def _environment(self, cache: Path) -> dict[str, str]:
        return {
            **self.access.variables,
            "UV_CACHE_DIR": str(cache),
            # Files are copied out of the cache, never linked (DESIGN §9).
            "UV_LINK_MODE": "copy",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def _readable(self, text: str) -> str:
        return _ANSI.sub("", self.access.hide(text))

    def _explanation(self, finished: Finished) -> str:
        text = self._readable(finished.output).strip()
        # Before the error stand the steps that went well; the log has them.
        _, error, explanation = text.partition("error: ")
        text = bounded(error + explanation if error else text)
        return text or f"uv ended with exit code {finished.returncode} and said nothing"


def bounded(text: str) -> str:
    """Return the beginning and the end of a text that is too long for a message."""
    excess = len(text) - EXPLANATION_LIMIT_CHARACTERS
    if excess <= 0:
        return text
    half = EXPLANATION_LIMIT_CHARACTERS // 2
    return f"{text[:half]}\n[... {excess} characters are left out; the log has them ...]\n{text[-half:]}"
