"""Work in processes of its own: killed with all that it started, or on another host as far as a kernel can tell."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING

from tests.execution.conftest import marked_processes

from airflow_peach.catalogue.reading import end_readers

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

# https://docs.python.org/3/library/audit_events.html
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.utime", "subprocess.Popen"}
# linux/sched.h: mounts, the host's name, process numbers
_NEW_HOST = 0x00020000 | 0x04000000 | 0x20000000


def start(work: Callable[[], object]) -> BaseProcess:
    """Run ``work`` in a process of its own; forked, so that its life is the work and not the imports."""
    end_readers()  # a fork would take the process that they come from for its own child
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def end_everything(process: BaseProcess, mark: str) -> None:
    """Kill the process, and all with ``mark`` on their command lines, as a machine that goes down does."""
    process.kill()
    for pid in marked_processes(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.join()


def ending_at(point: int, work: Callable[[], object]) -> Callable[[], None]:
    """Return ``work`` that ends, as if killed, before its ``point``-th step that changes a disk or starts a process.

    A process that gets to its end before ends with 0; else with 137.
    """
    return partial(_ending_at, point, work)


def _ending_at(point: int, work: Callable[[], object]) -> None:
    left = point

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and bool(int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR))
        if event in _CHANGES or writes:
            left -= 1
            if left == 0:
                # Not a signal: process 1 of a host of its own cannot kill itself.
                os._exit(137)

    sys.addaudithook(count)
    work()
    os._exit(0)


def start_on_host(name: str, work: Callable[[], object]) -> BaseProcess:
    """Run ``work`` as on a host called ``name`` that shares our disks: process numbers of its own, and none of ours.

    The process ends with 77 where this is not permitted.
    """
    return start(partial(_become_host, name, work))


def _become_host(name: str, work: Callable[[], object]) -> None:
    if ctypes.CDLL(None).unshare(_NEW_HOST) != 0:
        os._exit(77)
    socket.sethostname(name)
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    code = 1
    try:
        for command in (["mount", "--make-rprivate", "/"], ["mount", "-t", "proc", "proc", "/proc"]):
            subprocess.run(command, check=True)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - told, and then this process ends without the test's own clean-up
        traceback.print_exc()
    finally:
        os._exit(code)
