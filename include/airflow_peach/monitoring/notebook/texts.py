"""What the notebook shows, as HTML. Pure. All that comes from the API is escaped."""

from __future__ import annotations

import datetime as dt
import re
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_peach.monitoring.api.answers import ExecutionAnswer, Loop, OrganisationAnswer, TaskAnswer

TASK_COLUMNS = ("state", "last status", "start", "duration", "version", "✔ / ✘", "notebook")
EXECUTION_COLUMNS = ("version", "start", "status", "time taken", "reason")
LOG_LIMIT_CHARACTERS = 200_000

STYLE = """<style>
.peach-row { display: grid; gap: 0 12px; padding-left: 12px; white-space: nowrap;
  font: 13px/28px var(--jp-ui-font-family, sans-serif); }
.peach-tasks { grid-template-columns: 90px 80px 150px 80px 80px 80px minmax(80px, 1fr); }
.peach-executions { grid-template-columns: 80px 150px 80px 90px minmax(80px, 1fr); }
.peach-row > span { overflow: hidden; text-overflow: ellipsis; }
.peach-head { font-weight: bold; }
.peach-failed { color: #c53030; } .peach-success { color: #2b6cb0; }
.peach-log { font: 12px/1.5 monospace; max-height: 420px; overflow: auto; white-space: pre-wrap; padding: 8px;
  border: 1px solid var(--jp-border-color1, #bbb); }
.peach-note { font: 13px/1.6 var(--jp-ui-font-family, sans-serif); }
</style>"""

# Colours and cursor movements of terminals (ECMA-48), and any other control character but tab.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")

# Airflow folds a part of a log between these; the first part says which files it was read from.
_GROUP, _GROUP_END = "::group::", "::endgroup::"
_SOURCES = "Log message source details"


def row(kind: str, cells: Sequence[str], *, css: str = "") -> str:
    """Return a row of a table; ``cells`` are HTML."""
    spans = "".join(f"<span>{cell}</span>" for cell in cells)
    return f'<div class="peach-row peach-{kind} {css}">{spans}</div>'


def head(kind: str, columns: Sequence[str]) -> str:
    """Return the head of a table."""
    return row(kind, [escape(column) for column in columns], css="peach-head")


def task_row(task: TaskAnswer) -> str:
    """Return a task's cells."""
    marks = [word for word in ("removed", "stale") if getattr(task, word)]
    state = task.state or ("never run" if task.never_run else "")
    code = f"{task.notebook} {task.method}()" if task.notebook else ""
    notebook = " ".join([*(f"({mark})" for mark in marks), code]).strip()
    cells = [
        escape(state),
        status(task.status),
        escape(moment(task.start)),
        escape(seconds(task.duration_seconds)),
        linked(task.version, task.commit_url),
        escape(f"{task.successes} / {task.failures}"),
        f'<span title="{escape(task.reason or notebook)}">{escape(notebook)}</span>',
    ]
    return row("tasks", cells)


def execution_row(execution: ExecutionAnswer) -> str:
    """Return an execution's cells."""
    reason = escape(execution.reason or "")
    cells = [
        linked(execution.version, execution.commit_url),
        escape(moment(execution.start)),
        status(execution.status),
        escape(seconds(execution.duration_seconds)),
        f'<span title="{reason}">{reason}</span>',
    ]
    return row("executions", cells)


def status(value: str | None) -> str:
    """Return a status in its colour."""
    return f'<span class="peach-{escape(value)}">{escape(value)}</span>' if value else ""


def linked(text: str | None, url: str | None) -> str:
    """Return a text, as a link when there is an address that a browser may open."""
    if text is None:
        return ""
    if url is None or not url.startswith(("https://", "http://")):
        return escape(text)
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(text)}</a>'


def loop_line(loop: Loop) -> str:
    """Return where a loop stands, in one line."""
    said = f"loop {loop.name}: {loop.state}"
    if loop.position is not None and loop.length is not None:
        said += f", task {loop.position} of {loop.length}"
    if loop.task is not None:
        said += f" ({loop.task})"
    if loop.last_runs and loop.last_runs[0].duration_seconds is not None:
        said += f"; the last took {seconds(loop.last_runs[0].duration_seconds)}"
    return escape(said)


def organisation_note(answer: OrganisationAnswer) -> str:
    """Return what there is to say of an organisation above its tasks: loops, environment, problems."""
    lines = [loop_line(loop) for loop in answer.loops]
    if answer.environment.state == "failed":
        lines.append(f'<span class="peach-failed">environment: {escape(answer.environment.reason or "failed")}</span>')
    lines += [f'<span class="peach-failed">{escape(problem.text)}</span>' for problem in answer.problems]
    return note("<br>".join(lines))


def note(html: str) -> str:
    """Return a paragraph; ``html`` is HTML."""
    return f'<div class="peach-note">{html}</div>'


def error(message: object) -> str:
    """Return a message in red."""
    return note(f'<span class="peach-failed">{escape(str(message))}</span>')


def moment(value: dt.datetime | None) -> str:
    """Return a time as the reader's clock has it."""
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if value else ""


def seconds(value: float | None) -> str:
    """Return a duration, as exact as anybody needs it."""
    if value is None:
        return ""
    if value < 60:  # noqa: PLR2004 - a minute
        return f"{value:.1f} s"
    whole = round(value)
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60:02} min" if hours else f"{rest // 60} min {rest % 60:02} s"


def log_text(entries: Iterable[Any]) -> str:
    """Return a log as text: what the task printed, with times; not where Airflow keeps the log, nor marks of groups."""
    lines = []
    is_source = False
    for entry in entries:
        event = entry.get("event") if isinstance(entry, dict) else entry
        if not isinstance(event, str):
            continue
        if event.startswith((_GROUP, _GROUP_END)):
            is_source = event == f"{_GROUP}{_SOURCES}"
            continue
        if is_source:
            continue
        at = entry.get("timestamp") if isinstance(entry, dict) else None
        lines.append(f"{_time(at)}{_CONTROL.sub('', event)}")
    text = "\n".join(lines)
    missing = len(text) - LOG_LIMIT_CHARACTERS
    return f"[the first {missing:,} characters are left out]\n{text[missing:]}" if missing > 0 else text


def log_frame(parts: Iterable[tuple[str, str]]) -> str:
    """Return the frame with logs: title and text of each."""
    shown = "\n\n".join(f"<b>{escape(title)}</b>\n{escape(text)}" for title, text in parts)
    return f'<div class="peach-log">{shown or "no logs"}</div>'


def _time(value: object) -> str:
    try:
        return f"{moment(dt.datetime.fromisoformat(value.replace('Z', '+00:00')))}  " if isinstance(value, str) else ""
    except ValueError:
        return ""
