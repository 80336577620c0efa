"""One execution from beginning to end: head, checkout, environment, guard. The loop and ``peach run`` share it."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from airflow_peach.errors import PeachError
from airflow_peach.execution.artefacts import artefact_path
from airflow_peach.execution.confinement import confinement
from airflow_peach.execution.execute import execute
from airflow_peach.execution.execution_folder import execution_folder
from airflow_peach.execution.head import SupersededError, fetch_head, read_program
from airflow_peach.execution.loop_lock import LoopBusyError, loop_lock
from airflow_peach.execution.reasons import timed_out
from airflow_peach.execution.request import ExecutionRequest, ExecutionResult, Limits
from airflow_peach.repositories.mirror import CorruptMirrorError

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.authoring.program import Program
    from airflow_peach.catalogue.model import Organisation, Task
    from airflow_peach.execution.code_source import Code, CodeProvider
    from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
    from airflow_peach.execution.environments.store import Environment
    from airflow_peach.repositories.login import Credentials
    from airflow_peach.settings import Settings


class NoEnvironmentError(PeachError):
    """The organisation has no environment; the message is why it could not be built."""


Emit = Callable[[str], None]
Record = dict[str, Any]


@dataclass(frozen=True)
class TaskRun:
    """What to run.

    Attributes:
        loop: the codops or ``metadata``: one execution at a time in each.
        label: names the execution in its artefact's file name.
        time_limit_seconds: hard limit of the whole, from now; waiting for an earlier execution counts.
        args: merged over the task's own.
        variables: the organisation's environment variables, its secrets.
        credentials: gives user and password of an Airflow connection, for the fetch; None where there are none.
        kept: where its folder is moved at the end, for somebody who wants to look at it; None removes it.
    """

    organisation: Organisation
    task: Task
    loop: str
    label: str
    time_limit_seconds: float
    args: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    credentials: Credentials | None = None
    kept: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How it ended; ``superseded`` means that the newest commit has another task in its place."""

    status: Literal["success", "failed", "superseded"]
    reason: str
    value: Any = None


@dataclass(frozen=True)
class _Place:
    """Where an execution lives, and the locks that say that it does."""

    folder: Path
    lock_descriptors: tuple[int, ...]


class Perform(Protocol):
    """Executes a program that is laid out, as ``execute`` does."""

    def __call__(self, request: ExecutionRequest, program: Program, *, emit: Emit) -> ExecutionResult:
        """Run it to its end and return how it ended."""


@dataclass(frozen=True)
class _Ready:
    """What an execution has before it begins. ``began`` is on the monotonic clock."""

    place: _Place
    began: float
    code: CodeProvider
    perform: Perform


def run_task(
    run: TaskRun,
    settings: Settings,
    environments: PlatformEnvironments,
    *,
    emit: Emit,
    keep: Callable[[Record], None],
    code: CodeProvider | None = None,
    perform: Perform = execute,
) -> Outcome:
    """Run one task once.

    Args:
        run: what to run.
        settings: the platform's.
        environments: where the organisation's environment is found, or built when there is none yet.
        emit: takes the log, line by line, live.
        keep: takes the record (DESIGN §8) right after the checkout, and again with its figures at the end; the
            first call survives whatever kills this process.
        code: finds the code; None for the head of the task's repository, fetched now.
        perform: executes what is laid out.

    An earlier execution of the loop is waited for before anything else, so that what runs is the head of the moment
    at which it runs. Writes and removes a folder of its own in ``<home>/executions``.
    """
    began = time.monotonic()
    record: Record = {"repository": run.task.repository, "notebook": run.task.notebook}
    try:
        with (
            loop_lock(settings.home, run.loop, deadline=began + run.time_limit_seconds, emit=emit) as turn,
            execution_folder(settings.home) as folder,
        ):
            place = _Place(folder.path, lock_descriptors=(turn, folder.lock_descriptor))
            try:
                ready = _Ready(place, began, code or _head_of(run, settings, began), perform)
                outcome = _run(run, settings, environments, ready=ready, record=record, emit=emit, keep=keep)
            finally:
                if run.kept is not None:
                    shutil.move(folder.path, run.kept)
    except SupersededError as error:
        outcome = Outcome("superseded", str(error))
    except PeachError as error:
        for line in f"{run.task.codops}/{run.task.name}: {error}".splitlines():
            emit(line)
        outcome = Outcome("failed", error.one_line())
        if time.monotonic() >= began + run.time_limit_seconds and not isinstance(error, LoopBusyError):
            outcome = Outcome("failed", timed_out(run.time_limit_seconds))
            emit(outcome.reason)
    record["reason"] = outcome.reason
    keep(record)
    return outcome


def _run(
    run: TaskRun,
    settings: Settings,
    environments: PlatformEnvironments,
    *,
    ready: _Ready,
    record: Record,
    emit: Emit,
    keep: Callable[[Record], None],
) -> Outcome:
    place, began = ready.place, ready.began

    def lay_out() -> Program:
        head = ready.code(emit)
        record.update(version=head.version, commit=head.commit)
        keep(record)
        return _lay_out(run, settings, head, place.folder / "checkout", limit=_left(run, began), emit=emit)

    try:
        program = lay_out()
    except CorruptMirrorError as error:
        emit(f"WARNING: {error}")
        program = lay_out()  # fetched anew: that mends the mirror

    laid_out = time.monotonic()
    environment = _environment(run, environments, _left(run, began), emit)
    record["environment"] = environment.digest
    record["environment_seconds"] = round(time.monotonic() - laid_out, 3)

    request = _request(run, settings, environment, place, spent_seconds=time.monotonic() - began)
    result = ready.perform(request, program, emit=emit)
    record.update(_figures(result))
    return Outcome(result.status, result.reason, result.value)


def _head_of(run: TaskRun, settings: Settings, began: float) -> CodeProvider:
    def fetch(emit: Emit) -> Code:
        left = _left(run, began)
        return fetch_head(settings, run.task.repository, emit, run.credentials, timeout_seconds=left)

    return fetch


def _lay_out(run: TaskRun, settings: Settings, head: Code, into: Path, *, limit: float, emit: Emit) -> Program:
    """Lay the head's files out, and return what is to run of them."""
    program = read_program(head, run.task, args={**run.task.args, **run.args})
    report = head.files.checkout(into, timeout_seconds=limit, limit_bytes=settings.checkout_limit_bytes)
    for note in report.notes:
        emit(f"WARNING: {note}")
    emit(f"{run.task.codops}/{run.task.name}: {head.repository}@{head.version}:{run.task.notebook} {run.task.method}()")
    return program


def _left(run: TaskRun, began: float) -> float:
    """Return how many seconds of the limit are left; one at least, so that what has too few says so itself."""
    return max(run.time_limit_seconds - (time.monotonic() - began), 1.0)


def _environment(run: TaskRun, environments: PlatformEnvironments, limit: float, emit: Emit) -> Environment:
    codops = run.organisation.codops
    current = environments.current(codops)
    failure = environments.last_failure(codops)
    if current is not None:
        if failure is not None:
            emit(f"WARNING: running in the last environment that could be built; {_first_line(failure)}")
        return current
    if failure is not None:
        # The loop's environment task tries again each time; once a loop is enough.
        raise NoEnvironmentError(failure)
    emit("there is no environment yet: building it first")
    return environments.ensure(
        codops,
        run.organisation.requirements,
        with_kernel=needs_kernel(run.organisation),
        emit=emit,
        time_limit_seconds=limit,
    )


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def needs_kernel(organisation: Organisation) -> bool:
    """Whether ``ipykernel`` joins the organisation's environment: some task runs its full notebook."""
    return any(task.full_notebook and task.notebook.endswith(".ipynb") for task in organisation.tasks)


def _request(
    run: TaskRun, settings: Settings, environment: Environment, place: _Place, *, spent_seconds: float
) -> ExecutionRequest:
    confined = confinement(settings, run.task.codops)
    scratch = place.folder / "scratch"
    scratch.mkdir()
    terms = run.organisation.terms
    memory = settings.memory_limit_bytes if terms.memory_limit_bytes is None else terms.memory_limit_bytes
    artefact = artefact_path(settings.home, run.task.codops, run.task.name, run.label)
    return ExecutionRequest(
        codops=run.task.codops,
        task=run.task.name,
        checkout=place.folder / "checkout",
        notebook=run.task.notebook,
        method=run.task.method,
        full_notebook=run.task.full_notebook,
        args={**run.task.args, **run.args},
        python=environment.python,
        environment=environment.path,
        scratch=scratch,
        limits=Limits(
            time_limit_seconds=run.time_limit_seconds,
            spent_seconds=spent_seconds,
            grace_seconds=settings.grace_seconds,
            memory_limit_bytes=memory,
            disk_limit_bytes=settings.disk_limit_bytes,
            log_limit_bytes=settings.log_limit_bytes,
        ),
        confinement=confined,
        variables=run.variables,
        artefact=artefact if run.task.full_notebook else None,
        lock_descriptors=place.lock_descriptors,
    )


def _figures(result: ExecutionResult) -> Record:
    names = ("run_seconds", "cpu_seconds", "peak_memory_bytes", "exit_code")
    return {name: value for name, value in dataclasses.asdict(result).items() if name in names}
