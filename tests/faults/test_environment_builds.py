"""Builds that are killed at every moment of their lives, and builds that many want at once: the real uv.

Kills at the borders of each step are in tests/execution/environments/test_builders.py.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.execution.conftest import marked_processes, wait_until
from tests.execution.environments.conftest import Platform, write_wheel

from airflow_peach.execution.environments.folder import MARKER

from .forked import end_everything, start

if TYPE_CHECKING:
    from pathlib import Path

# How often a build is killed, each time a tenth of a second later in its life.
KILLS = int(os.environ.get("PEACH_TEST_KILLS", "20"))
STEP_SECONDS = 0.1
AT_ONCE = 20


@pytest.fixture
def tools(tmp_path: Path) -> Platform:
    """An index with many versions of one package."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for number in range(KILLS + 2):
        write_wheel(wheels, "tool-box", f"{number}.5", requires=("hammer",))
    write_wheel(wheels, "hammer", "1.0")
    return Platform(tmp_path / "home", wheels)


def in_use(platform: Platform) -> str:
    """Return what the tool of the environment in use says: its version."""
    environment = platform.store().current("debr")
    assert environment is not None
    script = environment.path / "bin" / "tool-box"
    return subprocess.run([script], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_killed_at_every_moment_of_its_life_it_leaves_an_environment_that_works(tools: Platform) -> None:
    tools.ensure("tool-box==0.5")
    folder = tools.home / "environments" / "debr"
    for number in range(1, KILLS + 1):
        wanted, before = f"{number}.5", in_use(tools)
        builder = start(partial(tools.ensure, f"tool-box=={wanted}"))
        builder.join(number * STEP_SECONDS)
        if number % 2:
            builder.kill()
            builder.join()
        else:
            end_everything(builder, str(tools.home))

        assert in_use(tools) in {before, wanted}
        complete = [path for path in folder.iterdir() if len(path.name) == 64]
        assert all((path / MARKER).is_file() for path in complete)
        # Nobody goes on building for one that is dead.
        wait_until(lambda: marked_processes(str(tools.home)) == [], seconds=60)

    tools.ensure(f"tool-box=={KILLS + 1}.5")
    assert in_use(tools) == f"{KILLS + 1}.5"
    assert list(folder.glob(".building-*")) == []
    assert tools.store().last_failure("debr") is None


def test_twenty_processes_that_want_one_new_environment_build_it_once(tools: Platform, tmp_path: Path) -> None:
    together = multiprocessing.get_context("fork").Barrier(AT_ONCE)

    def ensure(number: int) -> None:
        together.wait(60)
        environment = tools.ensure("tool-box==0.5")
        (tmp_path / f"{number}.log").write_text("\n".join([*tools.said, f"path {environment.path}"]))

    builders = [start(partial(ensure, number)) for number in range(AT_ONCE)]
    for builder in builders:
        builder.join(120)

    assert [builder.exitcode for builder in builders] == [0] * AT_ONCE
    lines = [line for log in tmp_path.glob("*.log") for line in log.read_text().splitlines()]
    assert sum(line.startswith("Building environment") for line in lines) == 1
    assert sum(line.startswith("Resolving") for line in lines) == 1
    assert len({line for line in lines if line.startswith("path ")}) == 1
    assert in_use(tools) == "0.5"
    assert list((tools.home / "environments" / "debr").glob(".building-*")) == []
