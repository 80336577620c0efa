"""Starting the guard's command: a process of its own kind, with nothing of ours but what it is given.

Standard library only: the guard runs it without site-packages. Linux only.
"""

# Importing pathlib would make each start of the guard longer.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import signal

# The real one is in `typing`, which takes longer to import than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_GET_PDEATHSIG = 2
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38


class CannotStartError(Exception):
    """The command could not be executed."""


def become_subreaper() -> None:
    """Make this process the parent of every descendant whose own parent ends."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


@contextlib.contextmanager
def die_with_parent() -> Iterator[None]:
    """While the block runs, the kernel kills this process as soon as its parent has ended, whatever it waits for."""
    before = ctypes.c_int()
    _prctl(PR_GET_PDEATHSIG, ctypes.addressof(before))
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        yield
    finally:
        _prctl(PR_SET_PDEATHSIG, before.value)


def start(specification: dict[str, Any]) -> int:
    """Start the command; return its pid.

    Raises:
        CannotStartError: it cannot be executed; the message says what and why.
    """
    error_reader, error_writer = os.pipe2(os.O_CLOEXEC)
    guard = os.getpid()
    command = os.fork()
    if command == 0:
        try:
            _become(specification, guard)
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            os.write(error_writer, f"{error.strerror}{where}".encode())
        finally:
            os._exit(127)
    os.close(error_writer)
    for descriptor in {specification["output"], *specification["descriptors"].values()}:
        os.close(descriptor)
    with os.fdopen(error_reader, "rb") as errors:
        message = errors.read().decode("utf-8", "replace")
    if message:
        os.waitpid(command, 0)
        raise CannotStartError(message)
    return command


def _become(specification: dict[str, Any], guard: int) -> None:
    os.setsid()
    _end_with(guard)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if specification["disk_limit_bytes"]:
        # The guard sees a file grow, but not at once; where it cannot look, this is what is left.
        _limit_file_size(specification["disk_limit_bytes"] * 5 // 4)
    os.umask(0o077)
    _offer_to_the_kernel()
    _place_descriptors(specification)
    for number in (
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGCHLD,
    ):
        signal.signal(number, signal.SIG_DFL)
    if specification["uid"] is not None:
        _become_user(specification["uid"])
        _end_with(guard)  # the kernel forgets it with the change
    if not specification["sandboxed"]:  # bubblewrap sets it itself, and is setuid on some systems
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    os.chdir(specification["cwd"])
    os.execve(specification["argv"][0], specification["argv"], specification["environment"])  # noqa: S606 - the point


def _limit_file_size(limit_bytes: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most == resource.RLIM_INFINITY or limit_bytes < most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


def _end_with(guard: int) -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:  # it died before the line above
        os._exit(1)


def _become_user(uid: int) -> None:
    # Whoever opens /dev/stdout opens the pipe once more, which only its owner may.
    os.fchown(1, uid, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _offer_to_the_kernel() -> None:
    # When the machine runs out of memory, it shall be this process that goes, not Airflow's.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def _place_descriptors(specification: dict[str, Any]) -> None:
    output = specification["output"]
    wanted = {0: os.open("/dev/null", os.O_RDONLY), 1: output, 2: output}
    wanted.update({int(number): descriptor for number, descriptor in specification["descriptors"].items()})
    # Out of the way first: a source may have the number of another's target. 64 is beyond all of both.
    moved = {number: fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, 64) for number, source in wanted.items()}
    for number, source in moved.items():
        os.dup2(source, number)
    top = max(wanted) + 1
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= top:
            with contextlib.suppress(OSError):  # the descriptor that listed the directory
                os.set_inheritable(int(name), False)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
