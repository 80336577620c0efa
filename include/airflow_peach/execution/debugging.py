"""A task in the debugger, with the terminal attached: without guard, sandbox and time limit, for its author alone."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_peach.execution.launch import LAUNCHER, launcher_content
from airflow_peach.execution.request import ExecutionResult
from airflow_peach.execution.variables import home_directory, task_variables, temporary_directory
from airflow_peach.processes import run_attached

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_peach.authoring.program import Program
    from airflow_peach.execution.request import ExecutionRequest

DEBUGGER = Path(__file__).with_name("debugger.py")
# Of the author's terminal: for colours, line editing and the width.
_TERMINAL = ("TERM", "COLUMNS", "LINES", "NO_COLOR", "PYTHONBREAKPOINT")


def debug(request: ExecutionRequest, program: Program, *, emit: Callable[[str], None]) -> ExecutionResult:
    """Run ``program`` so that ``breakpoint()`` and ``input()`` reach the terminal.

    After an error there is pdb where it was raised, after a success a Python prompt in the cells' namespace. The
    whole notebook runs as plain cells, too: magics are those of a task.
    """
    emit("[peach] debugging: no sandbox, no time limit")
    for directory in (home_directory(request.scratch), temporary_directory(request.scratch)):
        directory.mkdir(parents=True, exist_ok=True)
    content = launcher_content(request, program)
    began = time.monotonic()
    returncode = run_attached(
        [str(request.python), "-u", str(DEBUGGER), str(LAUNCHER)],
        cwd=content.cwd,
        env={**task_variables(request), **{name: os.environ[name] for name in _TERMINAL if name in os.environ}},
        content=content.specification,
    )
    seconds = round(time.monotonic() - began, 3)
    if returncode:
        return ExecutionResult("failed", f"exit code {returncode}", exit_code=returncode, run_seconds=seconds)
    return ExecutionResult("success", "ok", exit_code=0, run_seconds=seconds)
