"""Real environments, and executions in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import uv
from tests.live_processes import is_alive, marked_processes, parent_of, wait_until

from airflow_peach.authoring.entry_function import extract
from airflow_peach.execution.confinement import Confinement
from airflow_peach.execution.execute import execute
from airflow_peach.execution.isolation import Level
from airflow_peach.execution.request import ExecutionRequest, ExecutionResult, Limits
from airflow_peach.execution.sandbox import bubblewrap_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["is_alive", "marked_processes", "parent_of", "wait_until"]

# Where the tests have to show that it works, it has to work.
_may_be_missing = os.environ.get("CI") != "true"
needs_bubblewrap = pytest.mark.skipif(
    _may_be_missing and bool(bubblewrap_failure()), reason=bubblewrap_failure() or "works"
)
both_levels = pytest.mark.parametrize(
    "isolation", ["none", pytest.param("bubblewrap", marks=needs_bubblewrap)], scope="session"
)


class RunTask(Protocol):
    """Executes a notebook with these code cells (or a Python file), and returns the result and the log."""

    def __call__(
        self,
        *cells: str,
        notebook: str = "notebooks/a.ipynb",
        method: str = "task",
        full_notebook: bool = False,
        limits: Limits = ...,
        on_line: Callable[[str], None] | None = None,
        isolation: str = "none",
        hidden: tuple[Path, ...] = (),
        **request: Any,
    ) -> tuple[ExecutionResult, list[str]]: ...


def _environment(path: Path, *requirements: str) -> Path:
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--python", sys.executable, path], check=True)
    if requirements:
        python = path / "bin" / "python"
        subprocess.run(
            [uv.find_uv_bin(), "pip", "install", "-q", "--compile-bytecode", "--python", python, *requirements],
            check=True,
        )
    return path


@pytest.fixture(scope="session")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment without any package."""
    return _environment(tmp_path_factory.mktemp("environments") / "bare")


@pytest.fixture(scope="session")
def kernel_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with ipykernel."""
    return _environment(tmp_path_factory.mktemp("environments") / "kernel", "ipykernel")


@pytest.fixture
def run_task(tmp_path: Path, bare_environment: Path) -> RunTask:
    """Execute a task in the bare environment, without a sandbox unless asked for."""

    def run(
        *cells: str,
        notebook: str = "notebooks/a.ipynb",
        method: str = "task",
        full_notebook: bool = False,
        limits: Limits = Limits(30, grace_seconds=0.5),  # noqa: B008 - frozen
        on_line: Callable[[str], None] | None = None,
        isolation: str = "none",
        hidden: tuple[Path, ...] = (),
        **request: Any,
    ) -> tuple[ExecutionResult, list[str]]:
        checkout, scratch = tmp_path / "checkout", tmp_path / f"scratch-{time.monotonic_ns()}"
        scratch.mkdir()
        file = checkout / notebook
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(cells[0] if notebook.endswith(".py") else notebook_json(cells), encoding="utf-8")
        environment = request.pop("environment", bare_environment)
        lines: list[str] = []

        def emit(line: str) -> None:
            lines.append(line)
            if on_line is not None:
                on_line(line)

        result = execute(
            ExecutionRequest(
                codops="debr",
                task="t",
                checkout=checkout,
                notebook=notebook,
                method=method,
                full_notebook=full_notebook,
                environment=environment,
                python=environment / "bin" / "python",
                limits=limits,
                confinement=Confinement(Level(isolation), hidden),
                **{"scratch": scratch, **request},
            ),
            extract(file.read_bytes(), notebook, method, full_notebook),
            emit=emit,
        )
        return result, lines

    return run


@pytest.fixture
def below_a_system_directory() -> Iterator[Path]:
    """A directory as ``AIRFLOW_HOME`` is in some images, with the configuration and two organisations in it."""
    try:
        home = Path(tempfile.mkdtemp(prefix="peach-test-", dir="/usr/local"))
    except OSError:
        pytest.skip("/usr/local cannot be written here")
    (home / "airflow.cfg").write_text("fernet_key = sesame")
    (home / "peach" / "environments" / "sesr").mkdir(parents=True)
    yield home
    shutil.rmtree(home)


def notebook_json(sources: Sequence[str]) -> str:
    """Return a notebook: a text cell, then code cells with these sources, so the first one is cell 2."""
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": "# About"}]
    cells += [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for source in sources
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
