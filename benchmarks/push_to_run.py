"""From `git push` to the new code running, with the webhook, while a short loop runs in a real Airflow.

    python benchmarks/push_to_run.py [--pushes 30] [--sync watch|auto] [--refresh-seconds 1]

A GitLab on this machine, an Airflow with the demo's settings, and in it one organisation whose only task takes a
second. Each push changes the notebook's code and the task's arguments; then the webhook's route is called, as the host
does. Syncs are `peach sync --watch` beside Airflow, or (``auto``) children of the DAG bundle, which looks for a request
every --refresh-seconds. Nothing syncs without the webhook.

Our share of the way (webhook, sync, publishing, building the DAG, and in the execution: fetch, checkout, start) is
printed apart from Airflow's (reading what was published, scheduling, the wait for the loop's turn). Takes six minutes
for 30 pushes on two cores.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.faults.airflow_platform import AirflowPlatform, running_airflow
from tests.gitlab_server import GitLabServer

from airflow_peach.catalogue.store import current_snapshot, read_organisations, snapshot_path
from airflow_peach.catalogue.sync import sync
from airflow_peach.loops.factory import build_dags
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.git_host import HostedRepository

    from airflow_peach.demo.airflow_home import AirflowHome

TOKEN = "benchmark-token"  # noqa: S105 - of a server of our own
SECRET = "benchmark-secret"  # noqa: S105 - the same
LIMIT_SECONDS = 120.0
_BEGAN = re.compile(r"began at ([0-9.]+) code (\d+) arguments (\d+)")
_LAID_OUT = re.compile(r'"timestamp": ?"([^"]+)"[^\n]*debr/x: team/x@')


def files(number: int) -> dict[str, str]:
    """Return what the repository holds after push ``number``."""
    code = f"print('began at', time.time(), 'code {number} arguments', number, flush=True)"
    return {
        "n.py": f"import time\n\ndef task(number):\n    {code}\n    time.sleep(1)\n",
        "peach.yaml": f"codops: debr\ntasks:\n  x: {{notebook: n.py, method: task, args: {{number: {number}}}}}\n",
    }


class Clone:
    """An author's clone of the repository on the host.

    Args:
        made: the repository.
        folder: of the clone.
    """

    def __init__(self, made: HostedRepository, folder: Path) -> None:
        made.commit(files(0))
        subprocess.run(["git", "clone", "--quiet", str(made.folder), str(folder)], check=True)
        self._folder = folder

    def push(self, number: int) -> None:
        """Commit and push the next change."""
        for name, content in files(number).items():
            (self._folder / name).write_text(content)
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        self._git(*who, "commit", "--quiet", "--all", "--message", str(number))
        self._git("push", "--quiet", "origin", "HEAD:master")

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self._folder), *arguments], check=True)


@dataclass
class Seen:
    """When (``time.time()``) each thing was first there.

    Attributes:
        catalogues: a catalogue, by its version, as the sync left it.
        published: its folder, as Airflow's DAG processor reads it.
        parsed: its DAG, in Airflow's database.
        executions: beginning of each execution's code, its code's number and its arguments' number.
    """

    home: AirflowHome
    catalogues: dict[str, float] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    parsed: dict[str, float] = field(default_factory=dict)
    executions: list[tuple[float, int, int]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    _read: set[Path] = field(default_factory=set)

    def look(self) -> None:
        """Look, again and again, until ``stop`` is set."""
        database = sqlite3.connect(f"file:{self.home.path / 'airflow.db'}?mode=ro", uri=True, timeout=30)
        while not self.stop.wait(0.05):
            now = time.time()
            self.catalogues.setdefault(str(current_snapshot(self.home.peach_home)), now)
            for version in list(self.catalogues):
                if version not in self.published and any(self.home.path.glob(f"bundles/peach/**/{version}/catalogue")):
                    self.published[version] = now
            for (version,) in database.execute("select bundle_version from dag where dag_id = 'debr'"):
                self.parsed.setdefault(version, now)
            self._look_at_logs()

    def _look_at_logs(self) -> None:
        for log in self.home.logs.glob("dag_id=debr/*/task_id=x/attempt=*.log"):
            if log not in self._read and (began := _BEGAN.search(log.read_text(errors="replace"))):
                self._read.add(log)
                self.executions.append((float(began[1]), int(began[2]), int(began[3])))

    def first(self, *, code: int = 0, arguments: int = 0) -> float | None:
        """Return when the first execution with this code and these arguments, or newer ones, began."""
        found = [began for began, its_code, its in self.executions if its_code >= code and its >= arguments]
        return min(found, default=None)


def main() -> None:
    """Push, wait, and print the distributions."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pushes", type=int, default=30)
    parser.add_argument("--sync", choices=["watch", "auto"], default="watch")
    parser.add_argument("--refresh-seconds", type=int, default=1)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp())
    os.environ["GITLAB_TOKEN"] = TOKEN
    with GitLabServer(root / "gitlab") as server:
        server.user("pipe", TOKEN)
        clone = Clone(server.repository("team/x", visibility="internal"), root / "clone")
        platform = f"sources: [{{gitlab: {{url: '{server.url}', token_variable: GITLAB_TOKEN}}}}]\n"
        with running_airflow(root / "world", platform, _options(options), before=_sync) as airflow:
            environment = airflow.home.environment()
            connection = ["airflow", "connections", "add", "hook", "--conn-type", "http", "--conn-password", SECRET]
            subprocess.run([sys.executable, "-m", *connection], env=environment, check=True, capture_output=True)
            watch = [sys.executable, "-m", "airflow_peach", "sync", "--watch"]
            syncing = subprocess.Popen(watch, env=environment) if options.sync == "watch" else None
            seen = Seen(airflow.home)
            looking = threading.Thread(target=seen.look, daemon=True)
            looking.start()
            try:
                measure(airflow, clone, seen, options.pushes)
            finally:
                seen.stop.set()
                looking.join()
                if syncing is not None:
                    syncing.terminate()
                    syncing.wait()


def _options(options: argparse.Namespace) -> Mapping[str, Mapping[str, str]]:
    kwargs = {"refresh_interval": options.refresh_seconds}
    bundle = {"name": "peach", "classpath": "airflow_peach.loops.bundle.PeachBundle", "kwargs": kwargs}
    mode = {"sync": "external" if options.sync == "watch" else "auto", "sync_interval": "3600"}
    return {
        "peach": {**mode, "webhook_connection": "hook"},
        "dag_processor": {"dag_bundle_config_list": json.dumps([bundle])},
    }


def _sync(home: AirflowHome) -> None:
    sync(load_settings(home=home.peach_home, platform_file=home.path.parent / "platform.yaml"))


def measure(airflow: AirflowPlatform, clone: Clone, seen: Seen, pushes: int) -> None:
    """Push, and print what that took."""
    home = airflow.home.peach_home
    wait_until(airflow, lambda: len(seen.executions) > 2)
    steps: dict[str, list[float]] = {name: [] for name in STEPS}
    phase = random.Random(1)  # noqa: S311 - when in the loop's turn a push comes
    for number in range(1, pushes + 1):
        time.sleep(phase.uniform(0, 3))
        before = current_snapshot(home)
        began = time.time()
        clone.push(number)
        pushed = time.time()
        call_webhook(airflow)
        accepted = time.time()
        wait_until(airflow, lambda number=number: seen.first(code=number, arguments=number))  # type: ignore[misc]
        version = str(current_snapshot(home))
        assert version != before
        building = time.monotonic()
        build_dags(read_organisations(snapshot_path(home, version))[0], load_settings(home=home))
        built = time.monotonic() - building
        code, arguments = seen.first(code=number), seen.first(arguments=number)
        assert code is not None
        assert arguments is not None
        times = [
            *(pushed - began, accepted - pushed, seen.catalogues[version] - accepted),
            *(seen.published[version] - seen.catalogues[version], built),
            *(seen.parsed[version] - seen.published[version] - built, code - began, arguments - began),
        ]
        for name, seconds in zip(STEPS, times, strict=True):
            steps[name].append(seconds)
        print(number, *(f"{seconds:.2f}" for seconds in times), flush=True)
    for name, values in steps.items():
        said(name, values)
    ours = [sum(each) for each in zip(*(steps[name] for name in OURS), strict=True)]
    said("ours until Airflow reads it", ours)
    turns = [late - early for (early, *_), (late, *_) in zip(seen.executions, seen.executions[1:], strict=False)]
    said("between two executions", turns)
    said("laid out until the code runs (ours)", starts(airflow.home))


STEPS = (
    "git push",
    "webhook",
    "sync",
    "until it is published",
    "building the DAG",
    "until it is in Airflow",
    "push to new code running",
    "push to new arguments running",
)
OURS = ("webhook", "sync", "building the DAG")


def starts(home: AirflowHome) -> list[float]:
    """Return the seconds from the checkout to the first line of the code, of each execution."""
    found = []
    for log in home.logs.glob("dag_id=debr/*/task_id=x/attempt=*.log"):
        text = log.read_text(errors="replace")
        laid_out, began = _LAID_OUT.search(text), _BEGAN.search(text)
        if laid_out and began:
            found.append(float(began[1]) - dt.datetime.fromisoformat(laid_out[1].replace("Z", "+00:00")).timestamp())
    return found


def call_webhook(airflow: AirflowPlatform) -> None:
    """Say what the host says after a push."""
    address = f"{airflow.home.url}/peach/api/sync"
    request = urllib.request.Request(address, data=b"{}", headers={"X-Gitlab-Token": SECRET}, method="POST")  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - the same
        assert response.status == 202


def wait_until(airflow: AirflowPlatform, holds: Callable[[], object]) -> None:
    """Wait for what a push brings."""
    airflow.wait_until(holds, seconds=LIMIT_SECONDS, what=lambda: "the push did not arrive")


def said(what: str, seconds: list[float]) -> None:
    """Print the distribution of a figure."""
    if len(seconds) < 2:
        return
    nine_tenths = statistics.quantiles(seconds, n=10)[8]
    median = statistics.median(seconds)
    print(f"{what:36} median {median:6.2f} s, 9 of 10 within {nine_tenths:6.2f} s, max {max(seconds):6.2f} s")


if __name__ == "__main__":
    main()
