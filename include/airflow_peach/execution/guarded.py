"""Running a command under the guard: the caller's side.

The guard's specification is a JSON object on its standard input: ``argv``, ``environment``, ``cwd``,
``time_limit_seconds``, ``grace_seconds``, ``memory_limit_bytes`` and ``disk_limit_bytes`` (0: none), ``directories``,
``sandboxed``, ``uid`` (null: the guard's own), and the numbers of its descriptors: ``output``, ``report``, ``locks``,
and ``descriptors`` (the command's number to the guard's). Nothing of it is on a command line, so nothing in ``ps``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_peach.errors import PeachError
from airflow_peach.execution.guarded_command import GuardedCommand, GuardReport
from airflow_peach.execution.output import Output

Emit = Callable[[str], None]

GUARD = Path(__file__).with_name("guard.py")
# Descriptors of the command: what it is to do, and what came of it.
SPECIFICATION_FD = 3
RESULT_FD = 4

TICK_SECONDS = 1.0
# How long the guard may take to end everything once we let go; it sweeps for 30 s at most.
LETTING_GO_SECONDS = 35.0
# After the guard's last word its command is gone; only something unkillable still holds the output.
DRAIN_SECONDS = 2.0
# A block of output at a time; also the size asked for the pipe, so that a flood is read in few pieces.
CHUNK_BYTES = 256 * 1024


class ParentGoneError(PeachError):
    """The process above ours ended, so nobody waits for the execution any more. Everything of it was ended."""


def run_guarded(command: GuardedCommand, *, emit: Emit) -> GuardReport:
    """Run ``command`` to its end and return how it ended; hand its output to ``emit``, line by line, live.

    Whatever interrupts this call (an exception in ``emit``, from a signal handler, ``AirflowTaskTimeout``,
    ``KeyboardInterrupt``) ends everything of the command first, and is then raised again. So does the end of
    our own parent: Airflow's supervisor. When we are killed ourselves, the guard notices, and does the same.

    Raises:
        ParentGoneError: our parent ended.
    """
    with contextlib.ExitStack() as stack:
        call = _Call(command, emit, stack)
        guard: subprocess.Popen[bytes] | None = None
        try:
            guard = call.start()
            return call.follow(guard)
        except BaseException:
            call.let_go(guard)
            raise


class _Call:
    """The pipes of one call, and what has come through them."""

    def __init__(self, command: GuardedCommand, emit: Emit, stack: contextlib.ExitStack) -> None:
        self._command = command
        self._emit = emit
        self._output = Output(command.log_limit_bytes)
        self._result = bytearray()
        self._reports = bytearray()
        self._ended: dict[str, Any] | None = None
        self._parent = os.getppid()
        self._stack = stack
        self._owned: set[int] = set()
        self._lifeline_reader, self._lifeline = self._pipe()
        self._readers: dict[int, Callable[[bytes], None]] = {}
        self._output_reader, self._output_writer = self._reading_pipe(self._read_output)
        self._report_reader, self._report_writer = self._reading_pipe(self._read_report)
        with contextlib.suppress(OSError):  # over the user's quota for pipes: the usual 64 KiB do
            fcntl.fcntl(self._output_reader, fcntl.F_SETPIPE_SZ, CHUNK_BYTES)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the guard and tell it what to do."""
        descriptors: dict[int, int] = {}
        if self._command.specification:
            descriptors[SPECIFICATION_FD] = self._memory_file(self._command.specification)
        if self._command.result_limit_bytes:
            descriptors[RESULT_FD] = self._reading_pipe(self._read_result)[1]
        passed = [self._output_writer, self._report_writer, *descriptors.values()]
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD)],
            stdin=self._lifeline_reader,
            stdout=subprocess.DEVNULL,
            stderr=self._output_writer,  # a bug in the guard shows in the log
            pass_fds=(*passed, *self._command.lock_descriptors),
            cwd="/",
            # Readable in /proc by what runs under the same uid: nothing of ours but what the interpreter needs.
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
            start_new_session=True,
        )
        for descriptor in (*passed, self._lifeline_reader):
            self._close(descriptor)
        message = self._command.message(output=self._output_writer, report=self._report_writer, descriptors=descriptors)
        with contextlib.suppress(BrokenPipeError):  # killed already: ``follow`` will see it
            _write_all(self._lifeline, message)
        return guard

    def follow(self, guard: subprocess.Popen[bytes]) -> GuardReport:
        """Hand on output until the end; return how it ended."""
        with selectors.DefaultSelector() as selector:
            for descriptor in self._readers:
                selector.register(descriptor, selectors.EVENT_READ)
            ticked_at = time.monotonic()
            drained_by = float("inf")
            while selector.get_map():
                ready = selector.select(TICK_SECONDS)
                for key, _ in ready:
                    if not self._read(key.fd):
                        selector.unregister(key.fd)
                        if key.fd == self._report_reader:
                            drained_by = time.monotonic() + DRAIN_SECONDS
                now = time.monotonic()
                if now >= drained_by and (not ready or self._ended is None):
                    break
                if now - ticked_at >= TICK_SECONDS:
                    ticked_at = now
                    self._tick(guard)
            self._emit_all(self._output.finish())
        _wait(guard)
        return self._guard_report()

    def let_go(self, guard: subprocess.Popen[bytes] | None) -> None:
        """End everything of the command at once, and show what it had written until then."""
        self._close(self._lifeline)
        if guard is None:
            return
        _wait(guard)
        # What raised may be ``emit`` itself; it is the first error that counts.
        with contextlib.suppress(Exception):
            with selectors.DefaultSelector() as selector:
                selector.register(self._output_reader, selectors.EVENT_READ)
                while selector.select(0) and self._read(self._output_reader):
                    pass
            self._emit_all(self._output.finish())

    def _tick(self, guard: subprocess.Popen[bytes]) -> None:
        if os.getppid() != self._parent:
            raise ParentGoneError("the process that supervises this execution has ended; the execution was ended")
        # Without a sandbox the command may stop its guard; it must not be able to stop the clock.
        guard.send_signal(signal.SIGCONT)
        self._emit_all(self._output.idle(time.monotonic()))

    def _read(self, descriptor: int) -> bool:
        try:
            chunk = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return True
        if chunk:
            self._readers[descriptor](chunk)
        return bool(chunk)

    def _read_output(self, chunk: bytes) -> None:
        self._emit_all(self._output.feed(chunk, time.monotonic()))

    def _read_result(self, chunk: bytes) -> None:
        self._result += chunk[: self._command.result_limit_bytes - len(self._result)]

    def _read_report(self, chunk: bytes) -> None:
        self._reports += chunk
        while b"\n" in self._reports:
            line, _, self._reports = self._reports.partition(b"\n")
            report = json.loads(line)
            if report.pop("event") == "ended":
                self._ended = report

    def _emit_all(self, lines: list[str]) -> None:
        for line in lines:
            self._emit(line)

    def _guard_report(self) -> GuardReport:
        if self._ended is None:
            return GuardReport("guard_lost", result=bytes(self._result))
        survivors = tuple(self._ended.pop("survivors", ()))
        return GuardReport(**self._ended, survivors=survivors, result=bytes(self._result))

    def _pipe(self) -> tuple[int, int]:
        reader, writer = os.pipe()
        self._own(reader)
        self._own(writer)
        return reader, writer

    def _own(self, descriptor: int) -> None:
        self._owned.add(descriptor)
        self._stack.callback(self._close, descriptor)

    def _close(self, descriptor: int) -> None:
        # Once only: the number may be somebody else's by now.
        if descriptor in self._owned:
            self._owned.remove(descriptor)
            os.close(descriptor)

    def _reading_pipe(self, read: Callable[[bytes], None]) -> tuple[int, int]:
        reader, writer = self._pipe()
        os.set_blocking(reader, False)
        self._readers[reader] = read
        return reader, writer

    def _memory_file(self, content: bytes) -> int:
        # No pipe: it has no size limit, and nobody has to feed it. Never on a disk: secrets may be in it.
        descriptor = os.memfd_create("specification")
        self._own(descriptor)
        _write_all(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _wait(guard: subprocess.Popen[bytes]) -> None:
    guard.send_signal(signal.SIGCONT)
    try:
        guard.wait(LETTING_GO_SECONDS)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
