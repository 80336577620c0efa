"""The one module that runs ordinary subprocesses; executions have a guard of their own.

Every child gets an argument list, an explicit working directory, environment and time limit, a session of its
own that is killed as a whole, /dev/null or the given bytes as its input, and a bound on what is kept of its
output. Nothing here waits for a grandchild that inherited a pipe and outlived its parent: that is how
``subprocess.run(timeout=...)`` hangs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

DEFAULT_OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024

# How often a child that closed no pipe is asked whether it has ended; most end by closing theirs.
_POLL_SECONDS = 0.05
_CHUNK_BYTES = 64 * 1024
# Standard input of the shell is the lifeline: it ends when we do, however we do, and the whole group is killed then.
# Both children are the shell's own, so it leaves nothing for process 1 to reap. The digit is a descriptor's.
_WITH_LIFELINE = """
exec {0}<&0 </dev/null
{{ read -r _ <&{0}; kill -KILL 0; }} >/dev/null 2>&1 &
"$@" {0}<&-
code=$?
kill -KILL $!
wait $! 2>/dev/null
exit $code
"""
_SHELL = "/bin/sh"


class ProcessTimeoutError(PeachError):
    """The command did not end in time; it and all of its session were killed."""


class ProgramMissingError(PeachError):
    """There is no such program here."""


@dataclass(frozen=True)
class Completed:
    """How a command ended.

    Attributes:
        returncode: its exit code; negative for the signal that ended it.
        stdout: the beginning of its standard output; empty when ``on_stdout`` took it.
        stderr: the end of its standard error: a command says there why it failed.
        truncated: whether more came than ``output_limit_bytes`` on either.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False

    @property
    def text(self) -> str:
        """Standard output as text, without white space around it."""
        return self.stdout.decode("utf-8", errors="replace").strip()

    @property
    def error_text(self) -> str:
        """Standard error as text, without white space around it."""
        return self.stderr.decode("utf-8", errors="replace").strip()


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_seconds: float,
    output_limit_bytes: int = DEFAULT_OUTPUT_LIMIT_BYTES,
    input: bytes | None = None,  # noqa: A002 - what subprocess calls it
    on_stdout: Callable[[bytes], object] | None = None,
    inherited: Collection[int] = (),
    dies_with_us: bool = False,
) -> Completed:
    """Run a command to its end and return how it ended, whatever its exit code.

    Args:
        argv: program and arguments.
        cwd: its working directory.
        env: its whole environment.
        timeout_seconds: when it has not ended by then, its process group is killed.
        output_limit_bytes: how much is kept of each of its two outputs; the rest is read and dropped.
        input: its standard input; /dev/null when None.
        on_stdout: takes each piece of standard output as it comes, instead of it being kept: for output that
            is too large to hold. What it raises ends the command.
        inherited: file descriptors of ours that stay open in the child (a lock it must keep).
        dies_with_us: when this process is killed, its process group is killed at once: for what may wait for a
            server for ever. It then has no ``input``, and a death by signal is an exit code of 128 and more.

    Raises:
        ProcessTimeoutError: it was killed at the limit.
        ProgramMissingError: there is no such program, or no such working directory.
    """
    deadline = time.monotonic() + timeout_seconds
    with_lifeline = dies_with_us and input is None
    if with_lifeline:
        argv = _with_lifeline(argv, cwd, env, inherited)
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL if input is None and not with_lifeline else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=tuple(inherited),
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise ProgramMissingError(f"{argv[0]}: cannot be started in {cwd}: {error.strerror}") from error
    stdout, stderr = _Kept(output_limit_bytes), _Kept(output_limit_bytes, keep_end=True)
    given = None if with_lifeline else input or b""
    with _reaped(process), contextlib.closing(_Exchange(process, given)) as exchange:
        exchange.copy_until(deadline, stdout=on_stdout or stdout.add, stderr=stderr.add)
        if not _ended_before(process, deadline):
            raise ProcessTimeoutError(f"{argv[0]}: did not end within {timeout_seconds:g} s and was killed")
    return Completed(process.returncode, bytes(stdout.kept), bytes(stderr.kept), stdout.truncated or stderr.truncated)


def _with_lifeline(argv: Sequence[str], cwd: Path, env: Mapping[str, str], inherited: Collection[int]) -> list[str]:
    """Return the command line of a shell that runs ``argv`` and kills it when its own standard input ends."""
    if shutil.which(argv[0], path=env.get("PATH")) is None:
        raise ProgramMissingError(f"{argv[0]}: cannot be started in {cwd}: {os.strerror(errno.ENOENT)}")
    free = next(number for number in range(3, 10) if number not in inherited)
    return [_SHELL, "-c", _WITH_LIFELINE.format(free), _SHELL, *argv]


def run_attached(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], content: bytes) -> int:
    """Run a command that a person talks to: it has our terminal, and no time limit. Return its exit code.

    Args:
        argv: program and arguments; the number of a descriptor is added as the last one.
        cwd: its working directory.
        env: its whole environment.
        content: what can be read from that descriptor.

    Raises:
        ProgramMissingError: there is no such program, or no such working directory.
    """
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        descriptor = file.fileno()
        try:
            with _ignored_interrupts():
                return subprocess.call([*argv, str(descriptor)], cwd=cwd, env=dict(env), pass_fds=(descriptor,))
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise ProgramMissingError(f"{argv[0]}: cannot be started in {cwd}: {error.strerror}") from error


@contextlib.contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to the child: in a debugger it does not mean the end."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start_detached(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own that may outlive us, and return at once.

    Its output is appended to ``log`` (made with its folder when missing). Poll the returned process now and
    then: that is what reaps it. Those that nobody polls any more are reaped by the next call.

    Raises:
        ProgramMissingError: there is no such program, or no such working directory.
    """
    for earlier in list(_detached):
        if earlier.poll() is not None:
            _detached.remove(earlier)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise ProgramMissingError(f"{argv[0]}: cannot be started in {cwd}: {error.strerror}") from error
    _detached.append(process)
    return process


# Held so that they can be reaped: a Popen that is dropped while its process lives leaves a zombie.
_detached: list[subprocess.Popen[bytes]] = []


@dataclass
class _Kept:
    """At most ``limit_bytes`` of an output: its beginning, or its end."""

    limit_bytes: int
    keep_end: bool = False
    kept: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    def add(self, data: bytes) -> None:
        self.kept += data
        excess = len(self.kept) - self.limit_bytes
        if excess > 0:
            self.truncated = True
            del self.kept[slice(None, excess) if self.keep_end else slice(self.limit_bytes, None)]


class _Exchange:
    """Feeds a child its input and reads both its outputs, never blocking on any of the three."""

    def __init__(self, process: subprocess.Popen[bytes], input_: bytes | None) -> None:
        """Take the child's pipes over; with None for its input, that pipe stays open to its end."""
        self._process = process
        self._input = memoryview(input_ or b"")
        self._selector = selectors.DefaultSelector()
        for pipe, event in (
            (process.stdin if input_ is not None else None, selectors.EVENT_WRITE),
            (process.stdout, selectors.EVENT_READ),
            (process.stderr, selectors.EVENT_READ),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, event)

    def close(self) -> None:
        """Close our ends of the pipes that are still open."""
        for key in list(self._selector.get_map().values()):
            self._close(key.fileobj)  # type: ignore[arg-type]  # only pipes were registered
        self._selector.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def copy_until(
        self, deadline: float, *, stdout: Callable[[bytes], object], stderr: Callable[[bytes], object]
    ) -> None:
        """Return when all pipes are closed, the child has ended, or ``deadline`` has passed."""
        while self._selector.get_map() and (remaining := deadline - time.monotonic()) > 0:
            ready = self._selector.select(min(remaining, _POLL_SECONDS))
            for key, _ in ready:
                if key.fileobj is self._process.stdin:
                    self._feed(self._process.stdin)
                elif key.fileobj is self._process.stdout:
                    self._drain(self._process.stdout, stdout)
                elif self._process.stderr is not None:
                    self._drain(self._process.stderr, stderr)
            if not ready and _has_ended(self._process):
                # A grandchild holds a pipe open. What the command itself wrote has been read.
                return

    def _feed(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            return
        try:
            self._input = self._input[os.write(pipe.fileno(), self._input[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._input = memoryview(b"")  # it does not want the rest
        if not self._input:
            self._close(pipe)

    def _drain(self, pipe: IO[bytes], consume: Callable[[bytes], object]) -> None:
        with contextlib.suppress(BlockingIOError):
            if data := os.read(pipe.fileno(), _CHUNK_BYTES):
                consume(data)
            else:
                self._close(pipe)

    def _close(self, pipe: IO[bytes]) -> None:
        self._selector.unregister(pipe)
        pipe.close()


@contextlib.contextmanager
def _reaped(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill what is left of the child's session at the end, however it comes, and reap the child."""
    try:
        yield
    finally:
        # Before it is reaped, its number, and so its group's, cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended, without reaping it."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ended_before(process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Wait for the end of a child that has closed its pipes; most have ended already."""
    pause_seconds = 0.0005
    while not _has_ended(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, _POLL_SECONDS)
    return True
