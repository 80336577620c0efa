"""Reads one repository in a process of its own, with limits on its time, memory and answer.

A repository holds what its authors like, and parsers are not made for the worst of it. What is too much here
costs its own repository, and neither the others nor the sync. ``python -m airflow_peach.catalogue.reading`` is
the child: it prints one JSON object, and ends by itself at its limits when the sync was killed.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue.configuration_cache import (
    UnreadableRepositoryError,
    configuration_from_json,
    configuration_to_json,
)
from airflow_peach.catalogue.serialise import dump
from airflow_peach.errors import PeachError
from airflow_peach.processes import Completed, ProcessTimeoutError, run
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.commit import CommitFiles, ListingLimitError
from airflow_peach.repositories.mirror import VERSION_CHARACTERS, CorruptMirrorError, Mirror

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.authoring.definitions import RepositoryConfiguration

log = logging.getLogger(__name__)

TIME_LIMIT_SECONDS = 60
MEMORY_LIMIT_BYTES = 2 * 1024**3
# Some twenty thousand tasks, or problems.
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024

_MEMORY_EXIT_CODE = 3
_FEWER = "list fewer and smaller files and notebooks in the configuration"
# Each may take a core, and its memory.
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
    limits = (str(TIME_LIMIT_SECONDS), str(MEMORY_LIMIT_BYTES))
    argv = (
        sys.executable,
        "-m",
        "airflow_peach.catalogue.reading",
        str(home),
        mirror.address.name,
        mirror.branch,
        commit,
        *limits,
    )
    with _at_once:
        try:
            completed = run(
                argv,
                cwd=Path("/"),
                env=os.environ,
                timeout_seconds=TIME_LIMIT_SECONDS,
                output_limit_bytes=ANSWER_LIMIT_BYTES,
            )
        except ProcessTimeoutError:
            raise _too_long() from None
    return _configuration(completed, mirror.address.name)


def _configuration(completed: Completed, name: str) -> RepositoryConfiguration:
    if completed.returncode == -signal.SIGXCPU:
        raise _too_long()
    if completed.returncode in {_MEMORY_EXIT_CODE, -signal.SIGKILL}:  # ours, or the kernel's when there is no more
        raise UnreadableRepositoryError(
            f"reading it took too much memory; {MEMORY_LIMIT_BYTES:,} bytes are the limit", _FEWER
        )
    if completed.returncode:
        log.error("%s: reading it ended with exit code %s: %s", name, completed.returncode, completed.error_text)
        said = completed.error_text.rpartition("\n")[2] or f"exit code {completed.returncode}"
        cause = f"cannot be read: {said}; this is a bug of airflow-peach"
        raise UnreadableRepositoryError(cause, "report it, with the log of the sync")
    if completed.truncated:
        raise UnreadableRepositoryError(f"what it says takes more than {ANSWER_LIMIT_BYTES:,} bytes", _FEWER)
    answer: dict[str, Any] = json.loads(completed.stdout)
    if "unreadable" in answer:
        raise UnreadableRepositoryError(answer["unreadable"])
    if "corrupt" in answer:
        raise CorruptMirrorError(answer["corrupt"])
    if "error" in answer:
        raise ReadingError(answer["error"])
    return configuration_from_json(answer["configuration"])


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


def main(argv: Sequence[str]) -> int:
    """Read one repository; arguments: home, name, branch, commit, seconds and bytes that it may take."""
    home, name, branch, commit, seconds, size_bytes = argv
    # The first limit is SIGXCPU, which the parent understands; the second SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    # Not the address space: git maps packs of any size into its own.
    resource.setrlimit(resource.RLIMIT_DATA, (int(size_bytes), int(size_bytes)))
    try:
        sys.stdout.write(dump(_answer(Path(home), name, branch, commit)))
    except MemoryError:
        return _MEMORY_EXIT_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
