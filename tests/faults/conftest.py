"""What the tests of faults share: what they measure is shown at the end of the run."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Protocol

import pytest

from .isolation_world import any_world, sandbox_world, world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["any_world", "sandbox_world", "world"]

PROPERTY = "measured"


class Measured(Protocol):
    """Takes the seconds that each case took."""

    def __call__(self, promise: str, seconds: Mapping[str, float]) -> None: ...


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """Note figures, for the end of the run."""

    def note(promise: str, seconds: Mapping[str, float]) -> None:
        slowest = max(seconds, key=lambda case: seconds[case])
        median = statistics.median(seconds.values())
        most = f"most {seconds[slowest]:.2f} s ({slowest})"
        record_property(PROPERTY, f"{promise}: median {median:.2f} s, {most}, {len(seconds)} cases")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for listed in terminalreporter.stats.values() for report in listed]
    lines = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == PROPERTY]
    for line in dict.fromkeys(lines):
        terminalreporter.write_line(f"measured: {line}")
