"""A task's log as text: Airflow writes JSON lines, a person reads lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Shown otherwise, or the same on every line: whose log it is, the file's own place says.
_QUIET = frozenset(
    {
        *("timestamp", "event", "level", "logger", "filename", "lineno", "loc", "error_detail"),
        *("dag_id", "task_id", "run_id", "try_number", "map_index", "ti_id", "ti"),
    }
)


def render(lines: Iterable[str]) -> Iterator[str]:
    """Yield one line of text for each line of Airflow's log; what is not JSON is passed on as it is."""
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            yield line.rstrip("\n")
            continue
        if not isinstance(record, dict):
            yield line.rstrip("\n")
            continue
        yield from _render_record(record)


def _render_record(record: dict[str, object]) -> Iterator[str]:
    event = str(record.get("event", ""))
    if event.startswith("::"):
        return  # the web interface's folding marks
    time = str(record.get("timestamp", ""))[11:19]
    level = str(record.get("level", "info"))
    mark = "" if level == "info" else f"{level.upper()} "
    details = " ".join(f"{name}={value}" for name, value in record.items() if name not in _QUIET)
    yield f"{time} {mark}{event}{' ' if details else ''}{details}".rstrip()
    for error in _errors(record):
        yield f"{time} {mark}{error}"


def _errors(record: dict[str, object]) -> Iterator[str]:
    detail = record.get("error_detail")
    for error in detail if isinstance(detail, list) else ():
        if isinstance(error, dict):
            yield f"{error.get('exc_type')}: {error.get('exc_value')}"
