"""The operators of a loop: ``environment`` first, then one ``NotebookOperator`` a task.

Subclasses of ``PythonVirtualenvOperator``, so that its users find what they know (``requirements``,
``index_urls``, ``execution_timeout``); how the callable is executed is ours, because the stock one neither
stops a task at its limit (apache/airflow#57712) nor keeps it away from Airflow's secrets.
"""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.python import PythonVirtualenvOperator
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTerminated

from airflow_peach.errors import PeachError
from airflow_peach.execution.artefacts import execution_label
from airflow_peach.execution.reasons import timed_out
from airflow_peach.execution.spawn import die_with_parent
from airflow_peach.execution.task_run import Outcome, TaskRun, needs_kernel, run_task
from airflow_peach.loops import identifiers
from airflow_peach.loops.connections import connection_login
from airflow_peach.loops.documentation import describe_definition, describe_environment
from airflow_peach.loops.metrics import measured
from airflow_peach.loops.run_request import RunRequest, RunRequestError, read_run_request
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from airflow_peach.catalogue.model import Organisation, Task

# Airflow's own alarm comes after the guard has had its time to end everything at the same limit.
ALARM_MARGIN_SECONDS = 60.0


class TaskFailedExit(SystemExit):
    """A task failed; the log has said why.

    A ``SystemExit``, because Airflow logs it in one line: the log then ends with the author's traceback and our
    sentence, not with a traceback of the platform. ``str()`` is the sentence, for callbacks.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(1)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def notebook_entry_function() -> None:
    """Stand in for the callable that ``PythonVirtualenvOperator`` wants; the entry function is the notebook's."""


class PeachOperator(PythonVirtualenvOperator):
    """What the tasks of a loop share. Nothing of it is a template: what repositories say is data."""

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    ui_color = "#ffe5d9"

    def __init__(self, *, organisation: Organisation, **kwargs: Any) -> None:  # noqa: ANN401 - Airflow's own
        terms = organisation.terms
        if terms.queue:
            kwargs["queue"] = terms.queue
        if terms.pool:
            kwargs["pool"] = terms.pool
        super().__init__(
            python_callable=notebook_entry_function,
            requirements=list(dict.fromkeys(requirement.text for requirement in organisation.requirements)),
            system_site_packages=False,
            expect_airflow=False,
            inherit_env=False,
            trigger_rule="all_done",
            retries=0,
            **kwargs,
        )
        self.organisation = organisation
        self._guarded = False

    def on_kill(self) -> None:
        """End what runs now: Airflow calls this when the task is marked failed or cleared, or its worker stops."""
        if self._guarded:
            # Raised in the main thread, wherever it waits: the guard then ends every process of the execution.
            raise AirflowTaskTerminated("ended from outside: marked, cleared, or its worker was stopped")

    def _settings_and_request(self, context: Context) -> tuple[Settings, RunRequest]:
        settings = load_settings()
        known = [name for name, one in self.dag.task_dict.items() if isinstance(one, NotebookOperator)]
        conf = getattr(context["dag_run"], "conf", None)
        return settings, read_run_request(conf, known_tasks=known)

    def _emit(self, line: str) -> None:
        self.log.info("%s", line)

    def _limit_seconds(self) -> float:
        return self.execution_timeout.total_seconds() if self.execution_timeout else float("inf")

    @contextlib.contextmanager
    def _guard_holds_the_limit(self, settings: Settings) -> Iterator[None]:
        """Move Airflow's alarm behind our own limit, which is the same and also ends what ignores it."""
        remaining, interval = signal.getitimer(signal.ITIMER_REAL)
        if remaining:
            # The limit is of the whole: waiting for an earlier execution of the loop is within it.
            later = remaining + settings.grace_seconds + ALARM_MARGIN_SECONDS
            signal.setitimer(signal.ITIMER_REAL, later, interval)
        self._guarded = True
        try:
            # Airflow's supervisor: without it nobody learns any more how this task ends.
            with die_with_parent():
                yield
        finally:
            self._guarded = False

    def _failure(self, error: PeachError) -> TaskFailedExit:
        """Say in the log what failed, without a traceback of the platform; return what ends the task."""
        for line in str(error).splitlines():
            self.log.error("%s", line)
        return TaskFailedExit(error.one_line())

    def _keep(self, context: Context, record: dict[str, Any]) -> None:
        context["ti"].xcom_push(key=identifiers.XCOM_KEY, value=dict(record))


class EnvironmentOperator(PeachOperator):
    """Locks and builds the organisation's environment; the first task of every loop.

    Also where a triggered run's configuration is checked: when it cannot be used, this task says so and fails,
    and the others are skipped.
    """

    def __init__(self, *, organisation: Organisation, **kwargs: Any) -> None:  # noqa: ANN401 - Airflow's own
        super().__init__(organisation=organisation, doc_json=describe_environment(organisation), **kwargs)

    def execute(self, context: Context) -> None:
        """Make the environment ready. Raises ``TaskFailedExit`` with uv's explanation when it cannot."""
        with measured("environment", codops=self.organisation.codops):
            self._make_ready(context)

    def _make_ready(self, context: Context) -> None:
        from airflow_peach.execution.environments.platform_environments import PlatformEnvironments  # noqa: PLC0415 - not at parse

        began = time.monotonic()
        record: dict[str, Any] = {}
        try:
            settings, _ = self._settings_and_request(context)
            with self._guard_holds_the_limit(settings):
                environment = PlatformEnvironments(settings, credentials=connection_login).ensure(
                    self.organisation.codops,
                    self.organisation.requirements,
                    with_kernel=needs_kernel(self.organisation),
                    emit=self._emit,
                    time_limit_seconds=self._limit_seconds(),
                )
        except PeachError as error:
            failure = self._failure(error)
            if time.monotonic() >= began + self._limit_seconds():
                failure = self._failure(PeachError(timed_out(self._limit_seconds())))
            record["reason"] = failure.reason
            raise failure from None
        else:
            record.update(reason="ok", environment=environment.digest)
        finally:
            record["environment_seconds"] = round(time.monotonic() - began, 3)
            self._keep(context, record)


class NotebookOperator(PeachOperator):
    """Runs one task once: the branch's head, the organisation's environment, under the guard."""

    def __init__(self, *, organisation: Organisation, task: Task, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(organisation=organisation, doc_json=describe_definition(task), **kwargs)
        self.peach_task = task

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - what the entry function returned
        """Run the task; its result becomes the XCom ``return_value``. Raises ``TaskFailedExit``."""
        task = self.peach_task
        with measured("task", codops=task.codops, task=task.name, loop=task.loop):
            return self._execute(context)

    def _execute(self, context: Context) -> Any:  # noqa: ANN401 - the same
        try:
            settings, request = self._settings_and_request(context)
            if not request.includes(self.task_id):
                raise AirflowSkipException("this run's conf.tasks names other tasks")
            with self._guard_holds_the_limit(settings):
                outcome = self._run(context, settings, request)
        except RunRequestError as error:
            raise AirflowSkipException(str(error)) from None
        except PeachError as error:
            # The platform's own: a setting, its file, the organisation's variables. ``run_task`` tells all others.
            task = self.peach_task
            self._keep(context, {"repository": task.repository, "notebook": task.notebook, "reason": error.one_line()})
            raise self._failure(error) from None
        if outcome.status == "superseded":
            raise AirflowSkipException(outcome.reason)
        if outcome.status == "failed":
            raise TaskFailedExit(outcome.reason)
        return outcome.value

    def _run(self, context: Context, settings: Settings, request: RunRequest) -> Outcome:
        from airflow_peach.execution.environments.platform_environments import PlatformEnvironments  # noqa: PLC0415 - not at parse
        from airflow_peach.loops.organisation_variables import organisation_variables  # noqa: PLC0415 - the same

        ti = context["ti"]
        return run_task(
            TaskRun(
                organisation=self.organisation,
                task=self.peach_task,
                loop=self.peach_task.loop,
                label=execution_label(ti.run_id, ti.try_number),
                time_limit_seconds=self._limit_seconds(),
                args=request.args,
                variables=organisation_variables(self.organisation.codops),
                credentials=connection_login,
            ),
            settings,
            PlatformEnvironments(settings, credentials=connection_login),
            emit=self._emit,
            keep=lambda record: self._keep(context, record),
        )
