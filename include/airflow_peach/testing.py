"""For authors' own tests: run a task of the repository as its loop would.

from airflow_peach.testing import run_task

def test_the_model_is_good_enough():
assert run_task("tf_task", args={"rounds": 2}).value["error"] < 0.5
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_peach.authoring.work_tree import repository_of
from airflow_peach.execution.local_run import LocalRun, run_here
from airflow_peach.settings import author_home, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class TaskResult:
    """What came of a task.

    Attributes:
        value: what the entry function returned, as JSON data.
        reason: ``ok``, or why it failed, in one sentence.
        log: its lines.
        record: version, times in seconds, memory in bytes.
    """

    succeeded: bool
    value: Any
    reason: str
    log: tuple[str, ...]
    record: Mapping[str, Any]


class TaskFailedError(AssertionError):
    """The task failed; the message is its log. ``result`` has all of it."""

    def __init__(self, result: TaskResult) -> None:
        super().__init__("\n".join(("the task failed", *result.log)))
        self.result = result


def run_task(
    task: str,
    args: Mapping[str, Any] | None = None,
    *,
    repository: Path | str = ".",
    commit: str = "",
    env: Sequence[str] = (),
    home: Path | str | None = None,
    check: bool = True,
) -> TaskResult:
    """Run a task from the files on disk (or of a commit) in the environment that its repository asks for.

    The environment is built by the first call, and found by all others.

    Args:
        task: its name, or ``<codops>.<name>``.
        args: merged over the task's own.
        repository: the repository, or anything in it.
        commit: as git names it; empty for the files on disk.
        env: names of environment variables that the task gets.
        home: directory of environments; None for airflow-peach in the user's cache.
        check: raise when the task fails.

    Raises:
        TaskFailedError: the task failed, and ``check`` is set.
        PeachError: there is no such valid task, or no environment for it.
    """
    log: list[str] = []
    finished = run_here(
        LocalRun(repository_of(Path(repository).resolve()), task, args=args or {}, revision=commit, passed=tuple(env)),
        load_settings(home=Path(home).absolute() if home else author_home()),
        emit=log.append,
    )
    outcome = finished.outcome
    result = TaskResult(outcome.status == "success", outcome.value, outcome.reason, tuple(log), finished.record)
    if check and not result.succeeded:
        raise TaskFailedError(result)
    return result
