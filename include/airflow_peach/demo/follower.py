"""Follows what ends in the demo's Airflow. Imports Airflow: the configuration must stand before."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow.utils.session import create_session

from airflow_peach.authoring.definitions import METADATA_LOOP
from airflow_peach.catalogue.store import read_catalogue
from airflow_peach.loops.identifiers import dag_id
from airflow_peach.monitoring.queries.ended import Execution, ended_executions, ended_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_peach.settings import Settings


class Follower:
    """Yields each execution once, as it ends, and counts the runs of each loop.

    Args:
        settings: the demo's.
        began: UTC; what ended before is not reported.
    """

    # An execution's log is complete, and its end in the database, this long after it ended.
    SETTLE_SECONDS = 1.0
    _LOOK_BACK = dt.timedelta(seconds=120)

    def __init__(self, settings: Settings, began: dt.datetime) -> None:
        self._settings = settings
        self._began = began
        self._seen: dict[tuple[str, str, str, int], dt.datetime] = {}

    def ended(self) -> Iterator[Execution]:
        """Yield what ended since the last call."""
        now = dt.datetime.now(dt.timezone.utc)
        since = max(self._began, now - self._LOOK_BACK)
        settled = now - dt.timedelta(seconds=self.SETTLE_SECONDS)
        with create_session() as session:
            executions = ended_executions(session, self._dag_ids(alive=False), since=since)
        self._seen = {key: end for key, end in self._seen.items() if end >= since}
        for execution in executions:
            if execution.key not in self._seen and execution.end <= settled:
                self._seen[execution.key] = execution.end
                yield execution

    def every_loop_ran(self, times: int) -> bool:
        """Whether each loop of the catalogue that has tasks completed so many runs since the demo began."""
        alive = self._dag_ids(alive=True)
        if not alive:
            return False
        with create_session() as session:
            counts = ended_runs(session, alive, since=self._began)
        return all(count >= times for count in counts.values())

    def _dag_ids(self, *, alive: bool) -> list[str]:
        organisations = read_catalogue(self._settings.home).organisations.values()
        loops = [one.codops for one in organisations if one.tasks or not alive]
        if not alive or any(task.in_metadata_loop for one in organisations for task in one.tasks):
            loops.append(METADATA_LOOP)
        return [dag_id(self._settings.dag_id_prefix, loop) for loop in loops]
