"""What the API answers, typed. The page and the information notebook rely on these names; imports no Airflow.

Times are UTC, durations are in seconds, sizes in bytes. Every address is relative to the root of Airflow
(``[api] base_url``), without a leading slash, so that it holds below a sub-path; only ``commit_url`` and
``repository_url`` lead elsewhere. What comes from repositories is text, never HTML: show it escaped.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - pydantic reads the annotations
from typing import Literal

from pydantic import BaseModel, ConfigDict

LoopState = Literal["running", "queued", "paused", "idle"]
TaskState = Literal["PENDING", "RUNNING", "FINISHED"]
RunState = Literal["queued", "running", "success", "failed"]
Status = Literal["success", "failed"]
ExecutionStatus = Literal["running", "success", "failed"]


class Answer(BaseModel):
    """What all answers share."""

    model_config = ConfigDict(frozen=True)


class Run(Answer):
    """One run of a loop.

    Attributes:
        url: of the run in Airflow's pages.
    """

    run_id: str
    state: RunState
    start: dt.datetime | None
    end: dt.datetime | None
    duration_seconds: float | None
    url: str


class Loop(Answer):
    """A loop and where it stands.

    Attributes:
        name: codops or ``metadata``.
        state: ``running`` and ``queued`` of its newest run, even when paused; else ``paused`` or ``idle``.
        run: the run that is running or queued.
        position: of the task that runs now or is next, from 1, among the tasks of the running run; environments do not
            count.
        length: tasks in the running run.
        task: id of the task that runs now; ``environment`` too.
        last_runs: that have ended, newest first, ten at most.
        url: of the DAG in Airflow's pages.
    """

    name: str
    dag_id: str
    state: LoopState
    run: Run | None
    position: int | None
    length: int | None
    task: str | None
    last_runs: list[Run]
    url: str


class EnvironmentState(Answer):
    """An organisation's environment.

    Attributes:
        state: ``failed``: the last build failed; tasks run in the environment ``digest`` if there is one.
        digest: of the environment in use.
        built_at: when it was built.
        reason: why the last build failed.
    """

    state: Literal["ok", "failed", "none"]
    digest: str | None
    built_at: dt.datetime | None
    reason: str | None


class ProblemAnswer(Answer):
    """A problem, with place, cause and remedy; ``text`` is all of it in one line.

    Attributes:
        file_url: of the file in its forge, where that can be told.
    """

    text: str
    repository: str
    version: str
    file: str
    line: int | None
    column: int | None
    about: str
    cause: str
    remedy: str
    file_url: str | None


class OrganisationSummary(Answer):
    """One line of the overview.

    Attributes:
        loop: its own; None when the user may not read that DAG, or Airflow does not have it yet.
        tasks: how many it has, in all loops that the user may read.
        failing_tasks: names of those whose last execution failed.
        stale_tasks: names of those whose definition is invalid now; the last valid one runs.
        problems: how many.
        ended: its last task is gone.
    """

    codops: str
    loop: Loop | None
    tasks: int
    failing_tasks: list[str]
    stale_tasks: list[str]
    environment: EnvironmentState
    problems: int
    ended: bool


class Isolation(Answer):
    """How executions are kept away from the platform, as far as the API's own machine tells.

    Attributes:
        setting: ``[peach] isolation``.
        level: in force; None when executions are refused.
        why: it is not better; empty when it is as asked for.
    """

    setting: str
    level: str | None
    why: str


class Platform(Answer):
    """The platform's own state.

    Attributes:
        synced_at: end of the last sync, None before the first.
        sync_age_seconds: since then; 0 when the clock was set back to before it.
        catalogue_version: of the newest snapshot.
        problems: of the sources, and of repositories that speak for no organisation; only for who may read the
            metadata DAG.
    """

    isolation: Isolation
    synced_at: dt.datetime | None
    sync_age_seconds: float | None
    catalogue_version: str | None
    problems: list[ProblemAnswer]
    version: str


class Overview(Answer):
    """All organisations that the user may read.

    Attributes:
        metadata: the shared loop; None when the user may not read its DAG.
    """

    organisations: list[OrganisationSummary]
    metadata: Loop | None
    platform: Platform
    now: dt.datetime


class TaskAnswer(Answer):
    """One task, with its newest execution.

    Attributes:
        task_id: in its DAG; in the metadata loop ``<codops>.<name>``.
        stale: its definition is invalid now; this is the last valid one.
        removed: it is in no configuration file any more; only its executions are left, and the fields of its definition
            are empty.
        never_run: it has no execution yet.
        state: PENDING: its turn in the running loop comes; RUNNING: it runs; FINISHED: neither. None for a task that
            never ran and is not in the running loop.
        status: of its last ended execution.
        reason: why that failed; one sentence.
        run_id: of its newest execution: the running one, else the last. So are ``try_number``, ``start`` and what
            follows.
        duration_seconds: None while it runs.
        version: short hash of the commit that ran.
        successes: how many of its executions that Airflow still knows succeeded.
        failures: and failed.
        may_trigger: whether the user may "Run now": POST ``{"logical_date": null, "conf": trigger_conf}`` to
            ``trigger_url``.
        url: of the task in Airflow's pages.
    """

    name: str
    codops: str
    loop: str
    dag_id: str
    task_id: str
    repository: str
    file: str
    line: int
    notebook: str
    method: str
    executor: str
    full_notebook: bool
    stale: bool
    removed: bool
    never_run: bool
    state: TaskState | None
    status: Status | None
    reason: str | None
    run_id: str | None
    try_number: int | None
    start: dt.datetime | None
    duration_seconds: float | None
    version: str | None
    commit: str | None
    commit_url: str | None
    successes: int
    failures: int
    may_trigger: bool
    trigger_url: str
    trigger_conf: dict[str, list[str]]
    url: str


class RepositoryAnswer(Answer):
    """A repository that speaks for the organisation.

    Attributes:
        repository_url: of its page in the forge, where that can be told.
        head: full hash of the newest commit known.
        commit_url: of the head in the forge.
        fetched_at: when the remote last answered.
        age_seconds: since then; 0 when the clock was set back to before it.
        error: why the last fetch failed; empty when it did not.
    """

    name: str
    repository_url: str | None
    branch: str
    head: str
    commit_url: str | None
    fetched_at: dt.datetime | None
    age_seconds: float | None
    error: str


class OrganisationAnswer(Answer):
    """One organisation.

    Attributes:
        loops: its own, and ``metadata`` when it has tasks there; those that the user may read.
        tasks: in the order of their loops; removed ones last.
        requirements: PEP 508, sorted.
    """

    codops: str
    loops: list[Loop]
    tasks: list[TaskAnswer]
    environment: EnvironmentState
    problems: list[ProblemAnswer]
    repositories: list[RepositoryAnswer]
    requirements: list[str]
    ended: bool
    now: dt.datetime


class ExecutionAnswer(Answer):
    """One execution.

    Attributes:
        timed_out: it was ended at its time limit.
        queue_seconds: from queued to start.
        environment_seconds: getting the environment ready.
        run_seconds: the entry function and its cell, without fetch and environment.
        cpu_seconds: of all its processes.
        has_artefact: the executed notebook is kept; see ``artefact_url`` (the file) and ``artefact_page_url`` (HTML).
        log_url: of Airflow's API: the log of this execution.
        url: in Airflow's pages.
    """

    run_id: str
    try_number: int
    dag_id: str
    task_id: str
    version: str | None
    commit: str | None
    commit_url: str | None
    repository: str | None
    notebook: str | None
    status: ExecutionStatus
    timed_out: bool
    reason: str | None
    start: dt.datetime | None
    end: dt.datetime | None
    duration_seconds: float | None
    queue_seconds: float | None
    environment_seconds: float | None
    run_seconds: float | None
    cpu_seconds: float | None
    peak_memory_bytes: int | None
    exit_code: int | None
    environment: str | None
    has_artefact: bool
    artefact_url: str | None
    artefact_page_url: str | None
    log_url: str
    url: str


class ExecutionsAnswer(Answer):
    """A page of a task's executions, newest first.

    Attributes:
        before: pass it as ``?before=`` for the next page; None when there are no older ones.
    """

    codops: str
    task: str
    executions: list[ExecutionAnswer]
    before: int | None
