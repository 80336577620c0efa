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
from airflow_peach.execution.guarded_command import GuardedCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_peach.execution.environments.package_indexes import IndexAccess

EXPLANATION_LIMIT_CHARACTERS = 6_000
# Of the output of a failed uv: the error is at its end.
_KEPT_LINES = 2_000
# A build has nothing to save when its time is up.
_GRACE_SECONDS = 2.0
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")


class UvFailedError(PeachError):
    """uv ended with an error; the message is uv's own explanation, without colours and credentials."""


class UvTimeoutError(PeachError):
    """uv was stopped at the deadline."""


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code, and the end of what it said."""

    returncode: int
    output: str


class Runner(Protocol):
    """Runs one command to its end and hands on its output as it comes.

    This is where a sandbox goes: building a source distribution executes code of strangers.
    """

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout_seconds: float,
        emit: Callable[[str], None],
    ) -> Finished:
        """Run ``argv``; call ``emit`` with each line of its output.

        Raises:
            UvTimeoutError: it and all that it started were killed at the limit.
            UvFailedError: it could not be started.
        """


def run_under_guard(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_seconds: float,
    emit: Callable[[str], None],
) -> Finished:
    """Run so that nothing of it outlives its end, its limit or this process. A ``Runner``."""
    kept: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)

    def keep(line: str) -> None:
        kept.append(line)
        emit(line)

    command = GuardedCommand(
        argv=tuple(argv),
        environment=env,
        cwd=cwd,
        time_limit_seconds=timeout_seconds,
        grace_seconds=_GRACE_SECONDS,
    )
    report = run_guarded(command, emit=keep)
    if report.kind == "timed_out":
        raise UvTimeoutError(f"uv did not end within {timeout_seconds:g} s")
    if report.exit_code is None:
        raise UvFailedError(f"uv could not be run: {report.message or report.kind}")
    return Finished(report.exit_code, "\n".join(kept))


def find_uv() -> Path:
    """Return the binary that the ``uv`` package brought along: its version is in our own lock."""
    return Path(uv.find_uv_bin())


@dataclass(frozen=True)
class Uv:
    """uv with its indexes and its cache.

    Attributes:
        binary: absolute path of uv.
        cache: its cache; files are copied out of it, never linked (DESIGN §9).
    """

    binary: Path
    cache: Path
    access: IndexAccess
    run: Runner

    def __call__(
        self,
        *arguments: str | os.PathLike[str],
        deadline: float,
        emit: Callable[[str], None],
    ) -> None:
        """Run ``uv`` with ``arguments``.

        Args:
            arguments: of the command line.
            deadline: when it is stopped, on the clock of ``time.monotonic``.
            emit: takes each line that uv says.

        Raises:
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
        finished = self.run(
            argv,
            cwd=Path("/"),  # above it are no project's files that uv would read as its configuration
            env=self._environment(),
            timeout_seconds=remaining,
            emit=lambda line: emit(self._readable(line)),
        )
        if finished.returncode != 0:
            raise UvFailedError(self._explanation(finished))

    def _environment(self) -> dict[str, str]:
        return {
            **self.access.variables,
            "UV_CACHE_DIR": str(self.cache),
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
