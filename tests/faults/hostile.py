"""Executions that do not want to end: one organisation for each kind, so that all of them run at the same time."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING

from tests.team import make_team, notebook

from airflow_peach.catalogue.store import REPOSITORIES_FILE, read_organisation
from airflow_peach.catalogue.sync import sync
from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.task_run import needs_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_peach.settings import Settings

# Each says "began" when it has become all that it becomes, and then stays for as long as it is let.
PYTHON = {
    "sleeps": """
        import time
        def task():
            print("began"); time.sleep(600)
        """,
    "ignores": """
        import signal, time
        def task():
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
            print("began")
            while True: time.sleep(600)
        """,
    "busy": """
        def task():
            print("began"); sum(range(10**12))
        """,
    "regex": """
        import re
        def task():
            print("began"); re.match("(a+)+$", "a" * 60 + "b")
        """,
    "tree": """
        import subprocess, sys, time
        deep = "import signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN); n = int(sys.argv[1])\\n" \\
               "if n: subprocess.Popen([sys.executable, '-c', sys.argv[2], str(n - 1), sys.argv[2]])\\n" \\
               "time.sleep(600)"
        def task():
            for _ in range(2): subprocess.Popen([sys.executable, "-c", deep, "2", deep])
            time.sleep(0.5); print("began"); time.sleep(600)
        """,
    "daemon": """
        import os, signal, time
        def task():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    for descriptor in range(3): os.close(descriptor)
                    os.chdir("/")
                    time.sleep(600)
                os._exit(0)
            os.wait(); print("began"); time.sleep(600)
        """,
    "forks": """
        import os, time
        def task():
            print("began")
            if os.fork(): time.sleep(600)
            while True:
                if os.fork(): os._exit(0)
                os.setsid()
        """,
}
KERNEL = """
import signal, threading, time
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
def task(): pass
print("began")
while True:
    try: time.sleep(600)
    except BaseException: pass
"""
QUICK = "def task():\n    print('began')\n"
# What hangs before any code of the team's runs, and so says nothing of its own.
SILENT = ("index", "remote")
KINDS = (*PYTHON, "notebook", *SILENT)


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """A server that accepts and never answers; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        yield int(server.getsockname()[1])


def make_hostile_teams(source: Path, *, requirement: str, tasks: int = 1) -> None:
    """Make a repository for each kind; ``requirement`` is one that leads to a silent server.

    Each has as many ``tasks`` that do the same, but ``index``: what hangs of that is its environment.
    """
    for kind, code in PYTHON.items():
        _make_hostile_team(source, kind, tasks, file="job.py", code=code)
    _make_hostile_team(source, "notebook", tasks, file="job.ipynb", code=notebook(KERNEL), full_notebook=True)
    _make_hostile_team(source, "index", 1, file="job.py", code=QUICK, dependencies=[requirement])
    _make_hostile_team(source, "remote", tasks, file="job.py", code=QUICK)


def _make_hostile_team(
    source: Path,
    kind: str,
    tasks: int,
    *,
    file: str,
    code: str,
    full_notebook: bool = False,
    dependencies: Sequence[str] = (),
) -> None:
    task = {"notebook": file, "method": "task", "full_notebook": full_notebook}
    configuration = {
        "codops": kind,
        "dependencies": list(dependencies),
        "tasks": {f"job-{number}": task for number in range(1, tasks + 1)},
    }
    make_team(source / kind, {"peach.yaml": json.dumps(configuration), file: code})


def make_ready(settings: Settings, source: Path, *, silent_port: int, environments: Sequence[str] = ()) -> None:
    """Sync, build the environments of these organisations, and let the remote of ``remote`` fall silent.

    No sync may run afterwards: it would find the true remote again.
    """
    sync(settings, source=source)
    for codops in environments:
        organisation = read_organisation(settings.home / "catalogue", codops)
        PlatformEnvironments(settings).ensure(
            codops,
            organisation.requirements,
            with_kernel=needs_kernel(organisation),
            emit=lambda _: None,
            time_limit_seconds=120,
        )
    file = settings.home / "catalogue" / REPOSITORIES_FILE
    file.write_text(file.read_text().replace(str(source / "remote"), f"http://127.0.0.1:{silent_port}/remote.git"))
