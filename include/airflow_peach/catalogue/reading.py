"""Reads one repository in a process of its own, with limits on its time, memory and answer.

A repository holds what its authors like, and parsers are not made for the worst of it. What is too much here
costs its own repository, and neither the others nor the sync. The processes are forked from one that has loaded
all they need (to start Python for each took half a second); each answers with one JSON object, and ends by
itself at its limits when the sync was killed.
"""

from __future__ import annotations

import atexit
import json
import logging
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import resource
import signal
import sys
import threading
import traceback
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue.configuration_cache import (
    UnreadableRepositoryError,
    configuration_from_json,
    configuration_to_json,
)
from airflow_peach.catalogue.serialise import dump
from airflow_peach.errors import PeachError
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.commit import CommitFiles, ListingLimitError
from airflow_peach.repositories.mirror import VERSION_CHARACTERS, CorruptMirrorError, Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from typing import TypeAlias

    from airflow_peach.authoring.definitions import RepositoryConfiguration

    Question: TypeAlias = tuple[str, str, str, str, int, int]

log = logging.getLogger(__name__)

TIME_LIMIT_SECONDS = 60
MEMORY_LIMIT_BYTES = 2 * 1024**3
# Some twenty thousand tasks, or problems.
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024

_MEMORY_EXIT_CODE = 3
_START_SECONDS = 60.0
_FEWER = "list fewer and smaller files and notebooks in the configuration"
# Each may take a core, and its memory.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([f"{__name__}_preload"])
_starting = threading.Lock()
_at_once = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))


class ReadingError(PeachError):
    """The repository cannot be read at the moment; the next sync tries again."""


def read_in_child(mirror: Mirror, home: Path, commit: str) -> RepositoryConfiguration:
    """Return what the repository says at ``commit``, as ``read_repository`` does, but within limits.

    Raises:
        UnreadableRepositoryError: it takes too long, or is too large; that of this commit will not change.
        CorruptMirrorError: git cannot read the mirror.
        ReadingError: anything else that is expected, in its own words.
    """
    name = mirror.address.name
    question = (str(home), name, mirror.branch, commit, TIME_LIMIT_SECONDS, MEMORY_LIMIT_BYTES)
    with _at_once:
        said, exit_code = _ask_child(question)
    if said is None:
        raise _failure(exit_code, name)
    return _configuration(json.loads(said), name)


def start_readers() -> None:
    """Start the process that readers are forked from, unless it is there; by itself it loads what they need."""
    with _starting:
        multiprocessing.forkserver.ensure_running()


@atexit.register
def end_readers() -> None:
    """End the process that readers are forked from, and wait for it; the next reading starts it anew.

    By itself it would end, too, but a moment after us: who waits for our end would find it still there.
    """
    # There is no public way; these do nothing where nothing was started.
    multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001
    multiprocessing.resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # noqa: SLF001


def _ask_child(question: Question) -> tuple[bytes | None, int]:
    """Return what the child said, None when it died without a word, and its exit code."""
    ours, theirs = _context.Pipe(duplex=False)
    with ours:
        child = _context.Process(target=answer, args=(theirs, question), name="peach-read", daemon=True)
        with _starting, theirs, _no_main_module():
            child.start()
        try:
            # Its time counts from when it is there: the process it is forked from may have to be started first.
            if ours.poll(_START_SECONDS):
                ours.recv_bytes(0)
            if not ours.poll(TIME_LIMIT_SECONDS):
                raise _too_long()
            return ours.recv_bytes(ANSWER_LIMIT_BYTES), 0
        except EOFError:
            child.join()
            return None, child.exitcode or 0
        except OSError:
            raise UnreadableRepositoryError(
                f"what it says takes more than {ANSWER_LIMIT_BYTES:,} bytes", _FEWER
            ) from None
        finally:
            child.kill()  # it has said all it had to say, or too much, or nothing in time
            child.join()


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep multiprocessing from executing the program that we are in once more in each child: none needs it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _failure(exit_code: int, name: str) -> UnreadableRepositoryError:
    """Return what a child that died without a word means."""
    if exit_code == -signal.SIGXCPU:
        return _too_long()
    if exit_code in {_MEMORY_EXIT_CODE, -signal.SIGKILL}:  # ours, or the kernel's when there is no more
        return UnreadableRepositoryError(
            f"reading it took too much memory; {MEMORY_LIMIT_BYTES:,} bytes are the limit", _FEWER
        )
    log.error("%s: reading it ended with exit code %s", name, exit_code)
    cause = f"cannot be read: exit code {exit_code}; this is a bug of airflow-peach"
    return UnreadableRepositoryError(cause, "report it, with the log of the sync")


def _configuration(said: dict[str, Any], name: str) -> RepositoryConfiguration:
    if "bug" in said:
        log.error("%s: could not be read: %s", name, said["traceback"])
        cause = f"cannot be read: {said['bug']}; this is a bug of airflow-peach"
        raise UnreadableRepositoryError(cause, "report it, with the log of the sync")
    if "unreadable" in said:
        raise UnreadableRepositoryError(said["unreadable"])
    if "corrupt" in said:
        raise CorruptMirrorError(said["corrupt"])
    if "error" in said:
        raise ReadingError(said["error"])
    return configuration_from_json(said["configuration"])


def _too_long() -> UnreadableRepositoryError:
    return UnreadableRepositoryError(f"reading it took longer than {TIME_LIMIT_SECONDS} s", _FEWER)


def _answer(home: Path, name: str, branch: str, commit: str) -> dict[str, Any]:
    files = CommitFiles(Mirror(home, RepositoryAddress(name, ""), branch), commit)
    try:
        configuration = read_repository(files, repository=name, version=commit[:VERSION_CHARACTERS])
    except ListingLimitError as error:
        return {"unreadable": str(error).removeprefix(f"{name}: ")}
    except CorruptMirrorError as error:
        return {"corrupt": str(error)}
    except PeachError as error:
        return {"error": str(error)}
    return {"configuration": configuration_to_json(configuration)}


def answer(pipe: Connection, question: Question) -> None:
    """Read one repository, in a process of its own, and send one JSON object through ``pipe``.

    Args:
        pipe: for the answer.
        question: home, repository, branch, commit; seconds of processor time, after which the process ends by
            SIGXCPU; bytes of its data, beyond which it ends with exit code 3.
    """
    pipe.send_bytes(b"")  # here we are
    home, name, branch, commit, time_limit_seconds, memory_limit_bytes = question
    try:
        # The first limit is SIGXCPU, which the parent understands; the second SIGKILL.
        resource.setrlimit(resource.RLIMIT_CPU, (int(time_limit_seconds), int(time_limit_seconds) + 1))
        # Not the address space: git maps packs of any size into its own.
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory_limit_bytes), int(memory_limit_bytes)))
        said = _answer(Path(home), name, branch, commit)
    except MemoryError:
        sys.exit(_MEMORY_EXIT_CODE)
    except Exception as error:  # noqa: BLE001 - told to the parent, which logs it
        said = {"bug": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    pipe.send_bytes(dump(said).encode())
