"""What the notebook shows of values and logs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_peach.monitoring.notebook import texts

HTML = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0.0, "0.0 s"),
        (1.26, "1.3 s"),
        (60.0, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3600.0, "1 h 00 min"),
        (7325.0, "2 h 02 min"),
    ],
)
def test_durations(value: float | None, shown: str) -> None:
    assert texts.seconds(value) == shown


@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "data:text/html,x", "//evil.example"])
def test_only_addresses_a_browser_may_open_become_links(url: str | None) -> None:
    assert texts.linked("abc<", url) == "abc&lt;"
    assert 'href="https://x/&quot;"' in texts.linked("abc", 'https://x/"')


def test_a_log_is_what_the_task_printed() -> None:
    entries: list[Any] = [
        {"event": "::group::Log message source details", "sources": ["/x"]},
        {"event": "/srv/logs/attempt=1.log"},
        {"event": "::endgroup::"},
        {"timestamp": "2031-05-01T12:00:00Z", "event": "\x1b[31mred\x1b[0m \x07bell", "level": "info"},
        {"event": 3},
        "plain",
        None,
    ]
    first, second = texts.log_text(entries).splitlines()
    assert first.endswith("  red bell")
    assert second == "plain"


def test_of_a_long_log_the_end_is_shown() -> None:
    text = texts.log_text(["x" * texts.LOG_LIMIT_CHARACTERS, "the end"])
    assert text.startswith("[the first 8 characters are left out]\n")
    assert text.endswith("the end")


def test_logs_and_errors_are_text() -> None:
    for shown in (texts.log_frame([(HTML, HTML)]), texts.error(HTML), texts.status(HTML), texts.head("x", [HTML])):
        assert HTML not in shown
        assert "&lt;script&gt;" in shown
