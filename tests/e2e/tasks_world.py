"""What the Tasks page is looked at with: real executions of every kind, in a real Airflow that goes on running."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from tests.free_port import free_port
from tests.team import make_team, notebook

from .conftest import BIN, Demo

if TYPE_CHECKING:
    from pathlib import Path

# Shown as text or not at all; as HTML it would set window.hostile.
HOSTILE = "<img src=x onerror=window.hostile=1><script>window.hostile=2</script>"
# Airflow takes a minute to write so many lines: the task prints some, the others are put into its log.
LINES = 100_000
PRINTED_LINES = 100
# A busy machine takes its time; nothing here is about speed.
PATIENCE_SECONDS = 400

CODE = f"""
    import sys
    import time

    def works(word="one"):
        print("the word is", word)
        print("\\033[31mred\\033[0m and \\033[1;32mgreen\\033[0m", "\\033[38;5;208morange\\033[0m")
        print({HOSTILE!r})

    def fails():
        raise ValueError({HOSTILE!r})

    def chatty(lines={PRINTED_LINES}):
        for number in range(lines):
            print("line", number)

    def endless():
        number = 0
        while True:
            number += 1
            print("tick", number)
            time.sleep(1)

    def short():
        print("quick")
"""
NOTEBOOK = notebook("def report():\n    print('the report is made')", text="# Report of the week")
FIRST = """
    codops: debr
    tasks:
      works: {notebook: job.py, method: works}
      fails: {notebook: job.py, method: fails}
      spoiled: {notebook: job.py, method: short}
      gone: {notebook: job.py, method: short}
      slow: {notebook: job.py, method: short}
      fetch: {notebook: job.py, method: short, loop: metadata}
"""
# `spoiled` is stale now, `gone` is removed, `slow` runs and goes on, `later` waits behind it and never ran.
SECOND = f"""
    codops: debr
    tasks:
      works: {{notebook: job.py, method: works}}
      fails: {{notebook: job.py, method: fails}}
      spoiled: {{notebook: job.py, method: short, "{HOSTILE}": 1}}
      slow: {{notebook: job.py, method: endless}}
      later: {{notebook: job.py, method: works}}
      fetch: {{notebook: job.py, method: short, loop: metadata}}
"""
LATE = """
    codops: sesr
    tasks:
      late: {notebook: job.py, method: endless}
"""
REPORTS = """
    codops: zzebu
    tasks:
      chatty: {notebook: job.py, method: chatty}
      report: {notebook: report.ipynb, method: report, full_notebook: true}
"""
TIME_LIMIT_SECONDS = 3


@dataclass(frozen=True)
class World:
    """A demo with executions of every kind.

    Attributes:
        versions: of the two commits of ``debr``.
        sub_path: a second API server of the same Airflow, below a path, that knows readers with fewer rights.
    """

    demo: Demo
    versions: tuple[str, str]
    sub_path: SubPathServer

    @property
    def root(self) -> str:
        """The address of the demo's Airflow."""
        return f"http://127.0.0.1:{self.demo.port}"

    def token(self) -> str:
        """Return a token of the demo's administrator."""
        passwords = json.loads((self.demo.home / "airflow" / "passwords.json").read_text())
        return token(self.root, "admin", passwords["admin"])

    def pause(self, loop: str) -> None:
        """Begin no more runs of this loop."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        httpx.patch(
            f"{self.root}/api/v2/dags/{loop}", json={"is_paused": True}, headers=headers, timeout=30
        ).raise_for_status()

    def wait_until_debr_is_at(self, task: str, version: str) -> None:
        """Wait until this task runs with the code of this version."""
        with httpx.Client(headers={"Authorization": f"Bearer {self.token()}"}, base_url=self.root) as client:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                tasks = client.get("/peach/api/organisations/debr").json()["tasks"]
                now = next(each for each in tasks if each["name"] == task)
                if (now["state"], now["version"]) == ("RUNNING", version):
                    return
                time.sleep(0.5)
        raise AssertionError(f"{task} does not run: {now}")


class SubPathServer:
    """Another API server on the demo's database, below a path; ``viewer`` and ``nobody`` may log in, too."""

    PATH = "/air/flow"
    PASSWORD = "for tests alone"  # noqa: S105

    def __init__(self, demo: Demo, folder: Path) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}{self.PATH}"
        folder.mkdir()
        passwords = folder / "passwords.json"
        passwords.write_text(json.dumps(dict.fromkeys(("admin", "viewer", "nobody"), self.PASSWORD)))
        config = configparser.RawConfigParser()
        config.read(demo.home / "airflow" / "airflow.cfg")
        config["core"]["simple_auth_manager_users"] = "admin:admin,viewer:viewer,nobody:"
        config["core"]["simple_auth_manager_passwords_file"] = str(passwords)
        config["api"].update({"port": str(port), "base_url": self.root})
        with (folder / "airflow.cfg").open("w") as file:
            config.write(file)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        with (folder / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(
                [str(BIN / "airflow"), "api-server"],
                env=kept | {"AIRFLOW_HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End it; connections that a browser keeps open would hold it up."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def token(root: str, user: str, password: str) -> str:
    """Log in at Airflow; wait until it answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = httpx.post(f"{root}/auth/token", json={"username": user, "password": password}, timeout=30)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
            continue
        assert answer.status_code == 201, answer.text
        return str(answer.json()["access_token"])


def make_world(path: Path, started: list[Any]) -> World:
    """Start everything and wait until there is an execution of every kind; what is ``started`` is to be stopped."""
    source = path / "source"
    debr = make_team(source / "news", {"peach.yaml": FIRST, "job.py": CODE})
    files = {"peach.yaml": REPORTS, "report.ipynb": NOTEBOOK, "job.py": CODE}
    make_team(source / "reports", files)
    make_team(source / "idle", {"README": "no tasks here"})
    demo = Demo(path / "home", source)
    started.append(demo)
    first = debr.git("rev-parse", "HEAD")[:8]
    demo.wait_for(lambda one: one["task"] == "slow", seconds=PATIENCE_SECONDS)
    # The demo has written its platform file and goes by it; from the next sync on it says more.
    _limit(demo.home / "platform.yaml")
    make_team(source / "sport", {"peach.yaml": LATE, "job.py": CODE})
    second = debr.commit({"peach.yaml": SECOND})[:8]
    server = SubPathServer(demo, path / "sub-path")
    started.append(server)
    demo.wait_for(lambda one: one["task"] == "chatty", seconds=PATIENCE_SECONDS)
    _lengthen(min((demo.home / "airflow" / "logs").glob("**/task_id=chatty/attempt=1.log")))
    demo.wait_for(lambda one: one["task"] == "late", seconds=PATIENCE_SECONDS)
    demo.wait_for(lambda one: one["task"] == "report", seconds=PATIENCE_SECONDS)
    world = World(demo, (first, second), server)
    world.wait_until_debr_is_at("slow", second)
    # What has run often enough leaves the machine to the browser; `debr` goes on.
    for loop in ("sesr", "zzebu", "metadata"):
        world.pause(loop)
    return world


def _lengthen(log: Path) -> None:
    """Put lines after the task's last, as Airflow writes them."""
    last = f'"event":"line {PRINTED_LINES - 1}"'
    deadline = time.monotonic() + PATIENCE_SECONDS
    while last not in (text := log.read_text(encoding="utf-8")):
        # Airflow knows of the task's end before it has written all that the task said.
        assert time.monotonic() < deadline, text[-2000:]
        time.sleep(0.2)
    lines = text.splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if last in line]
    more = [lines[place].replace(last, f'"event":"line {number}"') for number in range(PRINTED_LINES, LINES)]
    log.write_text("".join([*lines[: place + 1], *more, *lines[place + 1 :]]), encoding="utf-8")


def _limit(platform_file: Path) -> None:
    content = platform_file.read_text(encoding="utf-8")
    platform_file.write_text(
        f"{content}organisations:\n  sesr:\n    time_limit: {TIME_LIMIT_SECONDS}\n", encoding="utf-8"
    )
