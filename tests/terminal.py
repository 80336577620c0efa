"""A command in a terminal of its own, with somebody who types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INTERRUPT = "\x03"


def in_a_terminal(answers: Mapping[str, str], *arguments: str, cwd: Path) -> tuple[int, str]:
    """Run ``peach``; return its exit code, and what the terminal shows.

    Args:
        answers: what is typed, each when its key has been shown; in their order.
        arguments: of the command.
        cwd: where it runs; its home, too.
    """
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        # Ctrl-C does what it does in a terminal, also where who runs the tests ignores it (`nohup`).
        ["env", "--default-signal=INT,HUP", "setsid", "--ctty", sys.executable, "-m", "airflow_peach", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown, waiting = b"", list(answers.items())
    with process:
        try:
            typed = ""
            while piece := _read(controller, typed):
                shown += piece
                while waiting and waiting[0][0].encode() in shown:
                    typed = waiting.pop(0)[1]
                    os.write(controller, typed.encode())
        except BaseException:  # the test's time limit, above all
            process.kill()
            raise
    os.close(controller)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def _read(controller: int, typed: str) -> bytes:
    """Return what the terminal shows next; nothing when its other side is closed."""
    while not select.select([controller], [], [], 1.0)[0]:
        # Python loses one that comes between the question and the wait for its answer: a person presses again.
        if typed == INTERRUPT:
            os.write(controller, typed.encode())
    try:
        return os.read(controller, 4096)
    except OSError:
        return b""
