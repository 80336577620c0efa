"""Airflow's database goes away in mid-loop: the loop goes on by itself, and nothing is doubled."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.compose_engine import postgres_programs
from tests.team import make_team

from airflow_peach.catalogue.sync import sync
from airflow_peach.settings import load_settings

from .airflow_platform import AirflowPlatform, running_airflow
from .postgresql import running_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not postgres_programs(), reason="PostgreSQL is not installed"),
]

TASKS = """
    codops: debr
    tasks:
      slow: {notebook: job.py, method: slow}
      quick: {notebook: job.py, method: quick}
"""
CODE = """
    import time

    def slow():
        print(f"at {time.time():.6f} began")
        time.sleep(4)
        print(f"at {time.time():.6f} ended")

    def quick():
        print(f"at {time.time():.6f} began")
        print(f"at {time.time():.6f} ended")
"""
OUTAGE_SECONDS = 3.0
GOES_ON_SECONDS = 300.0


def spans(airflow: AirflowPlatform) -> list[tuple[float, float, str]]:
    """Beginning and end (now, while there is none) of each execution, by its own clock, and its log."""
    found = []
    for log in airflow.home.logs.glob("dag_id=debr/*/task_id=*/attempt=*.log"):
        text = log.read_text(errors="replace")
        began = [float(one) for one in re.findall(r"at ([0-9.]+) began", text)]
        ended = [float(one) for one in re.findall(r"at ([0-9.]+) ended", text)]
        assert len(began) <= 1, log
        if began:
            found.append((began[0], ended[0] if ended else time.time(), str(log.relative_to(airflow.home.logs))))
    return sorted(found)


def test_the_loop_goes_on_when_its_database_was_restarted(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    began = time.time()
    make_team(tmp_path / "source" / "work", {"peach.yaml": TASKS, "job.py": CODE})

    def before(_: object) -> None:
        sync(load_settings(home=tmp_path / "peach"), source=tmp_path / "source")

    with running_postgresql(Path(postgres_programs())) as database:
        options = {
            "database": {"sql_alchemy_conn": database.address},
            # What the outage costs most is the wait until a task that went down with the scheduler is taken for lost.
            "scheduler": {"task_instance_heartbeat_timeout": "20"},
        }
        with running_airflow(tmp_path, "{}", options, before=before) as airflow:

            def slow_runs() -> bool:
                logs = airflow.logs("debr", "slow")
                text = logs[-1].read_text(errors="replace") if logs else ""
                return " began" in text and " ended" not in text

            airflow.wait_until(lambda: len(spans(airflow)) >= 2 and slow_runs(), seconds=GOES_ON_SECONDS)
            database.stop("fast")
            time.sleep(OUTAGE_SECONDS)
            database.start()
            again = time.time()
            record_property("measured", f"until the database stopped: {again - began:.0f} s")

            def went_on() -> bool:
                return sum(began > again for began, _, _ in spans(airflow)) >= 4

            airflow.wait_until(went_on, seconds=GOES_ON_SECONDS, what=lambda: (again, spans(airflow)))
            seen = spans(airflow)
            record_property("measured", f"until the loop had gone on: {time.time() - again:.0f} s")
    for one, next_ in pairwise(seen):
        assert one[1] <= next_[0], (one, next_)
    # One attempt of each: what ran through the outage was not run again.
    assert [log for _, _, log in seen if not log.endswith("attempt=1.log")] == []
