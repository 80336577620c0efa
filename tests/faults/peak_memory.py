"""What processes take at most, while something runs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_peach.execution.process_tree import descendants

from .forked import start

if TYPE_CHECKING:
    from collections.abc import Callable

CALLER = "caller"
_LOOK_SECONDS = 0.02


def peaks_of(work: Callable[[], Any], scripts: dict[str, str], answer: Path) -> tuple[Any, dict[str, int]]:
    """Run ``work`` in a process of its own, and return what it returned (JSON) and peaks of memory, in bytes.

    Args:
        work: raises nothing, or the test fails.
        scripts: whom to measure below that process: a word of the command line to the name it gets in the answer.
        answer: a file that is written.

    The peaks are whole ones; that of the process itself, under ``CALLER``, is what it grew by.
    """

    def run() -> None:
        # A process begins with the peak of the one it was made of.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _peak(os.getpid())
        result = work()
        answer.write_text(json.dumps([result, _peak(os.getpid()) - before]), encoding="utf-8")

    process = start(run)
    peaks = dict.fromkeys(scripts.values(), 0)
    while process.is_alive():
        for below in descendants(process.pid or 0):
            for word, name in scripts.items():
                if word in _command_line(below.pid):
                    peaks[name] = max(peaks[name], _peak(below.pid))
        time.sleep(_LOOK_SECONDS)
    assert process.exitcode == 0
    result, grown = json.loads(answer.read_text(encoding="utf-8"))
    return result, {CALLER: grown, **peaks}


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:  # it has ended
        return ""


def _peak(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split()[0]) * 1024 if found else 0
