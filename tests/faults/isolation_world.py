"""A platform with two organisations, of which one attacks: at each level of isolation that works here."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_peach.authoring.entry_function import extract
from airflow_peach.execution.accounts import user_failure
from airflow_peach.execution.confinement import Confinement, confinement
from airflow_peach.execution.environments.store import Environment, EnvironmentStore, Index
from airflow_peach.execution.execute import execute
from airflow_peach.execution.execution_folder import execution_folder
from airflow_peach.execution.launch import LAUNCHER
from airflow_peach.execution.request import ExecutionRequest, ExecutionResult, Limits
from airflow_peach.execution.sandbox import bubblewrap_failure
from airflow_peach.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Of this run only: nothing else on the machine has it in it.
SESAME = f"open-{secrets.token_hex(8)}"


@dataclass
class World:
    """A platform, and what runs on it.

    Attributes:
        root: everything of it lies below.
        said: what builds said.
    """

    root: Path
    settings: Settings
    python: Path
    said: list[str] = field(default_factory=list)

    @property
    def level(self) -> str:
        """The level of isolation."""
        return self.settings.isolation

    @property
    def airflow(self) -> Path:
        """``AIRFLOW_HOME``."""
        return self.root / "airflow"

    @property
    def home(self) -> Path:
        """``[peach] home``."""
        return self.settings.home

    def confinement(self, codops: str) -> Confinement:
        """Return what code of an organisation is confined to here; other worlds may have been made since."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_HOME", str(self.airflow))
            return confinement(self.settings, codops)

    def store(self, *indexes: Index, disk_limit_bytes: int = 0) -> EnvironmentStore:
        """Return the environments."""
        return EnvironmentStore(
            self.home,
            interpreter=self.python,
            indexes=indexes,
            lock_max_age_seconds=86_400,
            disk_limit_bytes=disk_limit_bytes,
            confine=self.confinement,
        )

    def environment(self, codops: str) -> Environment:
        """Return the bare environment of an organisation."""
        return self.store().current(codops) or self.store().ensure(
            codops, (), with_kernel=False, emit=self.said.append, time_limit_seconds=120
        )

    def run(
        self,
        code: str,
        *,
        codops: str = "debr",
        on_line: Callable[[str], None] | None = None,
        notebook: str = "job.py",
        limits: Limits = Limits(120, grace_seconds=0.5),  # noqa: B008 - frozen
        **request: Any,
    ) -> tuple[ExecutionResult, list[str]]:
        """Run ``task()`` of ``code``, what is in ``notebook``, as an organisation's; return the result and the log."""
        code = textwrap.dedent(code)
        environment = self.environment(codops)
        lines: list[str] = []

        def emit(line: str) -> None:
            lines.append(line)
            if on_line is not None:
                on_line(line)

        with execution_folder(self.home) as folder:
            checkout, scratch = folder.path / "checkout", folder.path / "scratch"
            checkout.mkdir()
            scratch.mkdir()
            (checkout / notebook).write_text(code, encoding="utf-8")
            result = execute(
                ExecutionRequest(
                    codops=codops,
                    task="t",
                    checkout=checkout,
                    notebook=notebook,
                    method="task",
                    environment=environment.path,
                    python=environment.python,
                    scratch=scratch,
                    limits=limits,
                    confinement=self.confinement(codops),
                    lock_descriptors=(folder.lock_descriptor,),
                    **request,
                ),
                extract(code.encode(), notebook, "task", request.get("full_notebook", False)),
                emit=emit,
            )
        return result, lines

    def see(self, code: str, **request: Any) -> Any:
        """Return what ``task()`` of ``code`` returns."""
        result, lines = self.run(code, **request)
        assert result.status == "success", lines
        return result.value


def _python_for_others(home: Path) -> Path:
    """Return an interpreter that every user of this machine may execute; skip where there is none."""
    failure = "no Python here"
    for name in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        if Path(name).exists():
            failure = user_failure(60000, python=Path(name), launcher=LAUNCHER, home=home)
            if not failure:
                return Path(name)
    pytest.skip(failure)


@pytest.fixture(scope="module", params=["bubblewrap", "user"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A platform with secrets of its own and of the organisation ``sesr``, each with ``SESAME`` in it."""
    yield from _make_world(request.param)


@pytest.fixture(scope="module")
def sandbox_world() -> Iterator[World]:
    """The same, with bubblewrap: what only that promises."""
    yield from _make_world("bubblewrap")


@pytest.fixture(scope="module", params=["bubblewrap", "user", "none"])
def any_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The same, also without isolation: what is promised everywhere."""
    yield from _make_world(request.param)


def _make_world(level: str) -> Iterator[World]:
    if level == "bubblewrap" and bubblewrap_failure() and os.environ.get("CI") != "true":
        pytest.skip(bubblewrap_failure())
    # Not pytest's own directory: other users may not enter that.
    root = Path(tempfile.mkdtemp(prefix="peach-faults-"))
    root.chmod(0o711)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        home = root / "airflow" / "peach"
        python = _python_for_others(home) if level == "user" else Path(sys.executable)
        (root / "airflow").mkdir()
        world = World(root, load_settings(home=home, isolation=level, python=str(python)), python)
        _furnish(world)
        yield world


def _furnish(world: World) -> None:
    secrets = (
        world.airflow / "airflow.cfg",
        world.airflow / "airflow.db",
        world.airflow / "logs" / "dag_id=sesr" / "1.log",
        world.airflow / "simple_auth_manager_passwords.json.generated",
        world.home / "mirrors" / "sesr.git" / "config",
        world.home / "catalogue" / "sesr.json",
        world.home / "artefacts" / "sesr" / "t" / "1.ipynb",
        world.home / "logs" / "sync.log",
        world.home / "snapshots" / "1" / "sesr.json",
    )
    for path in secrets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[core]\nfernet_key = {SESAME}\n", encoding="utf-8")
    theirs = world.environment("sesr").path
    (theirs / "secret.txt").write_text(SESAME, encoding="utf-8")
    world.confinement("sesr").lend(theirs / "secret.txt")
    cache = world.home / "environments" / "sesr" / "uv-cache" / "secret.txt"
    cache.parent.mkdir(exist_ok=True)
    cache.write_text(SESAME, encoding="utf-8")
