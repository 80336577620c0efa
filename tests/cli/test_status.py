from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.model import Catalogue, RepositoryStatus, Requirement
from airflow_peach.catalogue.store import write_catalogue
from airflow_peach.execution.environments.store import EnvironmentBuildError, EnvironmentStore
from airflow_peach.execution.sandbox import bubblewrap_failure

if TYPE_CHECKING:
    from tests.cli.conftest import Peach, Team

needs_bubblewrap = pytest.mark.skipif(bool(bubblewrap_failure()), reason=bubblewrap_failure())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def shape(text: str) -> list[list[str]]:
    """Return the cells of each line: what stands two spaces or more apart."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines() if line]


def test_before_the_first_sync(peach: Peach, home: Path) -> None:
    done = peach("status", "--home", home)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"Home       {home}"
    assert done.stdout.splitlines()[-1] == (
        "No sync yet: there is no catalogue in this directory. Run `peach sync`, or start Airflow."
    )
    assert not home.exists()


def test_everything_is_shown(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train")
    news.write("peach.conf/a.yaml", "tasks:\n  fetch: {notebook: n.ipynb, method: task, loop: metadata}\n")
    news.write("peach.conf/b.yaml", "tasks:\n  rank: {notebook: n.ipynb, method: task}\n")
    news.commit()
    sport = type(news)(news.path.with_name("sport"))
    sport.task("sesr", "score")
    sport.commit()
    sync = ["sync", "--home", str(home), "--source", str(news.path.parent)]
    assert peach(*sync).returncode == 0
    news.write("peach.conf/b.yaml", "tasks:\n  rank: {notebook: n.ipynb, method: tusk}\n")
    head = news.commit()
    sport.write("peach.yaml", "codops: sesr\n")
    head_of_sport = sport.commit()
    assert peach(*sync).returncode == 1
    EnvironmentStore(home, interpreter=Path(sys.executable), lock_max_age_seconds=60).ensure(
        "debr", (), with_kernel=False, emit=print, time_limit_seconds=60
    )

    done = peach("status", "--home", home)

    digest = json.loads((home / "environments/debr/current.json").read_text())["digest"]
    gone = "tombstone: its last task is gone, its DAG goes in 23 h"
    stale = "stale: its newest definition is invalid"
    problem = (
        f"✘ news@{head[:8]}:peach.conf/b.yaml:2:29: tasks.rank.method: entry function 'tusk' not found in n.ipynb; "
        "did you mean 'task'?; functions there: task (cell 1)"
    )
    rows = shape(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert rows[2] == ["Catalogue", rows[2][1]]
    assert rows[2][1].startswith("2 organisations, 3 tasks, 2 repositories, last answer ")
    assert rows[3:] == [
        ["ORGANISATION", "TASKS", "METADATA TASKS", "STALE", "ENVIRONMENT", "PROBLEMS"],
        ["debr", "2", "1", "1", digest[:12], "1"],
        ["sesr", "0", "0", "0", "none", "0", gone],
        ["REPOSITORY", "ORGANISATIONS", "BRANCH", "HEAD", "FETCHED"],
        ["news", "debr", "master", head[:8], rows[7][4], "1 problem"],
        ["sport", "sesr", "master", head_of_sport[:8], rows[8][4]],
        ["LOOP debr", "NOTEBOOK", "METHOD", "REPOSITORY"],
        ["rank", "n.ipynb", "task", "news", stale],
        ["train", "n.ipynb", "task", "news"],
        ["LOOP metadata", "NOTEBOOK", "METHOD", "REPOSITORY"],
        ["debr.fetch", "n.ipynb", "task", "news"],
        [problem],
        ["1 problem"],
    ]
    assert rows[7][4].endswith(" s ago")


def test_columns_are_aligned(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train")
    news.write("peach.conf/a.yaml", "tasks:\n  a_long_name: {notebook: n.ipynb, method: task}\n")
    news.commit()
    peach("sync", "--home", home, "--source", news.path.parent)

    lines = peach("status", "--home", home).stdout.splitlines()

    title = next(line for line in lines if line.startswith("LOOP debr"))
    rows = [line for line in lines if line.startswith(("a_long_name", "train"))]
    assert {row.index("n.ipynb") for row in rows} == {title.index("NOTEBOOK")}


def test_json_is_one_document(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train")
    head = news.commit()
    peach("sync", "--home", home, "--source", news.path.parent)

    done = peach("status", "--home", home, "--format", "json")

    status = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert status["home"] == str(home)
    assert status["version"] == (home / "snapshots" / "current").read_text().strip()
    assert status["isolation"]["setting"] == "auto"
    assert (status["problems"], status["errors"]) == ([], [])
    assert [each["head"] for each in status["repositories"]] == [head]
    assert status["organisations"] == [
        {
            "codops": "debr",
            "environment": {"digest": None, "failure": None},
            "tombstone_until": None,
            "repositories": ["news"],
            "requirements": [],
            "tasks": [
                {
                    "name": "train",
                    "loop": "debr",
                    "stale": False,
                    "repository": "news",
                    "file": "peach.yaml",
                    "line": 3,
                    "notebook": "n.ipynb",
                    "method": "task",
                    "full_notebook": False,
                }
            ],
        }
    ]


def test_json_before_the_first_sync(peach: Peach, home: Path) -> None:
    status = json.loads(peach("status", "--home", home, "--format", "json").stdout)

    assert (status["version"], status["organisations"], status["repositories"]) == (None, [], [])


def test_an_environment_that_cannot_be_built_is_a_problem(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "train")
    news.commit()
    peach("sync", "--home", home, "--source", news.path.parent)
    requirement = Requirement("lib @ git+https://git.example.org/lib", "news:peach.yaml:8")
    store = EnvironmentStore(home, interpreter=Path(sys.executable), lock_max_age_seconds=60, direct_references=False)
    with pytest.raises(EnvironmentBuildError):
        store.ensure("debr", [requirement], with_kernel=False, emit=print, time_limit_seconds=60)

    text, data = peach("status", "--home", home), peach("status", "--home", home, "--format", "json")

    assert (text.returncode, data.returncode) == (1, 1)
    assert ["debr", "1", "0", "0", "none, failing", "0"] in shape(text.stdout)
    (told,) = [line for line in text.stdout.splitlines() if line.startswith("✘ ")]
    assert "debr" in told
    assert "news:peach.yaml:8" in told
    (organisation,) = json.loads(data.stdout)["organisations"]
    assert "news:peach.yaml:8" in organisation["environment"]["failure"]
    assert json.loads(data.stdout)["errors"] == [told.removeprefix("✘ ")]


def test_a_repository_that_cannot_be_fetched_is_a_problem(peach: Peach, news: Team, home: Path) -> None:
    platform = home.with_name("platform.yaml")
    platform.write_text(f"sources:\n  - git: [{news.path}]\n")
    peach("sync", "--home", home, env={"AIRFLOW__PEACH__PLATFORM_FILE": str(platform)})

    done = peach("status", "--home", home)

    rows = shape(done.stdout)
    assert done.returncode == 1
    assert ["no organisation: no repository has a valid configuration file"] in rows
    assert ["none", "none", "none", "never", "failing"] in [row[1:] for row in rows]
    assert done.stdout.splitlines()[-1] == "1 problem"


@needs_bubblewrap
def test_the_isolation_in_force(peach: Peach, home: Path) -> None:
    def isolation(setting: str, path: str) -> tuple[int, str]:
        done = peach("status", "--home", home, env={"AIRFLOW__PEACH__ISOLATION": setting, "PATH": path})
        return done.returncode, done.stdout.splitlines()[1].removeprefix("Isolation  ")

    assert isolation("auto", os.environ["PATH"]) == (0, "bubblewrap")
    assert isolation("none", os.environ["PATH"]) == (0, "none")
    code, shown = isolation("auto", "/nowhere")
    assert code == 0
    assert re.fullmatch(r"(user|none) \(bubblewrap is not installed.*\)", shown)
    code, shown = isolation("bubblewrap", "/nowhere")
    assert code == 1
    assert shown.startswith("refused ([peach] isolation = bubblewrap: bubblewrap is not installed; install")


def test_of_many_repositories_the_wrong_ones_are_shown_and_all_on_demand(home: Path, peach: Peach) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    problem = Problem(Place("r0777"), "", "is wrong")
    names = [f"r{number:04}" for number in range(1000)]
    repositories = {name: RepositoryStatus(name, f"/srv/{name}", "master", "a" * 40, now) for name in names}
    repositories["r0777"] = replace(repositories["r0777"], problems=(problem,))
    repositories["r0888"] = replace(repositories["r0888"], error="r0888: no answer")
    write_catalogue(home, Catalogue({}, repositories))

    short = peach("status", "--home", home).stdout
    long = peach("status", "--home", home, "--all").stdout

    assert "Catalogue  no organisations, no tasks, 1000 repositories, 1 failing, last answer " in short
    assert {"r0777", "r0888"} <= {row[0] for row in shape(short)}
    assert "… and 970 more; all of them with --all" in short
    assert len(short.splitlines()) < 50
    assert set(names) <= {row[0] for row in shape(long)}


def test_in_a_narrow_terminal_long_cells_are_folded(peach: Peach, news: Team, home: Path) -> None:
    news.task("debr", "a_task_whose_name_is_long_and_which_is_alone")
    news.commit()
    peach("sync", "--home", home, "--source", news.path.parent)

    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "airflow_peach", "status", "--home", str(home)]
    environment = {**peach.environment, "COLUMNS": "60", "TERM": "xterm"}
    with os.fdopen(ours, "rb", 0) as screen, subprocess.Popen(command, env=environment, stdout=terminal):
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while piece := screen.read(4096):
                shown += piece

    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in shown.decode().splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("LOOP debr"))
    rows = lines[first + 1 : lines.index("", first)]
    assert len(rows) > 1
    assert max(map(len, rows)) <= 60
    assert "".join(row.partition("  ")[0] for row in rows) == "a_task_whose_name_is_long_and_which_is_alone"
