"""A task of an author's own repository, run once on this machine as its loop would run it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.platform.file import read_platform_file
from airflow_peach.authoring.repository import read_repository
from airflow_peach.catalogue.single import catalogue_of, find_task
from airflow_peach.errors import PeachError
from airflow_peach.execution.code_source import local_commit, work_tree
from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.execute import execute
from airflow_peach.execution.task_run import Outcome, Perform, TaskRun, needs_kernel, run_task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow_peach.settings import Settings


@dataclass(frozen=True)
class LocalRun:
    """What to run.

    Attributes:
        root: of the repository.
        task: its name, or ``<codops>.<name>``.
        args: merged over the task's own.
        revision: of the commit; empty for the work tree.
        passed: names of environment variables of this process that the task gets, instead of the organisation's
            secrets, which are on the platform.
        kept: where the execution's directory is moved at the end; None removes it.
    """

    root: Path
    task: str
    args: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""
    passed: Sequence[str] = ()
    kept: Path | None = None


@dataclass(frozen=True)
class Finished:
    """How it ended.

    Attributes:
        codops: whose task it was.
        record: version, times, memory and reason, as the loop records them.
    """

    codops: str
    task: str
    outcome: Outcome
    record: Mapping[str, Any]


def run_here(run: LocalRun, settings: Settings, *, emit: Callable[[str], None], perform: Perform = execute) -> Finished:
    """Make the environment ready and run the task once, through the same code as the loop.

    Args:
        run: what to run.
        settings: whose ``home`` keeps environments and, while it runs, the execution's directory.
        emit: takes the log, line by line, live.
        perform: executes what is laid out.

    Raises:
        NoTaskError: no such valid task.
        NoCommitError: no such commit.
        EnvironmentBuildError: the requirements cannot be had.
    """
    code = local_commit(run.root, run.revision) if run.revision else work_tree(run.root)
    configuration = read_repository(code.files, repository=code.repository, version=code.version)
    catalogue = catalogue_of(configuration, read_platform_file(settings.platform_file))
    organisation, task = find_task(catalogue, run.task, configuration)
    environments = PlatformEnvironments(settings)
    environments.ensure(
        organisation.codops,
        organisation.requirements,
        with_kernel=needs_kernel(organisation),
        emit=emit,
        time_limit_seconds=settings.environment_time_limit_seconds,
    )
    record: dict[str, Any] = {}
    outcome = run_task(
        TaskRun(
            organisation=organisation,
            task=task,
            loop=task.loop,
            label="local",
            time_limit_seconds=organisation.terms.limit_seconds(settings, in_metadata_loop=task.in_metadata_loop),
            args=run.args,
            variables=_passed(run.passed),
            kept=run.kept,
        ),
        settings,
        environments,
        emit=emit,
        keep=record.update,
        code=lambda _: code,
        perform=perform,
    )
    return Finished(task.codops, task.name, outcome, record)


def _passed(names: Sequence[str]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise PeachError(f"not set in the environment: {', '.join(missing)}")
    return {name: os.environ[name] for name in names}
