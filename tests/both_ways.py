"""One task run by its author (``peach run``), and the same task as its loop runs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.local_run import Finished, LocalRun, run_here
from airflow_peach.execution.task_run import Outcome, TaskRun, run_task

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.catalogue.model import Organisation
    from airflow_peach.settings import Settings


@dataclass(frozen=True)
class BothWays:
    """A repository, and its organisation after a sync; both ways use one home, so one environment.

    Attributes:
        repository: its work tree.
    """

    repository: Path
    settings: Settings
    organisation: Organisation

    def by_the_author(self, task: str, **more: Any) -> tuple[list[str], Finished]:
        """Return the log from the execution's first line, and the result."""
        log: list[str] = []
        finished = run_here(LocalRun(self.repository, task, **more), self.settings, emit=log.append)
        codops = self.organisation.codops
        begin = next((index for index, line in enumerate(log) if line.startswith(f"{codops}/")), 0)
        return log[begin:], finished

    def in_the_loop(self, name: str) -> tuple[list[str], Outcome]:
        """Return the log and the result of what the operator does."""
        (task,) = (task for task in self.organisation.tasks if task.name == name)
        log: list[str] = []
        outcome = run_task(
            TaskRun(self.organisation, task, task.loop, "manual-1", 120.0),
            self.settings,
            PlatformEnvironments(self.settings),
            emit=log.append,
            keep=lambda _: None,
        )
        return log, outcome


def comparable(log: list[str]) -> list[str]:
    """Return the log without what differs from one execution to the next: version, times, folders."""
    text = re.sub(r"@(?:work-tree|[0-9a-f]{8}):", "@VERSION:", "\n".join(log))
    text = re.sub(r"0x[0-9a-f]+", "0xADDRESS", text)
    text = re.sub(r"/executions/\w+/", "/executions/FOLDER/", text)
    return re.sub(r"took [\d.e-]+ s", "took SOME s", text).splitlines()
