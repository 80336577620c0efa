"""Whatever is killed in mid-loop: after a start the loops go on, none overlaps, nothing is half-written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from tests.team import make_team

from .conftest import Demo, processes_mentioning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

CODE = """
    import time

    def slow():
        print(f"at {time.time():.6f} began", flush=True)
        time.sleep(4)
        print(f"at {time.time():.6f} ended", flush=True)

    def quick():
        print(f"at {time.time():.6f} began", flush=True)
        print(f"at {time.time():.6f} ended", flush=True)
"""
TASKS = """
    codops: debr
    tasks:
      slow: {notebook: job.py, method: slow}
      quick: {notebook: job.py, method: quick}
"""


def is_task(name: str) -> Any:
    return lambda seen: seen["task"] == name


def succeeded(name: str) -> Any:
    return lambda seen: seen["task"] == name and seen["status"] == "success"


def is_running(log: Path, since: float) -> bool:
    """Whether the execution of this log has begun after ``since`` and has not ended."""
    began, ended = (re.findall(rf"at ([0-9.]+) {what}", log.read_text(errors="replace")) for what in ("began", "ended"))
    return len(began) > len(ended) and float(began[-1]) > since


def in_the_middle_of_the_slow_task(demo: Demo, *, since: float = 0.0) -> None:
    """Wait until an execution of it runs; one that was killed before ``since`` (seconds of the epoch) is none."""
    deadline = time.monotonic() + 90
    logs = demo.home / "airflow" / "logs" / "dag_id=debr"
    while not any(is_running(log, since) for log in logs.glob("*/task_id=slow/*.log")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pids(demo: Demo, pattern: str) -> list[int]:
    """The processes below this demo whose command line (or title) matches."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], check=True, capture_output=True, text=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    below = {demo.process.pid}
    # Parents are listed before their children, but for pids that wrapped round: look until nothing is new.
    while new := {int(pid) for pid, parent, _ in rows if int(parent) in below} - below:
        below |= new
    return [int(pid) for pid, _, command in rows if int(pid) in below and re.search(pattern, command)]


def everything_is_whole(home: Path) -> None:
    """Every JSON file of the library parses; nothing is left that a kill interrupted writing."""
    for file in [*(home / "peach" / "catalogue").iterdir(), *(home / "peach" / "snapshots").rglob("*.json")]:
        if not file.name.startswith("."):
            json.loads(file.read_text(encoding="utf-8"))


def no_execution_overlaps(demo: Demo, killed: list[float]) -> None:
    """By the tasks' own clocks, over all logs there are: a killed execution ended when it was killed."""
    spans: list[tuple[float, float]] = []
    for log in (demo.home / "airflow" / "logs" / "dag_id=debr").rglob("*.log"):
        text = log.read_text(errors="replace")
        began = [float(one) for one in re.findall(r"at ([0-9.]+) began", text)]
        ended = [float(one) for one in re.findall(r"at ([0-9.]+) ended", text)]
        for index, start in enumerate(began):
            # What was killed ran until the first kill after its beginning; allow it three seconds to be gone.
            last = ended[index] if index < len(ended) else min(one for one in killed if one > start)
            spans.append((start, last))
    spans.sort()
    assert len(spans) >= 4
    for before, after in pairwise(spans):
        assert before[1] <= after[0] + 0.001, (before, after, killed)


def test_killed_whole_and_started_again(tmp_path: Path, start_demo: Callable[..., Demo]) -> None:
    make_team(tmp_path / "source" / "work", {"peach.yaml": TASKS, "job.py": CODE})
    demo = start_demo(tmp_path / "home", tmp_path / "source")
    demo.wait_for(is_task("quick"), seconds=180)
    in_the_middle_of_the_slow_task(demo)
    killed = [time.time()]
    demo.kill()
    deadline = time.monotonic() + 10
    while processes_mentioning(str(demo.home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_mentioning(str(demo.home)) == []
    everything_is_whole(demo.home)

    demo = start_demo(tmp_path / "home", tmp_path / "source")
    for name in ("slow", "quick", "slow", "quick"):
        assert demo.wait_for(is_task(name), seconds=180, after=len(demo.seen))["status"] == "success"
    assert demo.stop() == 0
    killed.append(time.time())
    assert processes_mentioning(str(demo.home)) == []
    no_execution_overlaps(demo, killed)


VICTIMS = {
    "worker": r"airflow worker -- (LocalExecutor: )?[0-9a-f]{8}-",
    "dag-processor": r"^\S+ -m airflow dag-processor",
    "scheduler": r"^\S+ -m airflow scheduler|airflow scheduler -- ",
}


def test_one_process_killed_after_the_other(tmp_path: Path, start_demo: Callable[..., Demo]) -> None:
    make_team(tmp_path / "source" / "work", {"peach.yaml": TASKS, "job.py": CODE})
    demo = start_demo(tmp_path / "home", tmp_path / "source")
    demo.wait_for(is_task("quick"), seconds=180)
    killed = [0.0]
    for name, pattern in VICTIMS.items():
        in_the_middle_of_the_slow_task(demo, since=killed[-1])
        victims = pids(demo, pattern)
        assert victims, name
        killed.append(time.time())
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        for task in ("quick", "slow", "quick"):
            demo.wait_for(succeeded(task), after=len(demo.seen))
    assert demo.stop() == 0
    killed.append(time.time())
    assert processes_mentioning(str(demo.home)) == []
    everything_is_whole(demo.home)
    no_execution_overlaps(demo, killed)
