from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}

NOTEBOOK = json.dumps(
    {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "id": "a",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": "def task(**arguments):\n    return arguments\n",
            }
        ],
    }
)


@dataclass(frozen=True)
class Team:
    """A team's repository: a real one, with a notebook `n.ipynb` whose entry function is `task`."""

    path: Path

    def git(self, *arguments: str) -> str:
        completed = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env={"PATH": os.environ["PATH"], "HOME": str(self.path), **_IDENTITY},
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout.strip()

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Write the files (None removes one), commit everything, return the commit."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def configure(self, codops: str, *tasks: str, more: str = "") -> str:
        """Commit a `peach.yaml` with these tasks; one that ends with `!` is invalid."""
        lines = [f"codops: {codops}", "tasks:" if tasks else "tasks: {}"]
        for task in tasks:
            method = "missing" if task.endswith("!") else "task"
            lines += [f"  {task.rstrip('!')}:", "    notebook: n.ipynb", f"    method: {method}"]
        return self.commit({"peach.yaml": "\n".join([*lines, more, ""])})


class MakeTeam(Protocol):
    def __call__(self, name: str) -> Team: ...


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The directory that the teams' repositories are in."""
    directory = tmp_path / "source"
    directory.mkdir()
    return directory


@pytest.fixture
def make_team(source: Path) -> MakeTeam:
    def make(name: str) -> Team:
        team = Team(source / name)
        team.path.mkdir()
        team.git("init", "--quiet", "--initial-branch", "master")
        (team.path / "n.ipynb").write_text(NOTEBOOK, encoding="utf-8")
        return team

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", fetch_timeout_seconds=30.0)
