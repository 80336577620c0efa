"""Airflow's processes in small: for each case a supervisor and below it a task process that runs one task.

Run as a script. Standard input: a JSON list of cases. Each becomes ``<log>.pids`` (the supervisor's, the task
process's), ``<log>`` (what the execution says) and, when it has ended by itself, ``<log>.ended``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from airflow_peach.catalogue.store import read_organisation
from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.spawn import die_with_parent
from airflow_peach.execution.task_run import TaskRun, run_task
from airflow_peach.settings import load_settings
from airflow_peach.storage import write_json


def main() -> None:
    for case in json.load(sys.stdin):
        if os.fork() == 0:
            os.setsid()  # as an executor's worker is
            supervise(case)
            os._exit(0)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def supervise(case: dict[str, Any]) -> None:
    task = os.fork()
    if task == 0:
        try:
            run(case)
        finally:
            os._exit(0)
    write_json(Path(case["log"] + ".pids"), [os.getpid(), task])
    os.waitpid(task, 0)


def run(case: dict[str, Any]) -> None:
    settings = load_settings(
        home=Path(case["home"]),
        isolation=case["isolation"],
        grace_seconds=case["grace_seconds"],
        platform_file=Path(case["platform_file"]),
        execution_fetch_timeout_seconds=600.0,
    )
    organisation = read_organisation(settings.home / "catalogue", case["codops"])
    began = time.monotonic()
    with Path(case["log"]).open("w", buffering=1) as log, die_with_parent():
        outcome = run_task(
            TaskRun(
                # Organisations with nothing to install share an environment here: it takes long to build ten.
                dataclasses.replace(organisation, codops=case["environment_of"]),
                organisation.tasks[0],
                loop=case["loop"],
                label=case["loop"],
                time_limit_seconds=case["limit_seconds"],
                variables={"PEACH_TEST_MARK": case["loop"]},
            ),
            settings,
            PlatformEnvironments(settings),
            emit=lambda line: print(line, file=log),
            keep=lambda _: None,
        )
    ended = {"status": outcome.status, "reason": outcome.reason, "seconds": time.monotonic() - began}
    write_json(Path(case["log"] + ".ended"), ended)


if __name__ == "__main__":
    main()
