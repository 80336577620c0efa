"""Reading the record of an execution (XCom ``peach``): whoever may edit XComs, may store anything. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def text_of(record: Mapping[str, Any], key: str) -> str | None:
    """Return a text of the record, None when there is none."""
    value = record.get(key)
    return value if isinstance(value, str) and value else None


def number_of(record: Mapping[str, Any], key: str) -> float | None:
    """Return a number of the record, None when there is none; neither an infinity nor a bool is one."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value - value != 0:
        return None
    return float(value)


def integer_of(record: Mapping[str, Any], key: str) -> int | None:
    """Return a whole number of the record, None when there is none."""
    value = record.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
