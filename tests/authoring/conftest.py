from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from airflow_peach.authoring.repository import read_repository
from airflow_peach.authoring.work_tree import WorkTreeFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_peach.authoring.definitions import RepositoryConfiguration


# The same inputs in every run, and no timing: the machine that runs the tests may be busy.
settings.register_profile(
    "deterministic",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("deterministic")


class Repository:
    """A repository's files under ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def notebook(self, path: str, *sources: str) -> None:
        self.write(path, notebook(*sources))

    def read(self) -> RepositoryConfiguration:
        return read_repository(WorkTreeFiles(self.root), repository="debr/news", version="1a2b3c4d")

    def messages(self) -> list[str]:
        return [str(problem) for problem in self.read().problems]


def notebook(*sources: str, metadata: dict[str, Any] | None = None) -> bytes:
    """Return a notebook of format 4 with a heading and these code cells: the first has the number 2."""
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# Heading\n"]}]
    for source in sources:
        cells.append(  # noqa: PERF401 - reads better
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": source.splitlines(keepends=True),
            }
        )
    return json.dumps({"cells": cells, "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 4}).encode()


@pytest.fixture(name="notebook")
def notebook_fixture() -> Callable[..., bytes]:
    return notebook


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)
