"""YAML's values as JSON and back: dates and datetimes in ``args`` arrive as such.

Standard library only and without package imports: the launcher loads this very file inside an organisation's
environment, whatever Python that has.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# A mapping with exactly this one key is ours; a user's mapping that looks like it is wrapped in "mapping".
TAG = "$peach"

# Longer integers travel as hexadecimal text: Python refuses to print one of more than 4,300 decimal digits
# (``sys.set_int_max_str_digits``), and so refuses to write it as JSON.
_INTEGER_BITS = 64


def encode(value: Any) -> Any:  # noqa: ANN401 - YAML's values are what they are
    """Return ``value`` as plain JSON data; ``decode`` is its inverse.

    Knows what YAML's safe loader gives: mappings, lists, strings, numbers, booleans, null, dates, datetimes,
    bytes (``!!binary``) and sets (``!!set``).

    Raises:
        TypeError: for anything else.
    """
    if _is_json_scalar(value):
        return value
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and set(value) != {TAG}:
            return {key: encode(item) for key, item in value.items()}
        return {TAG: ["mapping", [[encode(key), encode(item)] for key, item in value.items()]]}
    return {TAG: _encode_scalar(value)}


def _is_json_scalar(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, float):
        # JSON has no infinities and no NaN, YAML has.
        return value - value == 0
    if isinstance(value, int):
        return value.bit_length() <= _INTEGER_BITS
    return value is None or isinstance(value, str)


def _encode_scalar(value: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(value, int):
        return ["integer", hex(value)]
    if isinstance(value, float):
        return ["float", repr(value)]
    if isinstance(value, dt.datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, dt.date):
        return ["date", value.isoformat()]
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode("ascii")]
    if isinstance(value, (set, frozenset)):
        return ["set", [encode(item) for item in sorted(value, key=repr)]]
    raise TypeError("a value of type " + type(value).__name__ + " cannot be passed as an argument")


def decode(value: Any) -> Any:  # noqa: ANN401
    """Return what ``encode`` was given. Raises ``ValueError`` for a tag that ``encode`` never writes."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {TAG}:
        return {key: decode(item) for key, item in value.items()}
    kind, content = value[TAG]
    if kind == "mapping":
        return {decode(key): decode(item) for key, item in content}
    if kind == "set":
        return {decode(item) for item in content}
    if kind in _DECODERS:
        return _DECODERS[kind](content)
    raise ValueError("unknown kind of value: " + repr(kind))


def _integer(text: str) -> int:
    return int(text, 16)


_DECODERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "float": float,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "bytes": base64.b64decode,
}
