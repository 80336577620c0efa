"""The demo's repositories: made once, then the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.team import Team, synced

from airflow_peach.demo.example_repositories import make_repositories
from airflow_peach.resources import examples
from airflow_peach.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

# Ends its own process, as a power cut would, when it is about to do this for the n-th time.
KILLED_AT = """
import os, pathlib, signal, sys
from airflow_peach.demo.example_repositories import make_repositories

wanted, left = sys.argv[3], int(sys.argv[4])

def watch(event, arguments):
    global left
    if event == wanted:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
make_repositories(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two examples, and files beside them that are none."""
    folder = tmp_path / "examples"
    for name in ("one", "two"):
        (folder / name / "__pycache__").mkdir(parents=True)
        (folder / name / "__pycache__" / "job.cpython-311.pyc").write_bytes(b"\0")
        (folder / name / "peach.yaml").write_text(f"codops: x{name}\ntasks:\n  t: {{notebook: job.py, method: task}}\n")
        (folder / name / "job.py").write_text("def task(): pass\n")
    (folder / "README.md").write_text("About\n")
    return folder


def test_each_folder_becomes_a_repository_with_one_commit(two: Path, tmp_path: Path) -> None:
    made = make_repositories(two, tmp_path / "repositories")
    assert [path.name for path in made] == ["one", "two"]
    assert sorted(path.name for path in (tmp_path / "repositories").iterdir()) == ["one", "two"]
    for path in made:
        team = Team(path)
        assert team.git("rev-list", "--count", "master") == "1"
        assert team.git("ls-files").split() == ["job.py", "peach.yaml"]
        assert team.git("status", "--porcelain") == ""


def test_what_a_user_committed_and_wrote_stays(two: Path, tmp_path: Path) -> None:
    path, _ = make_repositories(two, tmp_path / "repositories")
    version = Team(path).commit({"peach.yaml": "codops: changed\n"})[:8]
    (path / "note.txt").write_text("not committed\n")
    make_repositories(two, tmp_path / "repositories")
    assert Team(path).git("rev-parse", "HEAD").startswith(version)
    assert (path / "note.txt").is_file()


def test_one_that_was_deleted_is_made_anew(two: Path, tmp_path: Path) -> None:
    path, _ = make_repositories(two, tmp_path / "repositories")
    shutil.rmtree(path)
    assert path in make_repositories(two, tmp_path / "repositories")
    assert (path / ".git").is_dir()


@pytest.mark.parametrize(
    ("event", "count"), [("shutil.copytree", 1), ("subprocess.Popen", 2), ("subprocess.Popen", 3), ("os.rename", 2)]
)
def test_a_kill_leaves_nothing_half_made(two: Path, tmp_path: Path, event: str, count: int) -> None:
    into = tmp_path / "repositories"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(two), str(into), event, str(count)], check=False, capture_output=True
    )
    assert killed.returncode == -9, killed.stderr
    for path in into.glob("[!.]*"):
        assert Team(path).git("rev-list", "--count", "master") == "1"
    # A sync in between sees whole repositories only.
    assert len(list(into.glob(".*"))) == 1
    make_repositories(two, into)
    assert sorted(path.name for path in into.iterdir()) == ["one", "two"]
    assert synced(load_settings(home=tmp_path / "home"), into, "xtwo").problems == ()


def test_the_users_own_git_settings_have_no_say(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No signature is asked for, no hook of their template runs, no other name for the branch."""
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    home = tmp_path / "user"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[init]\n\ttemplateDir = {hooks.parent}\n\tdefaultBranch = trunk\n"
        f"[commit]\n\tgpgSign = true\n[core]\n\thooksPath = {hooks}\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    path, _ = make_repositories(two, tmp_path / "repositories")
    assert Team(path).git("symbolic-ref", "--short", "HEAD") == "master"
    assert not (path / ".git" / "hooks" / "pre-commit").exists()
    assert Team(path).git("log", "--format=%an <%ae>") == "airflow-peach demo <demo@example.org>"
    assert os.environ["HOME"] == str(home)


def test_the_real_examples_are_valid_as_repositories(tmp_path: Path) -> None:
    make_repositories(examples(), tmp_path / "repositories")
    settings = load_settings(home=tmp_path / "home")
    for codops in ("debr", "sesr"):
        organisation = synced(settings, tmp_path / "repositories", codops)
        assert organisation.tasks
        assert organisation.problems == ()
