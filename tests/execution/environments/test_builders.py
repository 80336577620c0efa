"""Builders that run at the same time, and builders that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.execution.environments.conftest import Platform

BUILDER = """
import os, signal, sys
from pathlib import Path

from airflow_peach.catalogue.model import Requirement
from airflow_peach.execution.confinement import confinement
from airflow_peach.execution.environments.store import EnvironmentStore, Index
from airflow_peach.execution.environments.uv_process import run_under_guard
from airflow_peach.settings import load_settings

home, wheels, command, moment = sys.argv[1:]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def run(guarded, *, emit):
    here = command and command in guarded.argv
    if here and moment == "before":
        die()
    finished = run_under_guard(guarded, emit=emit)
    if here and moment == "after":
        die()
    return finished


def emit(line):
    print(line, flush=True)
    if moment == "during" and line.startswith(command):
        die()


store = EnvironmentStore(
    Path(home),
    interpreter=Path(sys.executable),
    indexes=[Index("wheels", wheels, kind="flat")],
    lock_max_age_seconds=86400,
    run=run,
    confine=lambda codops: confinement(load_settings(home=Path(home)), codops),
)
environment = store.ensure(
    "debr",
    [Requirement("hammer", "recommender:peach.yaml:7")],
    with_kernel=False,
    emit=emit,
    time_limit_seconds=60,
)
print("built", environment.path)
"""

HOLDER = """
import sys
from pathlib import Path

from airflow_peach.storage import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_builder(platform: Platform, command: str = "", moment: str = "") -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", BUILDER, str(platform.home), platform.wheels.as_uri(), command, moment]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def uv_processes(home: Path) -> list[str]:
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if Path(words[0]).name == "uv" and any(str(home) in word for word in words):
            found.append(" ".join(words))
    return found


def leftovers(platform: Platform) -> list[Path]:
    return list((platform.home / "environments" / "debr").glob(".building-*"))


def test_four_who_want_the_same_build_it_once(platform: Platform) -> None:
    builders = [start_builder(platform) for _ in range(4)]
    outputs = [builder.communicate(timeout=60)[0] for builder in builders]

    assert [builder.returncode for builder in builders] == [0, 0, 0, 0], outputs
    lines = [line for output in outputs for line in output.splitlines()]
    assert sum(line.startswith("Building environment") for line in lines) == 1
    assert sum(line.startswith("Resolving") for line in lines) == 1
    assert len({line for line in lines if line.startswith("built ")}) == 1
    assert leftovers(platform) == []


@pytest.mark.parametrize(
    ("command", "moment"),
    [
        ("compile", "before"),
        ("compile", "after"),
        ("venv", "before"),
        ("venv", "after"),
        ("sync", "before"),
        ("Resolved", "during"),
        ("Installed", "during"),
        ("sync", "after"),
    ],
)
def test_a_killed_builder_leaves_nothing_that_counts(platform: Platform, command: str, moment: str) -> None:
    good = platform.ensure("tool-box==1.0")

    killed = start_builder(platform, command, moment)
    output, _ = killed.communicate(timeout=60)

    assert killed.returncode == -signal.SIGKILL, output
    assert platform.store().current("debr") == good
    patience = time.monotonic() + 30
    while uv_processes(platform.home) and time.monotonic() < patience:
        time.sleep(0.02)
    assert uv_processes(platform.home) == []

    environment = platform.ensure("hammer")
    assert leftovers(platform) == []
    script = subprocess.run(
        [environment.path / "bin" / "hammer"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": os.environ["PATH"]},
    )
    assert script.stdout == "1.0\n"
    current = json.loads((platform.home / "environments" / "debr" / "current.json").read_text())
    assert current == {"digest": environment.digest}


def test_the_work_of_a_live_builder_is_left_alone(platform: Platform) -> None:
    platform.ensure("tool-box")
    folder = platform.home / "environments" / "debr"
    theirs = folder / ".building-theirs"
    theirs.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"

    # What exists already needs no lock; pruning waits for nobody.
    platform.ensure("tool-box")
    assert platform.store().prune([], keep_days=0) == []
    assert theirs.is_dir()

    holder.communicate()
    assert platform.store().prune([], keep_days=1) == []
    assert not theirs.exists()
