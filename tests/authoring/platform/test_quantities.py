from __future__ import annotations

import pytest

from airflow_peach.authoring.platform.quantities import duration_seconds, size_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8 GiB", 8 * 1024**3),
        ("8gib", 8 * 1024**3),
        ("500 MB", 500_000_000),
        ("1.5 KiB", 1536),
        ("1048576", 1048576),
        ("3 B", 3),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("3600", 3600), ("30 min", 1800), ("1.5h", 5400), ("1 d", 86400), ("0.5 s", 0.5)]
)
def test_durations(text: str, expected: float) -> None:
    assert duration_seconds(text) == expected


@pytest.mark.parametrize("text", ["", "much", "8 Gi", "-1 MB", "1e3", "1 2", "nan"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match="units"):
        size_bytes(text)
    with pytest.raises(ValueError, match="units"):
        duration_seconds(text)
