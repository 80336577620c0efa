"""A disk that is full, or read-only, while anything is written to the home directory: a real one, mounted small.

Each test ends with room on the disk again, and with everything as it should be, by itself.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.execution.environments.conftest import Platform, write_wheel
from tests.loops.conftest import catalogue_of
from tests.team import Team, make_team

from airflow_peach.catalogue.store import current_snapshot, read_organisations, snapshot_path, write_catalogue
from airflow_peach.catalogue.sync import SyncError, sync
from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.environments.store import EnvironmentBuildError
from airflow_peach.execution.full_notebook import ARTEFACT_LIMIT_BYTES, keep_artefact
from airflow_peach.execution.masking import Masker
from airflow_peach.execution.task_run import Outcome, TaskRun, run_task
from airflow_peach.loops.bundle import PeachBundle
from airflow_peach.settings import Settings, load_settings

from .small_disk import SmallDisk, small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIB = 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", size_mib=24) as mounted:
        yield mounted


@dataclass
class World:
    """A platform whose home is on the small disk, and a team whose repository is elsewhere."""

    settings: Settings
    team: Team

    @property
    def source(self) -> Path:
        return self.team.path.parent

    def configure(self, *tasks: str) -> None:
        """Commit these tasks, and 300 KiB that no compression makes smaller."""
        lines = [f"  {task}: {{notebook: job.py, method: task}}" for task in tasks]
        data = random.Random(len(tasks)).randbytes(300 * KIB).hex()  # noqa: S311 - any numbers do
        self.team.commit({"peach.yaml": "\n".join(["codops: debr", "tasks:", *lines, ""]), "data.txt": data})

    def tasks(self) -> list[str]:
        """What the DAG bundle reads."""
        organisations, warnings = read_organisations(
            snapshot_path(self.settings.home, str(current_snapshot(self.settings.home)))
        )
        assert not warnings
        return [task.name for task in organisations["debr"].tasks]

    def run(self) -> tuple[Outcome, list[str]]:
        organisations, _ = read_organisations(self.settings.home / "catalogue")
        organisation, log = organisations["debr"], list[str]()
        outcome = run_task(
            TaskRun(organisation, organisation.tasks[0], "debr", "manual-1", 60.0),
            self.settings,
            PlatformEnvironments(self.settings),
            emit=log.append,
            keep=lambda _: None,
        )
        return outcome, log


@pytest.fixture
def world(disk: SmallDisk, tmp_path: Path) -> World:
    team = make_team(tmp_path / "source" / "team", {"job.py": "def task():\n    return 7\n"})
    made = World(load_settings(home=disk.path / "home", isolation="none"), team)
    made.configure("x")
    sync(made.settings, source=made.source)
    assert made.tasks() == ["x"]
    return made


def leftovers(home: Path) -> list[str]:
    """What is temporary by its name, and git's own half-written files."""
    return [
        str(path.relative_to(home))
        for pattern in (".*@*", ".new-*", ".damaged-*", ".*.json.*", "tmp_*", ".building-*", "*.lock")
        for path in home.rglob(pattern)
        if path.name != ".lock" and "uv-cache" not in path.parts
    ]


def test_wherever_in_a_sync_the_disk_is_full_the_last_catalogue_stays(disk: SmallDisk, world: World) -> None:
    """The more room there is, the later it is used up: mirror, cache, catalogue, snapshot."""
    names = ["x"]
    for room in (0, 64, 700, 720, 740, 800, 1600):
        names.append(f"y{room}")
        world.configure(*names)
        with disk.full(but_bytes=room * KIB):
            before, said = world.tasks(), ""
            try:
                sync(world.settings, source=world.source)
            except SyncError as error:
                said = str(error)
            assert not said or "No space left on device; the home directory" in said
            assert world.tasks() in (before, names)

    report = sync(world.settings, source=world.source)

    assert world.tasks() == names
    assert [status.error for status in report.repositories] == [""]
    assert leftovers(world.settings.home) == []


def test_an_execution_without_room_fails_in_a_sentence_and_the_next_one_runs(disk: SmallDisk, world: World) -> None:
    assert world.run()[0].value == 7  # which also makes the environment

    for room in (0, 300):
        with disk.full(but_bytes=room * KIB):
            outcome, log = world.run()
        assert outcome.status == "failed"
        assert "No space left on device" in outcome.reason
        assert "Traceback" not in "".join(log)
        assert list((world.settings.home / "executions").iterdir()) == []

    outcome, log = world.run()
    assert outcome.value == 7, log


def test_an_environment_without_room_is_not_made_and_the_one_in_use_stays(disk: SmallDisk, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "2.0"):
        write_wheel(wheels, "tool-box", version)
    platform = Platform(disk.path / "home", wheels)
    good = platform.ensure("tool-box==1.0")

    for room in (0, 40, 120):
        with disk.full(but_bytes=room * KIB):
            with pytest.raises(EnvironmentBuildError, match=r"(?s)^debr: .*No space left on device"):
                platform.ensure("tool-box==2.0")
            assert platform.store().current("debr") == good
            assert platform.ensure("tool-box==1.0") == good  # nothing is written for it
            assert says(good.path / "bin" / "tool-box") == "1.0"
            assert leftovers(disk.path / "home") == []

    made = platform.ensure("tool-box==2.0")
    assert says(made.path / "bin" / "tool-box") == "2.0"
    assert platform.store().last_failure("debr") is None


def says(script: Path) -> str:
    return subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip()


def test_an_artefact_without_room_is_not_kept_and_the_one_before_is(disk: SmallDisk, tmp_path: Path) -> None:
    class Request:
        scratch = tmp_path
        artefact = disk.path / "artefacts" / "run-1.ipynb"

    request: Any = Request()
    said: list[str] = []
    executed = tmp_path / "executed.ipynb"
    executed.write_text("first")
    keep_artefact(request, said.append, Masker(()))
    executed.write_bytes(b"x" * (ARTEFACT_LIMIT_BYTES // 100))

    with disk.full(but_bytes=100 * KIB):
        keep_artefact(request, said.append, Masker(()))

    assert said == [f"[peach] the executed notebook is not kept: {request.artefact}: No space left on device"]
    assert request.artefact.read_text() == "first"
    assert [path.name for path in request.artefact.parent.iterdir()] == ["run-1.ipynb"]
    keep_artefact(request, said.append, Masker(()))
    assert request.artefact.stat().st_size == ARTEFACT_LIMIT_BYTES // 100


class TestReadOnly:
    """One clear line from everything that would write, and what only reads works."""

    def test_commands(self, disk: SmallDisk, world: World) -> None:
        home = str(world.settings.home)

        def peach(*arguments: str, cwd: Path = disk.path) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "airflow_peach", *arguments],
                cwd=cwd,
                env={"PATH": os.environ["PATH"], "HOME": str(disk.path)},
                capture_output=True,
                text=True,
                check=False,
            )

        with disk.read_only():
            synced, status = (
                peach("sync", "--source", str(world.source), "--home", home),
                peach("status", "--home", home),
            )
            others = [
                peach("run", "x", "--home", home, cwd=world.team.path),
                peach("demo", "--home", str(disk.path / "demo")),
                peach("init", "--codops", "debr"),
            ]

        (line,) = synced.stderr.splitlines()
        assert line.startswith("peach: ")
        assert f"Read-only file system; the home directory {world.settings.home} must be writable" in line
        assert (synced.returncode, synced.stdout) == (1, "")
        assert "debr" in status.stdout
        assert status.stderr == ""
        for other in others:
            assert other.returncode == 1
            assert "Read-only file system" in other.stderr
            assert "Traceback" not in other.stderr
        assert peach("sync", "--source", str(world.source), "--home", home).returncode == 0

    def test_an_execution_and_an_environment(self, disk: SmallDisk, world: World) -> None:
        world.run()
        with disk.read_only():
            outcome, log = world.run()
            with pytest.raises(EnvironmentBuildError) as caught:
                PlatformEnvironments(world.settings).ensure(
                    "sesr", (), with_kernel=False, emit=log.append, time_limit_seconds=60
                )

        assert outcome.status == "failed"
        assert "Read-only file system" in outcome.reason
        assert "Traceback" not in "".join(log)
        assert "Read-only file system; check the disk and its permissions" in str(caught.value)
        assert world.run()[0].status == "success"

    def test_the_bundle_of_the_dag_processor(
        self, disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        home = disk.path / "home"
        monkeypatch.setenv("AIRFLOW__PEACH__HOME", str(home))
        monkeypatch.setenv("AIRFLOW__PEACH__SYNC", "auto")
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
        catalogue = catalogue_of("debr", "first")
        write_catalogue(home, catalogue)
        with disk.read_only():
            bundle = PeachBundle(name="peach")
            bundle.initialize()
            bundle.refresh()

        assert (bundle.path / "catalogue" / "debr.json").is_file()
        (line,) = caplog.messages
        assert line.startswith("no sync could be started: ")
        assert "Read-only file system" in line
        write_catalogue(home, replace(catalogue, organisations={}))
        bundle.refresh()
        assert not (bundle.path / "catalogue" / "debr.json").exists()
