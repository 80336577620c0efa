"""What is unused is removed, and nothing else: never what runs, what is current, or what cannot be known."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.team import make_team, synced

from airflow_peach.catalogue.sync import sync
from airflow_peach.execution.environments.platform_environments import PlatformEnvironments
from airflow_peach.execution.execution_folder import execution_folder
from airflow_peach.execution.pruning import prune
from airflow_peach.settings import Settings, load_settings
from airflow_peach.storage import locked

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = "codops: debr\ntasks:\n  first: {notebook: job.py, method: task}\n"


def aged(path: Path) -> Path:
    """Make a path, and all in it, forty days old."""
    then = time.time() - 40 * 86_400
    for each in (*path.rglob("*"), path) if path.is_dir() else (path,):
        os.utime(each, (then, then), follow_symlinks=False)
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A platform that knew two repositories, of which one is gone."""
    settings = load_settings(home=tmp_path / "home")
    source = tmp_path / "source"
    make_team(source / "work", {"peach.yaml": CONFIGURATION, "job.py": "def task(): pass"})
    gone = make_team(source / "gone", {"peach.yaml": "codops: sesr\n"})
    synced(settings, source)
    gone.path.rename(tmp_path / "moved")
    sync(settings, source=source)
    return settings


def pruned(settings: Settings, *, dry_run: bool = False) -> set[tuple[str, str]]:
    return {(each.kind, each.path.name) for each in prune(settings, keep_days=30, dry_run=dry_run)}


def test_the_mirror_of_a_repository_that_is_gone(settings: Settings) -> None:
    mirrors = settings.home / "mirrors"
    assert pruned(settings) == set()  # it may come back
    for mirror in mirrors.iterdir():
        aged(mirror)

    with locked(settings.home / "locks" / "sync"):
        assert pruned(settings) == set()
    assert pruned(settings, dry_run=True) == {("mirror", "gone.git")}
    assert {path.name for path in mirrors.iterdir()} == {"gone.git", "work.git"}
    assert pruned(settings) == {("mirror", "gone.git")}
    assert {path.name for path in mirrors.iterdir()} == {"work.git"}


@pytest.mark.parametrize("content", [None, "{damaged"])
def test_when_the_repositories_cannot_be_known_no_mirror_goes(settings: Settings, content: str | None) -> None:
    aged(settings.home / "mirrors" / "gone.git")
    file = settings.home / "catalogue" / "repositories.json"
    file.unlink() if content is None else file.write_text(content)

    assert pruned(settings) == set()


def test_an_environment_that_was_replaced(settings: Settings) -> None:
    environments = PlatformEnvironments(settings)
    environments.ensure("debr", (), with_kernel=False, emit=lambda _: None, time_limit_seconds=60)
    folder = settings.home / "environments" / "debr"
    (current,) = (path for path in folder.iterdir() if len(path.name) == 64)
    old = folder / ("0" * 64)
    old.mkdir()
    for path in current.iterdir():
        if path.is_file() and not path.is_symlink():
            (old / path.name).write_bytes(path.read_bytes())
    aged(old)
    aged(current)

    assert pruned(settings, dry_run=True) == {("environment", old.name)}
    assert old.exists()
    assert pruned(settings) == {("environment", old.name)}
    assert (old.exists(), current.exists()) == (False, True)


def test_artefacts_but_the_newest_and_what_was_kept(settings: Settings) -> None:
    folder = settings.home / "artefacts" / "debr" / "first"
    folder.mkdir(parents=True)
    for name in ("old", "older", "newest"):
        (folder / f"{name}.ipynb").write_text("{}")
    for name in ("older", "old", "newest"):
        aged(folder / f"{name}.ipynb")
    os.utime(folder / "newest.ipynb", (time.time() - 35 * 86_400,) * 2)
    kept = settings.home / "kept" / "first-1"
    (kept / "checkout").mkdir(parents=True)
    aged(kept)

    assert pruned(settings) == {("artefact", "old.ipynb"), ("artefact", "older.ipynb"), ("kept", "first-1")}
    assert [path.name for path in folder.iterdir()] == ["newest.ipynb"]


def test_a_running_execution_stays_and_a_killed_one_goes(settings: Settings) -> None:
    with execution_folder(settings.home) as running:
        killed = settings.home / "executions" / "killed"
        (killed / "checkout").mkdir(parents=True)

        assert pruned(settings, dry_run=True) == {("execution", "killed")}
        assert killed.exists()
        assert pruned(settings) == {("execution", "killed")}
        assert (running.path.exists(), killed.exists()) == (True, False)


def test_a_home_that_was_never_used(tmp_path: Path) -> None:
    assert pruned(load_settings(home=tmp_path / "home")) == set()
