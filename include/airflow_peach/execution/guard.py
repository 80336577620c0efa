"""The guard: starts one command, and sees to it that nothing of it outlives its end, its limit or its caller.

A script, run by ``guarded.py`` as ``python -I -S guard.py``; standard library only. Standard input carries the
specification (see ``guarded.py``), then stays open: its end means that the caller is gone. The guard is in a
session of its own and is the subreaper of all it starts, so neither a signal to the caller's process group nor a
double fork gets a process out of its sight.

It writes one JSON object a line to the report descriptor: ``started``, then ``ended``.
"""

# Importing pathlib would make each start of the guard longer.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import struct
import sys
import time

# -I -S leaves only the standard library on the path; append, so that nothing of ours can shadow it.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from airflow_peach.execution import disk_use, limited_tree, process_tree, spawn  # needs the line above

# The real one is in `typing`, which takes longer to import than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

POLL_SECONDS = 0.1
# A fork bomb is ended at this many processes; a limit of the kernel's would count the platform's own, too.
PROCESS_LIMIT = 2000
# What cannot be killed within this waits for a broken disk; it is reported and left.
SWEEP_SECONDS = 30.0

KIND_EXITED = "exited"
KIND_TIMED_OUT = "timed_out"
KIND_CANCELLED = "cancelled"
KIND_PARENT_GONE = "parent_gone"
KIND_NOT_STARTED = "not_started"

POLITE_KINDS = (KIND_TIMED_OUT, KIND_CANCELLED)


class Surroundings:
    """What may end an execution from outside: signals to the guard, the caller's end; and news of children."""

    def __init__(self, lifeline: int, caller: int) -> None:
        self.cancelled = False
        self.caller_gone = False
        self._caller = caller
        self._poll = select.poll()
        self._lifeline = lifeline
        self._poll.register(lifeline, select.POLLIN)
        self._wake, wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wake, select.POLLIN)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._cancel)

    def wait(self, seconds: float) -> None:
        """Wait until something happens, ``seconds`` at most."""
        for descriptor, _ in self._poll.poll(max(0.0, seconds) * 1000):
            if descriptor == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            elif not os.read(self._lifeline, 4096):
                self.caller_gone = True
                self._poll.unregister(self._lifeline)
        # The write end of the lifeline may live on in a fork of the caller's; its pid does not.
        if os.getppid() != self._caller:
            self.caller_gone = True

    def interruption(self) -> str:
        """Return why everything must end now, or nothing."""
        if self.caller_gone:
            return KIND_PARENT_GONE
        return KIND_CANCELLED if self.cancelled else ""

    def _cancel(self, *_: object) -> None:
        self.cancelled = True


def main() -> None:
    """Do what the specification on standard input says."""
    caller = os.getppid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whatever the caller's thread had blocked
    specification = read_specification(0)
    report_to = specification["report"]
    os.set_blocking(report_to, False)
    spawn.become_subreaper()
    surroundings = Surroundings(0, caller)
    # The locks stay open to the end of this process, and are not for the command.
    for descriptor in specification["locks"]:
        os.set_inheritable(descriptor, False)
    _report(report_to, event="ended", **_run(specification, surroundings))


def read_specification(descriptor: int) -> dict[str, Any]:
    """Read a length (8 bytes, big endian) and that many bytes of JSON. Ends the process when the caller is gone."""
    (length,) = struct.unpack(">Q", _read_exactly(descriptor, 8))
    specification: dict[str, Any] = json.loads(_read_exactly(descriptor, length))
    return specification


def _read_exactly(descriptor: int, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(descriptor, count - len(parts))
        if not part:
            sys.exit(1)
        parts += part
    return bytes(parts)


def _run(specification: dict[str, Any], surroundings: Surroundings) -> dict[str, Any]:
    begin = time.monotonic()
    try:
        tree = limited_tree.Tree(
            spawn.start(specification),
            memory_limit_bytes=specification["memory_limit_bytes"],
            process_limit=PROCESS_LIMIT,
            disk_limit_bytes=specification["disk_limit_bytes"],
            disk_use=disk_use.DiskUse(specification["directories"]),
        )
    except spawn.CannotStartError as error:
        return {"kind": KIND_NOT_STARTED, "message": str(error)}
    _report(specification["report"], event="started")
    try:
        kind = _watch(tree, surroundings, begin + specification["time_limit_seconds"])
        if kind in POLITE_KINDS:
            _end_politely(tree, surroundings, specification)
        tree.measure()
    finally:
        statuses, survivors = process_tree.end_all(SWEEP_SECONDS)
    tree.statuses.update(statuses)
    return {
        "kind": kind,
        "exit_code": tree.exit_code,
        "run_seconds": time.monotonic() - begin,
        **tree.figures(),
        "survivors": survivors,
    }


def _watch(tree: limited_tree.Tree, surroundings: Surroundings, deadline: float) -> str:
    while True:
        tree.reap()
        if tree.exit_code is not None:
            return KIND_EXITED
        if interruption := surroundings.interruption():
            return interruption
        if time.monotonic() >= deadline:
            return KIND_TIMED_OUT
        if crossed := tree.look():
            return crossed
        surroundings.wait(min(tree.seconds_to_look(), deadline - time.monotonic()))


def _end_politely(tree: limited_tree.Tree, surroundings: Surroundings, specification: dict[str, Any]) -> None:
    # To every process, not to the group: inside a sandbox the command is in a session of its own. The sandbox
    # itself would take everything down with it, so the signal goes past it.
    processes = process_tree.descendants(os.getpid())
    if specification["sandboxed"]:
        processes = [process for process in processes if process.pid != tree.command]
    process_tree.signal_all(processes, signal.SIGTERM)
    process_tree.signal_all(processes, signal.SIGCONT)
    deadline = time.monotonic() + specification["grace_seconds"]
    while time.monotonic() < deadline and not surroundings.caller_gone:
        tree.reap()
        if tree.all_gone:
            return
        surroundings.wait(min(POLL_SECONDS, deadline - time.monotonic()))


def _report(descriptor: int, **fields: object) -> None:
    # Far below the size of a pipe. Nobody reads it any more when the caller is gone.
    with contextlib.suppress(BrokenPipeError, BlockingIOError):
        os.write(descriptor, json.dumps(fields).encode() + b"\n")


if __name__ == "__main__":
    main()
