"""How an execution ended, in one sentence."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_peach.execution.guarded_command import GuardReport
    from airflow_peach.execution.request import Limits

REASON_LIMIT_CHARACTERS = 1000
# A shell, and bubblewrap, report a death by signal as an exit code.
SIGNAL_EXIT_CODE = 128
# How the reason of an execution begins that was ended at its time limit.
TIMED_OUT = "timed out after"


@dataclass(frozen=True)
class News:
    """What the task's process told: untrusted, the task may write what it likes.

    Attributes:
        started: the launcher ran at all.
        exit_announced: the exit code is one that was asked for, not one of a crash.
        reason: why it failed, as the launcher saw it.
        value: the result.
    """

    started: bool = False
    exit_announced: bool = False
    reason: str = ""
    value: Any = None


def read_news(content: bytes) -> News:
    """Read the lines that came from the task's process; what cannot be read is left out."""
    started, exit_announced, reason, value = False, False, "", None
    for line in content.splitlines():
        try:
            news = json.loads(line)
        except (ValueError, RecursionError):
            continue
        event = news.get("event") if isinstance(news, dict) else None
        started = started or event == "started"
        if event == "returned":
            value = news.get("value")
        elif event == "failed":
            reason = str(news.get("reason", ""))
        elif event == "exited":
            exit_announced = True
    return News(started, exit_announced, _one_line(reason), value)


def exit_code(report: GuardReport, news: News, *, sandboxed: bool) -> int | None:
    """Return the exit code of the task's process, negative for a signal, whatever a sandbox made of it."""
    code = report.exit_code
    if code is None or not sandboxed or news.exit_announced or code <= SIGNAL_EXIT_CODE:
        return code
    number = code - SIGNAL_EXIT_CODE
    return -number if number in list(signal.Signals) else code


def timed_out(limit_seconds: float) -> str:
    """Return the sentence for what was ended at its time limit, at whatever step."""
    return f"{TIMED_OUT} {limit_seconds:g} s"


def reason(report: GuardReport, news: News, limits: Limits, *, sandboxed: bool) -> str:
    """Return the sentence; ``ok`` after a success."""
    if report.kind == "exited":
        return _exit_reason(exit_code(report, news, sandboxed=sandboxed), news, sandboxed=sandboxed)
    return {
        "timed_out": timed_out(limits.time_limit_seconds),
        "memory": f"killed: memory limit {_binary_size(limits.memory_limit_bytes)}",
        "disk": f"killed: disk limit {_binary_size(limits.disk_limit_bytes)}",
        "processes": "killed: too many processes",
        "cancelled": "cancelled",
        "parent_gone": "ended: the process that started it is gone",
        "not_started": f"not started: {report.message}",
        "guard_lost": "ended: the guard of this execution was killed",
    }[report.kind]


def _exit_reason(code: int | None, news: News, *, sandboxed: bool) -> str:
    if code == 0:
        return "ok"
    if news.reason:
        return news.reason
    if sandboxed and not news.started:
        return "not started: the sandbox could not be set up; the log says why"
    if code is None:
        return "ended: nothing is known of how"
    if code > 0 or -code not in list(signal.Signals):
        return f"exit code {code}"
    hint = " (the machine may have run out of memory)" if -code == signal.SIGKILL else ""
    return f"killed by signal {signal.Signals(-code).name}{hint}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    shown = "".join(character for character in line if character.isprintable())
    return shown if len(shown) <= REASON_LIMIT_CHARACTERS else shown[: REASON_LIMIT_CHARACTERS - 1] + "…"


def _binary_size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004 - IEC
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"
