from __future__ import annotations

from typing import Any

import pytest

from airflow_peach.loops.run_request import RunRequest, RunRequestError, read_run_request

KNOWN = ["tf_task", "articles_fetch"]


@pytest.mark.parametrize("conf", [None, {}])
def test_no_conf_runs_every_task_with_the_files_arguments(conf: object) -> None:
    request = read_run_request(conf, known_tasks=KNOWN)
    assert request == RunRequest()
    assert request.includes("tf_task")


def test_named_tasks_run_with_the_given_arguments() -> None:
    request = read_run_request({"tasks": ["tf_task"], "args": {"rank": 3}}, known_tasks=KNOWN)
    assert request.includes("tf_task")
    assert not request.includes("articles_fetch")
    assert request.args == {"rank": 3}


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"tasks": ["tf_tsk"]}, "conf.tasks: no task 'tf_tsk' in this loop; did you mean 'tf_task'?"),
        ({"tasks": ["zzz"]}, "its tasks are articles_fetch, tf_task"),
        ({"tasks": "tf_task"}, "conf.tasks: expected a list of task names"),
        ({"tasks": []}, "conf.tasks: expected a list of task names"),
        ({"tasks": [1]}, "conf.tasks: expected a list of task names"),
        ({"taks": ["tf_task"]}, "conf.taks: unknown key; did you mean 'tasks'?"),
        ({"tasks": ["tf_task"], "args": [1]}, "conf.args: expected an object of keyword arguments"),
        ({"tasks": ["tf_task"], "args": {"a b": 1}}, "conf.args: 'a b' is not a valid argument name"),
        ({"args": {"rank": 3}}, "conf.args: name in conf.tasks the tasks that take these arguments"),
        ([1], "conf: expected an object with 'tasks' and 'args', found list"),
    ],
)
def test_a_bad_shape_says_what_to_write(conf: Any, message: str) -> None:
    with pytest.raises(RunRequestError) as caught:
        read_run_request(conf, known_tasks=KNOWN)
    assert message in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(RunRequestError) as caught:
        read_run_request({"tasks": ["no"], "args": 1, "x": 2}, known_tasks=KNOWN)
    assert all(part in str(caught.value) for part in ("conf.x", "no task 'no'", "conf.args"))
