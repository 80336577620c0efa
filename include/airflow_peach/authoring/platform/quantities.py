"""Sizes and durations as people write them: ``8 GiB``, ``30 min``."""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")
_BYTES = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SECONDS = {"": 1, "s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86400}


def size_bytes(text: str) -> int:
    """Return a size in bytes: ``8 GiB``, ``500 MB``, ``1048576``. Raises ``ValueError`` otherwise."""
    return round(_quantity(text, _BYTES))


def duration_seconds(text: str) -> float:
    """Return a duration in seconds: ``90``, ``30 min``, ``1.5 h``. Raises ``ValueError`` otherwise."""
    return _quantity(text, _SECONDS)


def _quantity(text: str, units: dict[str, int]) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"units: {', '.join(unit for unit in units if unit)}")
    return float(match[1]) * factor
