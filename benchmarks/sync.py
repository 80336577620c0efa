"""What a sync of many repositories costs: the first, one without a change, one with ten changes.

    python benchmarks/sync.py [--repositories 1000] [--history 1] [--keep FOLDER] [--build] [--alone]

Repositories on a GitLab in a process of its own on this machine (``tests/gitlab_server.py``: HTTP, a token,
``git http-backend``), every twentieth with 20 configuration files, the others with one; --history commits in each.
With --keep they stay in FOLDER for the next run; --build makes them there and measures nothing. --alone compares
with nothing.

Compared, in one run, with a ``git fetch`` of each mirror one after the other, and with Airflow's own
``GitDagBundle.refresh()`` of each, where ``apache-airflow-providers-git`` is installed. Figures of one machine mean
little; the ratios do.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"] = tempfile.mkdtemp()
# Else each bundle logs that there is no such connection; the URL has the token.
os.environ["AIRFLOW_CONN_GIT_DEFAULT"] = "git://"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
sys.path.insert(0, str(Path(__file__).parent.parent))

from airflow_peach.catalogue.sync import SyncReport, sync
from airflow_peach.settings import as_environment, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gitlab_server import GitLabServer

    from airflow_peach.settings import Settings

ROOT = Path(__file__).parent.parent
TOKEN = "benchmark-token"  # noqa: S105 - of a server of our own
SAMPLE = 40  # repositories that the two comparisons are measured on: they take the same time for each
CHANGED = 10
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
CELL: dict[str, object] = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}

SERVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from benchmarks.sync import fill
from tests.gitlab_server import GitLabServer
with GitLabServer(Path(sys.argv[2])) as server:
    fill(server, int(sys.argv[3]), int(sys.argv[4]))
    print(server.url, flush=True)
    for line in sys.stdin:
        name, content = line.split()
        server.repositories[name].commit({"helper.py": content})
        print("done", flush=True)
"""


def fill(server: GitLabServer, repositories: int, history: int) -> None:
    """Make the repositories of the benchmark, those that are not there from the last run."""
    server.user("pipe", TOKEN)
    notebook = json.dumps({**NOTEBOOK, "cells": [{**CELL, "source": "def task(**arguments):\n    pass\n"}]})
    for number in range(repositories):
        made = server.repository(path_of(number), visibility="internal")
        if made.refs():
            continue
        files = {"n.ipynb": notebook}
        for each in range(20 if number % 20 == 0 else 1):
            task = f"  t{number}_{each}: {{notebook: n.ipynb, method: task}}\n"
            files[f"peach.conf/{each}.yaml"] = f"codops: team{number // 20}\ntasks:\n{task}"
        made.commit(files)
        for commit in range(history - 1):
            made.commit({"log.txt": f"{commit}\n"})


def path_of(number: int) -> str:
    """Return the path of a repository on the GitLab."""
    return f"team{number // 20}/r{number:05}"


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--history", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp())
    os.environ["GITLAB_TOKEN"] = TOKEN
    began = time.monotonic()
    folder = (options.keep or root / "gitlab").absolute()
    with serving(folder, options.repositories, options.history) as (url, change):
        said("repositories are there", time.monotonic() - began)
        if not options.build:
            platform_file = root / "platform.yaml"
            platform_file.write_text(f"sources: [{{gitlab: {{url: '{url}', token_variable: GITLAB_TOKEN}}}}]\n")
            settings = load_settings(home=root / "home", platform_file=platform_file)
            unchanged, ten = measure(settings, options.repositories, change)
            if not options.alone:
                compare(root, url, options.repositories, change, unchanged=unchanged, ten=ten)


@contextlib.contextmanager
def serving(folder: Path, repositories: int, history: int) -> Iterator[tuple[str, Callable[[int, str], None]]]:
    """Yield the address of the GitLab, and what changes the first of its repositories."""
    command = [sys.executable, "-c", SERVER, str(ROOT), str(folder), str(repositories), str(history)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdin is not None
            assert server.stdout is not None
            questions, answers = server.stdin, server.stdout

            def change(count: int, content: str) -> None:
                for number in range(count):
                    questions.write(f"{path_of(number)} {content}\n")
                    questions.flush()
                    answers.readline()

            yield answers.readline().strip(), change
        finally:
            server.kill()


def measure(settings: Settings, repositories: int, change: Callable[[int, str], None]) -> tuple[float, float]:
    """Measure the syncs; return the seconds of one without a change, and of one with ten."""

    def synced() -> SyncReport:
        report = sync(settings)
        assert len(report.repositories) == repositories
        assert not report.problems, report.problems[:3]
        assert not [each.error for each in report.repositories if each.error]
        return report

    said("first sync", synced().seconds)
    unchanged = statistics.median(synced().seconds for _ in range(5))
    said("no change, median of 5", unchanged)
    changed = []
    for round_ in range(3):
        change(CHANGED, f"x={round_}")
        changed.append(synced().seconds)
    ten = statistics.median(changed)
    said("10 changed, median of 3", ten)
    environment = {**os.environ, **as_environment(settings)}
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "airflow_peach", "sync"], env=environment, check=True, capture_output=True)
    said("no change, `peach sync` as a program", time.monotonic() - began)
    for what, who in (("memory", resource.RUSAGE_SELF), ("memory of its largest child", resource.RUSAGE_CHILDREN)):
        print(f"{what:36} {resource.getrusage(who).ru_maxrss / 1024:9.0f} MB")
    return unchanged, ten


def compare(
    root: Path, url: str, repositories: int, change: Callable[[int, str], None], *, unchanged: float, ten: float
) -> None:
    """Measure what the syncs are compared with."""
    sample = min(SAMPLE, repositories)
    fetch = each_of(sample, lambda number: git_fetch(root, url, number)) * repositories
    said("(a) git fetch, one by one", fetch)
    bundle = float("nan")
    if importlib.util.find_spec("airflow.providers.git") is not None:
        bundle = each_of(min(CHANGED, sample), lambda number: refresh_bundle(url, number)) * repositories
        said("(b) GitDagBundle.refresh, one by one", bundle)
    change(CHANGED, "x=single")
    began = time.monotonic()
    for number in range(min(CHANGED, sample)):
        git_fetch(root, url, number)
    single = time.monotonic() - began
    said("10 single fetches with a change", single)
    print(f"no change: {fetch / unchanged:.0f} times faster than (a), {bundle / unchanged:.0f} times than (b)")
    print(f"10 changed: {ten / (unchanged + single):.2f} of no change and 10 single fetches")


def each_of(sample: int, work: Callable[[int], None]) -> float:
    """Return the seconds for each, after one round that makes what is refreshed."""
    for number in range(sample):
        work(number)
    began = time.monotonic()
    for number in range(sample):
        work(number)
    return (time.monotonic() - began) / sample


def git_fetch(root: Path, url: str, number: int) -> None:
    """Fetch one repository as a plain script would, into a bare clone of its own."""
    name = f"{path_of(number)}.git"
    folder = root / "plain" / name
    remote = url.replace("://", f"://pipe:{TOKEN}@")
    if not folder.exists():
        subprocess.run(["git", "clone", "--quiet", "--mirror", f"{remote}/{name}", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "fetch", "--quiet"], check=True)


def refresh_bundle(url: str, number: int) -> None:
    """Refresh one repository as Airflow's own bundle does."""
    from airflow.providers.git.bundles.git import GitDagBundle  # noqa: PLC0415 - it may not be installed

    name = f"{path_of(number)}.git"
    if number not in BUNDLES:
        remote = url.replace("://", f"://pipe:{TOKEN}@")
        BUNDLES[number] = GitDagBundle(name=f"r{number}", repo_url=f"{remote}/{name}", tracking_ref="master")
        BUNDLES[number].initialize()
    BUNDLES[number].refresh()


BUNDLES: dict[int, Any] = {}


def said(what: str, seconds: float) -> None:
    """Print a figure."""
    print(f"{what:36} {seconds:9.2f} s", flush=True)


if __name__ == "__main__":
    main()
