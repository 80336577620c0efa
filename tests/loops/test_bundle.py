"""``PeachBundle`` as Airflow's DAG processor and workers use it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from airflow_peach.catalogue.model import Catalogue
from airflow_peach.catalogue.store import current_snapshot, snapshot_path, write_catalogue
from airflow_peach.loops.bundle import PeachBundle
from airflow_peach.loops.publication import EMPTY_VERSION, SnapshotMissingError

from .conftest import catalogue_of

if TYPE_CHECKING:
    from pathlib import Path


def bundle(version: str | None = None) -> PeachBundle:
    made = PeachBundle(name="peach", version=version)
    made.initialize()
    return made


def test_before_the_first_sync_there_is_a_version_without_organisations(home: Path) -> None:
    empty = bundle()
    assert home.is_dir()
    assert empty.get_current_version().version == EMPTY_VERSION
    assert [path.name for path in empty.path.glob("*.py")] == ["peach_loops.py"]


def test_a_version_holds_the_dag_file_and_the_catalogue_beside_it(one_task: Path) -> None:
    made = bundle()
    assert made.get_current_version().version == current_snapshot(one_task)
    assert (made.path / "peach_loops.py").is_file()
    assert (made.path / "catalogue" / "debr.json").is_file()


def test_refresh_publishes_what_the_last_sync_left_and_keeps_what_was(one_task: Path) -> None:
    made = bundle()
    before = made.path
    write_catalogue(one_task, catalogue_of("debr", "first", "second"))
    made.refresh()
    assert made.path != before
    assert before.is_dir()
    assert made.get_current_version().version == made.path.name


def test_a_run_is_pinned_to_its_version_whatever_is_published_later(one_task: Path) -> None:
    version = bundle().get_current_version().version
    write_catalogue(one_task, catalogue_of("debr", "other"))
    pinned = bundle(version)
    pinned.refresh()
    assert pinned.path.name == version
    assert "first" in (pinned.path / "catalogue" / "debr.json").read_text()


def test_a_version_that_airflow_cleaned_up_is_made_anew(one_task: Path) -> None:
    made = bundle()
    version = made.get_current_version().version
    for file in sorted(made.path.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    made.path.rmdir()
    assert (bundle(version).path / "peach_loops.py").is_file()
    assert one_task.is_dir()


def test_a_version_whose_snapshot_is_gone_is_a_clear_error(one_task: Path) -> None:
    with pytest.raises(SnapshotMissingError, match="the catalogue of this version is gone"):
        bundle("0" * 64)
    assert not snapshot_path(one_task, "0" * 64).exists()


def test_a_catalogue_that_comes_back_is_parsed_at_once(one_task: Path) -> None:
    """Airflow compares a file's time of change with its last parse: an old folder must look new."""
    made = bundle()
    first = made.path
    write_catalogue(one_task, catalogue_of("debr", "second"))
    made.refresh()
    os.utime(first / "peach_loops.py", (1, 1))
    write_catalogue(one_task, catalogue_of("debr", "first"))
    made.refresh()
    assert made.path == first
    assert time.time() - (first / "peach_loops.py").stat().st_mtime < 60


def test_a_home_that_is_gone_takes_no_loop_along(one_task: Path) -> None:
    made = bundle()
    published = made.path
    one_task.rename(one_task.with_name("unmounted"))
    made.refresh()
    assert made.path == published

    one_task.with_name("unmounted").rename(one_task)
    write_catalogue(one_task, catalogue_of("debr", "first", "second"))
    made.refresh()
    assert made.path != published


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"0123456789abcdef\n"])
def test_a_damaged_pointer_to_the_newest_version_takes_no_loop_along(one_task: Path, content: bytes) -> None:
    made = bundle()
    published = made.path
    (one_task / "snapshots" / "current").write_bytes(content)
    made.refresh()
    assert made.path == published


def test_what_cannot_be_published_is_one_line_and_the_version_before_stays(
    one_task: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = bundle()
    published = made.path
    write_catalogue(one_task, catalogue_of("debr", "first", "second"))
    blocked = made.versions_dir / str(current_snapshot(one_task))
    blocked.write_text("a file in its place")

    made.refresh()

    (line,) = caplog.messages
    assert line.endswith(f"could not be written; check the disk and its permissions; version {published.name} stays")
    assert made.path == published
    blocked.unlink()
    made.refresh()
    assert made.path == blocked


def test_each_repository_with_problems_has_a_file_that_shows_them(home: Path) -> None:
    write_catalogue(home, catalogue_of("debr", "first", problem="unknown key"))
    (file,) = bundle().path.glob("problem_*.py")
    assert "work" in file.name
    assert "unknown key" in file.with_suffix(".json").read_text()


def test_many_processes_publish_one_version_at_once(one_task: Path) -> None:
    code = "from airflow_peach.loops.bundle import PeachBundle as B; b = B(name='peach'); b.initialize(); print(b.path)"
    started = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    paths = {process.communicate()[0].splitlines()[-1] for process in started}
    assert all(process.returncode == 0 for process in started)
    (path,) = paths
    assert path.endswith(str(current_snapshot(one_task)))


def test_refresh_starts_a_sync_that_is_due_and_does_not_wait_for_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source" / "work"
    source.mkdir(parents=True)
    git = ["git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "master", str(source)], check=True)
    (source / "peach.yaml").write_text("codops: debr\ntasks:\n  first: {notebook: job.py, method: task}\n")
    (source / "job.py").write_text("def task(): pass\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    platform = tmp_path / "platform.yaml"
    platform.write_text(f"sources: [{{directory: {source.parent}}}]\n")
    monkeypatch.setenv("AIRFLOW__PEACH__PLATFORM_FILE", str(platform))
    monkeypatch.setenv("AIRFLOW__PEACH__SYNC", "auto")
    made = bundle()
    made.refresh()
    assert made.get_current_version().version == EMPTY_VERSION
    deadline = time.monotonic() + 60
    while current_snapshot(home) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    made.refresh()
    assert (made.path / "catalogue" / "debr.json").is_file()


def test_the_version_is_of_the_catalogue_and_not_of_its_age(one_task: Path) -> None:
    version = current_snapshot(one_task)
    write_catalogue(one_task, catalogue_of("debr", "first"))
    assert current_snapshot(one_task) == version
    write_catalogue(one_task, Catalogue())
    assert current_snapshot(one_task) != version
