from __future__ import annotations

import json

from airflow_peach.demo.text_log import render


def line(**record: object) -> str:
    return json.dumps({"timestamp": "2026-11-22T10:11:12.345Z", "level": "info"} | record) + "\n"


def test_a_persons_output_is_shown_as_it_was() -> None:
    assert list(render([line(event="rmse 0.5")])) == ["10:11:12 rmse 0.5"]


def test_warnings_and_details_are_kept() -> None:
    assert list(render([line(event="slow", level="warning", seconds=3)])) == ["10:11:12 WARNING slow seconds=3"]


def test_folding_marks_are_left_out_and_what_is_not_json_is_kept() -> None:
    assert list(render([line(event="::group::Post Execute"), "plain\n", "[1]\n"])) == ["plain", "[1]"]


def test_errors_of_airflow_say_their_kind() -> None:
    record = line(event="Task failed", level="error", error_detail=[{"exc_type": "ValueError", "exc_value": "no"}])
    assert list(render([record])) == ["10:11:12 ERROR Task failed", "10:11:12 ERROR ValueError: no"]
