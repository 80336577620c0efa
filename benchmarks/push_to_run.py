"""How long a push takes to reach what Airflow parses, with the webhook: our share of the way to the new code running.

    python benchmarks/push_to_run.py [PUSHES]

A GitLab on this machine, and `peach sync --watch` as a process. Each push changes a task's definition; then a sync is
requested, as the webhook's route does. Measured: until the new catalogue is published, and how long building its DAG
takes. Code alone needs neither: an execution fetches its repository itself when it starts. What Airflow adds (the
bundle looks every five seconds, the run in progress ends first) is not measured here.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.gitlab_server import GitLabServer

from airflow_peach.catalogue.store import current_snapshot, read_organisations, snapshot_path
from airflow_peach.catalogue.sync_request import request_sync
from airflow_peach.loops.factory import build_dags
from airflow_peach.settings import load_settings

TOKEN = "benchmark-token"  # noqa: S105 - of a server of our own
LIMIT_SECONDS = 120.0


def main() -> None:
    """Push, wait, and print the distribution."""
    pushes = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    root = Path(tempfile.mkdtemp())
    os.environ["GITLAB_TOKEN"] = TOKEN
    with GitLabServer(root / "gitlab") as server:
        server.user("pipe", TOKEN)
        made = server.repository("team/x", visibility="internal")
        platform_file = root / "platform.yaml"
        platform_file.write_text(f"sources: [{{gitlab: {{url: '{server.url}', token_variable: GITLAB_TOKEN}}}}]\n")
        home = root / "home"
        environment = {
            **os.environ,
            "AIRFLOW__PEACH__HOME": str(home),
            "AIRFLOW__PEACH__PLATFORM_FILE": str(platform_file),
            "AIRFLOW__PEACH__SYNC_INTERVAL": "3600",
        }
        notebook = "def task(**arguments):\n    pass\n"
        made.commit({"n.py": notebook, "peach.yaml": definition(0)})
        watch = subprocess.Popen([sys.executable, "-m", "airflow_peach", "sync", "--watch"], env=environment)
        try:
            wait_for_change(home, None)
            published, parsed = [], []
            for number in range(1, pushes + 1):
                version = current_snapshot(home)
                made.commit({"peach.yaml": definition(number)})
                began = time.monotonic()
                request_sync(home)
                wait_for_change(home, version)
                published.append(time.monotonic() - began)
                began = time.monotonic()
                snapshot = snapshot_path(home, str(current_snapshot(home)))
                build_dags(read_organisations(snapshot)[0], load_settings(home=home))
                parsed.append(time.monotonic() - began)
        finally:
            watch.terminate()
            watch.wait()
    said("request to published catalogue", published)
    said("building the DAG", parsed)


def definition(number: int) -> str:
    """Return a configuration file that differs from every other."""
    return f"codops: debr\ntasks:\n  x: {{notebook: n.py, method: task, args: {{number: {number}}}}}\n"


def wait_for_change(home: Path, version: str | None) -> None:
    """Return when another catalogue than ``version`` is the current one."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while current_snapshot(home) in {None, version}:
        assert time.monotonic() < deadline, "no new catalogue"
        time.sleep(0.01)


def said(what: str, seconds: list[float]) -> None:
    """Print the distribution of a figure."""
    nine_tenths = statistics.quantiles(seconds, n=10)[8]
    median = statistics.median(seconds)
    print(f"{what:32} median {median:.2f} s, 9 of 10 within {nine_tenths:.2f} s, max {max(seconds):.2f} s")


if __name__ == "__main__":
    main()
