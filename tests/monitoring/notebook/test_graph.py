"""The graph of durations: what is drawn where."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from airflow_peach.monitoring.api.answers import ExecutionAnswer
from airflow_peach.monitoring.notebook.graph import duration_graph

START = dt.datetime(2031, 5, 1, 12, tzinfo=dt.timezone.utc)
EMPTY = dict.fromkeys(ExecutionAnswer.model_fields)


def execution(minute: int, status: str, duration: float | None, **more: Any) -> ExecutionAnswer:
    start = START + dt.timedelta(minutes=minute)
    values = {"status": status, "start": start, "duration_seconds": duration, "version": "abcdef01", **more}
    return ExecutionAnswer.model_construct(**{**EMPTY, **values})


def drawn(*executions: ExecutionAnswer) -> tuple[list[ET.Element], list[ET.Element]]:
    """Return dots and crosses of the graph, which is well-formed."""
    svg = ET.fromstring(duration_graph(executions))  # noqa: S314 - ours
    return svg.findall("circle"), svg.findall("path")


def test_a_success_is_a_blue_dot_and_a_failure_a_red_cross() -> None:
    dots, crosses = drawn(execution(0, "success", 1), execution(1, "failed", 2), execution(2, "success", 3))
    assert [dot.get("fill") for dot in dots] == ["#2b6cb0"] * 2
    assert [cross.get("stroke") for cross in crosses] == ["#c53030"]


def test_time_goes_to_the_right_and_duration_up() -> None:
    dots, _ = drawn(execution(2, "success", 3), execution(0, "success", 1), execution(1, "success", 2))
    xs, ys = ([float(dot.get(name, "")) for dot in dots] for name in ("cx", "cy"))
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)


def test_hovering_shows_version_time_status_and_duration() -> None:
    (dot,), _ = drawn(execution(0, "success", 61.4))
    title = dot.findtext("title") or ""
    assert title.startswith("abcdef01, 2031-05-01 ")
    assert title.endswith(", success, 1 min 01 s")


def test_what_is_hostile_is_text() -> None:
    (dot,), _ = drawn(execution(0, "success", 1, version="<script>alert(1)</script>"))
    assert "<script>" in (dot.findtext("title") or "")


def test_what_runs_is_left_out_and_nothing_is_said_to_be_nothing() -> None:
    assert drawn(execution(0, "success", 1), execution(1, "running", None))[1] == []
    assert "<svg" not in duration_graph([execution(1, "running", None)])
    assert "no execution has ended yet" in duration_graph([])


@pytest.mark.parametrize("durations", [(0.0,), (0.0, 0.0), (1e-9, 1e6), (100.0,) * 3])
def test_every_point_is_inside(durations: tuple[float, ...]) -> None:
    dots, _ = drawn(*(execution(n, "success", duration) for n, duration in enumerate(durations)))
    assert len(dots) == len(durations)
    assert all(0 <= float(dot.get("cx", "")) <= 900 and 0 <= float(dot.get("cy", "")) <= 220 for dot in dots)
