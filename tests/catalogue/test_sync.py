from __future__ import annotations

import datetime as dt
import logging
import math
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.git_host import wait_until

from airflow_peach.authoring.platform.file import PlatformFileError
from airflow_peach.catalogue.reading import read_in_child
from airflow_peach.catalogue.store import (
    current_snapshot,
    read_catalogue,
    read_organisations,
    read_snapshot_problems,
    read_statuses,
    snapshot_path,
)
from airflow_peach.catalogue.sync import SyncError, SyncReport, sync, watch
from airflow_peach.catalogue.sync_request import request_sync
from airflow_peach.storage import LockedError, locked

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_peach.repositories.mirror import Mirror
    from airflow_peach.settings import Settings

# What a sync child of the DAG bundle does.
SYNC = """
import sys
from pathlib import Path
from airflow_peach.catalogue.sync import sync
from airflow_peach.settings import load_settings
print("begin", flush=True)
sync(load_settings(home=Path(sys.argv[1])), source=Path(sys.argv[2]))
"""


def tasks(settings: Settings, codops: str = "debr") -> list[str]:
    """Names in the order of the loop; stale ones with a `*`. Read as the DAG bundle reads them."""
    version = current_snapshot(settings.home)
    assert version is not None
    organisations, warnings = read_organisations(snapshot_path(settings.home, version), codops)
    assert not warnings
    organisation = organisations.get(codops)
    return [task.name + "*" * task.stale for task in (organisation.tasks if organisation else ())]


def start_sync(settings: Settings, source: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(settings.home), str(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begin\n"
    return process


class TestOneSync:
    def test_a_commit_of_yaml_is_a_task(self, make_team: Any, settings: Settings, source: Path) -> None:
        team = make_team("team")
        commit = team.configure("debr", "x", "y", more="dependencies: [numpy]")
        said: list[str] = []

        report = sync(settings, source=source, progress=lambda progress: said.append(progress.line))

        assert tasks(settings) == ["x", "y"]
        assert (report.organisations, report.changed, report.problems) == (("debr",), ("debr",), ())
        assert report.version == current_snapshot(settings.home)
        (status,) = report.repositories
        assert (status.name, status.head, status.branch, status.codops) == ("team", commit, "master", ("debr",))
        assert status.error == ""
        assert said == [f"team: master at {commit[:8]}"]
        (requirement,) = read_catalogue(settings.home).organisations["debr"].requirements
        assert (requirement.text, requirement.asked_by) == ("numpy", "team:peach.yaml:9")

    def test_again_changes_nothing(self, make_team: Any, settings: Settings, source: Path) -> None:
        make_team("team").configure("debr", "x")
        first = sync(settings, source=source)

        second = sync(settings, source=source)

        assert (second.changed, second.version) == ((), first.version)

    def test_a_code_commit_changes_no_catalogue_but_the_head(
        self, make_team: Any, settings: Settings, source: Path
    ) -> None:
        team = make_team("team")
        team.configure("debr", "x")
        first = sync(settings, source=source)
        commit = team.commit({"helper.py": "x = 1\n"})

        second = sync(settings, source=source)

        assert (second.changed, second.version) == ((), first.version)
        assert read_statuses(settings.home)["team"].head == commit

    def test_an_edit_a_deletion_a_tombstone(self, make_team: Any, settings: Settings, source: Path) -> None:
        team = make_team("team")
        team.configure("debr", "x", "y")
        sync(settings, source=source)

        team.configure("debr", "y", "z")
        assert sync(settings, source=source).changed == ("debr",)
        assert tasks(settings) == ["y", "z"]

        team.commit({"peach.yaml": None})
        sync(settings, source=source)
        assert tasks(settings) == []
        assert read_catalogue(settings.home).organisations["debr"].tombstone_until is not None

    def test_broken_configuration_keeps_the_last_valid_one_and_shows_problems(
        self, make_team: Any, settings: Settings, source: Path
    ) -> None:
        team, other = make_team("team"), make_team("other")
        team.configure("debr", "x", "y")
        other.configure("sesr", "z")
        sync(settings, source=source)

        team.configure("debr", "x!", "y", "new!")
        report = sync(settings, source=source)
        assert tasks(settings) == ["x*", "y"]
        assert len(report.problems) == 2
        assert all("missing" in str(problem) for problem in report.problems)

        team.commit({"peach.yaml": "codops: debr\ntasks: [\n"})
        sync(settings, source=source)
        assert tasks(settings) == ["x*", "y*"]
        assert tasks(settings, "sesr") == ["z"]
        problems = read_snapshot_problems(snapshot_path(settings.home, str(current_snapshot(settings.home))))
        assert set(problems) == {"team"}

        team.configure("debr", "x", "y")
        assert sync(settings, source=source).problems == ()
        assert tasks(settings) == ["x", "y"]

    def test_a_notebook_that_is_a_link_out_is_a_problem(self, make_team: Any, settings: Settings, source: Path) -> None:
        team = make_team("team")
        (team.path / "n.ipynb").unlink()
        (team.path / "n.ipynb").symlink_to("/etc/passwd")
        team.configure("debr", "x")

        report = sync(settings, source=source)

        assert "symbolic link" in str(report.problems[0])
        assert "root:" not in str(report)
        assert report.organisations == ()

    def test_arguments_keep_their_types_and_their_order(self, make_team: Any, settings: Settings, source: Path) -> None:
        arguments = "args: {z: .nan, a: -.inf, day: 2020-01-01, blob: !!binary aGVsbG8=, five: {b: 1, a: 2}}"
        make_team("team").configure("debr", "x", more=f"    {arguments}")

        version = sync(settings, source=source).version

        (task,) = read_catalogue(settings.home).organisations["debr"].tasks
        assert list(task.args) == ["z", "a", "day", "blob", "five"]
        assert list(task.args["five"]) == ["b", "a"]
        assert math.isnan(task.args["z"])
        assert (task.args["a"], task.args["day"]) == (-math.inf, dt.date(2020, 1, 1))
        assert task.args["blob"] == b"hello"
        assert sync(settings, source=source).version == version

    def test_a_claimed_name_stays_with_who_had_it_and_moves_when_given_up(
        self, make_team: Any, settings: Settings, source: Path
    ) -> None:
        first, second = make_team("b-first"), make_team("a-second")
        first.configure("debr", "x")
        second.configure("sesr", "z")
        sync(settings, source=source)

        second.configure("debr", "x")
        (problem,) = sync(settings, source=source).problems
        assert problem.place.repository == "a-second"
        assert "taken by b-first" in str(problem)
        assert read_catalogue(settings.home).organisations["debr"].tasks[0].repository == "b-first"

        first.configure("debr", "y")
        assert sync(settings, source=source).problems == ()
        assert [(task.repository, task.name) for task in read_catalogue(settings.home).organisations["debr"].tasks] == [
            ("a-second", "x"),
            ("b-first", "y"),
        ]


class TestTrouble:
    def test_an_unreachable_remote_changes_nothing(self, make_team: Any, settings: Settings, source: Path) -> None:
        team, other = make_team("team"), make_team("other")
        commit = team.configure("debr", "x")
        other.configure("debr", "y")
        first = sync(settings, source=source)
        shutil.rmtree(team.path / ".git" / "refs")

        second = sync(settings, source=source)

        assert second.version == first.version
        status = read_statuses(settings.home)["team"]
        assert (status.head, status.fetched_at) == (commit, first.repositories[1].fetched_at)
        assert status.error.startswith(f"team: cannot be fetched from {team.path}: ")

    @pytest.mark.parametrize("lost", [None, "mirrors", "repositories.json"])
    def test_a_source_that_cannot_be_listed_is_not_empty(
        self, make_team: Any, settings: Settings, source: Path, lost: str | None
    ) -> None:
        make_team("team").configure("debr", "x")
        sync(settings, source=source)
        source.rename(source.with_name("unmounted"))
        if lost == "mirrors":
            shutil.rmtree(settings.home / "mirrors")
        elif lost:
            (settings.home / "catalogue" / lost).write_text("{")

        for _ in range(2):
            report = sync(settings, source=source)
            assert tasks(settings) == ["x"]
            assert f"{source}: cannot be listed: No such file or directory" in str(report.problems[0])

        source.with_name("unmounted").rename(source)
        assert sync(settings, source=source).problems == ()
        assert read_statuses(settings.home)["team"].error == ""

    def test_an_empty_directory_is_empty(self, make_team: Any, settings: Settings, source: Path) -> None:
        team = make_team("team")
        team.configure("debr", "x")
        sync(settings, source=source)
        shutil.rmtree(team.path)

        assert sync(settings, source=source).repositories == ()
        assert tasks(settings) == []

    def test_a_damaged_mirror_is_mended_while_reading(self, make_team: Any, settings: Settings, source: Path) -> None:
        make_team("team").configure("debr", "x")
        sync(settings, source=source)
        shutil.rmtree(settings.home / "cache")
        for path in (settings.home / "mirrors" / "team.git" / "objects").rglob("*"):
            # The commit stays readable, what it holds does not.
            if path.is_file() and path.parent.name + path.name != read_statuses(settings.home)["team"].head:
                path.unlink()

        report = sync(settings, source=source)

        assert report.repositories[0].error == ""
        assert tasks(settings) == ["x"]

    def test_a_bug_of_ours_is_one_repositorys_problem(
        self,
        make_team: Any,
        settings: Settings,
        source: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        bad, good = make_team("bad"), make_team("good")
        bad.configure("debr", "x")
        good.configure("debr", "y")
        sync(settings, source=source)
        bad.configure("debr", "x", "x2")
        good.configure("debr", "y", "y2")

        def fail_for_bad(mirror: Mirror, home: Path, commit: str) -> Any:
            if mirror.address.name == "bad":
                raise RecursionError("too deep")
            return read_in_child(mirror, home, commit)

        monkeypatch.setattr("airflow_peach.catalogue.harvest.read_in_child", fail_for_bad)
        report = sync(settings, source=source)

        assert tasks(settings) == ["x", "y", "y2"]
        (problem,) = report.problems
        assert "RecursionError: too deep; this is a bug of airflow-peach" in str(problem)
        assert "Traceback" in caplog.text

    def test_no_source_at_all(self, settings: Settings) -> None:
        with pytest.raises(SyncError, match="no source of repositories: name one with --source"):
            sync(settings)

    def test_a_platform_file_with_problems_changes_nothing(
        self, make_team: Any, settings: Settings, tmp_path: Path
    ) -> None:
        make_team("team").configure("debr", "x")
        platform_file = tmp_path / "platform.yaml"
        platform_file.write_text("sources:\n  - directory: source\n")
        settings = replace(settings, platform_file=platform_file)
        version = sync(settings).version
        platform_file.write_text("sourses: []\n")

        with pytest.raises(PlatformFileError):
            sync(settings)

        assert current_snapshot(settings.home) == version

    def test_a_home_that_cannot_be_written(self, make_team: Any, settings: Settings, source: Path) -> None:
        make_team("team").configure("debr", "x")
        settings.home.write_text("a file")

        with pytest.raises(SyncError, match=f"the home directory {settings.home} must be writable"):
            sync(settings, source=source)


class TestTogether:
    def test_a_second_sync_returns_at_once_or_waits(self, make_team: Any, settings: Settings, source: Path) -> None:
        make_team("team").configure("debr", "x")
        done = threading.Event()

        def waiting() -> None:
            sync(settings, source=source)
            done.set()

        with locked(settings.home / "locks" / "sync"):
            with pytest.raises(LockedError, match="held by another process"):
                sync(settings, source=source, wait=False)
            thread = threading.Thread(target=waiting)
            thread.start()
            assert not done.wait(0.3)
        thread.join(60)
        assert done.is_set()
        assert tasks(settings) == ["x"]

    def test_two_processes_at_once(self, make_team: Any, settings: Settings, source: Path) -> None:
        for number in range(5):
            make_team(f"team{number}").configure("debr", f"x{number}")

        both = [start_sync(settings, source) for _ in range(2)]
        for process in both:
            with process:
                assert process.stderr is not None
                assert process.wait(120) == 0, process.stderr.read()

        assert tasks(settings) == [f"x{number}" for number in range(5)]

    def test_killed_at_any_moment_it_leaves_nothing_half_done(
        self, make_team: Any, settings: Settings, source: Path
    ) -> None:
        teams = [make_team(f"team{number}") for number in range(4)]
        for team in teams:
            team.configure("debr", team.path.name)
        sync(settings, source=source)
        moments = random.Random(7)  # noqa: S311 - any numbers do, the same each time are best
        for attempt in range(8):
            for team in teams:
                team.configure("debr", team.path.name, f"{team.path.name}-{attempt}")
            with start_sync(settings, source) as process:
                time.sleep(moments.uniform(0, 0.6))  # the whole takes about half a second
                process.send_signal(signal.SIGKILL)
                process.wait(60)
            # A reader sees one complete sync, whichever.
            seen = {name.partition("-")[2] for name in tasks(settings) if "-" in name}
            assert len(seen) <= 1

        report = sync(settings, source=source)

        assert [status.error for status in report.repositories] == [""] * 4
        assert {name.partition("-")[2] for name in tasks(settings)} == {"", "7"}
        leftovers = [
            path
            for folder in ("mirrors", "snapshots")
            for path in (settings.home / folder).iterdir()
            if path.name.startswith(".") or path.suffix == ".corrupt"
        ]
        assert leftovers == []


class TestWatch:
    def test_syncs_until_it_is_told_to_stop_and_survives_errors(
        self, make_team: Any, settings: Settings, source: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.ERROR)
        make_team("team").configure("debr", "x")
        settings = replace(settings, sync_interval_seconds=0.05, platform_file=source / "missing.yaml")
        stop = threading.Event()
        reports: list[SyncReport] = []

        def on_report(report: SyncReport) -> None:
            reports.append(report)
            stop.set()

        thread = threading.Thread(
            target=watch, args=(settings, stop), kwargs={"source": source, "on_report": on_report}
        )
        thread.start()
        deadline = time.monotonic() + 30
        while "missing.yaml: cannot be read" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.02)
        assert thread.is_alive()
        (source / "missing.yaml").write_text("{}\n")
        thread.join(60)

        assert not thread.is_alive()
        assert reports[0].organisations == ("debr",)

    def test_a_request_is_a_sync_at_once(self, make_team: Any, settings: Settings, source: Path) -> None:
        team = make_team("team")
        team.configure("debr", "x")
        stop = threading.Event()
        reports: list[SyncReport] = []
        # Its own turn would come in an hour.
        thread = threading.Thread(
            target=watch,
            args=(replace(settings, sync_interval_seconds=3600.0), stop),
            kwargs={"source": source, "on_report": reports.append},
        )
        thread.start()
        wait_until(lambda: len(reports) == 1)
        team.configure("debr", "x", "y")

        request_sync(settings.home)
        request_sync(settings.home)

        wait_until(lambda: len(reports) >= 2 and tasks(settings) == ["x", "y"])
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
        assert len(reports) <= 3
