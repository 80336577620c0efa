"""A team's git repository, as the team works in it, and what a sync makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_peach.catalogue.store import read_organisation
from airflow_peach.catalogue.sync import sync

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_peach.catalogue.model import Organisation
    from airflow_peach.settings import Settings

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git_environment(folder: Path) -> dict[str, str]:
    """Return the environment of somebody who works in ``folder`` and has configured nothing."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **IDENTITY}


def run_git(folder: Path, *arguments: str, data: bytes | None = None) -> str:
    """Run git in ``folder`` as somebody who has configured nothing; return what it printed."""
    completed = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=git_environment(folder),
        input=data,
        capture_output=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr.decode()
    return completed.stdout.decode(errors="surrogateescape").strip()


@dataclass(frozen=True)
class Team:
    """A real repository with a work tree."""

    path: Path

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        """Run git in it; return what it printed."""
        return run_git(self.path, *arguments, data=data)

    def commit(self, files: Mapping[str, str | bytes | None] | None = None) -> str:
        """Write the files (None removes one), commit everything, return the commit."""
        for name, content in (files or {}).items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(textwrap.dedent(content).encode() if isinstance(content, str) else content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")


def make_team(path: Path, files: Mapping[str, str]) -> Team:
    """Make a repository at ``path`` with one commit of ``files``."""
    path.mkdir(parents=True)
    team = Team(path)
    team.git("init", "--quiet", "--initial-branch", "master")
    team.commit(files)
    return team


def notebook(*sources: str, text: str = "") -> str:
    """Return a notebook with these code cells, below a cell of ``text`` if there is any."""
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": text}] if text else []
    cells += (
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": textwrap.dedent(source)}
        for source in sources
    )
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})


def synced(settings: Settings, source: Path, codops: str = "debr") -> Organisation:
    """Sync with the directory ``source`` and return an organisation of the new catalogue."""
    sync(settings, source=source)
    return read_organisation(settings.home / "catalogue", codops)
