"""Runs inside the namespaces of ``container.Container``: starts and signals processes for the test outside.

One JSON object a line in, one out. Ends, and with it everything in its process namespace, at the end of its input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    started: list[subprocess.Popen[bytes]] = []
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), started)), flush=True)  # noqa: T201 - the answer


def _answer(request: dict[str, Any], started: list[subprocess.Popen[bytes]]) -> Any:
    if request["do"] == "start":
        with Path("/output", request["log"]).open("ab") as log:
            started.append(
                subprocess.Popen(
                    request["argv"],
                    env=request["environment"],
                    cwd=request["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        return len(started) - 1
    if request["do"] == "poll":
        return started[request["number"]].poll()
    if request["do"] == "signal":
        started[request["number"]].send_signal(request["signal"])
        return None
    return list(_others())


def _others() -> Any:
    """Yield the command lines of all processes of this namespace but its first, which reaps, and this one."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) not in (1, os.getpid()):
            try:
                command = (folder / "cmdline").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:  # it has ended
                continue
            if state != "Z":
                yield command.replace(b"\0", b" ").decode(errors="replace").strip()


main()
