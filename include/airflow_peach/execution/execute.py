"""One execution: what is to run, in its sandbox, under its guard, and what became of it."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

from airflow_peach.errors import PeachError
from airflow_peach.execution.full_notebook import keep_artefact, notebook_content
from airflow_peach.execution.guarded import ParentGoneError, run_guarded
from airflow_peach.execution.guarded_command import GuardedCommand
from airflow_peach.execution.launch import launcher_content
from airflow_peach.execution.masking import Masker
from airflow_peach.execution.reasons import News, exit_code, read_news, reason
from airflow_peach.execution.request import RESULT_LIMIT_BYTES, ExecutionRequest, ExecutionResult
from airflow_peach.execution.result_value import ResultNotKeptError, check_result
from airflow_peach.execution.variables import certificate_paths, home_directory, task_variables, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_peach.authoring.program import Program
    from airflow_peach.execution.sandbox import Content

# Of the news beside the result: why it failed, and what is around it.
NEWS_BYTES = 16 * 1024


class DirectoryError(PeachError):
    """A directory that the execution needs cannot be made."""


def execute(request: ExecutionRequest, program: Program, *, emit: Callable[[str], None]) -> ExecutionResult:
    """Run ``program`` as ``request`` says, to its end, and return how it ended.

    Never raises for anything the task does. Whatever interrupts it (``AirflowTaskTimeout``,
    ``KeyboardInterrupt``) ends everything of the task first and is then raised again.

    Args:
        request: the execution; its ``scratch`` is written in, and its ``artefact``.
        program: the cells and the entry function.
        emit: takes the log, line by line, live; last the reason when it failed. Values of
            ``request.variables`` are ``***`` in it, as in the result and in the artefact.

    Raises:
        ParentGoneError: the process above ours ended; so did the execution.
    """
    mask = Masker(request.variables.values())

    def say(line: str) -> None:
        emit(mask(line))

    try:
        result = _execute(request, program, say, mask)
    except PeachError as error:
        if isinstance(error, ParentGoneError):
            raise
        result = ExecutionResult("failed", str(error))
    result = dataclasses.replace(result, reason=mask(result.reason), value=mask.value(result.value))
    if result.status == "failed":
        emit(result.reason)
    return result


def _execute(request: ExecutionRequest, program: Program, emit: Callable[[str], None], mask: Masker) -> ExecutionResult:
    if request.confinement.warning:
        emit(request.confinement.warning)
    sandboxed = request.confinement.sandboxed
    with _own_directories(request):
        if request.full_notebook and not request.notebook.endswith(".py"):
            with notebook_content(request) as content:
                try:
                    report = run_guarded(_command(request, content), emit=emit)
                finally:
                    keep_artefact(request, emit, mask)
        else:
            content = launcher_content(request, program)
            report = run_guarded(_command(request, content), emit=emit)
    if report.survivors:
        emit(f"WARNING: these processes could not be killed: {', '.join(map(str, report.survivors))}")
    news = read_news(report.result)
    sentence = reason(report, news, request.limits, sandboxed=sandboxed)
    ok = sentence == "ok"
    return ExecutionResult(
        status="success" if ok else "failed",
        reason=sentence,
        value=_value(news, emit) if ok else None,
        exit_code=exit_code(report, news, sandboxed=sandboxed),
        run_seconds=report.run_seconds,
        cpu_seconds=report.cpu_seconds,
        peak_memory_bytes=report.peak_memory_bytes,
    )


@contextlib.contextmanager
def _own_directories(request: ExecutionRequest) -> Iterator[None]:
    """Make what the execution needs, and its own what it may change; at the end, take away what it left elsewhere."""
    confinement = request.confinement
    try:
        for directory in (home_directory(request.scratch), temporary_directory(request.scratch)):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        confinement.remove_left()
        confinement.lend(request.environment)
        confinement.give(request.checkout, request.scratch)
        for directory in {request.checkout.parent, request.scratch.parent, request.environment.parent}:
            confinement.let_in(directory)
    except OSError as error:
        raise DirectoryError(f"not started: {error.filename}: {error.strerror}; check the disk") from error
    try:
        yield
    finally:
        confinement.remove_left()


def _command(request: ExecutionRequest, content: Content) -> GuardedCommand:
    limits, confinement = request.limits, request.confinement
    return GuardedCommand(
        argv=confinement.command_line(
            dataclasses.replace(content, readable=(*content.readable, *certificate_paths())),
            writable=(request.checkout, request.scratch),
            temporary=temporary_directory(request.scratch),
            accounts=request.scratch / "accounts",
        ),
        environment=task_variables(request),
        cwd=content.cwd,
        time_limit_seconds=max(limits.time_limit_seconds - limits.spent_seconds, 0.0),
        grace_seconds=limits.grace_seconds,
        memory_limit_bytes=limits.memory_limit_bytes,
        disk_limit_bytes=limits.disk_limit_bytes,
        directories=(request.checkout, request.scratch),
        log_limit_bytes=limits.log_limit_bytes,
        lock_descriptors=request.lock_descriptors,
        sandboxed=confinement.sandboxed,
        uid=confinement.uid,
        specification=content.specification,
        result_limit_bytes=RESULT_LIMIT_BYTES + NEWS_BYTES,
    )


def _value(news: News, emit: Callable[[str], None]) -> Any:  # noqa: ANN401 - any JSON
    try:
        check_result(news.value)
    except ResultNotKeptError as error:
        emit(f"[peach] the result is not kept: {error}")
        return None
    return news.value
