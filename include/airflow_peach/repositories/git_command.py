"""GitPython's command interface, with the safe environment and our own process runner.

GitPython itself starts git with the environment of this process, and its time limit depends on ``pgrep`` or
``ps`` being there to find git's helpers (``git-remote-https`` holds the pipes when only git is killed). So
its ``execute`` is replaced; what it offers above that stays. No persistent ``cat-file`` is ever started.

Import this module where git is called, not at the top: GitPython takes a tenth of a second.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import git

from airflow_peach.processes import Completed, run
from airflow_peach.repositories.git_environment import (
    GitError,
    RemoteGitError,
    SilentRemoteError,
    git_environment,
    redact_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.repositories.login import Login

DEFAULT_TIMEOUT_SECONDS = 60.0
# A listing of a million files fits.
OUTPUT_LIMIT_BYTES = 256 * 1024 * 1024
# What waits for a server, perhaps one that never answers.
NETWORK_COMMANDS = {"fetch", "ls-remote"}
_REASON_CHARACTERS = 500
# How git begins when it could not speak with the remote, and what it (curl, ssh) says of one that is silent.
_REMOTE = ("unable to access 'http", "RPC failed", "ssh: ", "Authentication failed", "Connection ")
_UNABLE = re.compile(r"^unable to access 'http[^']*': ")
_SILENCE = ("Operation too slow", "timed out", "Timeout was reached")


class ByteSink(Protocol):
    """What takes the output of a command piece by piece."""

    def write(self, data: bytes, /) -> object:
        """Take the next piece."""


class RepositoryGit(git.Git):
    """git on one bare repository: ``RepositoryGit(path).for_each_ref(...)`` runs ``git for-each-ref ...``.

    Args:
        path: the repository; None for commands that need none.
        inherited: file descriptors that the git processes keep open: the repository's lock, so that as long as a
            git of a killed sync is there, it holds it.
        login: for the remote; given to git when it asks, and hidden in what it says.
    """

    def __init__(self, path: Path | None, *, inherited: Sequence[int] = (), login: Login | None = None) -> None:
        super().__init__(path)
        self._login = login
        self._path = path
        self._inherited = tuple(inherited)

    def execute(  # type: ignore[override]  # the options of GitPython's that make sense here
        self,
        command: Sequence[str],
        *,
        istream: IO[bytes] | None = None,
        output_stream: ByteSink | None = None,
        kill_after_timeout: float | None = None,
        stdout_as_string: bool = True,
        with_extended_output: bool = False,
        with_exceptions: bool = True,
    ) -> Any:  # noqa: ANN401 - GitPython's: text, bytes, or a tuple with them
        """Run ``command`` as GitPython's ``Git.execute`` does, for the options it takes.

        Raises:
            GitError: it failed.
            ProcessTimeoutError: it did not end within ``kill_after_timeout`` seconds (default 60).
        """
        if self._path is not None and not self._path.is_dir():
            raise GitError(f"there is no repository at {self._path}")
        completed = run(
            command,
            cwd=self._path or Path("/"),
            env=git_environment(self._path, self._login),
            timeout_seconds=kill_after_timeout or DEFAULT_TIMEOUT_SECONDS,
            output_limit_bytes=OUTPUT_LIMIT_BYTES,
            input=istream.read() if istream is not None else None,
            on_stdout=output_stream.write if output_stream is not None else None,
            inherited=self._inherited,
            dies_with_us=command[1] in NETWORK_COMMANDS,
        )
        if with_exceptions and completed.returncode:
            reason = _reason(completed)
            kind = _kind(command[1], reason)
            told = _told(kind, reason)
            raise kind(told.replace(self._login.password, "***") if self._login else told)
        if completed.truncated:
            raise GitError(f"git {command[1]}: more than {OUTPUT_LIMIT_BYTES} bytes of output")
        stdout = completed.text if stdout_as_string else completed.stdout
        return (completed.returncode, stdout, completed.error_text) if with_extended_output else stdout


def _kind(command: str, reason: str) -> type[GitError]:
    """Return whose fault it is: git's own words for a remote are few, and the same in the language that we ask for."""
    if command not in NETWORK_COMMANDS or not reason.startswith(_REMOTE):
        return GitError
    return SilentRemoteError if any(words in reason for words in _SILENCE) else RemoteGitError


def _reason(completed: Completed) -> str:
    """Return what git says was wrong: its first line, not the advice after it."""
    lines = [line.strip() for line in completed.error_text.splitlines()]
    said = [line for line in lines if line and not line.startswith(("warning:", "hint:"))]
    if not said:
        return f"git ended with exit code {completed.returncode} and said nothing"
    return redact_text(said[0].removeprefix("fatal: ").removeprefix("error: "))[:_REASON_CHARACTERS]


def _told(kind: type[GitError], reason: str) -> str:
    """Return git's reason without what our own messages say around it: the address."""
    return "no answer for 20 s" if kind is SilentRemoteError and "too slow" in reason else _UNABLE.sub("", reason)
