"""The graph of a task's durations as SVG: a blue dot for a success, a red cross for a failure. Pure.

A hundred dots and two axes need no library, and SVG of our own shows in JupyterLab, in the classic notebook and in VS
Code alike, needs nothing from elsewhere and can be tested.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from airflow_peach.monitoring.notebook.texts import moment, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_peach.monitoring.api.answers import ExecutionAnswer

WIDTH, HEIGHT = 900, 220
LEFT, RIGHT, TOP, BOTTOM = 70, 15, 12, 28
TICKS = 4


def duration_graph(executions: Sequence[ExecutionAnswer]) -> str:
    """Return the graph; executions may come in any order, those that have not ended are left out."""
    ended = sorted(
        (one for one in executions if one.start is not None and one.duration_seconds is not None),
        key=lambda one: (one.start is None, one.start),
    )
    if not ended:
        return "<p>no execution has ended yet</p>"
    top = _nice_top(max(one.duration_seconds or 0.0 for one in ended))
    points = "".join(
        _point(one, _x(number, len(ended)), _y(one.duration_seconds or 0.0, top)) for number, one in enumerate(ended)
    )
    label = f"Durations of {len(ended)} executions, at most {seconds(top)}"
    first, last = moment(ended[0].start), moment(ended[-1].start)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" style="max-width:{WIDTH}px" role="img" '
        f'aria-label="{escape(label)}" font-size="11" font-family="sans-serif" fill="currentColor">'
        f"{_axis(top)}{points}"
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{escape(first)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(last)}</text></svg>'
    )


def _axis(top: float) -> str:
    lines = []
    for tick in range(TICKS + 1):
        value = top * tick / TICKS
        y = _y(value, top)
        lines.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="gray" stroke-opacity="0.3"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(seconds(value))}</text>'
        )
    return "".join(lines)


def _point(execution: ExecutionAnswer, x: float, y: float) -> str:
    told = (execution.version or "no version", moment(execution.start), execution.status)
    about = ", ".join((*told, seconds(execution.duration_seconds)))
    title = f"<title>{escape(about)}</title>"
    if execution.status == "success":
        return f'<circle class="peach-dot" cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#2b6cb0">{title}</circle>'
    cross = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    return f'<path class="peach-cross" d="{cross}" stroke="#c53030" stroke-width="2.5" fill="none">{title}</path>'


def _x(number: int, count: int) -> float:
    inside = WIDTH - LEFT - RIGHT - 20
    return LEFT + 10 + (inside / 2 if count == 1 else inside * number / (count - 1))


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _nice_top(largest: float) -> float:
    """Return 1, 2 or 5 times a power of ten that is not below ``largest``."""
    if largest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= largest)
