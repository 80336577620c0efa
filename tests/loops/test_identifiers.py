from __future__ import annotations

import pytest

from airflow_peach.loops.identifiers import TaskName, dag_id, loop_of, parse_task_id, task_id


@pytest.mark.parametrize(
    ("loop", "codops", "task"),
    [("debr", "debr", "tf_task"), ("debr", "debr", "a.b"), ("metadata", "debr", "a.b"), ("metadata", "se-sr", "x")],
)
def test_a_tasks_id_says_whose_it_is(loop: str, codops: str, task: str) -> None:
    assert parse_task_id(loop, task_id(loop, codops, task)) == TaskName(loop, codops, task)


def test_the_loop_of_a_dag_is_found_under_a_prefix() -> None:
    assert loop_of("peach_", dag_id("peach_", "debr")) == "debr"
    assert loop_of("", "debr") == "debr"
    assert loop_of("peach_", "debr") is None
    assert loop_of("peach_", "peach_") is None
