from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests import team

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Peach:
    """The command line in a process of its own, as a person calls it."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a person who has configured nothing."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}

    def __call__(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "airflow_peach", *arguments, cwd=cwd, env=env)

    def python(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter."""
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd or self.home,
            env={**self.environment, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@dataclass(frozen=True)
class Team(team.Team):
    """A team's files; a git repository after the first commit."""

    def write(self, name: str, content: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")

    def notebook(self, name: str, source: str) -> None:
        self.write(name, team.notebook(source))

    def task(self, codops: str, name: str, *, method: str = "task", **more: str) -> None:
        """Write a `peach.yaml` with one task, and its notebook."""
        self.notebook("n.ipynb", "def task():\n    return 1\n")
        lines = [f"    {key}: {value}" for key, value in more.items()]
        task = [f"  {name}:", "    notebook: n.ipynb", f"    method: {method}", *lines]
        self.write("peach.yaml", "\n".join([f"codops: {codops}", "tasks:", *task, ""]))

    def commit(self, files: Mapping[str, str | bytes | None] | None = None) -> str:
        if not (self.path / ".git").exists():
            self.git("init", "--quiet", "--initial-branch", "master")
        return super().commit(files)


@pytest.fixture
def peach(tmp_path: Path) -> Peach:
    home = tmp_path / "user"
    home.mkdir()
    return Peach(home)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The directory that the teams' repositories are in."""
    directory = tmp_path / "source"
    directory.mkdir()
    return directory


@pytest.fixture
def news(source: Path) -> Team:
    path = source / "news"
    path.mkdir()
    return Team(path)
