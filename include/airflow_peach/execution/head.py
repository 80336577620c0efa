"""The code an execution runs: the branch's head at the moment it starts (the users' page insists).

The one repository is fetched first, under a short limit; when the remote does not answer, the last known head
is run and the log says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.entry_function import check_arguments, extract, find_entry_function
from airflow_peach.authoring.notebooks import NOTEBOOK_LIMIT_BYTES, read_cells
from airflow_peach.authoring.platform.file import read_platform_file
from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue.claims import may_still_define
from airflow_peach.catalogue.store import UnreadableFileError, read_statuses
from airflow_peach.errors import PeachError
from airflow_peach.execution.code_source import Code
from airflow_peach.repositories.address import RepositoryAddress
from airflow_peach.repositories.commit import CommitFiles
from airflow_peach.repositories.mirror import CorruptMirrorError, FetchError, Mirror
from airflow_peach.repositories.sources.opening import login_of
from airflow_peach.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_peach.authoring.definitions import TaskEntry
    from airflow_peach.authoring.program import Program
    from airflow_peach.catalogue.model import RepositoryStatus, Task
    from airflow_peach.repositories.login import Credentials, Login
    from airflow_peach.settings import Settings


class NoHeadError(PeachError):
    """There is no code to run: the repository was never fetched, or is no longer among the sources."""


class LoginMissingError(PeachError):
    """What the repository is fetched with is not to be had."""


class ProgramError(PeachError):
    """The head's notebook cannot be run; the message says where, what, and what to do."""


class SupersededError(PeachError):
    """The newest commit no longer has the task as this loop knows it; its next run knows better."""


def fetch_head(
    settings: Settings,
    repository: str,
    emit: Callable[[str], None],
    credentials: Credentials | None = None,
    *,
    timeout_seconds: float = float("inf"),
) -> Code:
    """Fetch ``repository`` and return its head; where it cannot be fetched, the last one known.

    Args:
        settings: home, branch, platform's file and time limit.
        repository: its name.
        emit: takes the warning that an older commit runs.
        credentials: gives user and password of an Airflow connection; None where there are none.
        timeout_seconds: what is left of the execution's own limit; the fetch's is ``execution_fetch_timeout``.

    Raises:
        NoHeadError: it has none.
    """
    mirror = Mirror(settings.home, RepositoryAddress(repository, ""), settings.branch)
    try:
        status = read_statuses(settings.home).get(repository)
        if status is None:
            raise NoHeadError(
                f"repository {repository} is no longer among the platform's sources; "
                "its tasks leave the loop with the next run"
            )
        login = _login(settings, status, credentials)
        mirror = Mirror(settings.home, RepositoryAddress(status.name, status.url, login=login), settings.branch)
        commit = mirror.fetch(min(settings.execution_fetch_timeout_seconds, timeout_seconds)).commit
    except (UnreadableFileError, FetchError, LoginMissingError) as error:
        known = mirror.head()
        if known is None:
            raise NoHeadError(f"{error}; there is no earlier commit of {repository} to run") from error
        emit(f"WARNING: {error}; running the last known commit {known.version} of {known.committed_at}")
        commit = known.commit
    return Code(repository, commit, CommitFiles(mirror, commit))


def _login(settings: Settings, status: RepositoryStatus, credentials: Credentials | None) -> Login | None:
    if "://" not in status.source:
        return None  # a directory, or a list of URLs: the platform's file has no login for it
    try:
        platform = read_platform_file(settings.platform_file)
        return login_of(status.source, platform.sources, settings.home, credentials)
    except PeachError as error:
        raise LoginMissingError(f"{status.name}: cannot be fetched from {status.url}: {error}") from error


def read_program(head: Code, task: Task, args: Mapping[str, Any]) -> Program:
    """Extract what is to run from the head's notebook, and check that the entry function takes ``args``.

    Raises:
        SupersededError: it fails because the head defines the task otherwise, or no longer.
        ProgramError: the notebook or the entry function is missing or cannot be read, or does not take ``args``.
        CorruptMirrorError: the mirror cannot be read; the next fetch makes it anew.
    """
    try:
        content = head.files.read(task.notebook, limit_bytes=NOTEBOOK_LIMIT_BYTES)
        entry = find_entry_function(read_cells(content, task.notebook), task.method, task.notebook)
        if wrong := check_arguments(entry, args):
            raise ProgramError("; ".join(f"{cause}; {remedy}" for cause, remedy in wrong))
        return extract(content, task.notebook, task.method, task.full_notebook)
    except CorruptMirrorError:
        raise
    except PeachError as error:
        _raise_if_superseded(head, task)
        raise ProgramError(f"{head.repository}@{head.version}: {error}") from error


def _raise_if_superseded(head: Code, task: Task) -> None:
    """Raise ``SupersededError`` when the head defines ``task`` otherwise than this loop, or no longer."""
    configuration = read_repository(head.files, repository=head.repository, version=head.version)
    if any(may_still_define(file, task) for file in configuration.files):
        return  # what is wrong with it is to be seen
    own = [file for file in configuration.files if file.codops == task.codops]
    entries = [entry for file in own for entry in file.tasks if entry.name == task.name]
    if not entries:
        raise SupersededError(
            f"task {task.name} is no longer defined in {head.repository}@{head.version}: "
            "skipped here, it leaves the loop with the next run"
        )
    if not any(_same(entry, task) for entry in entries):
        raise SupersededError(
            f"task {task.name} is defined otherwise in {head.repository}@{head.version} than when this run of the "
            "loop began: skipped here, the next run executes the new definition"
        )


def _same(entry: TaskEntry, task: Task) -> bool:
    # Encoded, because not-a-number is not equal to itself.
    return (entry.notebook, entry.method, entry.full_notebook, encode(dict(entry.args))) == (
        task.notebook,
        task.method,
        task.full_notebook,
        encode(dict(task.args)),
    )
