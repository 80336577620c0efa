"""Metrics as they are really sent: Airflow's own stats client, a StatsD receiver of the test."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.loops.conftest import catalogue_of

from airflow_peach.catalogue.store import write_catalogue
from airflow_peach.loops.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent

# One process sends all of them: stats are set up once in each, as the scheduler and a task's process do it.
SEND = """
import datetime as dt, sys, types
from pathlib import Path
from airflow.observability.metrics import stats_utils
from airflow.observability import stats
from airflow.sdk.observability import stats as of_tasks
from airflow.sdk.observability.metrics import stats_utils as of_tasks_utils
from airflow.sdk.exceptions import AirflowSkipException
from airflow_peach.loops import run_metrics
from airflow_peach.loops.metrics import SyncGauges, measured
from airflow_peach.loops.operators import TaskFailedExit

for module, utils in ((stats, stats_utils), (of_tasks, of_tasks_utils)):
    module.initialize(factory=utils.get_stats_factory(), export_legacy_names=False)

def ended(kind, error=None, **tags):
    try:
        with measured(kind, **tags):
            if error:
                raise error
    except BaseException as raised:
        assert raised is error

tags = {"codops": "debr", "task": "tf"}
ended("task", **tags)
ended("task", TaskFailedExit("ValueError: no"), **tags)
ended("task", TaskFailedExit("timed out after 5 s"), **tags)
ended("task", AirflowSkipException("not named"), codops="debr", task="skipped")
ended("environment", codops="debr")
ended("environment", TaskFailedExit("uv failed"), codops="debr")

start = dt.datetime(2031, 5, 1, tzinfo=dt.timezone.utc)
for state, hook in (("success", run_metrics.on_dag_run_success), ("failed", run_metrics.on_dag_run_failed)):
    run = types.SimpleNamespace(
        dag_id="debr", run_id="one", state=state, start_date=start, end_date=start + dt.timedelta(seconds=90),
        get_dag=lambda: types.SimpleNamespace(tags={"peach"}),
    )
    hook(run, "any")
run.get_dag = lambda: types.SimpleNamespace(tags={"another"})
run_metrics.on_dag_run_failed(run, "any")

gauges = SyncGauges(Path(sys.argv[1]))
gauges.send()
"""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every line that a StatsD server was sent, without values that depend on the clock."""
    home = tmp_path_factory.mktemp("home")
    write_catalogue(home / "peach", catalogue_of("debr", "tf", problem="unknown key"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(receiver.getsockname()[1]),
            "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        }
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SEND), str(home / "peach")],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return list(_received(receiver))


def _received(receiver: socket.socket) -> Iterator[str]:
    # Nothing is on its way any more: the sender has ended, and both are on this machine.
    with contextlib.suppress(TimeoutError):
        while True:
            yield from receiver.recv(65536).decode().splitlines()


def values(sent: list[str], name: str) -> list[str]:
    """Return what was sent of a metric: ``tags:value|kind``."""
    return [line.removeprefix(f"airflow.{name}") for line in sent if re.match(rf"airflow\.{re.escape(name)}[,:]", line)]


def test_exactly_the_documented_metrics_are_sent(sent: list[str]) -> None:
    names = {match[1] for line in sent if (match := re.match(r"airflow\.(peach\.[a-z.]+)", line))}
    assert names == set(METRICS)


def test_executions_are_counted_with_their_tags(sent: list[str]) -> None:
    tags = ",codops=debr,task=tf"
    assert values(sent, "peach.task.success") == [f"{tags}:1|c"]
    assert values(sent, "peach.task.failure") == [f"{tags}:1|c"] * 2
    assert values(sent, "peach.task.timeout") == [f"{tags}:1|c"]
    durations = values(sent, "peach.task.duration")
    assert len(durations) == 3
    assert all(re.fullmatch(rf"{tags}:[0-9.]+\|ms", duration) for duration in durations)


def test_environments_are_counted_apart(sent: list[str]) -> None:
    assert values(sent, "peach.environment.success") == [",codops=debr:1|c"]
    assert values(sent, "peach.environment.failure") == [",codops=debr:1|c"]


def test_a_loops_run_is_timed_in_milliseconds_and_only_ours(sent: list[str]) -> None:
    assert values(sent, "peach.loop.duration") == [
        ",loop=debr,state=success:90000.000000|ms",
        ",loop=debr,state=failed:90000.000000|ms",
    ]


def test_what_the_last_sync_found_is_gauged(sent: list[str]) -> None:
    assert values(sent, "peach.sync.repositories") == [":1|g"]
    assert values(sent, "peach.sync.unreachable") == [":0|g"]
    assert values(sent, "peach.sync.problems") == [":1|g"]
    (age,) = values(sent, "peach.sync.age")
    assert 0 <= float(age.strip(":").removesuffix("|g")) < 120


def test_the_dashboard_shows_what_is_sent_and_nothing_else() -> None:
    dashboard: Any = json.loads((ROOT / "docs" / "grafana.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    # As the StatsD exporter of Prometheus names them; a timer has a sum, a count and quantiles.
    used = {
        re.sub(r"_(sum|count|bucket)$", "", name)
        for query in queries
        for name in re.findall(r"airflow_peach_\w+", query)
    }
    assert used == {"airflow_" + name.replace(".", "_") for name in METRICS}


def test_the_documentation_has_all_of_them() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(peach\.[a-z]+\.[a-z]+)`", text)) == set(METRICS)


def test_a_metric_that_cannot_be_sent_harms_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.sdk.observability import stats  # noqa: PLC0415 - it takes seconds to import

    from airflow_peach.loops.metrics import measured  # noqa: PLC0415

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("a wrong configuration")

    monkeypatch.setattr(stats, "incr", refuse)
    monkeypatch.setattr(stats, "timing", refuse)
    with measured("task", codops="debr", task="tf"):
        done = dt.datetime.now(dt.timezone.utc)
    assert done
    assert "a metric could not be sent" in caplog.text
