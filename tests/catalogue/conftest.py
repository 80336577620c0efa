from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.team import Team, notebook

from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK = notebook("def task(**arguments):\n    return arguments\n")


@dataclass(frozen=True)
class TaskTeam(Team):
    """A team with a notebook `n.ipynb` whose entry function is `task`."""

    def configure(self, codops: str, *tasks: str, more: str = "") -> str:
        """Commit a `peach.yaml` with these tasks; one that ends with `!` is invalid."""
        lines = [f"codops: {codops}", "tasks:" if tasks else "tasks: {}"]
        for task in tasks:
            method = "missing" if task.endswith("!") else "task"
            lines += [f"  {task.rstrip('!')}:", "    notebook: n.ipynb", f"    method: {method}"]
        return self.commit({"peach.yaml": "\n".join([*lines, more, ""])})


class MakeTeam(Protocol):
    def __call__(self, name: str) -> TaskTeam: ...


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The directory that the teams' repositories are in."""
    directory = tmp_path / "source"
    directory.mkdir()
    return directory


@pytest.fixture
def make_team(source: Path) -> MakeTeam:
    def make(name: str) -> TaskTeam:
        team = TaskTeam(source / name)
        team.path.mkdir()
        team.git("init", "--quiet", "--initial-branch", "master")
        (team.path / "n.ipynb").write_text(NOTEBOOK, encoding="utf-8")
        return team

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", fetch_timeout_seconds=30.0)
