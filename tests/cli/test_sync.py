from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from airflow_peach.catalogue.store import read_organisation
from airflow_peach.storage import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Peach, Team
    from tests.gitlab_server import GitLabServer

PATIENCE_SECONDS = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_a_sync_tells_what_changed(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train")
    news.commit()
    arguments = ["sync", "--home", str(home), "--source", str(news.path.parent)]

    first, second = peach(*arguments), peach(*arguments)

    assert (first.returncode, first.stderr) == (0, "")
    assert "1 repository, no problems, changed: debr (" in first.stdout
    assert (second.returncode, second.stderr) == (0, "")
    assert "1 repository, no problems (" in second.stdout
    assert (home / "catalogue" / "debr.json").is_file()


def test_problems_are_shown_and_the_rest_is_there(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train", method="tusk")
    news.write("peach.conf/a.yaml", "tasks:\n  rank: {notebook: n.ipynb, method: task}\n")
    head = news.commit()

    done = peach("sync", "--home", home, "--source", news.path.parent)

    assert (done.returncode, done.stderr) == (1, "")
    shown = f"✘ news@{head[:8]}:peach.yaml:5:5: tasks.train.method: entry function 'tusk' not found in n.ipynb; "
    assert done.stdout.splitlines()[0].startswith(shown)
    assert "1 repository, 1 problem, changed: debr (" in done.stdout.splitlines()[1]


def test_json_is_one_object(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train", method="tusk")
    news.write("peach.conf/a.yaml", "tasks:\n  rank: {notebook: n.ipynb, method: task}\n")
    head = news.commit()

    done = peach("sync", "--home", home, "--source", news.path.parent, "--format", "json")

    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert (report["organisations"], report["changed"]) == (["debr"], ["debr"])
    (repository,) = report["repositories"]
    assert (repository["name"], repository["head"], repository["error"]) == ("news", head, "")
    (problem,) = report["problems"]
    assert (problem["repository"], problem["version"], problem["line"]) == ("news", head[:8], 5)


def test_a_repository_that_is_gone_from_its_place_is_a_problem(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train")
    news.commit()
    platform = home.with_name("platform.yaml")
    platform.write_text(f"sources:\n  - git: [{news.path}]\n")
    env = {"AIRFLOW__PEACH__PLATFORM_FILE": str(platform)}
    assert peach("sync", "--home", home, env=env).returncode == 0
    news.path.rename(news.path.with_name("moved"))

    done = peach("sync", "--home", home, env=env)

    assert done.returncode == 1
    assert done.stdout.startswith("✘ ")
    assert "1 repository, 1 problem (" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("platform_file", "said"),
    [
        (None, "peach: no source of repositories: name one with --source, or in the platform file's sources\n"),
        ("source: []\n", "peach: {}:1:1: source: unknown key; did you mean 'sources'?\n"),
    ],
)
def test_what_cannot_begin_is_one_line(
    peach: Peach, home: Path, tmp_path: Path, platform_file: str | None, said: str
) -> None:
    platform = tmp_path / "platform.yaml"
    if platform_file is not None:
        platform.write_text(platform_file)
    env = {"AIRFLOW__PEACH__PLATFORM_FILE": str(platform) if platform_file else ""}

    done = peach("sync", "--home", home, env=env)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == said.format(platform)


def test_no_wait_ends_at_once_when_another_sync_runs(peach: Peach, source: Path, home: Path) -> None:
    with locked(home / "locks" / "sync"):
        done = peach("sync", "--home", home, "--source", source, "--no-wait")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@dataclass(frozen=True)
class Watch:
    """A `peach sync --watch` that runs, and what it says."""

    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def wait_for(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.output.read_text() + self.errors.read_text()
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.05)

    def lines(self) -> list[str]:
        return self.output.read_text().splitlines()

    def error_lines(self) -> list[str]:
        return self.errors.read_text().splitlines()


@pytest.fixture
def platform(tmp_path: Path, source: Path) -> Path:
    file = tmp_path / "platform.yaml"
    file.write_text(f"sources:\n  - directory: {source}\n")
    return file


@pytest.fixture
def watch(peach: Peach, news: Team, home: Path, platform: Path, tmp_path: Path) -> Iterator[Watch]:
    news.task("debr", "train")
    news.commit()
    output, errors = tmp_path / "output", tmp_path / "errors"
    settings = {"HOME": str(home), "PLATFORM_FILE": str(platform), "SYNC_INTERVAL": "0.1"}
    env = peach.environment | {f"AIRFLOW__PEACH__{name}": value for name, value in settings.items()}
    argv = [sys.executable, "-u", "-m", "airflow_peach", "sync", "--watch"]
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(argv, cwd=tmp_path, env=env, stdout=out, stderr=err)
    try:
        yield Watch(process, output, errors)
    finally:
        process.kill()
        process.wait()


def syncs_of(home: Path) -> float:
    return (home / "catalogue" / "repositories.json").stat().st_mtime_ns


def wait_for_syncs(watch: Watch, home: Path, number: int = 3) -> None:
    for _ in range(number):
        before = syncs_of(home)
        watch.wait_for(lambda before=before: syncs_of(home) != before)  # type: ignore[misc]


def test_watch_prints_what_is_new_and_ends_when_asked(watch: Watch, news: Team, home: Path) -> None:
    watch.wait_for(lambda: len(watch.lines()) == 1)
    assert "1 repository, no problems, changed: debr (" in watch.lines()[0]
    wait_for_syncs(watch, home)

    news.task("debr", "rank")
    news.commit()
    watch.wait_for(lambda: len(watch.lines()) > 1)
    wait_for_syncs(watch, home)
    news.write("readme.txt", "No configuration changes.")
    news.commit()
    wait_for_syncs(watch, home)
    watch.process.send_signal(signal.SIGTERM)

    assert watch.process.wait(PATIENCE_SECONDS) == 0
    assert ["changed: debr" in line for line in watch.lines()] == [True, True]
    assert watch.error_lines() == []


def test_watch_tells_what_is_new_of_what_is_wrong(watch: Watch, news: Team) -> None:
    def lines_after_commit(count: int) -> list[str]:
        before = len(watch.lines())
        news.commit()
        watch.wait_for(lambda: len(watch.lines()) == before + count)
        return [re.sub(r"@[0-9a-f]{8}", "", line) for line in watch.lines()[before:]]

    watch.wait_for(lambda: len(watch.lines()) == 1)
    first = "news:peach.conf/a.yaml:2:13: tasks.a.notebok: unknown key; did you mean 'notebook'?"
    news.write("peach.conf/a.yaml", "codops: debr\ntasks: {a: {notebok: n.ipynb, notebook: n.ipynb, method: task}}\n")
    assert lines_after_commit(2)[0] == f"✘ {first}"

    second = "news:peach.conf/b.yaml:2:13: tasks.b.methud: unknown key; did you mean 'method'?"
    news.write("peach.conf/b.yaml", "codops: debr\ntasks: {b: {methud: task, notebook: n.ipynb, method: task}}\n")
    assert lines_after_commit(2)[0] == f"✘ {second}"

    news.write("peach.conf/a.yaml", "codops: debr\n")
    told, counted = lines_after_commit(2)
    assert told == f"✔ no longer: {first}"
    assert "1 problem" in counted


def test_watch_tells_a_lasting_failure_once_and_goes_on(watch: Watch, news: Team, home: Path, platform: Path) -> None:
    watch.wait_for(lambda: len(watch.lines()) == 1)
    good = platform.read_text()
    said = f"peach: {platform}:1:1: source: unknown key; did you mean 'sources'?"

    platform.write_text("source: []\n")
    watch.wait_for(lambda: len(watch.error_lines()) == 1)
    time.sleep(1)  # several rounds
    platform.write_text(good)
    news.task("debr", "rank")
    news.commit()
    watch.wait_for(lambda: len(watch.lines()) == 2)
    assert watch.error_lines() == [said]
    wait_for_syncs(watch, home)

    platform.write_text("source: []\n")
    watch.wait_for(lambda: len(watch.error_lines()) == 2)
    assert watch.error_lines() == [said, said]


@pytest.mark.airflow
@pytest.mark.usefixtures("airflow_database")
def test_the_token_of_a_connection_in_airflows_database(
    peach: Peach, gitlab: GitLabServer, home: Path, tmp_path: Path
) -> None:
    made = gitlab.repository("team/x", members={"pipe"})
    made.commit(
        {"peach.yaml": "codops: debr\ntasks: {train: {notebook: n.py, method: task}}\n", "n.py": "def task(): pass\n"}
    )
    platform = tmp_path / "platform.yaml"
    platform.write_text(f"sources: [{{gitlab: {{url: '{gitlab.url}', connection: of_this_test}}}}]\n")
    environment = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW")}
    environment["AIRFLOW__PEACH__PLATFORM_FILE"] = str(platform)

    def sync() -> subprocess.CompletedProcess[str]:
        return peach("sync", "--home", home, env=environment)

    missing = sync()
    assert missing.returncode == 1
    assert "Airflow has none of this id" in missing.stdout

    (token,) = gitlab.users
    connection = ["add", "of_this_test", "--conn-type", "http", "--conn-password", token]
    added = peach.python("-m", "airflow", "connections", *connection, env=environment)
    assert added.returncode == 0, added.stderr
    found = sync()
    assert (found.returncode, found.stderr) == (0, "")
    assert "1 repository, no problems, changed: debr" in found.stdout
    assert [file for file in home.rglob("*") if file.is_file() and token.encode() in file.read_bytes()] == []

    gitlab.users.clear()
    expired = sync()
    assert expired.returncode == 1
    assert "make a new one and put it into the Airflow connection of_this_test" in expired.stdout
    assert token not in expired.stdout + expired.stderr
    assert [task.name for task in read_organisation(home / "catalogue", "debr").tasks] == ["train"]
