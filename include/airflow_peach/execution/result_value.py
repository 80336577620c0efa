"""What an entry function returned: whether Airflow can keep it.

The launcher has said what it thinks of it, but a task can write to the launcher's pipe itself. What reaches
``xcom_push`` must pass through Airflow's serde (airflow/sdk/serde), msgpack, and the JSON of its database.
"""

from __future__ import annotations

import json
import math
from typing import Any

from airflow_peach.errors import PeachError
from airflow_peach.execution.request import RESULT_LIMIT_BYTES

# msgpack's integers: https://github.com/msgpack/msgpack/blob/master/spec.md#int-format-family
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**64 - 1
# Serde calls itself for each level, within Python's limit.
DEPTH_LIMIT = 100
# airflow.sdk.serde: with one of these a mapping is refused when it is written; with both of the pair it is taken
# for an object of that class when it is read.
RESERVED_KEYS = frozenset({"__classname__", "__id__"})
RESERVED_PAIR = frozenset({"__type", "__var"})


class ResultNotKeptError(PeachError):
    """Airflow cannot keep the result; the message says why."""


def check_result(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Raise ``ResultNotKeptError`` when Airflow cannot keep ``value``, which is what ``json.loads`` returned."""
    _check(value, DEPTH_LIMIT)
    size = len(json.dumps(value))
    if size > RESULT_LIMIT_BYTES:
        raise ResultNotKeptError(f"it has {size} bytes as JSON, the limit is {RESULT_LIMIT_BYTES}")


def _check(value: Any, depth: int) -> None:  # noqa: ANN401 - any JSON
    if depth == 0:
        raise ResultNotKeptError(f"it is nested over {DEPTH_LIMIT} levels deep")
    if isinstance(value, dict):
        _check_keys(value)
        for item in value.values():
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ResultNotKeptError(f"the number {value} is not JSON")
    elif isinstance(value, int) and not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
        raise ResultNotKeptError("it has an integer of more than 64 bits")


def _check_keys(mapping: dict[str, Any]) -> None:
    reserved = RESERVED_KEYS & mapping.keys()
    if mapping.keys() >= RESERVED_PAIR:
        reserved |= RESERVED_PAIR
    if reserved:
        raise ResultNotKeptError(f"Airflow reserves the key {', '.join(sorted(reserved))}")
    for key in mapping:
        _check_text(key)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ResultNotKeptError("it has a text with a NUL character, which PostgreSQL refuses")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ResultNotKeptError("it has a text that is not Unicode (a file name in another encoding?)")
