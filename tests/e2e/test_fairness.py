"""Twenty loops of three organisations with failing, slow and instant tasks: one at a time, and every one."""

from __future__ import annotations

import datetime as dt
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.team import make_team

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Demo

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]

LOOPS = 20
CODE = """
    import time

    def _say(what):
        print(f"at {time.time():.6f} {what}", flush=True)

    def instant():
        _say("began")
        _say("ended")

    def slow():
        _say("began")
        time.sleep(1)
        _say("ended")

    def failing():
        _say("began")
        _say("ended")
        raise RuntimeError("by design")
"""
# The failing task is first, last, and alone in its loop.
ORGANISATIONS = {
    "aaaa": ["failing", "slow", "instant"],
    "bbbb": ["instant", "slow", "failing"],
    "cccc": ["failing"],
}


def test_one_task_of_a_loop_at_a_time_and_every_task_in_every_loop(
    tmp_path: Path, start_demo: Callable[..., Demo]
) -> None:
    for codops, tasks in ORGANISATIONS.items():
        lines = [f"  {task}: {{notebook: job.py, method: {task}}}" for task in tasks]
        lines += ["  fetch: {notebook: job.py, method: instant, loop: metadata}"]
        make_team(
            tmp_path / "source" / codops,
            {"peach.yaml": "\n".join([f"codops: {codops}", "tasks:", *lines]), "job.py": CODE},
        )
    demo = start_demo(tmp_path / "home", tmp_path / "source", "--loops", str(LOOPS))
    seen = demo.drain()
    assert demo.process.returncode == 0

    loops = {loop: [one for one in seen if one["loop"] == loop] for loop in [*ORGANISATIONS, "metadata"]}
    for loop, executions in loops.items():
        _assert_none_overlap(loop, executions)
    for codops, tasks in ORGANISATIONS.items():
        _assert_every_task_in_every_loop(loops[codops], ["environment", *tasks])
        assert {one["status"] for one in loops[codops] if one["task"] == "failing"} == {"failed"}
        assert {one["status"] for one in loops[codops] if one["task"] != "failing"} == {"success"}
    metadata = [f"{one['codops']}.{one['task']}" for one in loops["metadata"]]
    one_loop = [f"{codops}.{task}" for codops in ORGANISATIONS for task in ("environment", "fetch")]
    assert metadata[: len(one_loop) * LOOPS] == one_loop * LOOPS


def _assert_none_overlap(loop: str, executions: list[dict[str, Any]]) -> None:
    """Neither by Airflow's clock nor by that of the tasks themselves."""
    spans = sorted(
        (start := dt.datetime.fromisoformat(one["start"]), start + dt.timedelta(seconds=one["duration"]))
        for one in executions
    )
    for (_, end), (start, _) in pairwise(spans):
        assert end <= start + dt.timedelta(milliseconds=1), loop
    inside = sorted(
        tuple(map(float, re.findall(r"at ([0-9.]+) (?:began|ended)", log)))
        for one in executions
        if "at " in (log := Path(one["log"]).read_text(encoding="utf-8"))
    )
    assert len(inside) >= LOOPS
    for before, after in pairwise(inside):
        assert before[1] <= after[0], loop


def _assert_every_task_in_every_loop(executions: list[dict[str, Any]], one_loop: list[str]) -> None:
    order = [one["task"] for one in executions]
    assert len(order) >= len(one_loop) * LOOPS
    assert order[: len(one_loop) * LOOPS] == one_loop * LOOPS, json.dumps(order)
