"""Metrics through Airflow's own stats (StatsD, OpenTelemetry, Datadog), as ``[metrics]`` has them configured.

Tags are ``codops``, ``task`` and ``loop``. A metric that cannot be sent is logged and harms nothing. Task processes
have another stats module than Airflow's services; each is used where it is set up.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import time
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from airflow_peach.catalogue.freshness import last_sync
from airflow_peach.catalogue.store import UnreadableFileError, read_statuses
from airflow_peach.execution.reasons import TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

# Name: what it counts. docs/monitoring.md and the dashboard are held to it.
METRICS = {
    "peach.task.duration": "timer: one execution from its start to its end, waiting for the loop included",
    "peach.task.success": "counter: executions that succeeded",
    "peach.task.failure": "counter: executions that failed, whatever the reason",
    "peach.task.timeout": "counter: of these, those that were ended at their time limit",
    "peach.environment.duration": "timer: making the organisation's environment ready, each loop",
    "peach.environment.success": "counter: environments that were ready",
    "peach.environment.failure": "counter: environments that could not be locked or built",
    "peach.loop.duration": "timer: one run of a loop; tag `state` is `success` or `failed`",
    "peach.sync.age": "gauge: seconds since the last sync that reached something",
    "peach.sync.repositories": "gauge: repositories that are known",
    "peach.sync.unreachable": "gauge: of these, those whose last fetch failed",
    "peach.sync.problems": "gauge: problems in them",
}


@contextlib.contextmanager
def measured(kind: str, **tags: str) -> Iterator[None]:
    """Count and time what is done inside, in a task's process; what is skipped does not count.

    Args:
        kind: ``task`` or ``environment``.
        tags: of all its metrics.
    """
    began = time.monotonic()
    try:
        yield
    except AirflowSkipException:
        raise
    except BaseException as error:
        _ended(kind, "failure", time.monotonic() - began, tags)
        # As the sentence says that the task ends with.
        if kind == "task" and str(error).startswith(TIMED_OUT):
            _count(f"peach.{kind}.timeout", tags)
        raise
    _ended(kind, "success", time.monotonic() - began, tags)


def loop_ended(loop: str, state: str, duration_seconds: float) -> None:
    """Time a run of a loop, in the scheduler."""
    from airflow.observability import stats  # noqa: PLC0415 - not in every process that loads the plugin

    with _harmless():
        stats.timing("peach.loop.duration", dt.timedelta(seconds=duration_seconds), tags={"loop": loop, "state": state})


class SyncGauges:
    """What the last sync found, sent by the DAG processor; the file is read only when it has changed."""

    def __init__(self, home: Path) -> None:
        """Describe; nothing is read yet."""
        self._home = home
        self._seen: dt.datetime | None = None
        self._counts: dict[str, int] = {}

    def send(self) -> None:
        """Send all of them; nothing before the first sync."""
        from airflow.observability import stats  # noqa: PLC0415 - not in every process that loads the plugin

        synced = last_sync(self._home)
        if synced is None:
            return
        if synced != self._seen:
            self._seen, self._counts = synced, _counts(self._home)
        age = (dt.datetime.now(dt.timezone.utc) - synced).total_seconds()
        with _harmless():
            stats.gauge("peach.sync.age", max(age, 0.0))
            for name, count in self._counts.items():
                stats.gauge(f"peach.sync.{name}", count)


def _counts(home: Path) -> dict[str, int]:
    try:
        statuses = read_statuses(home).values()
    except UnreadableFileError:
        return {}  # the next sync writes it again
    return {
        "repositories": len(statuses),
        "unreachable": sum(bool(status.error) for status in statuses),
        "problems": sum(len(status.problems) for status in statuses),
    }


def _ended(kind: str, result: str, seconds: float, tags: dict[str, str]) -> None:
    from airflow.sdk.observability import stats  # noqa: PLC0415 - not in every process that loads the plugin

    with _harmless():
        stats.timing(f"peach.{kind}.duration", dt.timedelta(seconds=seconds), tags=tags)
    _count(f"peach.{kind}.{result}", tags)


def _count(name: str, tags: dict[str, str]) -> None:
    from airflow.sdk.observability import stats  # noqa: PLC0415 - not in every process that loads the plugin

    with _harmless():
        stats.incr(name, tags=tags)


@contextlib.contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("a metric could not be sent; see [metrics] in Airflow's configuration")
