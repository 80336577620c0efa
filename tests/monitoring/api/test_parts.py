"""Parts of answers."""

from __future__ import annotations

import datetime as dt

import pytest

from airflow_peach.monitoring.api.parts import age_seconds

NOW = dt.datetime(2031, 5, 1, 12, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(("seconds_ago", "age"), [(90, 90), (0, 0), (-5, 0)])
def test_an_age_is_never_negative_though_the_clock_was_set_back(seconds_ago: float, age: float) -> None:
    assert age_seconds(NOW - dt.timedelta(seconds=seconds_ago), NOW) == age


def test_what_never_was_has_no_age() -> None:
    assert age_seconds(None, NOW) is None
