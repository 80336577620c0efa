"""A command in a terminal of its own, with somebody who types."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def in_a_terminal(answers: Mapping[str, str], *arguments: str, cwd: Path) -> tuple[int, str]:
    """Run ``peach``; return its exit code, and what the terminal shows.

    Args:
        answers: what is typed, each when its key has been shown; in their order.
        arguments: of the command.
        cwd: where it runs; its home, too.
    """
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "airflow_peach", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown, waiting = b"", list(answers.items())
    with process:
        while True:
            while waiting and waiting[0][0].encode() in shown:
                os.write(controller, waiting.pop(0)[1].encode())
            try:
                piece = os.read(controller, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
    os.close(controller)
    return process.returncode, shown.decode().replace("\r\n", "\n")
