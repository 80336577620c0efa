"""A home directory with a catalogue in it, as a sync leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.catalogue.model import Catalogue, Organisation, RepositoryStatus, Task
from airflow_peach.catalogue.store import write_catalogue

if TYPE_CHECKING:
    from pathlib import Path


def catalogue_of(codops: str, *names: str, problem: str = "") -> Catalogue:
    """One organisation with these tasks, and a repository that has ``problem`` when there is one."""
    problems = (Problem(Place("work", "abc", "peach.yaml", 3, 1), "tasks.x", problem, "mend it"),) if problem else ()
    tasks = tuple(Task(codops, name, codops, "work", "peach.yaml", 3, "job.py", "task") for name in names)
    return Catalogue(
        {codops: Organisation(codops, tasks, repositories=("work",), problems=problems)},
        {"work": RepositoryStatus("work", "file:///work", codops=(codops,), problems=problems)},
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``[peach] home`` of this test; Airflow's bundles are beside it."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("AIRFLOW__PEACH__HOME", str(home))
    monkeypatch.setenv("AIRFLOW__PEACH__SYNC", "external")
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    return home


@pytest.fixture
def one_task(home: Path) -> Path:
    write_catalogue(home, catalogue_of("debr", "first"))
    return home
